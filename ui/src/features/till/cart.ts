// The cart before it is a sale: lines, their sum in minor units, and what cash makes of it. Pure. The station decides
// what is sold and for how much; what stands here is shown, and compared with its answer.
import type { Money } from "../../generated/Money";
import type { SellLine } from "../../generated/SellLine";
import type { TillProduct } from "../../generated/TillProduct";
import { decimals } from "../../shared/money";

/** The most of one product in one sale. */
export const MOST = 500;

/** How many of `product` may stand in the cart. */
export function most(product: TillProduct): number {
  return Math.max(0, Math.min(product.here ?? MOST, MOST));
}

/** The cart with `by` more of a product, kept between none and what there is here. */
export function add(lines: readonly SellLine[], product: TillProduct, by: number): SellLine[] {
  const before = lines.find((line) => line.item_id === product.item_id)?.quantity ?? 0;
  return put(lines, product, before + by);
}

/** The cart with exactly `quantity` of a product, kept between none and what there is here. */
export function put(lines: readonly SellLine[], product: TillProduct, quantity: number): SellLine[] {
  const kept = Math.max(0, Math.min(Math.trunc(quantity), most(product)));
  const stands = lines.some((line) => line.item_id === product.item_id);
  const line = { item_id: product.item_id, quantity: kept };
  const next = stands ? lines.map((old) => (old.item_id === line.item_id ? line : old)) : [...lines, line];
  return next.filter((each) => each.quantity > 0);
}

/** What the cart costs, in the currency of its products; `null` for an empty cart. */
export function total(lines: readonly SellLine[], products: readonly TillProduct[]): Money | null {
  const priced = lines.flatMap(({ item_id, quantity }) => {
    const price = products.find((product) => product.item_id === item_id)?.price;
    return price ? [{ minor: price.minor * quantity, currency: price.currency }] : [];
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
