// The settings of this station as the screens use and change them. Owns the copy shown; the station keeps them.
import type { Problem } from "../../generated/Problem";
import { asProblem } from "../../host/rpc";
import * as api from "./api";

export class Preferences {
  settings = $state<api.Settings | null>(null);
  problem = $state<Problem | null>(null);
  /** Rises with each save that succeeded. */
  saves = $state(0);
  private queue: Promise<void> = Promise.resolve();

  async load(): Promise<void> {
    try {
      this.settings = await api.settings();
      this.problem = null;
    } catch (error) {
      this.problem = asProblem(error);
    }
  }

  /** Shows a change at once and saves it; when that fails, what is stored is shown again with the reason. */
  change(part: Partial<api.Settings>): Promise<void> {
    if (!this.settings) return Promise.resolve();
    this.settings = { ...this.settings, ...part };
    this.queue = this.queue.then(async () => {
      const wish = this.settings;
      if (!wish) return;
      try {
        const saved = await api.saveSettings($state.snapshot(wish));
        if (this.settings === wish) this.settings = saved;
        this.problem = null;
        this.saves += 1;
      } catch (error) {
        await this.load();
        this.problem = asProblem(error);
      }
    });
    return this.queue;
  }
}

export const preferences = new Preferences();
