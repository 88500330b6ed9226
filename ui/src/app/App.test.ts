import { fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { afterEach, describe, expect, it } from "vitest";
import { copies } from "../features/copies/copies.svelte";
import { preferences } from "../features/devices/preferences.svelte";
import { station } from "../features/devices/station.svelte";
import { cases } from "../features/sync/cases.svelte";
import { freshHost } from "../testing/setup";
import App from "./App.svelte";

describe("the window", () => {
  afterEach(() => {
    location.hash = "";
    station.status = null;
    preferences.settings = null;
    copies.work = null;
    cases.view = null;
  });

  it("asks a station that belongs to nobody to enrol", async () => {
    freshHost().status.enrolment = null;
    render(App);
    await screen.findByTestId("enrol-submit");
    expect(screen.queryByTestId("tab-door")).toBeNull();
  });

  it("always shows link, what waits and the age of the data", async () => {
    freshHost();
    render(App);
    const pill = await screen.findByTestId("link-pill");
    expect(pill.textContent?.trim()).toBe("No link · recorded here · 14 waiting to send");
    expect(screen.getByTestId("data-age").textContent?.trim()).toBe("Data 13 min old");
  });

  it("says when the disk has no room, and how many scans it has not taken", async () => {
    const memory = freshHost();
    render(App);
    await screen.findByTestId("link-pill");
    expect(screen.queryByTestId("disk-note")).toBeNull();
    const disk = { ...memory.status.disk, room: "scans_only", free_bytes: 3_000_000 } as const;
    memory.status = { ...memory.status, disk };
    memory.emit("changed", { topics: ["status"] });
    const note = await screen.findByTestId("disk-note");
    expect(note.textContent?.trim()).toBe("Disk almost full · 3 MB free");
    memory.status = { ...memory.status, disk: { ...disk, room: "nothing", not_recorded: 14 } };
    memory.emit("changed", { topics: ["status"] });
    await waitFor(() => expect(screen.getByTestId("disk-note").textContent?.trim()).toBe("14 scans not recorded"));
  });

  it("says over every page that the station doubts itself, with the way to what can be done", async () => {
    const memory = freshHost();
    memory.status.standing = { doubt: "other_machine", since: null, missing: 0, missing_entries: [], frozen: [1] };
    render(App);
    await screen.findByTestId("till-doubt-next");
    expect(screen.queryByTestId("doubt-banner"), "the till says it where the money is").toBeNull();
    location.hash = "#/door";
    const banner = await screen.findByTestId("doubt-banner");
    expect(banner.textContent).toContain("take no money");
    expect(screen.getByTestId("doubt-next").getAttribute("href")).toBe("#/copies");
  });

  it("counts the open cases beside the link, and leads to them", async () => {
    const memory = freshHost().withCases();
    location.hash = "#/door";
    render(App);
    const note = await screen.findByTestId("cases-note");
    expect(note.textContent?.trim()).toBe("5 cases");
    expect(note.getAttribute("href")).toBe("#/cases");
    location.hash = "#/cases";
    await screen.findAllByTestId("case");
    expect(screen.queryByTestId("cases-note"), "the page says it itself").toBeNull();
    expect(screen.getByTestId("tab-cases").getAttribute("aria-current")).toBe("page");
    memory.cases = { open: [], closed: [] };
    memory.status.open_cases = 0;
    memory.emit("changed", { topics: ["status"] });
    await screen.findByText("No open cases");
  });

  it("shows nothing else while the database is worked on", async () => {
    const memory = freshHost();
    memory.hold = new Promise(() => undefined);
    location.hash = "#/copies";
    render(App);
    await fireEvent.click(await screen.findByTestId("rebuild"));
    await fireEvent.click(screen.getByTestId("ask-yes"));
    const work = await screen.findByTestId("work");
    memory.emit("engine_step", "opening");
    await waitFor(() => expect(work.dataset["step"]).toBe("opening"));
    expect(work.textContent).toContain("do not switch this machine off");
  });

  it("reaches every page by a key", async () => {
    freshHost();
    render(App);
    await screen.findByTestId("link-pill");
    for (const [key, page] of [["4", "cases"], ["5", "leases"], ["6", "copies"], ["3", "settings"], ["1", "door"], ["2", "till"]] as const) {
      await fireEvent.keyDown(window, { key, altKey: true });
      await waitFor(() => expect(document.querySelector("main")?.dataset["page"]).toBe(page));
    }
  });

  it("says when its clock is to be set, and by how much it is off", async () => {
    const memory = freshHost();
    render(App);
    await screen.findByTestId("link-pill");
    expect(screen.queryByTestId("clock-note")).toBeNull();
    memory.status = { ...memory.status, clock_far_off: true, clock_offset_ms: -425_000 };
    memory.emit("changed", { topics: ["status"] });
    expect((await screen.findByTestId("clock-note")).textContent?.trim()).toBe("Clock 7 min off");
  });

  it("follows what the host says has changed", async () => {
    const memory = freshHost();
    render(App);
    await screen.findByTestId("link-pill");
    memory.status = { ...memory.status, waiting: 0, link: { connected: true, last_contact_at: 0, detail: "", refused: 0 } };
    memory.emit("changed", { topics: ["status"] });
    await waitFor(() => expect(screen.getByTestId("link-pill").textContent?.trim()).toBe("Connected"));
  });

  it("offers the till only to a station that sells", async () => {
    const memory = freshHost();
    if (memory.status.enrolment) memory.status.enrolment.role = "door";
    location.hash = "#/till";
    render(App);
    await screen.findByTestId("door-field");
    expect(screen.queryByTestId("tab-till")).toBeNull();
  });

  it("dresses in the language and theme of the settings", async () => {
    const memory = freshHost();
    memory.settings.language = "de";
    memory.settings.theme = "dark";
    render(App);
    await screen.findByTestId("link-pill");
    expect(document.documentElement.lang).toBe("de");
    expect(document.documentElement.dataset["theme"]).toBe("dark");
    expect(screen.getByTestId("tab-till").textContent?.trim()).toBe("Kasse");
  });

  it("says so when the station cannot be read, and tries again when told", async () => {
    const memory = freshHost();
    memory.failing.set("devices_status", "corrupt");
    render(App);
    const problem = await screen.findByTestId("start-problem");
    expect(problem.dataset["code"]).toBe("corrupt");
    memory.failing.clear();
    await fireEvent.click(screen.getByRole("button", { name: "Try again" }));
    await screen.findByTestId("link-pill");
  });

  it("keeps the word of a recovered database on the screen until it was read", async () => {
    freshHost().status.recovered = "/data/damaged: 12 of 12 entries read";
    render(App);
    const note = await screen.findByTestId("recovered");
    expect(note.textContent).toContain("12 of 12 entries read");
    await fireEvent.click(screen.getByRole("button", { name: "Understood" }));
    expect(screen.queryByTestId("recovered")).toBeNull();
  });
});
