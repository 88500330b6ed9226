import { fireEvent, render, screen } from "@testing-library/svelte";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { VerdictView } from "../../generated/VerdictView";
import { words } from "../../i18n/words.svelte";
import { EVENING } from "../../testing/setup";
import type { Shown } from "./door.svelte";
import Verdict from "./Verdict.svelte";

const base: VerdictView = {
  scan_id: "1",
  class: "admitted",
  reason: null,
  marks: [],
  direction: "entry",
  event_id: 41,
  list_id: 7,
  product: "Adult",
  name: "Jonas Bergström",
  order_code: "K7RQ2",
  position_id: null,
  checkin_text: "",
  first_use: null,
  valid_from: null,
  valid_until: null,
  other_event: null,
  at: EVENING,
  gate: "Gate B",
  delivery: "here",
  undone: false,
  may_undo: false,
  uncertainty_ms: null,
  data_age_s: 40,
  list_name: "",
  variation: null,
  date: null,
  addons: [],
  texts: [],
  attention: [],
  explanation: [],
  rule_trouble: null,
  questions: [],
  wrong_answers: [],
  may_admit_unpaid: false,
  due: null,
  exchange: "none",
  medium: null,
  max_data_age_min: null,
  repeated: false,
};
const list = { list_id: 7, name: "Main hall", inside: 812, admitted: 836, expected: 1200, shown_from: null, shown_until: null, on_now: null };

function show(part: Partial<VerdictView>, ondismiss = vi.fn()): HTMLElement {
  const shown = { kind: "verdict", verdict: { ...base, ...part }, code: "C", request: { code: "C", list_id: 7, direction: "entry", at: null, more_lists: [], answers: [], admit_unpaid: false, ask: true } } as const satisfies Shown;
  render(Verdict, { shown, zone: "Europe/Berlin", list, earlier: [], ondismiss });
  return screen.getByTestId("verdict");
}

describe("the verdict", () => {
  beforeEach(() => {
    words.language = "en";
  });

  it("says by how much the time may be wrong where that decided", () => {
    show({ class: "look", marks: ["time_uncertain"], uncertainty_ms: 41_200 });
    expect(screen.getByTestId("verdict-mark").textContent).toBe("This station's clock is uncertain (± 42 s)");
  });

  it("welcomes by name, with product, age of the data and where the fact is", () => {
    const verdict = show({});
    expect(verdict.dataset["class"]).toBe("admitted");
    expect(verdict.getAttribute("data-reason")).toBe("");
    expect(screen.getByTestId("verdict-headline").textContent).toBe("Welcome");
    expect(screen.getByTestId("verdict-name").textContent).toBe("Jonas Bergström");
    expect(screen.getByTestId("verdict-product").textContent?.trim()).toBe("Adult · K7RQ2");
    expect(screen.getByTestId("verdict-age").textContent).toBe("Data 40 s old");
    expect(screen.getByTestId("verdict-delivery").textContent).toBe("recorded here");
    expect(screen.queryByTestId("verdict-dismiss"), "an admission clears by itself").toBeNull();
    expect(verdict.querySelector("svg"), "never colour alone").not.toBeNull();
  });

  it("says good-bye in a colour of its own", () => {
    expect(show({ direction: "exit" }).className).toContain("exit");
    expect(screen.getByTestId("verdict-headline").textContent).toBe("Goodbye");
  });

  it("names time and gate of the first use, in the event's zone", () => {
    show({
      class: "used",
      reason: "already_redeemed",
      first_use: { at: EVENING - 12 * 60_000, gate: "Gate A", direction: "entry" },
    });
    expect(screen.getByTestId("verdict-headline").textContent).toBe("Already used");
    expect(screen.getByTestId("verdict-reason").textContent).toBe("First used at 19:40 · Gate A · 12 min ago");
  });

  it("names the day when the first use was on another one", () => {
    show({ class: "used", reason: "already_redeemed", first_use: { at: EVENING - 86_400_000, gate: "", direction: "entry" } });
    expect(screen.getByTestId("verdict-reason").textContent).toBe("First used at Thu 19 Nov, 19:52 · 24 h ago");
  });

  it("refuses with the reason in words, and from when it would be good", () => {
    const verdict = show({ class: "refused", reason: "invalid_time", valid_from: EVENING + 5_400_000 });
    expect(verdict.dataset["reason"]).toBe("invalid_time");
    expect(screen.getAllByTestId("verdict-reason").map((line) => line.textContent)).toEqual([
      "This ticket is not valid at this time.",
      "Valid from 21:22",
    ]);
  });

  it("names the other event a ticket is for", () => {
    show({ class: "refused", reason: "wrong_event", other_event: "Harvest Fair" });
    expect(screen.getByTestId("verdict-reason").textContent).toBe("This ticket is for Harvest Fair.");
  });

  it("shows every mark and the organizer's sentence where one must look", () => {
    const verdict = show({ class: "look", marks: ["look_at_id", "test"], checkin_text: "Ask for the card." });
    expect(verdict.dataset["class"]).toBe("look");
    expect(screen.getAllByTestId("verdict-mark").map((mark) => mark.dataset["mark"])).toEqual(["look_at_id", "test"]);
    expect(screen.getByTestId("verdict-note").textContent).toBe("Ask for the card.");
  });

  it("is put away by its button and by a tap anywhere", async () => {
    const ondismiss = vi.fn();
    const verdict = show({ class: "refused", reason: "canceled" }, ondismiss);
    await fireEvent.click(screen.getByTestId("verdict-dismiss"));
    const everywhere = verdict.querySelector(".everywhere");
    if (everywhere) await fireEvent.click(everywhere);
    expect(ondismiss).toHaveBeenCalledTimes(2);
  });

  it("keeps its colour and says loudly that the disk did not take it", () => {
    const verdict = show({ delivery: "not_recorded" });
    expect(verdict.className, "an admission stays an admission").toContain("admitted");
    expect(screen.getByTestId("verdict-not-recorded").textContent).toContain("Not recorded: the disk is full");
    expect(screen.getByTestId("verdict-not-recorded").getAttribute("role")).toBe("alert");
    expect(screen.getByTestId("verdict-delivery").dataset["delivery"]).toBe("not_recorded");
    expect(screen.getByTestId("verdict-dismiss"), "a person puts it away").not.toBeNull();
  });

  it("says nothing of the disk where the scan was recorded", () => {
    show({});
    expect(screen.queryByTestId("verdict-not-recorded")).toBeNull();
  });

  it("shows a scan that was not recorded as such, in the language chosen", () => {
    words.language = "de";
    const problem = { code: "not-recorded", title: "x", detail: "no space left on device" } as const;
    render(Verdict, { shown: { kind: "problem", problem, code: "C" }, zone: "UTC", list: null, earlier: [], ondismiss: vi.fn() });
    expect(screen.getByTestId("verdict").dataset).toMatchObject({ class: "problem", reason: "not-recorded" });
    expect(screen.getByTestId("verdict-headline").textContent).toBe("Nicht gespeichert");
    expect(screen.getByTestId("verdict").textContent).toContain("no space left on device");
  });
});
