import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Memory } from "../../host/memory";
import { codeOf } from "../../host/memory/world";
import { freshHost } from "../../testing/setup";
import { ADMITTED_MS, Door } from "./door.svelte";

const GOOD = codeOf("K7RQ2");
const CANCELED = codeOf("P8NQE");

describe("the door", () => {
  let memory: Memory;
  let door: Door;

  beforeEach(async () => {
    vi.useFakeTimers();
    memory = freshHost();
    door = new Door();
    await door.load();
  });
  afterEach(() => vi.useRealTimers());

  const verdict = (): string => (door.shown?.kind === "verdict" ? door.shown.verdict.class : (door.shown?.kind ?? "nothing"));

  it("clears an admission by itself and nothing else", async () => {
    await door.scan(GOOD, 0);
    expect(verdict()).toBe("admitted");
    vi.advanceTimersByTime(ADMITTED_MS);
    expect(verdict()).toBe("nothing");

    await door.scan(CANCELED, 10_000);
    vi.advanceTimersByTime(600_000);
    expect(verdict()).toBe("refused");
    door.dismiss();
    expect(verdict()).toBe("nothing");
  });

  it("asks the station once for a code that is seen twice, and again after a while", async () => {
    await door.scan(GOOD, 0);
    await door.scan(GOOD, 2000);
    expect(memory.recent).toHaveLength(1);
    await door.scan(GOOD, 6000);
    expect(verdict()).toBe("used");
    expect(memory.recent).toHaveLength(2);
  });

  it("puts scans to the station in their order and shows the last", async () => {
    void door.scan(CANCELED, 0);
    await door.scan(GOOD, 10);
    expect(memory.recent.map((one) => one.class)).toEqual(["admitted", "refused"]);
    expect(verdict()).toBe("admitted");
    expect(door.waiting).toBe(0);
  });

  it("keeps a verdict that came after an admission from being cleared by its clock", async () => {
    await door.scan(GOOD, 0);
    vi.advanceTimersByTime(ADMITTED_MS - 1);
    await door.scan(CANCELED, 5);
    vi.advanceTimersByTime(ADMITTED_MS);
    expect(verdict()).toBe("refused");
  });

  it("shows that a scan was not recorded until somebody has read it", async () => {
    memory.failing.set("checkin_scan", "not-recorded");
    await door.scan(GOOD, 0);
    vi.advanceTimersByTime(600_000);
    expect(door.shown).toMatchObject({ kind: "problem", problem: { code: "not-recorded" } });
    memory.failing.clear();
    door.dismiss();
    await door.scan(GOOD, 100);
    expect(verdict(), "the same ticket may be tried again at once").toBe("admitted");
  });

  it("keeps an admission that the disk did not take on the screen", async () => {
    memory.status.disk.room = "nothing";
    await door.scan(GOOD, 0);
    vi.advanceTimersByTime(600_000);
    expect(door.shown).toMatchObject({ kind: "verdict", verdict: { class: "admitted", delivery: "not_recorded" } });
    await door.scan(CANCELED, 700_000);
    expect(verdict(), "the next scan takes its place").toBe("refused");
  });

  it("goes on with the first list when the chosen one is gone", () => {
    door.chosenList = 999;
    expect(door.list?.name).toBe("Main hall");
  });
});
