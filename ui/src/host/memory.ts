// A host that lives in this page: a little station with a true little state (a sale lowers what is here, a second scan
// is already used). For component tests and for work on screens in a browser; never part of the window's build.
import type { TillProduct } from "../generated/TillProduct";
import type { Events, Rpc } from "../generated/rpc";
import type { Code } from "../generated/Code";
import type { ScanRequest } from "../generated/ScanRequest";
import type { SaleView } from "../generated/SaleView";
import type { SoldPosition } from "../generated/SoldPosition";
import type { VerdictView } from "../generated/VerdictView";
import type { Host } from "./rpc";
import { cases } from "./memory/cases";
import { changed, copies, withOneMore } from "./memory/copies";
import { arrivals, readiness } from "./memory/board";
import { leases, offer, rights } from "./memory/leases";
import { People } from "./memory/people";
import { decide } from "./memory/scan";
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
  cases: Rpc["sync_cases"][1] = { open: [], closed: [] };
  copies: Rpc["copies_view"][1];
  leases: Rpc["leases_view"][1];
  rights: Rpc["leases_rights"][1];
  controls: Rpc["camera_controls"][1] = [];
  offer: Rpc["leases_look"][1] = offer();
  /** Hand-over files that lie about. */
  files: string[] = ["/media/till/BACKUP/willcall-for-till-12-20261120T184000Z.units"];
  media: string[] = ["/media/till/BACKUP"];
  readonly people = new People();
  /** What the system's dialog answers. */
  chosen: string | null = null;
  /** Held back until told, for tests of what is under way. */
  hold: Promise<void> = Promise.resolve();
  /** Makes the next call of a command fail, for tests. */
  readonly failing = new Map<keyof Rpc, Code>();
  private readonly answered = new Map<string, SaleView>();
  private readonly listeners = new Map<string, Set<Listener>>();

  constructor(private readonly now: () => number = () => Date.now(), connected = false) {
    this.tickets = world.tickets(now());
    this.status = world.status(now(), connected);
    this.copies = copies(now());
    this.leases = leases(now());
    this.rights = rights(now());
  }

  /** Lets the station have something to look at. */
  withCases(): this {
    this.cases = cases(this.now());
    this.status.open_cases = this.cases.open.length;
    return this;
  }

  async rpc<K extends keyof Rpc>(command: K, request: Rpc[K][0] | undefined): Promise<Rpc[K][1]> {
    await (command.startsWith("copies_re") ? this.hold : Promise.resolve());
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

  /** Whether this till also sells for an event that takes place several times. */
  series = false;

  private readonly table: Table = {
    devices_status: () => this.status,
    devices_enrol: ({ token }) => {
      if (token !== "let-me-in") refuse("unauthenticated", "The token is unknown or was used before.");
      this.status = world.status(this.now(), true);
      this.changed("status", "door", "till");
      return this.status;
    },
    devices_change_key: () => this.status,
    sync_now: () => this.status,
    sync_cases: () => this.cases,
    sync_close_case: ({ case_id, resolution }) => this.closeCase(case_id, resolution),
    copies_view: () => this.copies,
    copies_media: () => this.media,
    copies_backup: () => (this.copies = withOneMore(this.copies, this.now())),
    copies_change: (form) => (this.copies = changed(this.copies, form)),
    copies_restore: ({ file }) => this.putBack(`The backup ${file} was put back.`),
    copies_rebuild: () => this.putBack("The database was made anew."),
    copies_wipe: ({ abandon }) => {
      if ((abandon ?? 0) !== this.status.waiting) refuse("conflict", `${this.status.waiting} facts exist only here. Nothing was deleted.`);
      this.status = { ...world.status(this.now(), false), enrolment: null, waiting: 0 };
      return this.status;
    },
    checkin_door: () => ({ events: this.doorEvents(), recent: this.recent.slice(0, 50) }),
    access_people: () => this.people.view(),
    access_sign_in: (request) => this.people.signIn(request),
    access_sign_out: () => this.people.signOut(),
    checkin_scan: ({ request, approval }) => this.people.approved(approval, () => this.scan(request)),
    checkin_exchange: ({ request, approval }) => this.people.approved(approval, () => this.exchange(request)),
    checkin_arrivals: ({ list_id }) => arrivals(list_id, this.recent, this.now()),
    checkin_refused: () =>
      this.recent
        .filter((one) => one.class === "refused" || one.class === "used")
        .map((verdict) => ({ verdict, code: verdict.position_id ? null : "A-CODE-OF-ANOTHER-HOUSE-7731" })),
    checkin_ready: () => readiness(this.status, this.settings),
    checkin_door_list: ({ file }) => ({ to: file ? "file" : "printer", name: file ?? this.settings.printer ?? "Office" }),
    checkin_badge: () => ({ to: this.settings.badge_printer ? "printer" : "file", name: this.settings.badge_printer ?? "/home/till/Willcall/badge-K7RQ2.pdf" }),
    checkin_turnstile: () => null,
    window_choose: () => this.chosen,
    checkin_search: ({ text }) => this.search(text),
    till_view: () => ({ room: this.status.disk.room, doubt: this.status.standing.doubt, events: this.tillEvents(), sales: this.sales }),
    till_sell: (request) => this.sell(request),
    till_print: ({ order_id, what }) => {
      const sale = this.sales.find((one) => one.order_id === order_id) ?? refuse("not-found", "There is no such sale.");
      const { printer } = this.settings;
      const name = printer ?? `/home/till/Willcall/${sale.order_code}-${what}.pdf`;
      return { to: printer ? "printer" : "file", name };
    },
    leases_view: () => this.leases,
    leases_files: () => this.files,
    leases_give: ({ quota_id, units, to, folder }) => this.give(quota_id, units, to, folder),
    leases_write_again: ({ hand_over_id, folder }) => ({
      file: `${folder}/again.units`,
      hand_overs: this.leases.hand_overs.filter((one) => one.hand_over_id === hand_over_id),
    }),
    leases_look: () => this.offer,
    leases_take: () => this.settle(true),
    leases_decline: () => this.settle(false),
    leases_return: ({ quota_id }) => {
      const quotas = this.leases.quotas.map((one) => (one.quota_id === quota_id ? { ...one, free: 0, can_give: 0 } : one));
      return (this.leases = { ...this.leases, quotas });
    },
    leases_rights: () => this.rights,
    leases_take_right: ({ code }) => {
      const found = rights(this.now()).rights.find((one) => one.code === code);
      if (!found) return refuse("not-found", `There is neither a voucher nor an order ${code}.`);
      this.rights = { rights: [found, ...this.rights.rights.filter((one) => one.code !== code)] };
      return found;
    },
    leases_release_right: ({ code }) => (this.rights = { rights: this.rights.rights.filter((one) => one.code !== code) }),
    till_pay_order: ({ code, given_minor }) => this.payOrder(code, given_minor),
    till_refund_order: ({ code }) => this.payOrder(code, 0),
    till_void: ({ order_id, positions }) => this.void(order_id, positions),
    checkin_undo: ({ request: { scan_id }, approval }) => this.people.approved(approval, () => {
      if (!this.people.may("undo")) refuse("forbidden", "This station may not undo scans.");
      const scan = this.recent.find((one) => one.scan_id === scan_id) ?? refuse("not-found", "There is no such scan.");
      Object.assign(scan, { undone: true, may_undo: false });
      this.changed("door");
      return this.table.checkin_door(null);
    }),
    sync_export: ({ path }) => ({ file: `${path}/journal-20261120T190000Z-carried.mirror`, entries: this.status.waiting }),
    sync_carry: () => ({ files: 1, journals: 1, unreadable: 0 }),
    settings_get: () => this.settings,
    settings_save: (settings) => {
      this.settings = settings;
      this.changed("settings");
      return settings;
    },
    camera_list: () => [{ index: 0, name: "USB camera" }],
    camera_start: () => null,
    camera_stop: () => null,
    camera_controls: () => this.controls,
    camera_set: ({ name, value }) => {
      this.controls = this.controls.map((one) => (one.name === name ? { ...one, value } : one));
      return this.controls;
    },
    scanner_ports: () => ["/dev/ttyACM0", "/dev/ttyUSB0"],
    scanner_start: () => null,
    scanner_stop: () => null,
    printer_list: () => ["Foyer-Receipts", "Office"],
  };

  private give(quota_id: number, units: number, to: number, folder: string): Rpc["leases_give"][1] {
    const quota = this.leases.quotas.find((one) => one.quota_id === quota_id) ?? refuse("not-found", "There is no such quota.");
    if (units > quota.can_give) refuse("lease-spent", `Only ${quota.can_give} can be handed over.`);
    const made = { ...this.leases.hand_overs[0], hand_over_id: crypto.randomUUID(), quota_id, name: quota.name, units, to };
    const one = { ...made, from: this.leases.station, at: this.now(), state: "in_flight", delivery: "here" } as (typeof this.leases.hand_overs)[0];
    const less = { ...quota, free: quota.free - units, can_give: quota.can_give - units, on_the_way: quota.on_the_way + units };
    const quotas = this.leases.quotas.map((each) => (each === quota ? less : each));
    this.leases = { ...this.leases, quotas, hand_overs: [one, ...this.leases.hand_overs] };
    return { file: `${folder}/willcall-for-till-${to}-20261120T190000Z.units`, hand_overs: [one] };
  }

  private settle(taken: boolean): Rpc["leases_take"][1] {
    const part = this.offer.parts[0];
    if (taken && part) {
      const quotas = this.leases.quotas.map((one) => (one.quota_id === part.quota_id ? { ...one, free: one.free + part.units } : one));
      this.leases = { ...this.leases, quotas };
    }
    this.offer = { ...this.offer, standing: taken ? "taken" : "declined" };
    this.files = [];
    return this.leases;
  }

  private payOrder(code: string, given_minor: number): SaleView {
    const right = this.rights.rights.find((one) => one.code === code);
    const order = right?.order ?? refuse("needs-link", `${code} is not this till's to use now.`);
    if (given_minor > 0 && given_minor < order.owed.minor) refuse("underpaid", "The amount given is less than the total.");
    const eur = (minor: number): SaleView["total"] => ({ minor, currency: "EUR" });
    const change = given_minor > 0 ? given_minor - order.owed.minor : 0;
    Object.assign(order, { status: given_minor > 0 ? "paid" : "canceled", paid: given_minor > 0 ? order.total : eur(0), owed: eur(0) });
    const { order_id, total } = order;
    return {
      order_id,
      order_code: code,
      receipt_number: "12-1-00099",
      event_id: world.EVENT.event_id,
      event_name: world.EVENT.name,
      positions: [],
      total: given_minor > 0 ? total : eur(-total.minor),
      given: eur(given_minor),
      change: eur(change),
      at: this.now(),
      delivery: "here",
      printed: 0,
      voids: [],
    };
  }

  private void(order_id: string, wanted: string[]): SaleView {
    const sale = this.sales.find((one) => one.order_id === order_id) ?? refuse("not-found", "There is no such sale.");
    const going = sale.positions.filter((one) => !one.voided && (wanted.length === 0 || wanted.includes(one.position_id)));
    for (const position of going) position.voided = true;
    const total = { ...sale.total, minor: -going.reduce((sum, one) => sum + one.price.minor, 0) };
    const positions = going.map((one) => one.position_id);
    sale.voids.push({ positions, total, receipt_number: "12-1-00100", receipt: 100, paper: "taken_back", at: this.now(), delivery: "here" });
    this.changed("till");
    return sale;
  }

  private closeCase(case_id: string, resolution: string): Rpc["sync_cases"][1] {
    const found = this.cases.open.find((one) => one.case_id === case_id) ?? refuse("not-found", "There is no such case.");
    const closed = { ...found, closed_at: this.now(), resolution, choices: [], in_the_office: [] };
    this.cases = { open: this.cases.open.filter((one) => one !== found), closed: [closed, ...this.cases.closed] };
    this.status.open_cases = this.cases.open.length;
    this.changed("status");
    return this.cases;
  }

  private putBack(report: string): Rpc["copies_restore"][1] {
    const { waiting, journal_length: entries, standing, link } = this.status;
    this.changed("status", "door", "till");
    return { report, entries, waiting, missing: standing.missing, doubts: standing.doubt !== null, synced: link.connected };
  }

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
    const untimed = { shown_from: null, shown_until: null, on_now: null };
    const lists = [
      { ...untimed, list_id: world.MAIN_HALL, name: "Main hall", inside: 812 + inside, admitted: 836 + admitted, expected: 1200 },
      { ...untimed, list_id: world.BALCONY, name: "Balcony", inside: 94 + above, admitted: 97 + admittedAbove, expected: 160 },
    ];
    return [{ ...world.EVENT, starts_at: this.startsAt(), lists }];
  }

  private tillEvents(): Rpc["till_view"][1]["events"] {
    const shown = ({ item_id, name, category, price, variations = [], addon_to = [] }: (typeof world.PRODUCTS)[number]): TillProduct => {
      const quota = this.quotas.find((one) => one.items.includes(item_id));
      return { item_id, name, category, price, variations, addon_to, here: quota?.here ?? null, in_all: quota?.in_all ?? null };
    };
    const once = { ...world.EVENT, starts_at: this.startsAt(), till_sales: true, products: world.PRODUCTS.map(shown), dates: [] };
    if (!this.series) return [once];
    const series = { ...world.SERIES, starts_at: this.startsAt(), till_sales: true, products: world.SERIES_PRODUCTS.map(shown) };
    return [once, { ...series, dates: world.dates(this.now()) }];
  }

  private scan(request: ScanRequest): VerdictView {
    if (this.people.view().locked) refuse("locked", "Somebody must sign in before anything is done here.");
    if (request.admit_unpaid && !this.people.may("admit_unpaid")) refuse("forbidden", "This station may not let in unpaid.");
    const ticket = this.tickets.find((one) => one.code === request.code);
    const verdict = decide(ticket, request, {
      at: this.now(),
      data_age_s: this.status.data_age_s,
      recent: this.recent,
      delivery: this.status.disk.room === "nothing" ? "not_recorded" : this.status.link.connected ? "sent" : "here",
      may_undo: this.people.may("undo"),
      may_admit_unpaid: this.people.may("admit_unpaid"),
    });
    if (verdict.delivery === "asked") return verdict;
    this.recent.unshift(verdict);
    if (!this.status.link.connected) this.status.waiting += 1;
    this.status.journal_length += 1;
    this.changed("door", "status");
    return verdict;
  }

  private exchange({ code, identifier }: Rpc["checkin_exchange"][0]["request"]): Rpc["checkin_exchange"][1] {
    if (!this.people.may("exchange")) refuse("forbidden", "This station may not exchange tickets.");
    const ticket = this.tickets.find((one) => one.code === code) ?? refuse("not-found", "There is no such ticket.");
    if (identifier === "TAKEN") refuse("conflict", "This wristband is given out already.");
    ticket.exchange = "done";
    return {
      medium_id: crypto.randomUUID(),
      position_id: crypto.randomUUID(),
      order_code: ticket.order_code,
      product: null,
      name: ticket.name,
      replaced: [],
      delivery: "here",
    };
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
    const of: SoldPosition[][] = [];
    for (const line of request.lines) {
      const all = [...world.PRODUCTS, ...world.SERIES_PRODUCTS];
      const product = all.find((one) => one.item_id === line.item_id) ?? refuse("not-found", "No such product.");
      const variation = product.variations?.find((one) => one.variation_id === line.variation_id);
      if (product.variations && !variation) refuse("invalid", "Choose a variation.");
      const parents = line.addon_to === undefined ? [] : (of[line.addon_to] ?? []);
      if (product.addon_to && parents.length === 0) refuse("invalid", "It is sold only together with another product.");
      of.push(
        Array.from({ length: line.quantity }, (_, nth): SoldPosition => {
          const position_id = crypto.randomUUID();
          const addon_to = parents[nth % parents.length]?.position_id ?? null;
          return {
            position_id,
            item_id: product.item_id,
            variation_id: line.variation_id ?? null,
            date_id: line.date_id ?? null,
            addon_to,
            name: variation ? `${product.name}, ${variation.name}` : product.name,
            price: variation?.price ?? product.price,
            tax_rate_bp: product.tax_rate_bp,
            code: product.admission ? world.codeOf(position_id) : null,
            voided: false,
          };
        }),
      );
    }
    const positions = of.flat();
    this.spend(request.vouchers ?? [], positions);
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

  /** A quarter off the dearest, as the one voucher of this host says. */
  private spend(codes: string[], positions: SoldPosition[]): void {
    for (const code of codes) {
      const right = this.rights.rights.find((one) => one.code === code) ?? refuse("needs-link", `${code} is not this till's to use now.`);
      const dearest = positions.filter((one) => one.item_id === right.voucher?.item_id).sort((a, b) => b.price.minor - a.price.minor)[0];
      if (!dearest) return refuse("invalid", `${code} fits nothing in the cart.`);
      dearest.price = { ...dearest.price, minor: Math.round(dearest.price.minor * 0.75) };
      this.rights = { rights: this.rights.rights.filter((one) => one !== right) };
    }
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
      event_name: request.event_id === world.SERIES.event_id ? world.SERIES.name : world.EVENT.name,
      positions,
      total: eur(total),
      given: eur(given),
      change: eur(given - total),
      at: this.now(),
      delivery: this.status.link.connected ? "sent" : "here",
      printed: 0,
      voids: [],
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
