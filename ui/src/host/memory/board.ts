// The door in numbers and the check before doors, of the memory host.
import type { ArrivalsView } from "../../generated/ArrivalsView";
import type { ReadinessView } from "../../generated/ReadinessView";
import type { Rpc } from "../../generated/rpc";
import type { StatusView } from "../../generated/StatusView";
import type { Thing } from "../../generated/Thing";
import type { VerdictView } from "../../generated/VerdictView";

/** An evening so far: few, then many, then few again. */
export function arrivals(list_id: number, recent: readonly VerdictView[], now: number): ArrivalsView {
  const width = 5 * 60_000;
  const last = Math.floor(now / width) * width;
  const entries = [4, 9, 14, 22, 31, 48, 66, 83, 97, 104, 91, 78, 62, 51, 40, 28, 18, 9];
  const bars = entries.map((value, index) => ({ at: last - (entries.length - 1 - index) * width, entries: value, exits: Math.round(value / 12) }));
  const count = (reason: VerdictView["reason"]): number => recent.filter((one) => one.reason === reason).length;
  return {
    list_id,
    bars,
    bar_min: 5,
    gates: [
      { gate: "Gate A", entries: 402, exits: 21, last_at: now - 4_000, here: false },
      { gate: "Gate B", entries: 318, exits: 30, last_at: now - 11_000, here: true },
      { gate: "Stage door", entries: 135, exits: 6, last_at: now - 340_000, here: false },
    ],
    products: [
      { product: "Adult", expected: 720, admitted: 512, inside: 480 },
      { product: "Child under 12", expected: 140, admitted: 98, inside: 96 },
      { product: "Reduced", expected: 280, admitted: 201, inside: 195 },
    ],
    refusals: [
      { reason: "already_redeemed" as const, count: 7 + count("already_redeemed") },
      { reason: "wrong_event" as const, count: 3 + count("wrong_event") },
      { reason: "invalid" as const, count: 2 + count("invalid") },
    ],
    lately: 27,
  };
}

export function readiness(status: StatusView, settings: Rpc["settings_get"][1]): ReadinessView {
  const { link, disk, standing } = status;
  const things: [Thing, ReadinessView["ready"]][] = [
    [{ what: "tickets", here: status.tickets }, "good"],
    [{ what: "data", age_s: status.data_age_s, at_least: status.data_age_at_least }, "good"],
    [{ what: "link", connected: link.connected }, link.connected ? "good" : "look"],
    [{ what: "waiting", facts: status.waiting }, status.waiting === 0 ? "good" : "look"],
    [{ what: "gates", heard: 2, last_s: 4 }, "good"],
    [{ what: "clock", off_ms: status.clock_offset_ms, uncertain_ms: status.clock_uncertainty_ms, far_off: status.clock_far_off }, status.clock_far_off ? "bad" : "good"],
    [{ what: "disk", free_bytes: disk.free_bytes, room: disk.room }, disk.room === "enough" ? "good" : "bad"],
    [{ what: "backup", age_s: 720 }, "good"],
    [{ what: "standing", doubt: standing.doubt }, standing.doubt ? "bad" : "good"],
    [{ what: "camera", device: settings.camera.kind === "none" ? { kind: "none" } : { kind: "works", name: "USB camera" } }, "good"],
    [{ what: "printer", device: settings.printer ? { kind: "works", name: settings.printer } : { kind: "none" } }, "good"],
  ];
  const order = ["good", "look", "bad"] as const;
  const worst = things.reduce((most, [, ready]) => Math.max(most, order.indexOf(ready)), 0);
  return { ready: order[worst] ?? "good", checks: things.map(([thing, ready]) => ({ thing, ready })) };
}
