import { fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { beforeEach, describe, expect, it } from "vitest";
import { door } from "../features/checkin/door.svelte";
import { preferences } from "../features/devices/preferences.svelte";
import type { Memory } from "../host/memory";
import { codeOf } from "../host/memory/world";
import { words } from "../i18n/words.svelte";
import { freshHost } from "../testing/setup";
import DoorPage from "./DoorPage.svelte";

/** As a scanner types: into whatever has the focus, the field's text growing as in a browser. */
async function scan(code: string): Promise<void> {
  const field = screen.getByTestId<HTMLInputElement>("door-field");
  for (const key of code) {
    const into = document.activeElement ?? document.body;
    const typed = await fireEvent.keyDown(into, { key, bubbles: true });
    if (typed && document.activeElement === field) await fireEvent.input(field, { target: { value: field.value + key } });
  }
  await fireEvent.keyDown(document.activeElement ?? document.body, { key: "Enter", bubbles: true });
}

/** A key pressed by hand some time after the last one. */
async function later(key: string, by_ms: number): Promise<void> {
  const press = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
  Object.defineProperty(press, "timeStamp", { value: performance.now() + by_ms });
  await fireEvent(document.body, press);
}

const verdict = (): Promise<HTMLElement> => screen.findByTestId("verdict");

describe("the door", () => {
  let memory: Memory;

  beforeEach(async () => {
    memory = freshHost();
    words.language = "en";
    Object.assign(door, { view: null, problem: null });
    door.dismiss();
    await preferences.load();
    render(DoorPage);
    await waitFor(() => screen.getByTestId("door-field"));
  });

  it("takes a scan wherever the focus is and leaves the field as it was", async () => {
    screen.getByTestId("list").focus();
    await scan(codeOf("D9MIX"));
    expect((await verdict()).dataset["class"]).toBe("admitted");
    expect(screen.getByTestId("verdict-name").textContent).toBe("Олена Коваленко");
    expect(screen.getByTestId<HTMLInputElement>("door-field").value).toBe("");
    expect(memory.recent).toHaveLength(1);
  });

  it("takes a code from a scanner on a serial port and says when it is gone", async () => {
    memory.emit("scanner_code", { code: codeOf("D9MIX") });
    expect((await verdict()).dataset["class"]).toBe("admitted");
    memory.emit("scanner_problem", { code: "unavailable", detail: "The scanner at COM3 cannot be read.", fields: [] } as never);
    expect((await screen.findByTestId("scanner-problem")).textContent).toContain("COM3");
    memory.emit("scanner_problem", null);
    await waitFor(() => expect(screen.queryByTestId("scanner-problem")).toBeNull());
  });

  it("speaks the verdict to whoever hears the screen", async () => {
    await scan(codeOf("P8NQE"));
    await verdict();
    expect(screen.getByTestId("verdict-spoken").getAttribute("aria-live")).toBe("assertive");
    expect(screen.getByTestId("verdict-spoken").textContent).toBe(
      "Cancelled. Katarzyna Wójcik. Adult. This ticket has been cancelled.",
    );
  });

  it("keeps a refusal until Enter or Escape, and the next scan replaces it", async () => {
    await scan(codeOf("P8NQE"));
    await verdict();
    await scan(codeOf("V9TDA"));
    await waitFor(async () => expect((await verdict()).dataset["class"]).toBe("look"));
    await later("Enter", 500);
    expect(screen.queryByTestId("verdict")).toBeNull();
  });

  it("finds by name with folded letters and checks in by one press", async () => {
    const field = screen.getByTestId<HTMLInputElement>("door-field");
    await fireEvent.input(field, { target: { value: "mull" } });
    const hit = await screen.findByTestId("found-M3XWP");
    expect(screen.getByTestId("found").children).toHaveLength(2);
    expect(memory.recent, "a search checks nobody in").toHaveLength(0);
    await fireEvent.click(hit);
    expect((await verdict()).dataset["class"]).toBe("admitted");
    expect(screen.getByTestId("verdict-name").textContent).toBe("Amélie Müller");
  });

  it("picks the only hit with Enter, and asks when there are several", async () => {
    const field = screen.getByTestId<HTMLInputElement>("door-field");
    field.focus();
    await fireEvent.input(field, { target: { value: "müllenhoff" } });
    await fireEvent.keyDown(field, { key: "Enter" });
    expect((await verdict()).dataset["class"]).toBe("admitted");
    expect(memory.recent).toMatchObject([{ name: "Mia Müllenhoff" }]);
  });

  it("says when nobody has that name, and records nothing", async () => {
    const field = screen.getByTestId<HTMLInputElement>("door-field");
    field.focus();
    await fireEvent.input(field, { target: { value: "Nobody Atall" } });
    await fireEvent.keyDown(field, { key: "Enter" });
    await screen.findAllByText("No ticket for “Nobody Atall”");
    expect(screen.queryByTestId("verdict")).toBeNull();
    expect(memory.recent).toHaveLength(0);
  });

  it("takes a code typed by hand", async () => {
    const field = screen.getByTestId<HTMLInputElement>("door-field");
    field.focus();
    await fireEvent.input(field, { target: { value: codeOf("K7RQ2") } });
    await fireEvent.keyDown(field, { key: "Enter" });
    expect((await verdict()).dataset["class"]).toBe("admitted");
  });

  it("undoes a scan at one press with its reason, and keeps it in the list, marked", async () => {
    await scan(codeOf("K7RQ2"));
    await verdict();
    door.dismiss();
    await fireEvent.click(await screen.findByTestId("scan-undo"));
    expect(screen.getByTestId("undo").textContent).toContain("Jonas Bergström");
    await fireEvent.click(screen.getAllByTestId("undo-reason")[1] as HTMLElement);
    await waitFor(() => expect(memory.recent[0]?.undone).toBe(true));
    await waitFor(() => expect(screen.getByTestId("recent").textContent).toContain("undone"));
    expect(screen.queryByTestId("scan-undo")).toBeNull();
    expect(screen.queryByTestId("undo")).toBeNull();
  });

  it("keeps a scan that could not be undone, and says why", async () => {
    await scan(codeOf("K7RQ2"));
    await verdict();
    door.dismiss();
    memory.failing.set("checkin_undo", "forbidden");
    await fireEvent.click(await screen.findByTestId("scan-undo"));
    await fireEvent.click(screen.getAllByTestId("undo-reason")[0] as HTMLElement);
    expect((await screen.findByTestId("undo-problem")).dataset["code"]).toBe("forbidden");
    await fireEvent.click(screen.getByTestId("undo-no"));
    expect(memory.recent[0]?.undone).toBe(false);
  });

  it("offers no undo where this station may not", async () => {
    await scan(codeOf("W5JUK"));
    await verdict();
    door.dismiss();
    await screen.findByTestId("recent");
    expect(screen.queryByTestId("scan-undo")).toBeNull();
  });

  it("counts who is inside, and lets out with its own words", async () => {
    expect(screen.getByTestId("count-inside").textContent).toBe("812");
    await scan(codeOf("D9MIX"));
    await verdict();
    await waitFor(() => expect(screen.getByTestId("count-inside").textContent).toBe("813"));
    await fireEvent.click(screen.getByTestId("direction-exit"));
    expect(memory.settings.direction).toBe("exit");
    await scan(codeOf("M3XWP"));
    await waitFor(async () => expect((await verdict()).dataset["direction"]).toBe("exit"));
    expect(screen.getByTestId("verdict-headline").textContent).toBe("Goodbye");
  });
});
