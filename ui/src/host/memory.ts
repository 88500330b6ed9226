// A host that lives in this page: a little station with a true little state (a sale lowers what is here, a second scan
// is already used). For component tests and for work on screens in a browser; never part of the window's build.
import type { Events, Rpc } from "../generated/rpc";
import type { Code } from "../generated/Code";
import type { SaleView } from "../generated/SaleView";
import type { SoldPosition } from "../generated/SoldPosition";
import type { VerdictView } from "../generated/VerdictView";
import type { Host } from "./rpc";
import * as world from "./memory/world";

type Listener = (payload: never) => void;
type Table = { [K in keyof Rpc]: (request: Rpc[K][0]) => Rpc[K][1] };

/** Rejections are problems, as from the real host. */
const refuse = (code: Code, detail: string): never => {
  throw { code, title: detail, detail };
};

/** Folds as the station does for search: case and marks away. */
const folded = (text: string): string => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

export class Memory implements Host {
  readonly tickets: world.Ticket[];
  readonly quotas = world.quotas();
  settings = world.settings();
  status: Rpc["devices_status"][1];
  /** Newest first. */
  readonly recent: VerdictView[] = [];
  readonly sales: SaleView[] = [];
  /** Makes the next call of a command fail, for tests. */
  readonly failing = new Map<keyof Rpc, Code>();
  private readonly answered = new Map<string, SaleView>();
  private readonly listeners = new Map<string, Set<Listener>>();

  constructor(private readonly now: () => number = () => Date.now(), connected = false) {
    this.tickets = world.tickets(now());
    this.status = world.status(now(), connected);
  }

  async rpc<K extends keyof Rpc>(command: K, request: Rpc[K][0] | undefined): Promise<Rpc[K][1]> {
    await Promise.resolve();
    const code = this.failing.get(command);
    if (code) refuse(code, `${command} was told to fail`);
    return structuredClone(this.table[command](structuredClone(request) as Rpc[K][0]));
  }

