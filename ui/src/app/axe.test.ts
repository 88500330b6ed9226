// @vitest-environment jsdom
// Every page and dialog of the door looked at by axe. Colours are not: nothing is painted here; `testing/design.test.ts`
// computes their contrast, and the real window is looked at in `tests/e2e`.
import { fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import axe from "axe-core";
import { afterEach, describe, expect, it } from "vitest";
import { people } from "../features/access/people.svelte";
import { board } from "../features/checkin/board.svelte";
import { door } from "../features/checkin/door.svelte";
import { preferences } from "../features/devices/preferences.svelte";
import { station } from "../features/devices/station.svelte";
import type { Memory } from "../host/memory";
import { codeOf } from "../host/memory/world";
import { words } from "../i18n/words.svelte";
import { freshHost } from "../testing/setup";
import App from "./App.svelte";
import { route, type Page } from "./route.svelte";

// jsdom knows the element and not how it opens.
HTMLDialogElement.prototype.showModal = function showModal(): void {
  this.open = true;
};

async function open(page: Page, prepare: (memory: Memory) => void = () => undefined): Promise<Memory> {
  const memory = freshHost();
  prepare(memory);
  words.language = "en";
  station.status = null;
  preferences.settings = null;
  Object.assign(door, { view: null, shown: null, asking: null, exchanging: null, approving: null });
  Object.assign(people, { view: null, problem: null });
  for (const reading of [board.arrivals, board.refused, board.ready]) Object.assign(reading, { value: null, problem: null });
  route.page = page;
  render(App);
  await waitFor(() => screen.getByTestId("settings-open"));
  await waitFor(() => expect(people.view).not.toBeNull());
  return memory;
}

/** What axe finds that hinders people, by rule and place. */
async function findings(): Promise<string[]> {
  const { violations } = await axe.run(document.body, { rules: { "color-contrast": { enabled: false } } });
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  return serious.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 160)}`));
}

describe("axe finds nothing serious", () => {
  afterEach(() => {
    location.hash = "";
    route.page = null;
  });

  it.each<[Page, string]>([
    ["door", "door-field"],
    ["arrivals", "arrivals-plot"],
    ["ready", "ready"],
    ["settings", "settings-by-schedule"],
    ["cases", "case"],
    ["copies", "backups"],
    ["leases", "take-path"],
    ["till", "product-1"],
  ])("on the page %s", async (page, testid) => {
    await open(page, (memory) => memory.withCases());
    await waitFor(() => screen.getAllByTestId(testid));
    expect(await findings()).toEqual([]);
  });

  it("on the page of who was turned away", async () => {
    await open("refused");
    await door.load();
    await door.pick(codeOf("P8NQE"), 0);
    door.dismiss();
    await board.refused.load();
    await screen.findByTestId("refused");
    expect(await findings()).toEqual([]);
  });

  it.each(["K7RQ2", "V9TDA", "P8NQE", "B7LOP", "X5TRA", "G2RUL"])("in the verdict of %s", async (ticket) => {
    await open("door");
    await waitFor(() => screen.getByTestId("door-field"));
    await door.pick(codeOf(ticket), 0);
    await screen.findByTestId("verdict");
    expect(await findings()).toEqual([]);
  });

  it("in questions, in the dialog for wristbands, and where a PIN is asked for", async () => {
    await open("door", (memory) => memory.people.with(["undo"]));
    await waitFor(() => screen.getByTestId("door-field"));
    await door.pick(codeOf("Q3ASK"), 0);
    await screen.findByTestId("questions");
    expect(await findings()).toEqual([]);
    door.leaveOpen();
    await door.pick(codeOf("X5TRA"), 10_000);
    await fireEvent.click(await screen.findByTestId("verdict-exchange"));
    await screen.findByTestId("exchange");
    expect(await findings()).toEqual([]);
    door.exchanging = null;
    door.dismiss();
    await fireEvent.click(await screen.findByTestId("person"));
    await screen.findByTestId("sign-in");
    expect(await findings()).toEqual([]);
    await fireEvent.click(screen.getAllByTestId("operator")[0] as HTMLElement);
    await screen.findByTestId("pin-pad");
    expect(await findings()).toEqual([]);
  });

  it("on a locked station and at a kiosk", async () => {
    await open("door", (memory) => (memory.people.with(["undo"]).lockedSetup = true));
    await screen.findByTestId("locked");
    expect(await findings()).toEqual([]);
    document.body.innerHTML = "";
    await open("door", (memory) => (memory.people.with(["supervise"]).kioskSetup = true));
    await screen.findByTestId("kiosk");
    expect(await findings()).toEqual([]);
  });
});
