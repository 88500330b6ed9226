// Backups and what is done with them, on the screen. Owns the work that is under way and the word of what came of it;
// the copies themselves are the station's.
import type { CarriedView } from "../../generated/CarriedView";
import type { CopiesView } from "../../generated/CopiesView";
import type { Problem } from "../../generated/Problem";
import type { PutBackView } from "../../generated/PutBackView";
import type { StatusView } from "../../generated/StatusView";
import type { Step } from "../../generated/Step";
import type { WrittenView } from "../../generated/WrittenView";
import { hear } from "../../host/events";
import { asProblem } from "../../host/rpc";
import * as api from "./api";

/** Work for which the station ends and begins again. */
export type WorkKind = "restore" | "rebuild" | "wipe";

export class Copies {
  view = $state<CopiesView | null>(null);
  media = $state<string[]>([]);
  problem = $state<Problem | null>(null);
  /** What is under way beside everything else. */
  busy = $state<"backup" | "medium" | "key" | "carry" | null>(null);
  /** Why the second medium was not taken. */
  mediumProblem = $state<Problem | null>(null);
  keyChanged = $state(false);
  /** What was written to be carried, what was carried, and why not. */
  written = $state<WrittenView | null>(null);
  carried = $state<CarriedView | null>(null);
  carryProblem = $state<Problem | null>(null);
  /** Work that has the station to itself, and how far it is. */
  work = $state<{ kind: WorkKind; step: Step } | null>(null);
  /** What came of it, until it was read. */
  done = $state<{ kind: WorkKind; view: PutBackView } | null>(null);

  async load(): Promise<void> {
    if (this.work) return;
    await this.attempt(async () => {
      this.view = await api.copies();
      this.media = await api.media();
    });
  }

  backup(): Promise<void> {
    return this.alone("backup", async () => {
      this.view = await api.backup();
    });
  }

  changeKey(): Promise<void> {
    return this.alone("key", async () => {
      await api.changeKey();
      this.keyChanged = true;
    });
  }

  /** Uses this folder as second medium; an empty one is none from now on. */
  async useMedium(folder: string): Promise<void> {
    if (this.busy) return;
    this.busy = "medium";
    try {
      this.view = await api.change({ mirror: folder });
      this.mediumProblem = null;
    } catch (error) {
      this.mediumProblem = asProblem(error);
    } finally {
      this.busy = null;
    }
  }

  /** Writes what exists only here into a file of this folder. */
  write(folder: string): Promise<void> {
    return this.onFoot(async () => {
      this.written = await api.write(folder);
    });
  }

  /** Brings another station's file to the server. */
  carry(path: string): Promise<void> {
    return this.onFoot(async () => {
      this.carried = await api.carry(path);
    });
  }

  private async onFoot(act: () => Promise<void>): Promise<void> {
    if (this.busy) return;
    Object.assign(this, { busy: "carry", written: null, carried: null, carryProblem: null });
    try {
      await act();
    } catch (error) {
      this.carryProblem = asProblem(error);
    } finally {
      this.busy = null;
    }
  }

  restore(file: string): Promise<void> {
    return this.workOn("restore", async () => {
      this.done = { kind: "restore", view: await api.restore(file) };
    });
  }

  rebuild(): Promise<void> {
    return this.workOn("rebuild", async () => {
      this.done = { kind: "rebuild", view: await api.rebuild() };
    });
  }

  /** Deletes everything; `onwiped` takes the account of the station that belongs to nobody. */
  wipe(abandon: number | null, onwiped: (status: StatusView) => void): Promise<void> {
    return this.workOn("wipe", async () => {
      const status = await api.wipe(abandon);
      this.view = null;
      onwiped(status);
    });
  }

  private async alone(what: "backup" | "key", act: () => Promise<void>): Promise<void> {
    if (this.busy) return;
    this.busy = what;
    await this.attempt(act);
    this.busy = null;
  }

  private async workOn(kind: WorkKind, act: () => Promise<void>): Promise<void> {
    if (this.work) return;
    this.work = { kind, step: "ending" };
    const stop = hear("engine_step", (step) => {
      if (this.work) this.work.step = step;
    });
    await this.attempt(act);
    stop();
    this.work = null;
    const { problem } = this;
    if (kind !== "wipe" || problem) await this.load();
    // Reading anew succeeded; what went wrong before is still to be read.
    this.problem ??= problem;
  }

  private async attempt(act: () => Promise<void>): Promise<void> {
    try {
      await act();
      this.problem = null;
    } catch (error) {
      this.problem = asProblem(error);
    }
  }
}

export const copies = new Copies();
