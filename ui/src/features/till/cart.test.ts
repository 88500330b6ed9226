import { describe, expect, it } from "vitest";
import type { TillProduct } from "../../generated/TillProduct";
import { add, likelyCash, most, put, total } from "./cart";

const product = (item_id: number, minor: number, here: number | null = null, currency = "EUR"): TillProduct => ({
  item_id,
  name: `Product ${item_id}`,
  category: "",
  price: { minor, currency },
  here,
  in_all: here,
});
const adult = product(1, 2400, 37);
const child = product(2, 910, 2);
const programme = product(3, 450);
const all = [adult, child, programme];

describe("a cart", () => {
  it("sums whole minor units, never through a float", () => {
    const tenth = product(9, 10);
    const lines = add(add([], tenth, 3), child, 1);
    expect(total(lines, [tenth, child])).toEqual({ minor: 940, currency: "EUR" });
    expect(total(put([], product(8, 99_999_999), 500), [product(8, 99_999_999)])?.minor).toBe(49_999_999_500);
  });

  it("costs nothing to speak of when it is empty", () => {
    expect(total([], all)).toBeNull();
    expect(total(add([], product(5, 0), 2), [product(5, 0)])).toEqual({ minor: 0, currency: "EUR" });
  });

  it("keeps the order in which products came, and one line a product", () => {
    const lines = add(add(add([], adult, 1), child, 1), adult, 1);
    expect(lines).toEqual([
      { item_id: 1, quantity: 2 },
      { item_id: 2, quantity: 1 },
    ]);
  });

  it("loses a line when its last unit goes", () => {
    expect(add(add([], adult, 1), adult, -1)).toEqual([]);
    expect(put(add([], adult, 4), adult, 0)).toEqual([]);
  });

  it("never holds more than there is here, nor more than 500", () => {
    expect(add([], child, 9)).toEqual([{ item_id: 2, quantity: 2 }]);
    expect(put([], programme, 100_000)).toEqual([{ item_id: 3, quantity: 500 }]);
    expect(most(product(4, 1, 0))).toBe(0);
    expect(add([], product(4, 1, 0), 1)).toEqual([]);
  });

  it("is not changed in place", () => {
    const before = add([], adult, 1);
    add(before, adult, 1);
    expect(before).toEqual([{ item_id: 1, quantity: 1 }]);
  });
});

describe("cash a guest is likely to hand over", () => {
  const sums = (minor: number, currency = "EUR"): number[] => likelyCash({ minor, currency });

  it("is round and above the total", () => {
    expect(sums(6150)).toEqual([6500, 7000, 10_000]);
    expect(sums(900)).toEqual([1000, 2000, 5000]);
    expect(sums(5000)).toEqual([10_000]);
  });

  it("follows the currency's minor unit", () => {
    expect(sums(3200, "JPY")).toEqual([3500, 4000, 5000]);
    expect(sums(4500, "KWD")).toEqual([5000, 10_000, 20_000]);
  });

  it("is nothing where nothing is due", () => {
    expect(sums(0)).toEqual([]);
  });
});
