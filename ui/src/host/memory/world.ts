// What the memory host starts with: one organizer's evening, as a station might hold it. Used for component tests and
// while working on screens; never in the window.
import type { StatusView } from "../../generated/StatusView";
import type { TillDate } from "../../generated/TillDate";
import type { TillProduct } from "../../generated/TillProduct";
import type { Reason } from "../../generated/Reason";
import type { Mark } from "../../generated/Mark";
import type { AddonView } from "../../generated/AddonView";
import type { Exchange } from "../../generated/Exchange";
import type { QuestionRow } from "../../generated/QuestionRow";
import type { Term } from "../../generated/Term";
import type { Rpc } from "../../generated/rpc";

type Settings = Rpc["settings_get"][1];

export const EVENT = { event_id: 41, name: "A Midsummer Night's Dream", zone: "Europe/Berlin" };
export const OTHER_EVENT = { event_id: 42, name: "Harvest Fair", zone: "Europe/Berlin" };
/** Takes place several times; its seats come in variations, its parking only with a seat. */
export const SERIES = { event_id: 43, name: "Harbour Lights", zone: "Europe/Berlin" };
export const MAIN_HALL = 7;
export const BALCONY = 8;

/** A ticket as a gate knows it. */
export interface Ticket {
  code: string;
  order_code: string;
  item_id: number;
  name: string | null;
  event_id: number;
  refused?: Reason;
  marks?: Mark[];
  valid_from?: number;
  questions?: QuestionRow[];
  addons?: AddonView[];
  explanation?: Term[];
  exchange?: Exchange;
  /** Of the order. */
  text?: string;
}

/** Units of what several products share. */
export interface Quota {
  items: number[];
  here: number;
  in_all: number;
}

const eur = (minor: number): TillProduct["price"] => ({ minor, currency: "EUR" });

type Product = Omit<TillProduct, "here" | "in_all" | "variations" | "addon_to"> & Partial<Pick<TillProduct, "variations" | "addon_to">> & { admission: boolean; tax_rate_bp: number; text?: string };

export const SERIES_PRODUCTS: Product[] = [
  {
    item_id: 21,
    name: "Seat",
    category: "Tickets",
    price: eur(2900),
    admission: true,
    tax_rate_bp: 700,
    variations: [
      { variation_id: 1, name: "Regular", price: eur(2900) },
      { variation_id: 2, name: "Reduced", price: eur(1900) },
      { variation_id: 3, name: "Front row", price: eur(3900) },
    ],
  },
  { item_id: 22, name: "Parking", category: "Extras", price: eur(600), admission: false, tax_rate_bp: 1900, addon_to: [21] },
  { item_id: 23, name: "Seat, standing", category: "Tickets", price: eur(1200), admission: true, tax_rate_bp: 700 },
];

/** Two evenings of it; of the first four seats are here. */
export const dates = (now: number): TillDate[] => {
  const left = (seats: number): TillDate["left"] => [
    { item_id: 21, here: seats, in_all: seats * 3 },
    { item_id: 22, here: 2, in_all: 20 },
  ];
  const standing = { item_id: 23, here: 9, in_all: 40 };
  return [
    { date_id: 1, name: "Opening night", starts_at: now + 3_600_000, left: left(4) },
    { date_id: 2, name: "", starts_at: now + 25 * 3_600_000, left: [...left(12), standing] },
  ];
};

export const PRODUCTS: Product[] = [
  { item_id: 1, name: "Adult", category: "Tickets", price: eur(2400), admission: true, tax_rate_bp: 700 },
  { item_id: 2, name: "Child under 12", category: "Tickets", price: eur(900), admission: true, tax_rate_bp: 700 },
  { item_id: 3, name: "Reduced", category: "Tickets", price: eur(1600), admission: true, tax_rate_bp: 700, text: "Ask for the student or senior card." },
  { item_id: 4, name: "Family (2+2)", category: "Tickets", price: eur(5200), admission: true, tax_rate_bp: 700 },
  { item_id: 5, name: "Balcony", category: "Tickets", price: eur(3200), admission: true, tax_rate_bp: 700 },
  { item_id: 6, name: "Standing, late entry", category: "Tickets", price: eur(1200), admission: true, tax_rate_bp: 700 },
  { item_id: 7, name: "Programme", category: "Extras", price: eur(450), admission: false, tax_rate_bp: 1900 },
  { item_id: 8, name: "Seat cushion", category: "Extras", price: eur(200), admission: false, tax_rate_bp: 1900 },
  { item_id: 9, name: "Donation to the roof", category: "Extras", price: eur(1000), admission: false, tax_rate_bp: 0 },
];

export const quotas = (): Quota[] => [
  { items: [1, 3], here: 37, in_all: 412 },
  { items: [2], here: 12, in_all: 80 },
  { items: [4], here: 5, in_all: 30 },
  { items: [5], here: 0, in_all: 18 },
  { items: [6], here: 0, in_all: 0 },
];

