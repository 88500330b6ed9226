import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import { beforeEach, describe, expect, it } from "vitest";
import { leases } from "../features/leases/leases.svelte";
import type { Memory } from "../host/memory";
import { words } from "../i18n/words.svelte";
import { freshHost } from "../testing/setup";
import LeasesPage from "./LeasesPage.svelte";

const quota = async (id: number): Promise<HTMLElement> => {
  const all = await screen.findAllByTestId("quota");
  const found = all.find((one) => one.dataset["quota"] === String(id));
  if (!found) throw new Error(`no quota ${id}`);
  return found;
};
const type = (testid: string, value: string): Promise<boolean> => fireEvent.input(screen.getByTestId(testid), { target: { value } });

describe("units", () => {
  let memory: Memory;

  beforeEach(() => {
    memory = freshHost();
    words.language = "en";
    const clean = { view: null, rights: null, files: [], media: [], problem: null, busy: false, given: null, offer: null, settled: null, done: null };
    Object.assign(leases, clean);
  });

  it("say what is here without a link, what is out, and what is wanted back", async () => {
    render(LeasesPage);
    const seats = await quota(1);
    expect(within(seats).getByTestId("quota-free").textContent).toBe("37");
    expect(within(seats).getByTestId("quota-sold").textContent).toBe("31");
    expect(within(seats).getByTestId("quota-on-the-way").textContent).toBe("10");
    expect(within(await quota(2)).getByTestId("quota-recalled").textContent).toContain("8 units wanted back");
    expect(screen.getByTestId("till-number").textContent).toBe("12");
  });

  it("are handed over into a file, to another till and never more than there are", async () => {
    render(LeasesPage);
    await waitFor(() => expect(leases.media).toHaveLength(1));
    await fireEvent.click(within(await quota(1)).getByTestId("quota-give"));
    const act = screen.getByTestId<HTMLButtonElement>("give-act");
    await type("give-units", "38");
    await type("give-to", "14");
    expect(screen.getByTestId("give-units-error").textContent).toBe("1 to 37");
    expect(act.disabled).toBe(true);
    await type("give-units", "5");
    await type("give-to", "12");
    expect(screen.getByTestId("give-to-error").textContent).toBe("That is this till.");
    expect(act.disabled).toBe(true);
    await type("give-to", "14");
    await fireEvent.click(act);
    expect((await screen.findByTestId("given")).textContent).toContain("/media/till/BACKUP/willcall-for-till-14");
    await waitFor(() => expect(screen.getByTestId("given").textContent).toContain("5 units for till 14"));
    expect(within(await quota(1)).getByTestId("quota-free").textContent).toBe("32");
    expect(screen.getAllByTestId("hand-over")).toHaveLength(3);
  });

  it("stay here with the reason when they cannot be handed over", async () => {
    render(LeasesPage);
    await waitFor(() => expect(leases.media).toHaveLength(1));
    memory.failing.set("leases_give", "disk-full");
    await fireEvent.click(within(await quota(1)).getByTestId("quota-give"));
    await type("give-units", "5");
    await type("give-to", "14");
    await fireEvent.click(screen.getByTestId("give-act"));
    expect((await screen.findByTestId("give-problem")).dataset["code"]).toBe("disk-full");
    expect(within(await quota(1)).getByTestId("quota-free").textContent).toBe("37");
  });

  it("of a lost file are written again, of one that arrived never", async () => {
    render(LeasesPage);
    await quota(1);
    const all = screen.getAllByTestId("hand-over");
    const arrived = all.find((one) => one.dataset["state"] === "taken");
    expect(arrived && within(arrived).queryByTestId("write-again")).toBeNull();
    await fireEvent.click(screen.getByTestId("write-again"));
    await type("folder-path", "/srv/stick");
    await fireEvent.click(screen.getByTestId("write-again-act"));
    expect((await screen.findByTestId("given")).textContent).toContain("/srv/stick/again.units");
  });

  it("of another till are shown before anybody decides, and taken in", async () => {
    render(LeasesPage);
    await fireEvent.click(await screen.findByTestId("take-found"));
    const offer = await screen.findByTestId("offer");
    expect(offer.textContent).toContain("From Garden till (number 14)");
    expect(offer.textContent).toContain("15 units · Seats");
    await fireEvent.click(screen.getByTestId("offer-take"));
    expect((await screen.findByTestId("settled")).textContent).toContain("Taken in.");
    expect(within(await quota(1)).getByTestId("quota-free").textContent).toBe("52");
  });

  it("of another till are declined only after a second question", async () => {
    render(LeasesPage);
    await fireEvent.click(await screen.findByTestId("take-found"));
    await fireEvent.click(await screen.findByTestId("offer-decline"));
    expect(screen.getByTestId("ask").textContent).toContain("can never be taken in afterwards");
    await fireEvent.click(screen.getByTestId("ask-yes"));
    expect((await screen.findByTestId("settled")).textContent).toContain("Declined.");
    expect(within(await quota(1)).getByTestId("quota-free").textContent).toBe("37");
  });

  it("that are not for this till cannot be taken, and the screen says what to do", async () => {
    memory.offer = { ...memory.offer, standing: "other_till", to: 15 };
    render(LeasesPage);
    await quota(1);
    await type("take-path", "/srv/stick/x.units");
    await fireEvent.click(screen.getByTestId("take-look"));
    expect((await screen.findByTestId("offer")).textContent).toContain("These units are for another till.");
    expect(screen.queryByTestId("offer-take")).toBeNull();
    await fireEvent.click(screen.getByTestId("offer-away"));
    expect(screen.queryByTestId("offer")).toBeNull();
  });

  it("go back to the server after a question", async () => {
    render(LeasesPage);
    await fireEvent.click(within(await quota(1)).getByTestId("quota-return"));
    expect(screen.getByTestId("ask").textContent).toContain("37 units leave this till at once");
    await fireEvent.click(screen.getByTestId("ask-yes"));
    await waitFor(async () => expect(within(await quota(1)).getByTestId("quota-free").textContent).toBe("0"));
  });

  it("of a station that doubts itself go nowhere", async () => {
    memory.leases.doubt = "behind";
    render(LeasesPage);
    await screen.findByTestId("leases-doubt");
    expect(within(await quota(1)).getByTestId<HTMLButtonElement>("quota-give").disabled).toBe(true);
  });

  it("that cannot be read say why, and none say so", async () => {
    memory.failing.set("leases_view", "corrupt");
    const page = render(LeasesPage);
    expect((await screen.findByTestId("leases-problem")).dataset["code"]).toBe("corrupt");
    page.unmount();
    memory.failing.clear();
    memory.leases.quotas = [];
    render(LeasesPage);
    await screen.findByText("Nothing is lent to this till");
  });
});

