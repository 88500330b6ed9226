import { fireEvent, render, screen } from "@testing-library/svelte";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { preferences } from "../features/devices/preferences.svelte";
import { words } from "../i18n/words.svelte";
import type { Memory } from "../host/memory";
import { freshHost } from "../testing/setup";
import EnrolPage from "./EnrolPage.svelte";

const value = (id: string): string => screen.getByTestId<HTMLInputElement>(id).value;

describe("enrolment", () => {
  const onenrolled = vi.fn();
  let memory: Memory;

  beforeEach(async () => {
    memory = freshHost();
    onenrolled.mockReset();
    words.language = "en";
    await preferences.load();
    render(EnrolPage, { onenrolled });
  });

  it("fills both fields from one text, in whichever field it lands", async () => {
    const text = JSON.stringify({ url: "https://t.example", token: "let-me-in" });
    await fireEvent.input(screen.getByTestId("enrol-url"), { target: { value: text } });
    expect([value("enrol-url"), value("enrol-token")]).toEqual(["https://t.example", "let-me-in"]);
    await fireEvent.click(screen.getByTestId("enrol-submit"));
    await vi.waitFor(() => expect(onenrolled).toHaveBeenCalledOnce());
  });

  it("reads the code with the camera that is chosen there, and closes it then", async () => {
    await fireEvent.click(screen.getByTestId("enrol-camera"));
    expect(screen.queryByTestId("camera")).toBeNull();
    await fireEvent.change(screen.getByTestId("settings-camera-kind"), { target: { value: "device" } });
    await vi.waitFor(() => expect(screen.getByTestId("camera").dataset["running"]).toBe("true"));
    expect(memory.settings.camera.kind).toBe("device");
    memory.emit("camera_code", { code: "a ticket" });
    expect(await screen.findByTestId("enrol-text-error")).toBeTruthy();
    expect(value("enrol-url")).toBe("");
    memory.emit("camera_code", { code: JSON.stringify({ url: "https://t.example", token: "seen" }) });
    await vi.waitFor(() => expect([value("enrol-url"), value("enrol-token")]).toEqual(["https://t.example", "seen"]));
    expect(screen.queryByTestId("camera")).toBeNull();
    expect(screen.queryByTestId("enrol-text-error")).toBeNull();
  });

  it("says beside the field what is missing and keeps what was typed", async () => {
    await fireEvent.input(screen.getByTestId("enrol-url"), { target: { value: "t.example" } });
    await fireEvent.click(screen.getByTestId("enrol-submit"));
    expect(screen.getByTestId("enrol-url-error").textContent).toContain("https://");
    expect(screen.getByTestId("enrol-token-error").textContent).toBe("The token is missing.");
    expect(value("enrol-url")).toBe("t.example");
    expect(onenrolled).not.toHaveBeenCalled();
  });

  it("tells a token that the server refuses, and loses nothing", async () => {
    await fireEvent.input(screen.getByTestId("enrol-url"), { target: { value: "https://t.example" } });
    await fireEvent.input(screen.getByTestId("enrol-token"), { target: { value: "old" } });
    await fireEvent.click(screen.getByTestId("enrol-submit"));
    const problem = await screen.findByTestId("enrol-problem");
    expect(problem.dataset["code"]).toBe("unauthenticated");
    expect(value("enrol-token")).toBe("old");
  });
});
