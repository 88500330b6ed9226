// The till's state: event, cart, cash given, the last sale and its paper. Owns the identity of a sale being asked, so
// that a lost answer cannot sell twice; prices, stock and receipts are the station's.
import type { Money } from "../../generated/Money";
import type { Problem } from "../../generated/Problem";
import type { RightView } from "../../generated/RightView";
import type { SaleView } from "../../generated/SaleView";
import type { SellLine } from "../../generated/SellLine";
import type { TillDate } from "../../generated/TillDate";
import type { TillEvent } from "../../generated/TillEvent";
import type { TillProduct } from "../../generated/TillProduct";
import type { TillView } from "../../generated/TillView";
import type { VoidPaper } from "../../generated/VoidPaper";
import { asProblem } from "../../host/rpc";
import { parseAmount } from "../../shared/money";
import * as api from "./api";
import * as cart from "./cart";
import { fit } from "./vouchers";

export type Paper = "tickets" | "receipt";

/** What became of a wish for paper. */
export type PaperNote =
  | { order_id: string; what: Paper; kind: "printing" }
  | { order_id: string; what: Paper; kind: "done"; printed: api.Printed }
  | { order_id: string; what: Paper; kind: "problem"; problem: Problem };

/** Until so long after its start a date is the one that is sold at first: guests come late. */
const LATE_MS = 3 * 3_600_000;

/** A line of the cart as it is shown. */
export interface CartRow {
  line: SellLine;
  /** Its place in the cart. */
  index: number;
  product: TillProduct;
  date: TillDate | null;
  /** How many of it may stand there. */
  room: number;
}

export class Till {
  view = $state<TillView | null>(null);
  problem = $state<Problem | null>(null);
  chosenEvent = $state<number | null>(null);
  chosenDate = $state<number | null>(null);
  lines = $state<SellLine[]>([]);
  /** Vouchers of the cart; this till holds their rights. */
  vouchers = $state<RightView[]>([]);
  asking = $state(false);
  voucherProblem = $state<Problem | null>(null);
  /** As typed. */
  given = $state("");
  selling = $state(false);
  /** The sale just made, until the next cart begins. */
  sale = $state<SaleView | null>(null);
  /** Why the last attempt did not sell; the cart stays. */
  refusal = $state<Problem | null>(null);
  /** The cart that was cleared last, to be taken back. */
  cleared = $state<SellLine[] | null>(null);
  papers = $state<PaperNote[]>([]);
  /** A sale is being undone; and why the last one was not. */
  voiding = $state(false);
  voidProblem = $state<Problem | null>(null);

  private attempt: { of: string; request_id: string } | undefined;
  private loading: Promise<void> | undefined;
  private stale = false;

  get event(): TillEvent | null {
    const events = this.view?.events ?? [];
    return events.find((event) => event.event_id === this.chosenEvent) ?? events[0] ?? null;
  }

  /** Nothing can be recorded just now, so no money may be taken. */
  get closed(): boolean {
    return this.view !== null && (this.view.room !== "enough" || this.inDoubt || this.switchedOff);
  }

  /** The organizer has switched sales at tills off for this event. */
  get switchedOff(): boolean {
    return this.event !== null && !this.event.till_sales;
  }

  /** The station doubts that its data is the newest: it sells nothing until it has met the server. */
  get inDoubt(): boolean {
    return this.view !== null && this.view.doubt !== null;
  }

  /** The date that is sold, of an event that takes place several times: the chosen one, else the next. */
  get date(): TillDate | null {
    const dates = this.event?.dates ?? [];
    const begun = Date.now() - LATE_MS;
    return dates.find((date) => date.date_id === this.chosenDate) ?? dates.find((date) => date.starts_at > begun) ?? dates.at(-1) ?? null;
  }

  /** What is sold for that date. */
  get products(): TillProduct[] {
    return cart.productsOn(this.event, this.date?.date_id);
  }

  /** The lines of the cart, each with its product as it is left for its date. */
  get rows(): CartRow[] {
    return this.lines.flatMap((line, index) => {
      const product = cart.productsOn(this.event, line.date_id).find((one) => one.item_id === line.item_id);
      const date = this.event?.dates.find((one) => one.date_id === line.date_id) ?? null;
      return product ? [{ line, index, product, date, room: cart.room(this.lines, product, line) }] : [];
    });
  }

  /** The lines a product can be sold together with, where it is not sold by itself. */
  parentsFor(product: TillProduct): CartRow[] {
    const places = cart.parentsFor(this.lines, product, this.date?.date_id);
    return this.rows.filter((row) => places.includes(row.index));
  }

  /** How a product is picked now: for the date that is sold. */
  pick(rest: cart.Pick = {}): cart.Pick {
    return this.date ? { ...rest, date_id: this.date.date_id } : rest;
  }

  /** What each voucher takes off the cart; `null` for one that fits nothing in it. */
  get offs(): (number | null)[] {
    const terms = this.vouchers.flatMap(({ voucher }) => (voucher ? [voucher] : []));
    return fit(terms, this.lines, this.event?.products ?? []);
  }

  /** What the cart costs, less its vouchers; `null` when it is empty. */
  get due(): Money | null {
    const total = cart.total(this.lines, this.event?.products ?? []);
    return total && { ...total, minor: this.offs.reduce<number>((sum, off) => sum - (off ?? 0), total.minor) };
  }