  async listen<K extends keyof Events>(event: K, hear: (payload: Events[K]) => void): Promise<() => void> {
    const all = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, all.add(hear as Listener));
    return () => all.delete(hear as Listener);
  }

  emit<K extends keyof Events>(event: K, payload: Events[K]): void {
    for (const listener of this.listeners.get(event) ?? []) listener(payload as never);
  }

  private changed(...topics: Events["changed"]["topics"]): void {
    queueMicrotask(() => this.emit("changed", { topics }));
  }

  private readonly table: Table = {
    devices_status: () => this.status,
    devices_enrol: ({ token }) => {
      if (token !== "let-me-in") refuse("unauthenticated", "The token is unknown or was used before.");
      this.status = world.status(this.now(), true);
      this.changed("status", "door", "till");
      return this.status;
    },
    sync_now: () => this.status,
    checkin_door: () => ({ events: this.doorEvents(), recent: this.recent.slice(0, 50) }),
    checkin_scan: ({ code, list_id, direction }) => this.scan(code, list_id, direction),
    checkin_search: ({ text }) => this.search(text),
    till_view: () => ({ room: this.status.disk.room, doubt: this.status.standing.doubt, events: this.tillEvents(), sales: this.sales }),
    till_sell: (request) => this.sell(request),
    till_print: ({ order_id, what }) => {
      const sale = this.sales.find((one) => one.order_id === order_id) ?? refuse("not-found", "There is no such sale.");
      const { printer } = this.settings;
      const name = printer ?? `/home/till/Willcall/${sale.order_code}-${what}.pdf`;
      return { to: printer ? "printer" : "file", name };
    },
    settings_get: () => this.settings,
    settings_save: (settings) => {
      this.settings = settings;
      this.changed("settings");
      return settings;
    },
    camera_list: () => [{ index: 0, name: "USB camera" }],
    camera_start: () => null,
    camera_stop: () => null,
    printer_list: () => ["Foyer-Receipts", "Office"],
  };

  private startsAt(): number {
    return Math.ceil(this.now() / 3_600_000) * 3_600_000;
  }

  private doorEvents(): Rpc["checkin_door"][1]["events"] {
    const counted = (list_id: number): number[] => {
      const entries = this.recent.filter((one) => one.list_id === list_id && one.class !== "refused" && one.class !== "used");
      const out = entries.filter((one) => one.direction === "exit").length;
      return [entries.length - 2 * out, entries.length - out];
    };
    const [inside = 0, admitted = 0] = counted(world.MAIN_HALL);
    const [above = 0, admittedAbove = 0] = counted(world.BALCONY);
    const lists = [
      { list_id: world.MAIN_HALL, name: "Main hall", inside: 812 + inside, admitted: 836 + admitted, expected: 1200 },
      { list_id: world.BALCONY, name: "Balcony", inside: 94 + above, admitted: 97 + admittedAbove, expected: 160 },
    ];
    return [{ ...world.EVENT, starts_at: this.startsAt(), lists }];
  }

  private tillEvents(): Rpc["till_view"][1]["events"] {
    const products = world.PRODUCTS.map(({ item_id, name, category, price }) => {
      const quota = this.quotas.find((one) => one.items.includes(item_id));
      return { item_id, name, category, price, here: quota?.here ?? null, in_all: quota?.in_all ?? null };
    });
    return [{ ...world.EVENT, starts_at: this.startsAt(), products }];
  }

  private scan(code: string, list_id: number, direction: VerdictView["direction"]): VerdictView {
    const ticket = this.tickets.find((one) => one.code === code);
    const last = this.recent.find((one) => one.order_code === ticket?.order_code && one.class !== "refused" && one.class !== "used");
    const used = direction === "entry" && last?.direction === "entry" ? last : undefined;
    const product = world.PRODUCTS.find((one) => one.item_id === ticket?.item_id);
    const marks = ticket?.marks ?? [];
    const reason = !ticket ? "invalid" : (ticket.refused ?? (used ? "already_redeemed" : null));
    const verdict: VerdictView = {
      scan_id: crypto.randomUUID(),
      class: reason === "already_redeemed" ? "used" : reason ? "refused" : marks.length > 0 ? "look" : "admitted",
      reason,
      marks: reason ? [] : marks,
      direction,
      event_id: world.EVENT.event_id,
      list_id,
      product: product?.name ?? null,
      name: ticket?.name ?? null,
      order_code: ticket?.order_code ?? null,
      position_id: ticket ? crypto.randomUUID() : null,
      checkin_text: product?.text ?? "",
      first_use: used ? { at: used.at, gate: used.gate, direction: "entry" } : null,
      valid_from: ticket?.valid_from ?? null,
      valid_until: null,
      other_event: ticket?.event_id === world.OTHER_EVENT.event_id ? world.OTHER_EVENT.name : null,
      at: this.now(),
      gate: "Gate B",
      delivery: this.status.disk.room === "nothing" ? "not_recorded" : this.status.link.connected ? "sent" : "here",
      undone: false,
      data_age_s: this.status.data_age_s,
    };
    this.recent.unshift(verdict);
    if (!this.status.link.connected) this.status.waiting += 1;
    this.status.journal_length += 1;
    this.changed("door", "status");
    return verdict;
  }

  private search(text: string): Rpc["checkin_search"][1] {
    const words = folded(text).split(/\s+/u).filter(Boolean);
    if (folded(text).length < 2) return [];
    const fits = (ticket: world.Ticket): boolean => {
      const all = folded(`${ticket.name ?? ""} ${ticket.order_code}`);
      return words.every((word) => all.includes(word));
    };
    return this.tickets.filter(fits).map((ticket) => ({
      position_id: crypto.randomUUID(),
      order_code: ticket.order_code,
      name: ticket.name,
      product: world.PRODUCTS.find((one) => one.item_id === ticket.item_id)?.name ?? "",
      event_name: world.EVENT.name,
      inside: this.recent.some((one) => one.order_code === ticket.order_code && one.class === "admitted"),
      code: ticket.code,
    }));
  }

  private sell(request: Rpc["till_sell"][0]): SaleView {
    const before = this.answered.get(request.request_id);
    if (before) return before;
    if (this.status.standing.doubt !== null) refuse("in-doubt", "Nothing was sold: take no money.");
    if (this.status.disk.room !== "enough") refuse("disk-full", "Nothing was sold: take no money.");
    const positions = request.lines.flatMap((line): SoldPosition[] => {
      const product = world.PRODUCTS.find((one) => one.item_id === line.item_id) ?? refuse("not-found", "No such product.");
      const { item_id, name, price, tax_rate_bp, admission } = product;
      return Array.from({ length: line.quantity }, () => {
        const position_id = crypto.randomUUID();
        return { position_id, item_id, name, price, tax_rate_bp, code: admission ? world.codeOf(position_id) : null };
      });
    });
    const total = positions.reduce((sum, one) => sum + one.price.minor, 0);
    const given = request.tender.given_minor;
    if (given < total) refuse("underpaid", "The amount given is less than the total.");
    for (const { items, here } of this.quotas) {
      const wanted = positions.filter((one) => items.includes(one.item_id)).length;
      if (wanted > here) refuse("lease-spent", `Only ${here} are left here.`);
    }
    for (const quota of this.quotas) {
      const sold = positions.filter((one) => quota.items.includes(one.item_id)).length;
      quota.here -= sold;
      quota.in_all -= sold;
    }
    return this.keep(request, positions, total, given);
  }

  private keep(request: Rpc["till_sell"][0], positions: SoldPosition[], total: number, given: number): SaleView {
    const number = this.sales.length + 1;
    const order_code = `N${(number * 7919).toString(36).toUpperCase().padStart(4, "0")}`;
    const eur = (minor: number): SaleView["total"] => ({ minor, currency: "EUR" });
    const sale: SaleView = {
      order_id: crypto.randomUUID(),
      order_code,
      receipt_number: `12-1-${String(number).padStart(5, "0")}`,
      event_id: request.event_id,
      event_name: world.EVENT.name,
      positions,
      total: eur(total),
      given: eur(given),
      change: eur(given - total),
      at: this.now(),
      delivery: this.status.link.connected ? "sent" : "here",
    };
    for (const { code, item_id } of positions) {
      if (code) this.tickets.push({ code, order_code, item_id, name: null, event_id: world.EVENT.event_id });
    }
    this.sales.unshift(sale);
    this.answered.set(request.request_id, sale);
    if (!this.status.link.connected) this.status.waiting += 1;
    this.status.journal_length += 1;
    this.changed("till", "status", "door");
    return sale;
  }
}
