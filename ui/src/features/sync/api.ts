// The typed calls about cases.
import type { CasesView } from "../../generated/CasesView";
import type { Resolution } from "../../generated/Resolution";
import { rpc } from "../../host/rpc";

export const cases = (): Promise<CasesView> => rpc("sync_cases");
export const close = (case_id: string, resolution: Resolution): Promise<CasesView> => rpc("sync_close_case", { case_id, resolution });
