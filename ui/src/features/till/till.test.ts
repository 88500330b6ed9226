import { beforeEach, describe, expect, it } from "vitest";
import type { Memory } from "../../host/memory";
import { freshHost } from "../../testing/setup";
import type { TillProduct } from "../../generated/TillProduct";
import { Till } from "./till.svelte";

describe("the till", () => {
  let memory: Memory;
  let till: Till;
  const product = (item_id: number): TillProduct => {
    const found = till.products.find((one) => one.item_id === item_id);
    if (!found) throw new Error(`no product ${item_id}`);
    return found;
  };

  beforeEach(async () => {
    memory = freshHost();
    till = new Till();
    await till.load();
  });

  it("sells exactly, clears the cart and lowers what is here", async () => {
    till.add(product(1));
    till.add(product(1));
    expect(await till.pay()).toBe(true);
    expect(till.sale).toMatchObject({ total: { minor: 4800 }, change: { minor: 0 } });
    expect(till.lines).toEqual([]);
    await till.load();
    expect(product(1)).toMatchObject({ here: 35, in_all: 410 });
    expect(product(3).here, "products share a quota").toBe(35);
  });

  it("gives change for the cash typed", async () => {
    till.add(product(7));
    till.given = "10,00";
    await till.pay();
    expect(till.sale?.change.minor).toBe(550);
    expect(till.given).toBe("");
  });

  it("asks nothing for what is no amount", async () => {
    till.add(product(7));
    till.given = "10,0,0";
    expect(await till.pay()).toBe(false);
    expect(memory.sales).toHaveLength(0);
  });

  it("keeps cart and cash when the station refuses, with its reason", async () => {
    till.add(product(1));
    till.given = "5";
    expect(await till.pay()).toBe(false);
    expect(till.refusal?.code).toBe("underpaid");
    expect(till.lines).toHaveLength(1);
    expect(till.given).toBe("5");
  });

  it("asks nothing while nothing could be recorded, and keeps the cart", async () => {
    memory.status.disk.room = "scans_only";
    await till.load();
    expect(till.closed).toBe(true);
    till.add(product(1));
    expect(await till.pay()).toBe(false);
    expect(await till.payExactly()).toBe(false);
    expect(memory.sales).toHaveLength(0);
    expect(till.lines).toHaveLength(1);
    memory.status.disk.room = "enough";
    await till.load();
    expect(await till.payExactly()).toBe(true);
  });

  it("sells once when Enter is pressed twice", async () => {
    till.add(product(1));
    const both = await Promise.all([till.pay(), till.pay()]);
    expect(both).toEqual([true, false]);
    expect(memory.sales).toHaveLength(1);
  });

  it("sells once when the answer was lost and the same is asked again, and twice when it is another cart", async () => {
    const rpc = memory.rpc.bind(memory);
    let lose = true;
    memory.rpc = async (command, request) => {
      const answer = await rpc(command, request);
      if (command === "till_sell" && lose) {
        lose = false;
        throw new Error("the answer was lost");
      }
      return answer;
    };
    till.add(product(1));
    expect(await till.pay()).toBe(false);
    expect(till.refusal?.code).toBe("internal");
    expect(await till.pay()).toBe(true);
    expect(memory.sales).toHaveLength(1);
    till.add(product(1));
    expect(await till.pay()).toBe(true);
    expect(memory.sales).toHaveLength(2);
  });

  it("takes a cleared cart back", () => {
    till.add(product(1), 3);
    till.clear();
    expect(till.due).toBeNull();
    till.takeBack();
    expect(till.quantityOf(1)).toBe(3);
  });

  it("prints tickets and receipt, and no tickets where nobody is admitted", async () => {
    till.add(product(7));
    await till.pay();
    if (till.sale) await till.printAll(till.sale);
    expect(till.papers.map((note) => note.what)).toEqual(["receipt"]);
    till.add(product(1));
    await till.pay();
    if (till.sale) await till.printAll(till.sale);
    expect(till.papers.map((note) => [note.what, note.kind])).toEqual([
      ["tickets", "done"],
      ["receipt", "done"],
    ]);
  });

  it("says why nothing was printed", async () => {
    till.add(product(1));
    await till.pay();
    memory.failing.set("till_print", "busy");
    if (till.sale) await till.print(till.sale.order_id, "tickets");
    expect(till.papers).toMatchObject([{ kind: "problem", problem: { code: "busy" } }]);
  });

  it("sells for the date that is chosen, and keeps what stands in the cart for another", async () => {
    memory.series = true;
    await till.load();
    till.chooseEvent(43);
    expect(till.date, "one of them is sold at once").not.toBeNull();
    till.chooseDate(1);
    expect(till.products.map((one) => one.item_id), "what no quota counts on that date is not sold").toEqual([21, 22]);
    till.add(product(21), 1, till.pick({ variation_id: 2 }));
    till.chooseDate(2);
    expect(product(21).here).toBe(12);
    till.add(product(21), 2, till.pick({ variation_id: 3 }));
    expect(till.parentsFor(product(22)).map((row) => row.index)).toEqual([1]);
    till.add(product(22), 1, till.pick({ addon_to: 1 }));
    expect(till.due?.minor).toBe(1900 + 2 * 3900 + 600);
    expect(await till.payExactly()).toBe(true);
    const [reduced, front, , parking] = till.sale?.positions ?? [];
    expect([reduced?.date_id, front?.date_id, parking?.date_id]).toEqual([1, 2, 2]);
    expect(parking?.addon_to).toBe(front?.position_id);
    expect(reduced?.name).toBe("Seat, Reduced");
  });
});
