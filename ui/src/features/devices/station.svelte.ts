// The station's account of itself on the screen: status, and how old the data is by now. Owns the counting up between
// two accounts; the age itself is the station's.
import type { Problem } from "../../generated/Problem";
import type { StatusView } from "../../generated/StatusView";
import { asProblem } from "../../host/rpc";
import { ageNow } from "../../shared/age";
import * as api from "./api";

/** How often the account is asked for although nothing changed: a silent contact makes the data younger. */
const ASK_MS = 10_000;

export class Station {
  status = $state<StatusView | null>(null);
  problem = $state<Problem | null>(null);
  syncing = $state(false);

  private takenAt = $state(0);
  private now = $state(0);
  private asked = 0;
  private answered = 0;

  /** Seconds; `null` when there never was data. */
  get dataAge_s(): number | null {
    const age = this.status?.data_age_s ?? null;
    return age === null ? null : ageNow(age, this.takenAt, this.now);
  }

  async load(): Promise<void> {
    await this.take(api.status);
  }

  async syncNow(): Promise<void> {
    if (this.syncing) return;
    this.syncing = true;
    await this.take(api.syncNow);
    this.syncing = false;
  }

  /** Takes over an account that came with another answer. */
  accept(status: StatusView): void {
    this.status = status;
    this.problem = null;
    this.takenAt = performance.now();
    this.now = this.takenAt;
  }

  private async take(ask: () => Promise<StatusView>): Promise<void> {
    this.asked += 1;
    const mine = this.asked;
    try {
      const status = await ask();
      // A slower, older answer never replaces a newer one.
      if (mine > this.answered) {
        this.answered = mine;
        this.accept(status);
      }
    } catch (error) {
      this.problem = asProblem(error);
    }
  }

  /** Keeps the age counting; the answered function stops it. */
  watch(): () => void {
    const tick = setInterval(() => (this.now = performance.now()), 1000);
    const ask = setInterval(() => void this.load(), ASK_MS);
    return () => {
      clearInterval(tick);
      clearInterval(ask);
    };
  }
}

export const station = new Station();
