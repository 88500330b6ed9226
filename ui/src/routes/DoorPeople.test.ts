import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import { beforeEach, describe, expect, it } from "vitest";
import { people } from "../features/access/people.svelte";
import { door } from "../features/checkin/door.svelte";
import { preferences } from "../features/devices/preferences.svelte";
import type { Right } from "../generated/Right";
import type { Memory } from "../host/memory";
import { codeOf } from "../host/memory/world";
import { words } from "../i18n/words.svelte";
import { freshHost } from "../testing/setup";
import DoorPage from "./DoorPage.svelte";

let memory: Memory;

async function open(guarded: Right[] = [], prepare: (memory: Memory) => void = () => undefined): Promise<void> {
  memory = freshHost();
  if (guarded.length > 0) memory.people.with(guarded);
  prepare(memory);
  words.language = "en";
  Object.assign(door, { view: null, problem: null, asking: null, exchanging: null, exchanged: null, approving: null, trouble: null, badge: null });
  door.dismiss();
  Object.assign(people, { view: null, problem: null });
  await people.load();
  await preferences.load();
  render(DoorPage);
  await waitFor(() => screen.getByTestId("door-field"));
}

async function pin(digits: string): Promise<void> {
  for (const digit of digits) await fireEvent.click(screen.getByTestId(`pin-${digit}`));
  await fireEvent.click(screen.getByTestId("pin-enter"));
}

async function approveAs(name: string, digits: string): Promise<void> {
  const dialog = await screen.findByTestId("approval");
  const person = within(dialog).queryAllByTestId("operator").find((one) => one.textContent?.includes(name));
  if (person) await fireEvent.click(person);
  await pin(digits);
}

describe("questions at the door", () => {
  beforeEach(() => open());

  it("are asked before anything is recorded, and the answers go with the same ticket", async () => {
    await door.pick(codeOf("Q3ASK"), 0);
    await screen.findByTestId("questions");
    expect(memory.recent, "nothing is recorded").toHaveLength(0);
    expect(screen.queryByTestId("verdict")).toBeNull();
    expect(screen.getByTestId<HTMLButtonElement>("questions-submit").disabled, "a required one is open").toBe(true);
    await fireEvent.click(screen.getByTestId("question-yes"));
    await fireEvent.click(screen.getByTestId("questions-submit"));
    expect((await screen.findByTestId("verdict")).dataset["class"]).toBe("admitted");
    expect(memory.recent).toHaveLength(1);
    expect(screen.queryByTestId("questions"), "an optional one stops the queue once only").toBeNull();
  });

  it("can be left, and the ticket counts again at once", async () => {
    await door.scan(codeOf("Q3ASK"), 0);
    await screen.findByTestId("questions");
    await fireEvent.click(screen.getByTestId("questions-no"));
    await waitFor(() => expect(screen.queryByTestId("questions")).toBeNull());
    await door.scan(codeOf("Q3ASK"), 100);
    await screen.findByTestId("questions");
    expect(memory.recent).toHaveLength(0);
  });
});

describe("an unpaid order", () => {
  it("is let in by whoever may, after a question, and is marked", async () => {
    await open();
    await door.pick(codeOf("B7LOP"), 0);
    expect(screen.getAllByTestId("verdict-reason").map((one) => one.textContent)).toContain("€24.00 are open.");
    await fireEvent.click(screen.getByTestId("verdict-admit-unpaid"));
    await fireEvent.click(screen.getByTestId("ask-yes"));
    await waitFor(() => expect(screen.getByTestId("verdict").dataset["class"]).toBe("look"));
    expect(screen.getByTestId("verdict-mark").dataset["mark"]).toBe("unpaid");
  });

  it("waits for somebody's PIN where the right is guarded; a wrong one lets nobody in", async () => {
    await open(["admit_unpaid"]);
    await door.pick(codeOf("B7LOP"), 0);
    await fireEvent.click(screen.getByTestId("verdict-admit-unpaid"));
    await fireEvent.click(screen.getByTestId("ask-yes"));
    await approveAs("Mira", "0000");
    await screen.findByTestId("pin-problem");
    expect(memory.recent.filter((one) => one.class === "look")).toHaveLength(0);
    await pin("2468");
    await waitFor(() => expect(screen.queryByTestId("approval")).toBeNull());
    expect(screen.getByTestId("verdict").dataset["class"]).toBe("look");
    expect(memory.people.signedIn, "the supervisor has left again").toBeNull();
  });
});

