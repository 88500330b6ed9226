// The till's typed calls.
import type { Rpc } from "../../generated/rpc";
import type { SaleView } from "../../generated/SaleView";
import type { SellRequest } from "../../generated/SellRequest";
import type { TillView } from "../../generated/TillView";
import type { RightView } from "../../generated/RightView";
import type { VoidRequest } from "../../generated/VoidRequest";
import { rpc } from "../../host/rpc";

export type Printed = Rpc["till_print"][1];

export const view = (): Promise<TillView> => rpc("till_view");

export const sell = (request: SellRequest): Promise<SaleView> => rpc("till_sell", request);

/** Asks for the right of a voucher; it is this till's alone then. */
export const voucher = (code: string): Promise<RightView> => rpc("leases_take_right", { code, what: "voucher" });

/** `receipt` is the number of one over money that went back; `null` the sale's own. */
export const print = (order_id: string, what: "tickets" | "receipt", receipt: number | null): Promise<Printed> =>
  rpc("till_print", { order_id, what, receipt });

export const undo = (request: VoidRequest): Promise<SaleView> => rpc("till_void", request);