  /** Puts a voucher to the cart; answers whether it is this till's to spend. */
  async addVoucher(code: string): Promise<boolean> {
    if (this.asking || this.selling) return false;
    this.asking = true;
    this.voucherProblem = null;
    try {
      const right = await api.voucher(code);
      this.vouchers = [...this.vouchers.filter((one) => one.right_id !== right.right_id), right];
      return true;
    } catch (error) {
      this.voucherProblem = asProblem(error);
      return false;
    } finally {
      this.asking = false;
    }
  }

  removeVoucher(right_id: string): void {
    this.vouchers = this.vouchers.filter((one) => one.right_id !== right_id);
  }

  /** The cash typed, in minor units; `null` for nothing or no amount. */
  get givenMinor(): number | null {
    const { due } = this;
    return due && this.given !== "" ? parseAmount(this.given, due.currency) : null;
  }

  /** How many of a product stand in the cart for the date that is sold. */
  quantityOf(item_id: number): number {
    const those = this.lines.filter((line) => line.item_id === item_id && line.date_id === this.date?.date_id);
    return those.reduce((sum, line) => sum + line.quantity, 0);
  }

  load(): Promise<void> {
    this.stale = true;
    this.loading ??= this.reload().finally(() => (this.loading = undefined));
    return this.loading;
  }

  private async reload(): Promise<void> {
    while (this.stale) {
      this.stale = false;
      try {
        this.view = await api.view();
        this.problem = null;
      } catch (error) {
        this.problem = asProblem(error);
      }
    }
  }

  chooseEvent(event_id: number): void {
    if (event_id === this.event?.event_id) return;
    this.chosenEvent = event_id;
    this.chosenDate = null;
    this.clear();
    this.cleared = null;
  }

  chooseDate(date_id: number): void {
    this.chosenDate = date_id;
  }

  add(product: TillProduct, by = 1, pick: cart.Pick = this.pick()): void {
    this.change(cart.add(this.lines, product, by, pick));
  }

  put(product: TillProduct, quantity: number, pick: cart.Pick = this.pick()): void {
    this.change(cart.put(this.lines, product, quantity, pick));
  }

  private change(lines: SellLine[]): void {
    if (this.selling) return;
    this.lines = lines;
    this.sale = null;
    this.refusal = null;
    this.cleared = null;
  }

  clear(): void {
    if (this.selling) return;
    const lines = this.lines;
    this.change([]);
    this.vouchers = [];
    this.given = "";
    this.cleared = lines.length > 0 ? lines : null;
  }

  takeBack(): void {
    if (this.cleared) this.change(this.cleared);
  }

  /** Sells the cart for the cash typed, or exactly when none was. Answers whether it was sold. */
  async pay(): Promise<boolean> {
    const { due, event } = this;
    if (!due || !event || this.selling || this.closed) return false;
    if (this.given !== "" && this.givenMinor === null) return false;
    return this.sell(event.event_id, this.givenMinor ?? due.minor);
  }

  async payExactly(): Promise<boolean> {
    const { due, event } = this;
    if (!due || !event || this.selling || this.closed) return false;
    this.given = "";
    return this.sell(event.event_id, due.minor);
  }

  private async sell(event_id: number, given_minor: number): Promise<boolean> {
    const lines = $state.snapshot(this.lines);
    // The same cart and cash asked again is the same sale, should the first answer have been lost.
    const vouchers = this.vouchers.map((one) => one.code);
    const of = JSON.stringify([event_id, lines, given_minor, vouchers]);
    if (this.attempt?.of !== of) this.attempt = { of, request_id: crypto.randomUUID() };
    this.selling = true;
    this.refusal = null;
    try {
      const { request_id } = this.attempt;
      const sale = await api.sell({ request_id, event_id, lines, tender: { kind: "cash", given_minor }, vouchers });
      this.attempt = undefined;
      this.lines = [];
      this.vouchers = [];
      this.given = "";
      this.sale = sale;
      this.papers = [];
      return true;
    } catch (error) {
      this.refusal = asProblem(error);
      return false;
    } finally {
      this.selling = false;
      void this.load();
    }
  }

  /** Undoes positions of a sale; with none named, all that are left. */
  async undo(order_id: string, positions: string[], reason: string, paper: VoidPaper): Promise<boolean> {
    if (this.voiding) return false;
    const of = JSON.stringify(["void", order_id, positions, reason, paper]);
    if (this.attempt?.of !== of) this.attempt = { of, request_id: crypto.randomUUID() };
    this.voiding = true;
    try {
      await api.undo({ request_id: this.attempt.request_id, order_id, positions, reason, paper });
      this.attempt = undefined;
      this.voidProblem = null;
      return true;
    } catch (error) {
      this.voidProblem = asProblem(error);
      return false;
    } finally {
      this.voiding = false;
      void this.load();
    }
  }

  /** Puts the last sale away, for the next guest. */
  next(): void {
    this.sale = null;
    this.papers = [];
  }

  async print(order_id: string, what: Paper, receipt: number | null = null): Promise<void> {
    this.note({ order_id, what, kind: "printing" });
    try {
      this.note({ order_id, what, kind: "done", printed: await api.print(order_id, what, receipt) });
    } catch (error) {
      this.note({ order_id, what, kind: "problem", problem: asProblem(error) });
    }
  }

  /** Prints what a sale comes with: tickets where it has any, and the receipt. */
  async printAll(sale: SaleView): Promise<void> {
    if (sale.positions.some((position) => position.code !== null)) await this.print(sale.order_id, "tickets");
    await this.print(sale.order_id, "receipt");
  }

  private note(note: PaperNote): void {
    const others = this.papers.filter((old) => old.order_id !== note.order_id || old.what !== note.what);
    this.papers = [...others, note];
  }
}

export const till = new Till();
