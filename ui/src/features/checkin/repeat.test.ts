import { describe, expect, it } from "vitest";
import { CAMERA_REPEAT_MS, REPEAT_MS, Repeats } from "./repeat";

describe("the same code again", () => {
  it("within three seconds is one scan", () => {
    const repeats = new Repeats();
    expect(repeats.isNew("A", 0)).toBe(true);
    expect(repeats.isNew("A", REPEAT_MS)).toBe(false);
  });

  it("seen over and over is still one scan", () => {
    const repeats = new Repeats();
    const seen = [0, 3000, 6000, 9000].map((at) => repeats.isNew("A", at));
    expect(seen).toEqual([true, false, false, false]);
  });

  it("after it was away for longer is a second scan", () => {
    const repeats = new Repeats();
    repeats.isNew("A", 0);
    expect(repeats.isNew("A", REPEAT_MS + 1)).toBe(true);
  });

  it("is taken from a camera that tells it a little early, and not from a scanner", () => {
    const repeats = new Repeats();
    repeats.isNew("A", 0);
    expect(repeats.isNew("A", 2980, CAMERA_REPEAT_MS)).toBe(true);
    expect(repeats.isNew("A", 2980 + 2490, CAMERA_REPEAT_MS)).toBe(false);
    expect(repeats.isNew("A", 2980 + 2490 + 2980)).toBe(false);
  });

  it("is told from another code between the two", () => {
    const repeats = new Repeats();
    expect(["A", "B", "A", "B"].map((code, i) => repeats.isNew(code, i * 100))).toEqual([true, true, false, false]);
  });

  it("counts at once when a person has put the verdict away", () => {
    const repeats = new Repeats();
    repeats.isNew("A", 0);
    repeats.forget("A");
    expect(repeats.isNew("A", 200)).toBe(true);
  });
});