describe("what is not everybody's to do", () => {
  it("undoes a scan when a supervisor says so by PIN", async () => {
    await open(["undo"]);
    await door.pick(codeOf("K7RQ2"), 0);
    door.dismiss();
    await fireEvent.click(await screen.findByTestId("scan-undo"));
    await fireEvent.click(screen.getAllByTestId("undo-reason")[0] as HTMLElement);
    await approveAs("Mira", "2468");
    await waitFor(() => expect(memory.recent[0]?.undone).toBe(true));
    expect(screen.queryByTestId("undo")).toBeNull();
  });

  it("finds nobody by name until somebody who may is signed in", async () => {
    await open(["search"]);
    const field = screen.getByTestId<HTMLInputElement>("door-field");
    expect(field.placeholder).toBe("Scan a ticket");
    await people.signIn({ operator_id: 2, pin: "1357" });
    await waitFor(() => expect(field.placeholder).toBe("Scan a ticket, or type a name"));
  });

  it("leaves the list as the supervisor chose it", async () => {
    await open(["supervise"]);
    expect(screen.queryByTestId("list")).toBeNull();
    expect(screen.getByTestId("list-fixed").textContent).toBe("Main hall");
    await people.signIn({ operator_id: 1, pin: "2468" });
    await screen.findByTestId("list");
  });
});

describe("a wristband", () => {
  it("is given for a ticket; one that is given out already is said, and the dialog stays", async () => {
    await open();
    await door.pick(codeOf("X5TRA"), 0);
    await fireEvent.click(await screen.findByTestId("verdict-exchange"));
    const field = await screen.findByTestId("exchange-identifier");
    await fireEvent.input(field, { target: { value: "TAKEN" } });
    await fireEvent.click(screen.getByTestId("exchange-submit"));
    expect((await screen.findByTestId("exchange-problem")).dataset["code"]).toBe("conflict");
    await fireEvent.input(field, { target: { value: "04A2B7" } });
    await fireEvent.click(screen.getByTestId("exchange-submit"));
    expect((await screen.findByTestId("exchanged")).textContent).toContain("X5TRA");
    expect(screen.queryByTestId("verdict"), "the next scan is the wristband").toBeNull();
  });
});

describe("the verdict", () => {
  it("says the nearest way in, add-ons, and what goes wrong beside it", async () => {
    await open();
    await door.pick(codeOf("G2RUL"), 0);
    const way = screen.getAllByTestId("verdict-reason").at(-1)?.textContent;
    expect(way).toMatch(/^It would be allowed: from \d\d:\d\d and at Gate A or Stage door\.$/u);
    door.dismiss();
    await door.pick(codeOf("X5TRA"), 10_000);
    expect(screen.getByTestId("verdict-addons").textContent?.replaceAll(/\s+/gu, " ")).toContain("Programme (used) · Dinner vegetarian");
    const stop = door.listen();
    memory.emit("door_trouble", { of: "turnstile", problem: { code: "unavailable", title: "", detail: "It does not answer. Open it by hand." } });
    expect((await screen.findByTestId("verdict-trouble")).textContent).toContain("Open it by hand.");
    stop();
  });

  it("goes by the list that is on at this time, and by the one chosen by hand once it is", async () => {
    await open();
    const events = structuredClone(await memory.rpc("checkin_door", null)).events;
    const timed = events.map((event) => ({
      ...event,
      lists: event.lists.map((list) => ({ ...list, on_now: list.name === "Balcony" })),
    }));
    door.view = { events: timed, recent: [] };
    expect(door.list?.name, "by its times").toBe("Balcony");
    await preferences.change({ list_by_schedule: false, list_id: 7 });
    await waitFor(() => expect(door.list?.name).toBe("Main hall"));
  });
});

describe("the kiosk", () => {
  beforeEach(() => open(["supervise"], (host) => (host.people.kioskSetup = true)));

  it("shows guests little, asks nothing, and sends to staff what a person must look at", async () => {
    expect(screen.getByTestId("kiosk").textContent).toContain("Please hold your ticket before the reader");
    await door.pick(codeOf("K7RQ2"), 0);
    await waitFor(() => expect(screen.getByTestId("kiosk-headline").textContent).toBe("Please come in"));
    expect(screen.getByTestId("kiosk").textContent, "no name on a screen that all can see").not.toContain("Bergström");
    await door.pick(codeOf("V9TDA"), 10_000);
    await waitFor(() => expect(screen.getByTestId("kiosk-headline").textContent).toBe("Please go to a member of staff"));
    await door.pick(codeOf("Q3ASK"), 20_000);
    expect(screen.queryByTestId("questions")).toBeNull();
    expect(screen.getByTestId("kiosk").dataset["reason"]).toBe("answers_required");
  });

  it("is left by who may supervise, by PIN", async () => {
    await fireEvent.click(screen.getByTestId("kiosk-staff"));
    const dialog = await screen.findByTestId("sign-in");
    await fireEvent.click(within(dialog).getByText("Mira Okafor"));
    await pin("2468");
    await waitFor(() => expect(screen.queryByTestId("kiosk")).toBeNull());
  });
});
