import { expect, it } from "vitest";
import { ageNow, inUnit } from "./age";

it("an age grows with the clock and never shrinks below what it was", () => {
  expect(ageNow(40, 1000, 1000)).toBe(40);
  expect(ageNow(40, 1000, 6999)).toBe(45);
  expect(ageNow(40, 1000, 0)).toBe(40);
});

it("an age is told in the largest unit that is still honest", () => {
  const cases: [number, number, string][] = [
    [0, 0, "s"],
    [59, 59, "s"],
    [60, 1, "min"],
    [3599, 59, "min"],
    [3600, 1, "h"],
    [172_799, 47, "h"],
    [172_800, 2, "d"],
  ];
  for (const [age, count, unit] of cases) expect(inUnit(age), String(age)).toEqual({ count, unit });
});
