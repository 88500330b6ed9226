// The cases on the screen. Owns which one is being closed; what closing means is the station's and the server's.
import type { CasesView } from "../../generated/CasesView";
import type { Problem } from "../../generated/Problem";
import type { Resolution } from "../../generated/Resolution";
import { asProblem } from "../../host/rpc";
import * as api from "./api";

export class Cases {
  view = $state<CasesView | null>(null);
  problem = $state<Problem | null>(null);
  /** The case whose closing was asked and not answered, or was refused with `refusal`. */
  closing = $state<string | null>(null);
  refusal = $state<Problem | null>(null);
  private asked = 0;

  async load(): Promise<void> {
    this.asked += 1;
    const mine = this.asked;
    try {
      const view = await api.cases();
      if (mine === this.asked) this.view = view;
      this.problem = null;
    } catch (error) {
      this.problem = asProblem(error);
    }
  }

  async close(case_id: string, resolution: Resolution): Promise<void> {
    this.closing = case_id;
    this.refusal = null;
    this.asked += 1;
    try {
      this.view = await api.close(case_id, resolution);
      this.closing = null;
    } catch (error) {
      this.refusal = asProblem(error);
    }
  }
}

export const cases = new Cases();
