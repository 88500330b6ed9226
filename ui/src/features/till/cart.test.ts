import { describe, expect, it } from "vitest";
import type { TillProduct } from "../../generated/TillProduct";
import type { SellLine } from "../../generated/SellLine";
import { add, likelyCash, most, nameOf, parentsFor, put, room, total } from "./cart";

const product = (item_id: number, minor: number, here: number | null = null, currency = "EUR"): TillProduct => ({
  item_id,
  name: `Product ${item_id}`,
  category: "",
  price: { minor, currency },
  here,
  in_all: here,
  variations: [],
  addon_to: [],
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

describe("variations, dates and add-ons", () => {
  const seat = {
    ...product(21, 2900, 4),
    variations: [
      { variation_id: 1, name: "Regular", price: { minor: 2900, currency: "EUR" } },
      { variation_id: 2, name: "Reduced", price: { minor: 1900, currency: "EUR" } },
    ],
  };
  const parking = { ...product(22, 600, 2), addon_to: [21] };
  const first = { variation_id: 1, date_id: 1 };
  const reduced = { variation_id: 2, date_id: 1 };

  it("are lines of their own at their own price, and share what is here", () => {
    const lines = add(add(add([], seat, 3, first), seat, 9, reduced), seat, 2, { variation_id: 1, date_id: 2 });
    expect(lines.map((line) => line.quantity)).toEqual([3, 1, 2]);
    expect(room(lines, seat, reduced)).toBe(1);
    expect(total(lines, [seat])?.minor).toBe(3 * 2900 + 1900 + 2 * 2900);
    expect(nameOf(reduced, seat)).toBe("Product 21, Reduced");
  });

  it("an add-on goes with what it belongs to, and follows it when a line before goes", () => {
    const seats = add(add([], seat, 1, first), seat, 2, reduced);
    expect(parentsFor(seats, parking, 1)).toEqual([0, 1]);
    expect(parentsFor(seats, parking, 2)).toEqual([]);
    const lines: SellLine[] = add(seats, parking, 1, { date_id: 1, addon_to: 1 });
    const without = put(lines, seat, 0, first);
    expect(without).toEqual([
      { item_id: 21, quantity: 2, ...reduced },
      { item_id: 22, quantity: 1, date_id: 1, addon_to: 0 },
    ]);
    expect(put(without, seat, 0, reduced)).toEqual([]);
  });
});