/** Codes look like real ones: 153 characters of the same alphabet. */
export function codeOf(seed: string): string {
  const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ$%*-.";
  let state = [...seed].reduce((sum, letter) => (Math.imul(sum, 31) + letter.charCodeAt(0)) >>> 0, 7);
  return Array.from({ length: 153 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return alphabet[(state >>> 8) % alphabet.length];
  }).join("");
}

const question = (question_id: number, text: string, kind: QuestionRow["kind"], rest: Partial<QuestionRow> = {}): QuestionRow => ({
  question_id,
  event_id: EVENT.event_id,
  text,
  help: "",
  kind,
  required: false,
  ask_at_checkin: true,
  items: [1],
  options: [],
  rank: question_id,
  active: true,
  version: 1,
  ...rest,
});

const QUESTIONS: QuestionRow[] = [
  question(1, "House rules accepted?", "yes_no", { required: true, help: "They hang beside the entrance." }),
  question(2, "Which meal?", "choice", { options: ["Vegetables", "Fish", "None"].map((option, at) => ({ option_id: at + 1, text: option })) }),
  question(3, "Name on the badge", "text"),
];

const ADDONS: AddonView[] = [
  { position_id: "00000000-0000-7000-8000-0000000000a1", product: "Programme", variation: null, used: true },
  { position_id: "00000000-0000-7000-8000-0000000000a2", product: "Dinner", variation: "vegetarian", used: false },
];

export function tickets(now: number): Ticket[] {
  const one = (order_code: string, item_id: number, name: string | null, rest: Partial<Ticket> = {}): Ticket => {
    return { code: codeOf(order_code), order_code, item_id, name, event_id: EVENT.event_id, ...rest };
  };
  return [
    one("K7RQ2", 1, "Jonas Bergström"),
    one("M3XWP", 1, "Amélie Müller"),
    one("V9TDA", 3, "Yusuf Demir", { marks: ["look_at_id"] }),
    one("C4HLZ", 2, "Mia Müllenhoff"),
    one("P8NQE", 1, "Katarzyna Wójcik", { refused: "canceled" }),
    one("R2GSB", 4, "Familie Nguyễn", { marks: ["signature_only"] }),
    one("T6YFX", 1, "Liam O’Connor", { refused: "wrong_event", event_id: OTHER_EVENT.event_id }),
    one("W5JUK", 5, "Ines Fernández", { refused: "product" }),
    one("Z3AAE", 6, "Noor de Vries", { refused: "invalid_time", valid_from: now + 90 * 60_000 }),
    one("B7LOP", 1, "Θεοδώρα Παππά", { refused: "unpaid" }),
    one("Q3ASK", 1, "Ida Sørensen", { questions: QUESTIONS }),
    one("X5TRA", 1, "Piet Bakker", { exchange: "may", text: "Reserved for the jury: row 1.", marks: ["attention"], addons: ADDONS }),
    one("G2RUL", 2, "Zoë Baptiste", { refused: "rules", explanation: [{ kind: "not_before", value: now + 40 * 60_000 }, { kind: "at_gate", value: ["Gate A", "Stage door"] }] }),
    one("D9MIX", 1, "Олена Коваленко"),
  ];
}

export const settings = (): Settings => ({
  language: "en",
  theme: "system",
  camera: { kind: "none" },
  more_cameras: [],
  printer: null,
  sounds: true,
  print_automatically: false,
  list_id: null,
  more_lists: [],
  list_by_schedule: true,
  badge_printer: null,
  turnstile: { kind: "none" },
  direction: "entry",
  serial_scanner: null,
  wedge_prefix: "",
  wedge_suffix: "",
});

export const status = (now: number, connected: boolean): StatusView => ({
  software: "willcall-station 0.1.0 linux",
  protocol: 1,
  enrolment: {
    organizer_name: "Stadttheater Nordhafen",
    device_id: 12,
    name: "Foyer till 2",
    gate: "Gate B",
    role: "till",
    server: "https://tickets.nordhafen.example",
  },
  link: { connected, last_contact_at: connected ? now : now - 780_000, detail: connected ? "" : "connection refused", refused: 0 },
  data_age_s: connected ? 2 : 780,
  data_age_at_least: false,
  waiting: connected ? 0 : 14,
  journal_length: 2318,
  incarnation: 1,
  tickets: 12_431,
  key_store: "keychain",
  clock_offset_ms: 118,
  clock_uncertainty_ms: 24,
  recovered: null,
  disk: {
    room: "enough",
    free_bytes: 84_120_000_000,
    ballast_bytes: 67_108_864,
    short_bytes: 0,
    database_bytes: 9_400_000,
    log_bytes: 4_100_000,
    not_recorded: 0,
  },
  standing: { doubt: null, since: null, missing: 0, missing_entries: [], frozen: [] },
  open_cases: 0,
  clock_far_off: false,
});
