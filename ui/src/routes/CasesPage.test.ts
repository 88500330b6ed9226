import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import { beforeEach, describe, expect, it } from "vitest";
import { cases } from "../features/sync/cases.svelte";
import type { Memory } from "../host/memory";
import { words } from "../i18n/words.svelte";
import { freshHost } from "../testing/setup";
import CasesPage from "./CasesPage.svelte";

const card = async (kind: string): Promise<HTMLElement> => {
  const all = await screen.findAllByTestId("case");
  const found = all.find((one) => one.dataset["kind"] === kind);
  if (!found) throw new Error(`no case ${kind}`);
  return found;
};

describe("the cases", () => {
  let memory: Memory;

  beforeEach(() => {
    memory = freshHost().withCases();
    words.language = "en";
    Object.assign(cases, { view: null, problem: null, closing: null, refusal: null });
  });

  it("say what happened, what is safe and where", async () => {
    render(CasesPage);
    const double = await card("double_admission");
    expect(double.textContent).toContain("Two gates admitted the same ticket, and neither knew of the other.");
    expect(double.textContent).toContain("Both scans are kept.");
    expect(double.textContent).toContain("Gate A · Fri 20 Nov, 19:19");
    expect(double.textContent).toContain("Gate B scanner · A Midsummer Night's Dream");
  });

  it("are closed by a press, and stand among the closed ones", async () => {
    render(CasesPage);
    await fireEvent.click(within(await card("double_admission")).getByTestId("case-seen"));
    await waitFor(() => expect(screen.getAllByTestId("case")).toHaveLength(4));
    expect(screen.getByTestId("cases-open").textContent?.trim()).toBe("Open · 4");
    await fireEvent.click(screen.getByTestId("cases-closed"));
    expect((await card("double_admission")).textContent).toContain("Seen · closed");
    expect((await card("gap")).textContent).toContain("Closed by itself, or in the office");
  });

  it("say when only the office can close them, and offer no button", async () => {
    render(CasesPage);
    const unheard = await card("station_not_heard");
    expect(within(unheard).queryAllByRole("button")).toEqual([]);
    expect(within(unheard).getByTestId("case-office").textContent?.trim()).toBe("Only the office can close this: Release it");
    expect(within(await card("fork")).getByTestId("case-office").textContent?.trim()).toBe(
      "In the office: Give up as lost, Give up as stolen",
    );
  });

  it("ask before something is left out for good, and the way back changes nothing", async () => {
    render(CasesPage);
    const unknown = await card("unknown_product");
    expect(within(unknown).getByTestId("case-tried").textContent).toContain("it still cannot be applied");
    await fireEvent.click(within(unknown).getByTestId("case-leave_out"));
    expect(screen.getByTestId("ask").textContent).toContain("never applied");
    await fireEvent.click(screen.getByTestId("ask-no"));
    expect(memory.cases.open).toHaveLength(5);
    await fireEvent.click(within(unknown).getByTestId("case-leave_out"));
    await fireEvent.click(screen.getByTestId("ask-yes"));
    await waitFor(() => expect(memory.cases.closed[0]).toMatchObject({ kind: "unknown_product", resolution: "leave_out" }));
  });

  it("stay open with the reason when they cannot be closed", async () => {
    render(CasesPage);
    await card("overpaid");
    memory.failing.set("sync_close_case", "not-recorded");
    await fireEvent.click(within(await card("double_admission")).getByTestId("case-seen"));
    const refusal = await screen.findByTestId("case-refusal");
    expect(refusal.dataset["code"]).toBe("not-recorded");
    expect((await card("double_admission")).contains(refusal)).toBe(true);
    memory.failing.clear();
    await fireEvent.click(within(await card("double_admission")).getByTestId("case-seen"));
    await waitFor(() => expect(memory.cases.open).toHaveLength(4));
    expect(screen.queryByTestId("case-refusal")).toBeNull();
  });

  it("of a newer server are named and can be seen", async () => {
    memory.cases.open = memory.cases.open.slice(0, 1).map((one) => ({ ...one, kind: "of_tomorrow", choices: ["seen"], in_the_office: [] }));
    render(CasesPage);
    const unknown = await card("of_tomorrow");
    expect(unknown.textContent).toContain("of_tomorrow");
    within(unknown).getByTestId("case-seen");
  });

  it("say that there are none, and when they cannot be read", async () => {
    memory.cases = { open: [], closed: [] };
    const page = render(CasesPage);
    await screen.findByText("No open cases");
    page.unmount();
    memory.failing.set("sync_cases", "corrupt");
    render(CasesPage);
    expect((await screen.findByTestId("cases-problem")).dataset["code"]).toBe("corrupt");
  });
});