describe("a web order or voucher", () => {
  let memory: Memory;

  beforeEach(() => {
    memory = freshHost();
    words.language = "en";
    Object.assign(leases, { view: null, rights: null, problem: null, busy: false, done: null });
  });

  const right = async (code: string): Promise<HTMLElement> => {
    const all = await screen.findAllByTestId("right");
    const found = all.find((one) => one.dataset["code"] === code);
    if (!found) throw new Error(`no right ${code}`);
    return found;
  };

  it("is paid for enough money only, and the change is said", async () => {
    render(LeasesPage);
    await fireEvent.click(within(await right("W4KXZ")).getByTestId("right-pay"));
    const yes = screen.getByTestId<HTMLButtonElement>("ask-yes");
    await type("right-typed", "47,99");
    expect(yes.disabled).toBe(true);
    await type("right-typed", "50");
    await fireEvent.click(yes);
    expect((await screen.findByTestId("right-done")).textContent).toContain("Change: €2.00");
    expect((await right("W4KXZ")).textContent).toContain("paid");
    expect(within(await right("W4KXZ")).queryByTestId("right-pay")).toBeNull();
  });

  it("is refunded only with a reason", async () => {
    const order = memory.rights.rights[0]?.order;
    if (order) Object.assign(order, { status: "paid", paid: order.total, owed: { minor: 0, currency: "EUR" } });
    render(LeasesPage);
    await fireEvent.click(within(await right("W4KXZ")).getByTestId("right-refund"));
    expect(screen.getByTestId<HTMLButtonElement>("ask-yes").disabled).toBe(true);
    await type("right-typed", "guest is ill");
    await fireEvent.click(screen.getByTestId("ask-yes"));
    await waitFor(async () => expect((await right("W4KXZ")).textContent).toContain("cancelled"));
  });

  it("that another till holds is asked for, and without a link it says so", async () => {
    memory.rights = { rights: [] };
    render(LeasesPage);
    await screen.findByText("None is held here");
    memory.failing.set("leases_take_right", "needs-link");
    await type("right-code", "FRIENDS-7Q2M");
    await fireEvent.click(screen.getByTestId("right-take"));
    expect((await screen.findByTestId("right-problem")).dataset["code"]).toBe("needs-link");
    memory.failing.clear();
    await fireEvent.click(screen.getByTestId("right-take"));
    expect((await right("FRIENDS-7Q2M")).textContent).toContain("25% off");
    await fireEvent.click(within(await right("FRIENDS-7Q2M")).getByTestId("right-release"));
    await screen.findByText("None is held here");
  });
});
