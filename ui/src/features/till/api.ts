// The till's typed calls.
import type { Rpc } from "../../generated/rpc";
import type { SaleView } from "../../generated/SaleView";
import type { SellRequest } from "../../generated/SellRequest";
import type { TillView } from "../../generated/TillView";
import { rpc } from "../../host/rpc";

export type Printed = Rpc["till_print"][1];

export const view = (): Promise<TillView> => rpc("till_view");

export const sell = (request: SellRequest): Promise<SaleView> => rpc("till_sell", request);

export const print = (order_id: string, what: "tickets" | "receipt"): Promise<Printed> =>
  rpc("till_print", { order_id, what });
