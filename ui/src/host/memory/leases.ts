// Units, hand-overs and rights of the memory host.
import type { HandOverOffer } from "../../generated/HandOverOffer";
import type { HandOverView } from "../../generated/HandOverView";
import type { LeasesView } from "../../generated/LeasesView";
import type { QuotaLeases } from "../../generated/QuotaLeases";
import type { RightsView } from "../../generated/RightsView";
import { EVENT } from "./world";

const quota = (quota_id: number, name: string, free: number, rest: Partial<QuotaLeases> = {}): QuotaLeases => ({
  quota_id,
  event_id: EVENT.event_id,
  name,
  event_name: EVENT.name,
  held: free,
  free,
  sold: 0,
  on_the_way: 0,
  recalled: 0,
  can_give: free,
  unconfirmed: 0,
  leases: [],
  ...rest,
});

const handOver = (n: number, units: number, at: number, rest: Partial<HandOverView>): HandOverView => ({
  hand_over_id: `00000000-0000-7000-8000-00000000001${n}`,
  quota_id: 1,
  event_id: EVENT.event_id,
  name: "Seats",
  units,
  from: 12,
  from_name: "",
  to: 14,
  at,
  state: "in_flight",
  delivery: "here",
  ...rest,
});

export const leases = (now: number): LeasesView => ({
  station: 12,
  doubt: null,
  needs_link: false,
  quotas: [
    quota(1, "Seats", 37, { held: 78, sold: 31, on_the_way: 10 }),
    quota(2, "Children", 12, { held: 12, recalled: 8, can_give: 4, unconfirmed: 4 }),
  ],
  hand_overs: [
    handOver(2, 10, now - 4 * 60_000, {}),
    handOver(1, 4, now - 50 * 60_000, { from: 14, from_name: "Garden till", to: 12, state: "taken", delivery: "sent", quota_id: 2, name: "Children" }),
  ],
});

export const offer = (): HandOverOffer => ({
  from: 14,
  from_name: "Garden till",
  to: 12,
  parts: [
    { hand_over_id: "00000000-0000-7000-8000-000000000019", quota_id: 1, event_id: EVENT.event_id, name: "Seats", event_name: EVENT.name, units: 15 },
  ],
  standing: "takeable",
});

export const rights = (now: number): RightsView => {
  const eur = (minor: number): { minor: number; currency: string } => ({ minor, currency: "EUR" });
  const line = (n: number): { position_id: string; item_id: number; name: string; price: { minor: number; currency: string }; tax_rate_bp: number } => ({
    position_id: `00000000-0000-7000-8000-00000000003${n}`,
    item_id: 1,
    name: "Adult",
    price: eur(2400),
    tax_rate_bp: 700,
  });
  const common = { event_id: EVENT.event_id, event_name: EVENT.name, home: false, recalled: false, taken_at: now - 300_000 };
  return {
    rights: [
      {
        ...common,
        right_id: "00000000-0000-7000-8000-000000000021",
        code: "W4KXZ",
        what: "order",
        voucher: null,
        order: {
          order_id: "00000000-0000-7000-8000-000000000022",
          status: "pending",
          total: eur(4800),
          paid: eur(0),
          owed: eur(4800),
          lines: [line(1), line(2)],
        },
      },
      {
        ...common,
        right_id: "00000000-0000-7000-8000-000000000023",
        code: "FRIENDS-7Q2M",
        what: "voucher",
        home: true,
        voucher: { item_id: 1, effect: { kind: "percent_off", percent_bp: 2500 }, home: true },
        order: null,
      },
    ],
  };
};
