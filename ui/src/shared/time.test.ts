import { expect, it } from "vitest";
import { clockTime, clockTimeExact, dayAndTime, sameDay, timeNear } from "./time";

const at = Date.UTC(2026, 10, 20, 23, 4, 11);

it("times are of the event's zone, whatever the machine's is", () => {
  expect(clockTime(at, "Europe/Berlin", "en-GB")).toBe("00:04");
  expect(clockTime(at, "America/New_York", "de-DE")).toBe("18:04");
  expect(clockTimeExact(at, "Europe/Berlin", "de-DE")).toBe("00:04:11");
  expect(dayAndTime(at, "Europe/Berlin", "en-GB")).toContain("21 Nov");
});

it("a day is the zone's day", () => {
  expect(sameDay(at, at - 300_000, "Europe/Berlin")).toBe(false);
  expect(sameDay(at, at - 300_000, "UTC")).toBe(true);
  expect(timeNear(at, at, "UTC", "en-GB")).toBe("23:04");
});

it("an unknown zone is told as UTC and named", () => {
  expect(clockTime(at, "Mars/Olympus", "en-GB")).toBe("23:04 UTC");
});
