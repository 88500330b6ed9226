// The typed calls about units, hand-overs and rights.
import type { GivenView } from "../../generated/GivenView";
import type { HandOverOffer } from "../../generated/HandOverOffer";
import type { LeasesView } from "../../generated/LeasesView";
import type { Rpc } from "../../generated/rpc";
import type { RightsView } from "../../generated/RightsView";
import type { RightView } from "../../generated/RightView";
import type { SaleView } from "../../generated/SaleView";
import { rpc } from "../../host/rpc";

export const leases = (): Promise<LeasesView> => rpc("leases_view");
export const files = (): Promise<string[]> => rpc("leases_files");
export const media = (): Promise<string[]> => rpc("copies_media");
export const give = (form: Rpc["leases_give"][0]): Promise<GivenView> => rpc("leases_give", form);
export const writeAgain = (form: Rpc["leases_write_again"][0]): Promise<GivenView> => rpc("leases_write_again", form);
export const look = (file: string): Promise<HandOverOffer> => rpc("leases_look", { file });
export const take = (file: string): Promise<LeasesView> => rpc("leases_take", { file });
export const decline = (file: string): Promise<LeasesView> => rpc("leases_decline", { file });
export const giveBack = (quota_id: number): Promise<LeasesView> => rpc("leases_return", { quota_id, units: null });
export const rights = (): Promise<RightsView> => rpc("leases_rights");
export const takeRight = (code: string): Promise<RightView> => rpc("leases_take_right", { code, what: null });
export const releaseRight = (code: string): Promise<RightsView> => rpc("leases_release_right", { code });
export const payOrder = (request_id: string, code: string, given_minor: number): Promise<SaleView> =>
  rpc("till_pay_order", { request_id, code, given_minor });
export const refundOrder = (request_id: string, code: string, reason: string): Promise<SaleView> =>
  rpc("till_refund_order", { request_id, code, reason });
export const choose =
  (what: "folder" | "file") =>
  (title: string, near: string): Promise<string | null> =>
    rpc("window_choose", { what, title, near, endings: [] });
