import { fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { beforeEach, describe, expect, it } from "vitest";
import { board } from "../features/checkin/board.svelte";
import { door } from "../features/checkin/door.svelte";
import { preferences } from "../features/devices/preferences.svelte";
import type { Memory } from "../host/memory";
import { codeOf } from "../host/memory/world";
import { words } from "../i18n/words.svelte";
import { freshHost } from "../testing/setup";
import ArrivalsPage from "./ArrivalsPage.svelte";
import ReadyPage from "./ReadyPage.svelte";
import RefusedPage from "./RefusedPage.svelte";

let memory: Memory;

beforeEach(async () => {
  memory = freshHost();
  words.language = "en";
  Object.assign(door, { view: null, problem: null, shown: null });
  Object.assign(board, { doorList: null, doorListProblem: null });
  for (const reading of [board.arrivals, board.refused, board.ready]) Object.assign(reading, { value: null, problem: null });
  await preferences.load();
  await door.load();
});

describe("arrivals", () => {
  it("are a plot, gates, products and reasons, and the plot is a list for who hears it", async () => {
    render(ArrivalsPage);
    expect((await screen.findByTestId("arrivals-plot")).dataset["bars"]).toBe("18");
    expect(screen.getByTestId("arrivals-gates").textContent).toContain("Gate B");
    expect(screen.getByTestId("arrivals-refusals").textContent).toContain("Already used");
    expect(screen.getByTestId("arrivals-plot").querySelectorAll("details li").length).toBe(18);
  });

  it("are read again when the door has changed, and only once somebody has looked", async () => {
    await board.changed();
    expect(board.arrivals.value).toBeNull();
    render(ArrivalsPage);
    await screen.findByTestId("arrivals-plot");
    await door.pick(codeOf("K7RQ2"), 0);
    await door.pick(codeOf("K7RQ2"), 10_000);
    await board.changed();
    await waitFor(() => expect(board.arrivals.value?.refusals[0]?.count).toBe(8));
  });
});

describe("who was turned away", () => {
  it("stands there with the reason, and with the code where nobody knows whose it is", async () => {
    await door.pick("A-CODE-OF-ANOTHER-HOUSE-7731", 0);
    await door.pick(codeOf("P8NQE"), 10_000);
    render(RefusedPage);
    const list = await screen.findByTestId("refused");
    expect(list.textContent).toContain("Cancelled");
    expect(screen.getByTestId("refused-code").textContent).toBe("A-CODE-OF-ANOTHER-HOUSE-7731");
  });
});

describe("the check before doors", () => {
  it("says how each thing stands, in one look and in words", async () => {
    memory.status.clock_far_off = true;
    memory.status.clock_offset_ms = -425_000;
    render(ReadyPage);
    expect((await screen.findByTestId("ready")).textContent).toContain("Not ready");
    const clock = screen.getAllByTestId("ready-thing").find((one) => one.dataset["what"] === "clock");
    expect(clock?.dataset["ready"]).toBe("bad");
    expect(clock?.textContent).toContain("Clock 7 min off: set it");
    expect(clock?.textContent, "never by colour alone").toContain("not good");
  });

  it("makes the door list: printed at once, or saved where a person says", async () => {
    render(ReadyPage);
    await fireEvent.click(await screen.findByTestId("door-list-print"));
    expect((await screen.findByTestId("door-list-made")).textContent).toContain("Sent to Office");
    memory.chosen = null;
    await fireEvent.click(screen.getByTestId("door-list-save"));
    await waitFor(() => expect(screen.queryByTestId("door-list-made"), "nothing chosen, nothing made").toBeNull());
    memory.chosen = "/media/till/STICK/main-hall";
    await fireEvent.click(screen.getByTestId("door-list-save"));
    expect((await screen.findByTestId("door-list-made")).textContent).toContain("/media/till/STICK/main-hall.csv");
    memory.failing.set("checkin_door_list", "not-found");
    await fireEvent.click(screen.getByTestId("door-list-print"));
    await screen.findByTestId("door-list-problem");
  });
});
