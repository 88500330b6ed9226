// What stands beside the door's screen: its numbers, who was turned away, whether all is ready. Each is read when looked at
// and again when the door has changed, not more often than is good for whoever scans.
import { untrack } from "svelte";
import type { ArrivalsView } from "../../generated/ArrivalsView";
import type { Printed } from "../../generated/Printed";
import type { Problem } from "../../generated/Problem";
import type { ReadinessView } from "../../generated/ReadinessView";
import type { RefusedScan } from "../../generated/RefusedScan";
import { asProblem } from "../../host/rpc";
import * as api from "./api";

/** Between two readings, in milliseconds. */
export const EVERY_MS = 2000;

/** One thing that is read from the station and shown. */
export class Reading<T> {
  value = $state.raw<T | null>(null);
  problem = $state<Problem | null>(null);
  busy = $state(false);
  /** Not a state: whoever asks for a reading does not ask for the next one. */
  private reading = false;
  private again = false;

  constructor(private readonly ask: () => Promise<T>) {}

  /** Reads; calls while one is under way are answered by one more, after a while. */
  async load(): Promise<void> {
    if (this.reading) {
      this.again = true;
      return;
    }
    this.reading = true;
    this.busy = true;
    try {
      this.value = await this.ask();
      this.problem = null;
    } catch (error) {
      this.problem = asProblem(error);
    } finally {
      this.reading = false;
      this.busy = false;
    }
    if (this.again) {
      this.again = false;
      setTimeout(() => void this.load(), EVERY_MS);
    }
  }
}

export class Board {
  /** The list that is looked at. */
  list_id = $state<number | null>(null);
  readonly arrivals = new Reading<ArrivalsView | null>(async () => {
    const list_id = untrack(() => this.list_id);
    return list_id === null ? null : api.arrivals(list_id);
  });
  readonly refused = new Reading<RefusedScan[]>(api.refused);
  readonly ready = new Reading<ReadinessView>(() => api.ready(untrack(() => this.list_id)));
  doorList = $state<Printed | null>(null);
  doorListProblem = $state<Problem | null>(null);
  making = $state(false);

  /** The door has changed: what is looked at is read anew. */
  async changed(): Promise<void> {
    await Promise.all([this.arrivals.value ? this.arrivals.load() : undefined, this.refused.value ? this.refused.load() : undefined]);
  }

  async print(list_id: number): Promise<void> {
    await this.make(() => api.printDoorList(list_id));
  }

  /** Asks where to; nothing chosen makes nothing. */
  async save(list_id: number, title: string, near: string): Promise<void> {
    await this.make(async () => {
      const file = await api.chooseFile(title, near);
      return file === null ? null : api.saveDoorList(list_id, /\.(csv|pdf)$/iu.test(file) ? file : `${file}.csv`);
    });
  }

  private async make(work: () => Promise<Printed | null>): Promise<void> {
    this.making = true;
    this.doorListProblem = null;
    try {
      this.doorList = await work();
    } catch (error) {
      this.doorListProblem = asProblem(error);
    } finally {
      this.making = false;
    }
  }
}

export const board = new Board();
