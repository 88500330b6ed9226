import { fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { preferences } from "../features/devices/preferences.svelte";
import { till } from "../features/till/till.svelte";
import type { Memory } from "../host/memory";
import { words } from "../i18n/words.svelte";
import { freshHost } from "../testing/setup";
import TillPage from "./TillPage.svelte";

const key = (name: string, rest: KeyboardEventInit = {}): Promise<boolean> =>
  fireEvent.keyDown(document.activeElement ?? document.body, { key: name, bubbles: true, ...rest });
const text = (id: string): string => screen.getByTestId(id).textContent?.trim() ?? "";

describe("the till", () => {
  let memory: Memory;

  beforeEach(async () => {
    memory = freshHost();
    words.language = "en";
    Object.assign(till, { view: null, lines: [], given: "", sale: null, refusal: null, cleared: null, papers: [], vouchers: [], voucherProblem: null, voiding: false });
    await preferences.load();
    render(TillPage);
    await waitFor(() => screen.getByTestId("product-1"));
  });

  it("puts a product into the cart with a tap and shows the sum", async () => {
    await fireEvent.click(screen.getByTestId("product-1"));
    await fireEvent.click(screen.getByTestId("product-1"));
    await fireEvent.click(screen.getByTestId("product-2"));
    expect(screen.getByTestId("line-1").dataset["quantity"]).toBe("2");
    expect(text("cart-total")).toBe("€57.00");
    expect(text("cart-units")).toBe("3 items");
    await fireEvent.click(screen.getByTestId("fewer-1"));
    expect(text("cart-total")).toBe("€33.00");
  });

  it("says that no money may be taken while the disk is full, and sells again when there is room", async () => {
    await fireEvent.click(screen.getByTestId("product-1"));
    memory.status.disk.room = "scans_only";
    await till.load();
    await waitFor(() => screen.getByTestId("till-closed"));
    expect(text("till-closed")).toContain("Take no money.");
    expect(screen.getByTestId<HTMLButtonElement>("pay-exact").disabled).toBe(true);
    await key("Enter");
    expect(memory.sales).toHaveLength(0);
    memory.status.disk.room = "enough";
    await till.load();
    await waitFor(() => expect(screen.queryByTestId("till-closed")).toBeNull());
    await fireEvent.click(screen.getByTestId("pay-exact"));
    await waitFor(() => screen.getByTestId("sale"));
  });

  it("sells in two touches: product, exact cash", async () => {
    await fireEvent.click(screen.getByTestId("product-1"));
    await fireEvent.click(screen.getByTestId("pay-exact"));
    await waitFor(() => screen.getByTestId("sale"));
    expect(screen.getByTestId("change").dataset["minor"]).toBe("0");
    expect(memory.sales).toHaveLength(1);
    await waitFor(() => expect(text("left-1")).toBe("36 here · 411 in all"));
  });

  it("sells by keyboard: F-key, digits, Enter, Enter for the next guest", async () => {
    await key("F1");
    await key("F2");
    for (const digit of "50") await key(digit);
    expect(screen.getByTestId<HTMLInputElement>("given").value).toBe("5");
    // The first digit moved the focus into the field; from there the browser types.
    await fireEvent.input(screen.getByTestId("given"), { target: { value: "50" } });
    expect(text("change-preview")).toContain("17.00");
    await key("Enter");
    await waitFor(() => screen.getByTestId("sale"));
    expect(text("change")).toBe("€17.00");
    expect(text("receipt-number")).toBe("Receipt 12-1-00001");
    await key("Enter");
    expect(screen.queryByTestId("sale")).toBeNull();
  });

  it("pays nothing while too little is given, and says how much is missing", async () => {
    await key("F1");
    await fireEvent.input(screen.getByTestId("given"), { target: { value: "20" } });
    expect(text("change-preview")).toBe("€4.00 missing");
    expect(screen.getByTestId<HTMLButtonElement>("pay-cash").disabled).toBe(true);
    expect(memory.sales).toHaveLength(0);
  });

  it("asks for a number on a long press, and a release is not one more", async () => {
    vi.useFakeTimers();
    const tile = screen.getByTestId("product-2");
    await fireEvent.pointerDown(tile, { button: 0 });
    await vi.advanceTimersByTimeAsync(500);
    vi.useRealTimers();
    await fireEvent.pointerUp(tile);
    await fireEvent.click(tile);
    const pad = await screen.findByTestId("quantity");
    expect(screen.queryByTestId("line-2")).toBeNull();
    await fireEvent.keyDown(pad, { key: "1" });
    await fireEvent.keyDown(pad, { key: "1" });
    await fireEvent.keyDown(pad, { key: "Enter" });
    await waitFor(() => expect(screen.getByTestId("line-2").dataset["quantity"]).toBe("11"));
    expect(screen.queryByTestId("quantity")).toBeNull();
  });

  it("does not sell what is not here, and says so on the product", async () => {
    const none = screen.getByTestId("product-5");
    expect(none.getAttribute("aria-disabled")).toBe("true");
    expect(text("left-5")).toBe("none here · 18 in all");
    expect(text("left-6")).toBe("sold out");
    await fireEvent.click(none);
    await key("F5");
    expect(screen.queryByTestId("cart-total")).toBeNull();
  });

  it("keeps the cart when the station refuses, and says why in the reader's words", async () => {
    memory.failing.set("till_sell", "lease-spent");
    await key("F1");
    await key("Enter");
    const note = await screen.findByTestId("sale-problem");
    expect(note.dataset["code"]).toBe("lease-spent");
    expect(note.textContent).toContain("No more can be sold here without a link.");
    expect(text("cart-total")).toBe("€24.00");
  });

  it("takes a ticket scanned here neither for cash nor for Enter", async () => {
    await key("F1");
    for (const letter of "4711081542AB") await key(letter);
    await key("Enter");
    expect(memory.sales).toHaveLength(0);
    expect(text("scanned-at-till")).toContain("That was a ticket.");
    expect(screen.getByTestId<HTMLInputElement>("given").value).toBe("");
  });

  it("prints by itself where the settings say so", async () => {
    await preferences.change({ print_automatically: true });
    await key("F1");
    await key("Enter");
    const note = await screen.findByTestId("printed-receipt");
    expect(note.dataset["to"]).toBe("file");
    expect(screen.getByTestId("printed-tickets").textContent).toContain("Tickets saved as");
  });

  it("goes back with Escape: first the cash, then the cart, which can be taken back", async () => {
    await key("F1");
    await fireEvent.input(screen.getByTestId("given"), { target: { value: "50" } });
    await key("Escape");
    expect(screen.getByTestId<HTMLInputElement>("given").value).toBe("");
    await key("Escape");
    expect(screen.queryByTestId("cart-total")).toBeNull();
    await fireEvent.click(screen.getByTestId("cart-undo"));
    expect(text("cart-total")).toBe("€24.00");
  });

  it("shows what was sold, to be printed again", async () => {
    await key("F1");
    await key("Enter");
    await waitFor(() => screen.getByTestId("sale"));
    await fireEvent.click(screen.getByTestId("sales-tab"));
    await waitFor(() => expect(screen.getByTestId("sales").children).toHaveLength(1));
    expect(text("sales")).toContain("1 × Adult");
    expect(text("sales")).toContain("recorded here");
  });

  it("undoes a sale with a reason and the name of who took the paper back", async () => {
    await fireEvent.click(screen.getByTestId("product-1"));
    await fireEvent.click(screen.getByTestId("pay-exact"));
    await screen.findByTestId("sale");
    const sale = memory.sales[0];
    if (!sale) throw new Error("no sale");
    sale.printed = 1;
    await till.load();
    await fireEvent.click(screen.getByTestId("sales-tab"));
    await fireEvent.click(await screen.findByTestId("sale-void"));
    const yes = screen.getByTestId<HTMLButtonElement>("ask-yes");
    expect(screen.getByTestId("ask").textContent).toContain("€24.00");
    await fireEvent.input(screen.getByTestId("void-reason"), { target: { value: "wrong category" } });
    expect(yes.disabled, "somebody has the paper").toBe(true);
    await fireEvent.input(screen.getByTestId("void-by"), { target: { value: "Ines" } });
    memory.failing.set("till_void", "not-recorded");
    await fireEvent.click(yes);
    expect((await screen.findByTestId("void-problem")).dataset["code"]).toBe("not-recorded");
    memory.failing.clear();
    await fireEvent.click(yes);
    await waitFor(() => expect(screen.getByTestId(`sale-${sale.order_code}`).dataset["voided"]).toBe("true"));
    expect(screen.queryByTestId("sale-void")).toBeNull();
  });

  it("undoes single positions of a sale and leaves the others", async () => {
    await fireEvent.click(screen.getByTestId("product-1"));
    await fireEvent.click(screen.getByTestId("product-2"));
    await fireEvent.click(screen.getByTestId("pay-exact"));
    await screen.findByTestId("sale");
    await key("Enter");
    await fireEvent.click(screen.getByTestId("sales-tab"));
    await fireEvent.click(await screen.findByTestId("sale-void"));
    const [adult, child] = screen.getAllByTestId<HTMLInputElement>("void-position");
    expect(screen.getByTestId("ask").textContent).toContain("€33.00");
    if (!adult || !child) throw new Error("two positions");
    await fireEvent.click(adult);
    expect(screen.getByTestId("ask").textContent, "only the child's ticket goes back").toContain("€9.00");
    await fireEvent.click(child);
    await fireEvent.input(screen.getByTestId("void-reason"), { target: { value: "child is ill" } });
    expect(screen.getByTestId<HTMLButtonElement>("ask-yes").disabled, "nothing is chosen").toBe(true);
    await fireEvent.click(child);
    await fireEvent.click(screen.getByTestId("ask-yes"));
    await waitFor(() => expect(memory.sales[0]?.positions.map((one) => one.voided)).toEqual([false, true]));
    expect(screen.getByTestId("sale-void"), "the other can still be undone").toBeTruthy();
  });


  it("takes a voucher off the sum before it is paid, and spends it with the sale", async () => {
    await fireEvent.click(screen.getByTestId("product-1"));
    await fireEvent.click(screen.getByTestId("product-2"));
    await fireEvent.click(screen.getByTestId("voucher-open"));
    await fireEvent.input(screen.getByTestId("voucher-code"), { target: { value: "friends-0" } });
    screen.getByTestId("voucher-code").focus();
    await key("Enter");
    expect(memory.sales, "Enter in a form pays nothing").toHaveLength(0);
    await fireEvent.click(screen.getByTestId("voucher-add"));
    expect((await screen.findByTestId("voucher-problem")).dataset["code"]).toBe("not-found");
    await fireEvent.input(screen.getByTestId("voucher-code"), { target: { value: "FRIENDS-7Q2M" } });
    await fireEvent.click(screen.getByTestId("voucher-add"));
    await waitFor(() => expect(text("cart-total")).toBe("€27.00"));
    expect(text("voucher")).toContain("-€6.00");
    await fireEvent.click(screen.getByTestId("pay-exact"));
    await screen.findByTestId("sale");
    expect(memory.sales[0]?.total.minor).toBe(2700);
    expect(memory.rights.rights.some((one) => one.code === "FRIENDS-7Q2M")).toBe(false);
  });

});
