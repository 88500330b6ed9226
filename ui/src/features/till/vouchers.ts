// What vouchers take off a cart, as the rules' own table says it: shown before the sale; the station decides, and what it
// answers is the sale. Pure.
import type { SellLine } from "../../generated/SellLine";
import type { TillProduct } from "../../generated/TillProduct";
import type { VoucherTerms } from "../../generated/VoucherTerms";
import { priceOf } from "./cart";

/** What a position of `price` (minor units) costs with a voucher; `null` where it is of another currency. */
export function discounted(effect: VoucherTerms["effect"], price: TillProduct["price"]): number | null {
  if (effect.kind === "percent_off") {
    const off = Math.floor((price.minor * Math.min(effect.percent_bp, 10_000) + 5_000) / 10_000);
    return Math.max(0, price.minor - off);
  }
  const amount = effect.kind === "set_price" ? effect.price : effect.amount;
  if (amount.currency !== price.currency) return null;
  return Math.max(0, effect.kind === "set_price" ? amount.minor : price.minor - amount.minor);
}

/** What each voucher takes off, in minor units; `null` for one that fits nothing that is left. Those for one product choose
 * first, each the position it takes most off. */
export function fit(vouchers: readonly VoucherTerms[], lines: readonly SellLine[], products: readonly TillProduct[]): (number | null)[] {
  const positions = lines.flatMap((line) => {
    const product = products.find((one) => one.item_id === line.item_id);
    return product ? Array.from({ length: line.quantity }, () => ({ product, price: priceOf(line, product), taken: false })) : [];
  });
  const offs: (number | null)[] = vouchers.map(() => null);
  const order = vouchers.map((_, index) => index).sort((a, b) => Number(vouchers[a]?.item_id === null) - Number(vouchers[b]?.item_id === null));
  for (const index of order) {
    const voucher = vouchers[index];
    if (!voucher) continue;
    let best: { off: number; at: (typeof positions)[number] } | null = null;
    for (const at of positions) {
      if (at.taken || (voucher.item_id !== null && voucher.item_id !== at.product.item_id)) continue;
      const left = discounted(voucher.effect, at.price);
      if (left === null) continue;
      const off = at.price.minor - left;
      if (!best || off > best.off) best = { off, at };
    }
    if (best) {
      best.at.taken = true;
      offs[index] = best.off;
    }
  }
  return offs;
}
