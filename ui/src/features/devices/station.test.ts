import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { freshHost } from "../../testing/setup";
import { Station } from "./station.svelte";

describe("the age of the data", () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] }));
  afterEach(() => vi.useRealTimers());

  it("goes on counting between two accounts, and starts anew with the next", async () => {
    const memory = freshHost();
    memory.status.data_age_s = 40;
    const station = new Station();
    const stop = station.watch();
    await station.load();
    expect(station.dataAge_s).toBe(40);
    vi.advanceTimersByTime(5000);
    expect(station.dataAge_s).toBe(45);
    memory.status.data_age_s = 1;
    await station.load();
    expect(station.dataAge_s).toBe(1);
    stop();
    vi.advanceTimersByTime(60_000);
    expect(station.dataAge_s, "nothing runs on after stop").toBe(1);
  });

  it("is asked for again although nothing was said to have changed", async () => {
    const memory = freshHost();
    const station = new Station();
    await station.load();
    const stop = station.watch();
    memory.status.waiting = 99;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(station.status?.waiting).toBe(99);
    stop();
  });

  it("is none where there never was data", async () => {
    const memory = freshHost();
    memory.status.data_age_s = null;
    const station = new Station();
    await station.load();
    expect(station.dataAge_s).toBeNull();
  });
});
