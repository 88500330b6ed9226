// The door's state: what it shows, the verdict on the screen, what is asked before one, and the order of scans. Owns when a
// verdict goes away by itself; decides nothing about admission, which is the station's.
import type { AnswerGiven } from "../../generated/AnswerGiven";
import type { Direction } from "../../generated/Direction";
import type { DoorEvent } from "../../generated/DoorEvent";
import type { DoorView } from "../../generated/DoorView";
import type { ExchangeView } from "../../generated/ExchangeView";
import type { ListView } from "../../generated/ListView";
import type { MediumKind } from "../../generated/MediumKind";
import type { Printed } from "../../generated/Printed";
import type { Problem } from "../../generated/Problem";
import type { Right } from "../../generated/Right";
import type { ScanRequest } from "../../generated/ScanRequest";
import type { SignInRequest } from "../../generated/SignInRequest";
import type { Trouble } from "../../generated/Trouble";
import type { VerdictView } from "../../generated/VerdictView";
import { hear } from "../../host/events";
import { asProblem } from "../../host/rpc";
import * as api from "./api";
import { CAMERA_REPEAT_MS, REPEAT_MS, Repeats } from "./repeat";

/** How long an admission stays that was recorded. Everything else stays until a person puts it away or scans the next. */
export const ADMITTED_MS = 2500;

/** What fills the screen. */
export type Shown =
  | { kind: "verdict"; verdict: VerdictView; code: string; request: ScanRequest }
  | { kind: "problem"; problem: Problem; code: string };

/** What somebody who may must say so for. */
export interface Approving {
  right: Right;
  /** Answers whether it was done. */
  act: (approval: SignInRequest) => Promise<boolean>;
}

type Verdicted = Extract<Shown, { kind: "verdict" }>;

export class Door {
  view = $state<DoorView | null>(null);
  /** Why the view could not be read. */
  problem = $state<Problem | null>(null);
  shown = $state<Shown | null>(null);
  /** A scan that waits for answers; nothing of it is recorded. */
  asking = $state<Verdicted | null>(null);
  /** A ticket that is to be exchanged. */
  exchanging = $state<Verdicted | null>(null);
  exchangeProblem = $state<Problem | null>(null);
  /** What was exchanged last. */
  exchanged = $state<ExchangeView | null>(null);
  approving = $state<Approving | null>(null);
  /** Why what was approved was not done, or the approval not taken. */
  approvalProblem = $state<Problem | null>(null);
  /** Why the last scan that was to be undone was not. */
  undoProblem = $state<Problem | null>(null);
  /** What beside the last verdict went wrong. */
  trouble = $state<Trouble | null>(null);
  badge = $state<Printed | null>(null);
  badgeProblem = $state<Problem | null>(null);
  /** Scans asked and not answered. */
  waiting = $state(0);
  /** The list and direction in use; the choice is kept in the settings. */
  chosenList = $state<number | null>(null);
  bySchedule = $state(true);
  /** Lists of other events scanned at the same time. */
  moreLists = $state<number[]>([]);
  direction = $state<Direction>("entry");
  /** Nobody stands by to ask a guest. */
  kiosk = $state(false);

  private readonly repeats = new Repeats();
  private queue: Promise<void> = Promise.resolve();
  private clearing: ReturnType<typeof setTimeout> | undefined;
  private loading: Promise<void> | undefined;
  private stale = false;

  get lists(): ListView[] {
    return (this.view?.events ?? []).flatMap((event) => event.lists);
  }

  /** Whether the list follows the times that lists have. */
  get scheduled(): boolean {
    return this.bySchedule && this.lists.some((list) => list.on_now !== null);
  }

  /** The list in use: the one that is on where it goes by time, else the chosen one where it still is, else the first. */
  get list(): ListView | null {
    const { lists } = this;
    const chosen = lists.find((list) => list.list_id === this.chosenList);
    if (this.scheduled) {
      const on = lists.filter((list) => list.on_now === true);
      const now = chosen && on.includes(chosen) ? chosen : on[0];
      if (now) return now;
    }
    return chosen ?? lists.find((list) => list.on_now !== false) ?? lists[0] ?? null;
  }

  get event(): DoorEvent | null {
    return this.eventOf(this.list?.list_id);
  }

  /** Lists of other events that are scanned too: one of each. */
  get others(): ListView[] {
    const here = this.event;
    const events = (this.view?.events ?? []).filter((event) => event !== here);
    return events.flatMap((event) => event.lists.find((list) => this.moreLists.includes(list.list_id)) ?? []);
  }

  /** Whether something over the screen wants the keyboard for itself. */
  get busyWithDialog(): boolean {
    return this.asking !== null || this.exchanging !== null || this.approving !== null;
  }

  private eventOf(list_id: number | undefined): DoorEvent | null {
    return this.view?.events.find((event) => event.lists.some((one) => one.list_id === list_id)) ?? null;
  }

  zoneOf(event_id: number): string {
    const named = this.view?.events.find((event) => event.event_id === event_id);
    return (named ?? this.event)?.zone ?? "UTC";
  }

  /** Hears what goes wrong beside verdicts; the answered function stops it. */
  listen(): () => void {
    const stops = [
      hear("door_trouble", (trouble) => (this.trouble = trouble)),
      hear("badge_printed", (printed) => (this.badge = printed)),
    ];
    return () => stops.forEach((stop) => stop());
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
    return this.askFor(code);
  }

