// Cases of the memory host: one of each way to be closed.
import type { CasesView } from "../../generated/CasesView";
import type { CaseView } from "../../generated/CaseView";
import type { Resolution } from "../../generated/Resolution";
import { EVENT } from "./world";

export function cases(now: number): CasesView {
  const one = (kind: string, minutes: number, choices: Resolution[], rest: Partial<CaseView> = {}): CaseView => ({
    case_id: `00000000-0000-7000-8000-${String(minutes).padStart(12, "0")}`,
    kind,
    event_id: EVENT.event_id,
    event_name: EVENT.name,
    zone: EVENT.zone,
    device_id: 12,
    device_name: "Foyer till 2",
    detail: {},
    opened_at: now - minutes * 60_000,
    closed_at: null,
    resolution: null,
    tried_at: null,
    choices,
    in_the_office: [],
    ...rest,
  });
  const scans = [
    { gate: "Gate A", at: now - 33 * 60_000 },
    { gate: "Gate B", at: now - 32 * 60_000 },
  ];
  return {
    open: [
      one("station_not_heard", 190, [], { event_id: null, event_name: null, device_name: "Garden till", in_the_office: ["release"] }),
      one("fork", 95, ["seen"], { in_the_office: ["write_off_lost", "write_off_stolen"], detail: { incarnation: 2, seq: 118 } }),
      one("double_admission", 31, ["seen"], { device_name: "Gate B scanner", detail: { scans } }),
      one("overpaid", 22, ["refund_by_hand", "seen"], { detail: { order_code: "K7RQ2" } }),
      one("unknown_product", 6, ["retry", "leave_out"], { detail: { incarnation: 1, seq: 2301 }, tried_at: now - 60_000 }),
    ],
    closed: [
      one("excess", 400, [], { closed_at: now - 300 * 60_000, resolution: "seen" }),
      one("gap", 420, [], { closed_at: now - 360 * 60_000 }),
    ],
  };
}
