// The cart before it is a sale: lines, their sum in minor units, and what cash makes of it. Pure. The station decides
// what is sold and for how much; what stands here is shown, and compared with its answer.
import type { Money } from "../../generated/Money";
import type { SellLine } from "../../generated/SellLine";
import type { TillEvent } from "../../generated/TillEvent";
import type { TillProduct } from "../../generated/TillProduct";
import { decimals } from "../../shared/money";

/** The most of one product in one sale. */
export const MOST = 500;

/** In which form, for which date, and together with which line (counted from 0) a product is sold. */
export type Pick = Omit<SellLine, "item_id" | "quantity">;

function isOf(line: SellLine, item_id: number, pick: Pick): boolean {
  return line.item_id === item_id && line.variation_id === pick.variation_id && line.date_id === pick.date_id && line.addon_to === pick.addon_to;
}

/** How many of `product` may stand in the cart. */
export function most(product: TillProduct): number {
  return Math.max(0, Math.min(product.here ?? MOST, MOST));
}

/** How many of one pick may stand there: its variations share what there is here. */
export function room(lines: readonly SellLine[], product: TillProduct, pick: Pick): number {
  const others = lines.filter((line) => line.item_id === product.item_id && line.date_id === pick.date_id && !isOf(line, product.item_id, pick));
  return Math.max(0, most(product) - others.reduce((sum, line) => sum + line.quantity, 0));
}

/** The cart with `by` more of a product, kept between none and what there is here. */
export function add(lines: readonly SellLine[], product: TillProduct, by: number, pick: Pick = {}): SellLine[] {
  const before = lines.find((line) => isOf(line, product.item_id, pick))?.quantity ?? 0;
  return put(lines, product, before + by, pick);
}

/** The cart with exactly `quantity` of a product, kept between none and what there is here. */
export function put(lines: readonly SellLine[], product: TillProduct, quantity: number, pick: Pick = {}): SellLine[] {
  const kept = Math.max(0, Math.min(Math.trunc(quantity), room(lines, product, pick)));
  const stands = lines.some((line) => isOf(line, product.item_id, pick));
  const line: SellLine = { ...pick, item_id: product.item_id, quantity: kept };
  return tidied(stands ? lines.map((old) => (isOf(old, product.item_id, pick) ? line : old)) : [...lines, line]);
}

/** Without lines of nothing and what was sold together with them; what is left still names the line it belongs to. */
function tidied(lines: readonly SellLine[]): SellLine[] {
  const own = lines.map((line) => line.quantity > 0);
  const stays = lines.map((line, index) => own[index] && (line.addon_to === undefined || own[line.addon_to]));
  const place = (index: number): number => stays.slice(0, index).filter(Boolean).length;
  return lines.flatMap((line, index) => {
    if (!stays[index]) return [];
    return [line.addon_to === undefined ? line : { ...line, addon_to: place(line.addon_to) }];
  });
}

/** The lines that an add-on may belong to, by their places. */
export function parentsFor(lines: readonly SellLine[], product: TillProduct, date_id: number | undefined): number[] {
  return lines.flatMap((line, index) => (product.addon_to.includes(line.item_id) && line.date_id === date_id ? [index] : []));
}

/** What one of a line costs. */
export function priceOf(line: Pick, product: TillProduct): Money {
  return product.variations.find((one) => one.variation_id === line.variation_id)?.price ?? product.price;
}

/** What a line is called: its product, and its variation. */
export function nameOf(line: Pick, product: TillProduct): string {
  const variation = product.variations.find((one) => one.variation_id === line.variation_id);
  return variation ? `${product.name}, ${variation.name}` : product.name;
}

/** The products sold for a date, with what is left for it; all of them where the event takes place once. */
export function productsOn(event: TillEvent | null, date_id: number | undefined): TillProduct[] {
  const date = event?.dates.find((one) => one.date_id === date_id);
  if (!event || event.dates.length === 0) return event?.products ?? [];
  return event.products.flatMap((product) => {
    const left = date?.left.find((one) => one.item_id === product.item_id);
    return left ? [{ ...product, here: left.here, in_all: left.in_all }] : [];
  });
}

/** What the cart costs, in the currency of its products; `null` for an empty cart. */
export function total(lines: readonly SellLine[], products: readonly TillProduct[]): Money | null {
  const priced = lines.flatMap((line) => {
    const product = products.find((one) => one.item_id === line.item_id);
    const price = product && priceOf(line, product);
    return price ? [{ minor: price.minor * line.quantity, currency: price.currency }] : [];
  });
  const [first] = priced;
  return first ? { minor: priced.reduce((sum, line) => sum + line.minor, 0), currency: first.currency } : null;
}

/** Sums a guest is likely to hand over: up to three round ones above the total. */
export function likelyCash(due: Money): number[] {
  const digits = decimals(due.currency);
  const unit = digits === 0 ? 100 : 10 ** digits;
  if (due.minor <= 0) return [];
  const notes = due.minor < 20 * unit ? [5, 10, 20, 50] : [5, 10, 50, 100];
  const sums = notes.map((note) => Math.ceil(due.minor / (note * unit)) * note * unit);
  return [...new Set(sums)].filter((sum) => sum > due.minor).sort((a, b) => a - b).slice(0, 3);
}