  /** A ticket found by name and picked by a person: never taken for a repetition. */
  pick(code: string, at: number): Promise<void> {
    this.repeats.isNew(code, at);
    return this.askFor(code);
  }

  private askFor(code: string): Promise<void> {
    const { list, direction, others } = this;
    if (!list) return this.queue;
    const more_lists = others.map(({ list_id }) => list_id);
    return this.put({ code, list_id: list.list_id, direction, at: null, more_lists, answers: [], admit_unpaid: false, ask: !this.kiosk }, null);
  }

  private put(asked: ScanRequest, approval: SignInRequest | null): Promise<void> {
    const request = $state.snapshot(asked);
    const { code } = request;
    this.waiting += 1;
    this.queue = this.queue.then(async () => {
      try {
        this.show({ kind: "verdict", verdict: await api.scan(request, approval), code, request });
        this.approvalProblem = null;
      } catch (error) {
        // Whoever types a PIN is told there; the verdict before stays.
        if (approval) this.approvalProblem = asProblem(error);
        else this.show({ kind: "problem", problem: asProblem(error), code });
      } finally {
        this.waiting -= 1;
      }
      void this.load();
    });
    return this.queue;
  }

  /** Answers what was asked; the scan is put once more with the answers. */
  async answer(answers: AnswerGiven[]): Promise<void> {
    const { asking } = this;
    if (!asking) return;
    const earlier = asking.request.answers.filter((one) => !answers.some((now) => now.question_id === one.question_id));
    await this.put({ ...asking.request, answers: [...earlier, ...answers] }, null);
  }

  /** Lets in although the order is not paid; answers whether it was done. */
  async admitUnpaid(approval: SignInRequest | null): Promise<boolean> {
    const { shown } = this;
    if (shown?.kind !== "verdict") return false;
    await this.put({ ...shown.request, admit_unpaid: true }, approval);
    return this.approvalProblem === null;
  }

  /** Gives a wristband or the like for the ticket; answers whether it was done. */
  async exchange(identifier: string, kind: MediumKind, replace: boolean, approval: SignInRequest | null): Promise<boolean> {
    const { exchanging } = this;
    if (!exchanging) return false;
    const { code, list_id } = exchanging.request;
    try {
      this.exchanged = await api.exchange({ code, identifier, kind, list_id, replace }, approval);
      this.exchangeProblem = null;
      this.exchanging = null;
      this.dismiss();
      return true;
    } catch (error) {
      if (approval) this.approvalProblem = asProblem(error);
      else this.exchangeProblem = asProblem(error);
      return false;
    } finally {
      void this.load();
    }
  }

  /** Makes a scan as if it never was; answers whether it is undone. */
  async undo(scan_id: string, reason: string, approval: SignInRequest | null): Promise<boolean> {
    try {
      this.view = await api.undo(scan_id, reason, approval);
      this.undoProblem = null;
      return true;
    } catch (error) {
      if (approval) this.approvalProblem = asProblem(error);
      else this.undoProblem = asProblem(error);
      return false;
    }
  }

  /** Does it when somebody who may says so; at once where no PIN is needed. */
  withApproval(right: Right, needed: boolean, act: (approval: SignInRequest | null) => Promise<boolean>): void {
    this.approvalProblem = null;
    if (needed) this.approving = { right, act };
    else void act(null);
  }

  async approve(approval: SignInRequest): Promise<void> {
    const { approving } = this;
    if (approving && (await approving.act(approval)) && this.approving === approving) this.approving = null;
  }

  async printBadge(position_id: string): Promise<void> {
    this.badge = null;
    this.badgeProblem = null;
    try {
      this.badge = await api.printBadge(position_id);
    } catch (error) {
      this.badgeProblem = asProblem(error);
    }
  }

  private show(shown: Shown): void {
    clearTimeout(this.clearing);
    this.trouble = null;
    this.badge = null;
    this.badgeProblem = null;
    this.exchanged = null;
    if (shown.kind === "verdict" && shown.verdict.reason === "answers_required" && shown.verdict.questions.length > 0 && shown.request.ask) {
      this.asking = shown;
      this.shown = null;
      return;
    }
    this.asking = null;
    this.exchanging = null;
    this.shown = shown;
    if (shown.kind === "verdict" && shown.verdict.class === "admitted" && shown.verdict.delivery !== "not_recorded") {
      this.clearing = setTimeout(() => {
        if (this.shown?.code === shown.code) this.shown = null;
      }, ADMITTED_MS);
    } else if (this.kiosk) {
      // Nobody is there to put it away.
      this.clearing = setTimeout(() => this.dismiss(), KIOSK_MS);
    }
  }

  /** Puts the verdict away; its ticket counts again at once. */
  dismiss(): void {
    clearTimeout(this.clearing);
    if (this.shown) this.repeats.forget(this.shown.code);
    this.shown = null;
  }

  /** Leaves the questions open; nothing was recorded, and the ticket counts again at once. */
  leaveOpen(): void {
    if (this.asking) this.repeats.forget(this.asking.code);
    this.asking = null;
  }
}

/** How long anything stays at a kiosk. */
const KIOSK_MS = 6000;

export const door = new Door();
