// The door's state: what it shows, the verdict on the screen, and the order of scans. Owns when a verdict goes away by
// itself; decides nothing about admission, which is the station's.
import type { Direction } from "../../generated/Direction";
import type { DoorEvent } from "../../generated/DoorEvent";
import type { DoorView } from "../../generated/DoorView";
import type { ListView } from "../../generated/ListView";
import type { Problem } from "../../generated/Problem";
import type { VerdictView } from "../../generated/VerdictView";
import { asProblem } from "../../host/rpc";
import * as api from "./api";
import { CAMERA_REPEAT_MS, REPEAT_MS, Repeats } from "./repeat";

/** How long an admission stays that was recorded. Everything else stays until a person puts it away or scans the next. */
export const ADMITTED_MS = 2500;

/** What fills the screen. */
export type Shown = { kind: "verdict"; verdict: VerdictView; code: string } | { kind: "problem"; problem: Problem; code: string };

export class Door {
  view = $state<DoorView | null>(null);
  /** Why the view could not be read. */
  problem = $state<Problem | null>(null);
  shown = $state<Shown | null>(null);
  /** Why the last scan that was to be undone was not. */
  undoProblem = $state<Problem | null>(null);
  /** Scans asked and not answered. */
  waiting = $state(0);
  /** The list and direction in use; the choice is kept in the settings. */
  chosenList = $state<number | null>(null);
  direction = $state<Direction>("entry");

  private readonly repeats = new Repeats();
  private queue: Promise<void> = Promise.resolve();
  private clearing: ReturnType<typeof setTimeout> | undefined;
  private loading: Promise<void> | undefined;
  private stale = false;

  /** The list in use: the chosen one where it still is, else the first. */
  get list(): ListView | null {
    const lists = (this.view?.events ?? []).flatMap((event) => event.lists);
    return lists.find((list) => list.list_id === this.chosenList) ?? lists[0] ?? null;
  }

  get event(): DoorEvent | null {
    const { list } = this;
    return this.view?.events.find((event) => event.lists.some((one) => one.list_id === list?.list_id)) ?? null;
  }

  zoneOf(event_id: number): string {
    const named = this.view?.events.find((event) => event.event_id === event_id);
    return (named ?? this.event)?.zone ?? "UTC";
  }

  /** Reads anew; calls while one is under way are answered by one more. */
  load(): Promise<void> {
    this.stale = true;
    this.loading ??= this.reload().finally(() => (this.loading = undefined));
    return this.loading;
  }

  private async reload(): Promise<void> {
    while (this.stale) {
      this.stale = false;
      try {
        this.view = await api.door();
        this.problem = null;
      } catch (error) {
        this.problem = asProblem(error);
      }
    }
  }

  /** Puts one code to the station, after those before it. The same code within a short time is left out. */
  scan(code: string, at: number, from: "scanner" | "camera" = "scanner"): Promise<void> {
    if (!this.repeats.isNew(code, at, from === "camera" ? CAMERA_REPEAT_MS : REPEAT_MS)) return this.queue;
    return this.ask(code);
  }

  /** A ticket found by name and picked by a person: never taken for a repetition. */
  pick(code: string, at: number): Promise<void> {
    this.repeats.isNew(code, at);
    return this.ask(code);
  }

  private ask(code: string): Promise<void> {
    const list = this.list;
    if (!list) return this.queue;
    const { direction } = this;
    this.waiting += 1;
    this.queue = this.queue.then(async () => {
      try {
        this.show({ kind: "verdict", verdict: await api.scan(code, list.list_id, direction), code });
      } catch (error) {
        this.show({ kind: "problem", problem: asProblem(error), code });
      } finally {
        this.waiting -= 1;
      }
      void this.load();
    });
    return this.queue;
  }

  /** Makes a scan as if it never was; answers whether it is undone. */
  async undo(scan_id: string, reason: string): Promise<boolean> {
    try {
      this.view = await api.undo(scan_id, reason);
      this.undoProblem = null;
      return true;
    } catch (error) {
      this.undoProblem = asProblem(error);
      return false;
    }
  }

  private show(shown: Shown): void {
    clearTimeout(this.clearing);
    this.shown = shown;
    if (shown.kind === "verdict" && shown.verdict.class === "admitted" && shown.verdict.delivery !== "not_recorded") {
      this.clearing = setTimeout(() => {
        if (this.shown?.code === shown.code) this.shown = null;
      }, ADMITTED_MS);
    }
  }

  /** Puts the verdict away; its ticket counts again at once. */
  dismiss(): void {
    clearTimeout(this.clearing);
    if (this.shown) this.repeats.forget(this.shown.code);
    this.shown = null;
  }
}

export const door = new Door();
