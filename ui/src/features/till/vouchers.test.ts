import { expect, it } from "vitest";
import type { TillProduct } from "../../generated/TillProduct";
import { discounted, fit } from "./vouchers";

const eur = (minor: number): TillProduct["price"] => ({ minor, currency: "EUR" });
const product = (item_id: number, minor: number): TillProduct => ({ item_id, name: "", category: "", price: eur(minor), here: null, in_all: null, variations: [], addon_to: [] });
const half = { kind: "percent_off", percent_bp: 5000 } as const;
const free = { kind: "set_price", price: eur(0) } as const;

// The table of the rules, `domain/src/catalog/voucher.rs`.
it.each([
  [{ kind: "set_price", price: eur(500) } as const, 2400, 500],
  [free, 2400, 0],
  [{ kind: "amount_off", amount: eur(500) } as const, 2400, 1900],
  [{ kind: "amount_off", amount: eur(5000) } as const, 2400, 0],
  [half, 2401, 1200],
  [{ kind: "percent_off", percent_bp: 3333 } as const, 1000, 667],
  [{ kind: "percent_off", percent_bp: 10_000 } as const, 2400, 0],
  [{ kind: "amount_off", amount: { minor: 5, currency: "CHF" } } as const, 2400, null],
])("%j makes %d %s", (effect, price, wanted) => {
  expect(discounted(effect, eur(price))).toBe(wanted);
});

it("a voucher takes the position it takes most off, and one for a product chooses first", () => {
  const products = [product(1, 1000), product(2, 2400)];
  const lines = [{ item_id: 1, quantity: 1 }, { item_id: 2, quantity: 2 }];
  const any = { item_id: null, effect: half, home: false };
  const one = { item_id: 1, effect: free, home: false };
  expect(fit([any], lines, products)).toEqual([1200]);
  expect(fit([any, one], lines, products)).toEqual([1200, 1000]);
  expect(fit([any, one], lines.slice(0, 1), products), "the one for any product finds nothing left").toEqual([null, 1000]);
  expect(fit([{ item_id: 9, effect: half, home: false }], lines, products)).toEqual([null]);
});
