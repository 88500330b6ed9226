// Units and rights on the screen: what is here, the file that is looked into, what was just done. What may be handed
// over, taken or spent is the station's to decide.
import type { GivenView } from "../../generated/GivenView";
import type { HandOverOffer } from "../../generated/HandOverOffer";
import type { LeasesView } from "../../generated/LeasesView";
import type { Problem } from "../../generated/Problem";
import type { Rpc } from "../../generated/rpc";
import type { RightsView } from "../../generated/RightsView";
import type { SaleView } from "../../generated/SaleView";
import { asProblem } from "../../host/rpc";
import * as api from "./api";

/** Where something went wrong: the reason stands there. */
export type Place = "page" | "give" | "take" | "rights";

export class Leases {
  view = $state<LeasesView | null>(null);
  rights = $state<RightsView | null>(null);
  files = $state<string[]>([]);
  media = $state<string[]>([]);
  problem = $state<{ place: Place; problem: Problem } | null>(null);
  busy = $state(false);
  /** What was handed over last, and where its file is. */
  given = $state<GivenView | null>(null);
  /** The file that is looked into. */
  offer = $state<{ file: string; offer: HandOverOffer } | null>(null);
  /** What came of the last file. */
  settled = $state<"taken" | "declined" | null>(null);
  /** The last payment or refund of a web order. */
  done = $state<SaleView | null>(null);
  /** The same wish again has the same name, so that nothing is paid twice. */
  private wish: { what: string; request_id: string } | null = null;

  async load(): Promise<void> {
    try {
      [this.view, this.rights] = await Promise.all([api.leases(), api.rights()]);
      if (this.problem?.place === "page") this.problem = null;
    } catch (error) {
      this.problem = { place: "page", problem: asProblem(error) };
    }
  }

  /** Media and files of now; none where they cannot be looked for. */
  async lookAround(): Promise<void> {
    try {
      [this.media, this.files] = await Promise.all([api.media(), api.files()]);
    } catch (error) {
      this.problem = { place: "take", problem: asProblem(error) };
    }
  }

  problemAt(place: Place): Problem | null {
    return this.problem?.place === place ? this.problem.problem : null;
  }

  /** Answers whether it was handed over. */
  give(form: Rpc["leases_give"][0]): Promise<boolean> {
    return this.attempt("give", async () => {
      this.given = await api.give(form);
      await this.load();
    });
  }

  writeAgain(form: Rpc["leases_write_again"][0]): Promise<boolean> {
    return this.attempt("give", async () => {
      this.given = await api.writeAgain(form);
    });
  }

  giveBack(quota_id: number): Promise<boolean> {
    return this.attempt("page", async () => {
      this.view = await api.giveBack(quota_id);
    });
  }

  look(file: string): Promise<boolean> {
    this.settled = null;
    return this.attempt("take", async () => {
      this.offer = { file, offer: await api.look(file) };
    });
  }

  settle(how: "taken" | "declined"): Promise<boolean> {
    return this.attempt("take", async () => {
      if (!this.offer) return;
      this.view = await (how === "taken" ? api.take : api.decline)(this.offer.file);
      this.offer = null;
      this.settled = how;
    });
  }

  takeRight(code: string): Promise<boolean> {
    return this.attempt("rights", async () => {
      await api.takeRight(code);
      this.rights = await api.rights();
    });
  }

  releaseRight(code: string): Promise<boolean> {
    return this.attempt("rights", async () => {
      this.rights = await api.releaseRight(code);
    });
  }

  pay(code: string, given_minor: number): Promise<boolean> {
    return this.attempt("rights", async () => {
      this.done = await api.payOrder(this.named(`pay ${code} ${given_minor}`), code, given_minor);
      await this.settledOrder();
    });
  }

  refund(code: string, reason: string): Promise<boolean> {
    return this.attempt("rights", async () => {
      this.done = await api.refundOrder(this.named(`refund ${code}`), code, reason);
      await this.settledOrder();
    });
  }

  private async settledOrder(): Promise<void> {
    this.wish = null;
    this.rights = await api.rights();
  }

  private named(what: string): string {
    if (this.wish?.what !== what) this.wish = { what, request_id: crypto.randomUUID() };
    return this.wish.request_id;
  }

  private async attempt(place: Place, act: () => Promise<void>): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    try {
      await act();
      this.problem = null;
      return true;
    } catch (error) {
      this.problem = { place, problem: asProblem(error) };
      return false;
    } finally {
      this.busy = false;
    }
  }
}

export const leases = new Leases();
