import { fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { afterEach, describe, expect, it } from "vitest";
import { preferences } from "../features/devices/preferences.svelte";
import { station } from "../features/devices/station.svelte";
import { freshHost } from "../testing/setup";
import App from "./App.svelte";

describe("the window", () => {
  afterEach(() => {
    location.hash = "";
    station.status = null;
    preferences.settings = null;
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
