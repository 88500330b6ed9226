import { fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { beforeEach, describe, expect, it } from "vitest";
import { copies } from "../features/copies/copies.svelte";
import { station } from "../features/devices/station.svelte";
import type { Memory } from "../host/memory";
import { words } from "../i18n/words.svelte";
import { freshHost } from "../testing/setup";
import CopiesPage from "./CopiesPage.svelte";

describe("backups", () => {
  let memory: Memory;

  beforeEach(async () => {
    memory = freshHost(() => Date.now());
    words.language = "en";
    Object.assign(copies, { view: null, problem: null, busy: null, mediumProblem: null, keyChanged: false, work: null, done: null });
    await station.load();
  });

  it("stand with their ages, and one more is made at a press", async () => {
    render(CopiesPage);
    const all = await screen.findAllByTestId("backup");
    expect(all.map((one) => one.querySelector(".age")?.textContent)).toEqual([
      "12 min ago",
      "27 min ago",
      "44 min ago",
      "1 h ago",
      "25 h ago",
    ]);
    expect(screen.queryByTestId("backup-old")).toBeNull();
    await fireEvent.click(screen.getByTestId("backup-make"));
    await waitFor(() => expect(screen.getAllByTestId("backup")).toHaveLength(6));
  });

  it("that are all old say so", async () => {
    memory.copies.backups = memory.copies.backups.slice(-1);
    render(CopiesPage);
    await screen.findByTestId("backup-old");
  });

  it("say why none could be made", async () => {
    render(CopiesPage);
    await screen.findAllByTestId("backup");
    memory.failing.set("copies_backup", "disk-full");
    await fireEvent.click(screen.getByTestId("backup-make"));
    expect((await screen.findByTestId("copies-problem")).dataset["code"]).toBe("disk-full");
    expect(screen.getAllByTestId("backup")).toHaveLength(5);
  });

  it("are put back only after it was said what that means, and tell how far it is", async () => {
    render(CopiesPage);
    await screen.findAllByTestId("backup");
    let letGo = (): void => undefined;
    memory.hold = new Promise((done) => (letGo = done));
    await fireEvent.click(screen.getAllByTestId("backup-restore")[1] as HTMLElement);
    expect(screen.getByTestId("ask").textContent).toContain("Nothing can be scanned or sold here until it is done");
    expect(screen.getByTestId("ask").getAttribute("role")).toBe("alert");
    await fireEvent.click(screen.getByTestId("ask-yes"));
    expect(copies.work).toEqual({ kind: "restore", step: "ending" });
    memory.emit("engine_step", "working");
    await waitFor(() => expect(copies.work?.step).toBe("working"));
    letGo();
    const done = await screen.findByTestId("work-done");
    expect(done.textContent).toContain(memory.copies.backups[1]?.name);
    expect(done.textContent).toContain("2,318 entries of the journal are here.");
    expect(done.textContent).toContain("14 facts still to send.");
    expect(done.textContent, "a backup has its tickets").not.toContain("Tickets and products");
    await fireEvent.click(screen.getByTestId("work-read"));
    expect(screen.queryByTestId("work-done")).toBeNull();
    expect(copies.work).toBeNull();
  });

  it("of another place are put back by their path, and a bad one leaves everything as it was", async () => {
    render(CopiesPage);
    await screen.findAllByTestId("backup");
    memory.failing.set("copies_restore", "corrupt");
    await fireEvent.input(screen.getByTestId("backup-other"), { target: { value: " /media/till/STICK/holiday.jpg " } });
    await fireEvent.click(screen.getByTestId("backup-other-restore"));
    await fireEvent.click(screen.getByTestId("ask-yes"));
    expect((await screen.findByTestId("copies-problem")).dataset["code"]).toBe("corrupt");
    expect(screen.getAllByTestId("backup")).toHaveLength(5);
    expect(copies.work).toBeNull();
  });
});

describe("the second medium", () => {
  let memory: Memory;

  beforeEach(async () => {
    memory = freshHost(() => Date.now());
    words.language = "en";
    Object.assign(copies, { view: null, problem: null, busy: null, mediumProblem: null, work: null, done: null });
    await station.load();
  });

  it("says whether it follows, in words and not by colour alone", async () => {
    const page = render(CopiesPage);
    expect((await screen.findByTestId("medium-state")).textContent).toContain("It is there and has everything.");
    page.unmount();
    if (memory.copies.mirror) memory.copies.mirror.state = "away";
    render(CopiesPage);
    await waitFor(() => expect(screen.getByTestId("medium-state").textContent).toContain("It is away or takes nothing."));
  });

  it("is taken from what is plugged in, by its path, or given up", async () => {
    render(CopiesPage);
    await fireEvent.click(await screen.findByTestId("medium-plugged"));
    await waitFor(() => expect(memory.copies.mirror?.folder).toBe("/media/till/BACKUP/willcall"));
    await fireEvent.input(screen.getByTestId("medium-path"), { target: { value: "/srv/second" } });
    await fireEvent.click(screen.getByTestId("medium-use"));
    await waitFor(() => expect(memory.copies.mirror?.folder).toBe("/srv/second"));
    await fireEvent.click(screen.getByTestId("medium-stop"));
    await waitFor(() => expect(memory.copies.mirror).toBeNull());
    expect(screen.getByTestId("medium-state").textContent).toContain("What was not sent exists once.");
  });

  it("that cannot be used says why beside its field", async () => {
    render(CopiesPage);
    await screen.findByTestId("medium-state");
    memory.failing.set("copies_change", "invalid");
    await fireEvent.input(screen.getByTestId("medium-path"), { target: { value: "/proc/nowhere" } });
    await fireEvent.click(screen.getByTestId("medium-use"));
    expect((await screen.findByTestId("medium-problem")).dataset["code"]).toBe("invalid");
    expect(memory.copies.mirror?.folder).toBe("/media/till/STICK/willcall");
  });
});

describe("a station", () => {
  let memory: Memory;

  beforeEach(async () => {
    memory = freshHost(() => Date.now());
    words.language = "en";
    Object.assign(copies, { view: null, problem: null, busy: null, keyChanged: false, work: null, done: null });
    await station.load();
  });

  it("that is sure of its data says so, and what exists only here", async () => {
    render(CopiesPage);
    await screen.findByTestId("standing-sure");
    expect(screen.getByTestId("standing-waiting").textContent).toContain("14 facts exist only here");
  });

  it("that doubts itself says why, what is missing, what is safe and what to do", async () => {
    const missing_entries = ["incarnation 1: 118–120"];
    memory.status.standing = { doubt: "behind", since: Date.now() - 60_000, missing: 3, missing_entries, frozen: [1] };
    await station.load();
    render(CopiesPage);
    const doubt = await screen.findByTestId("standing-doubt");
    expect(doubt.textContent).toContain("Its database is older than it once was");
    expect(doubt.textContent).toContain("3 entries missing");
    expect(doubt.textContent).toContain("Entries 118 to 120 of life 1");
    expect(screen.getByTestId("standing").querySelectorAll("ol li")).toHaveLength(4);
    screen.getByTestId("standing-frozen");
    memory.status.standing = { doubt: null, since: null, missing: 0, missing_entries: [], frozen: [1] };
    await fireEvent.click(screen.getByTestId("standing-sync"));
    await screen.findByTestId("standing-sure");
  });

  it("is rebuilt after a warning, louder without a link", async () => {
    render(CopiesPage);
    await fireEvent.click(await screen.findByTestId("rebuild"));
    expect(screen.getByTestId("ask").textContent).toContain("There is no link now.");
    await fireEvent.click(screen.getByTestId("ask-yes"));
    expect((await screen.findByTestId("work-done")).textContent).toContain("Tickets and products come with the next link.");
  });

  it("is wiped while facts exist only here only by whoever types how many they are", async () => {
    render(CopiesPage);
    await screen.findByTestId("wipe-waiting");
    await fireEvent.click(screen.getByTestId("wipe"));
    const yes = screen.getByTestId<HTMLButtonElement>("ask-yes");
    expect(yes.disabled).toBe(true);
    await fireEvent.input(screen.getByTestId("wipe-typed"), { target: { value: "13" } });
    expect(yes.disabled).toBe(true);
    await fireEvent.input(screen.getByTestId("wipe-typed"), { target: { value: "14" } });
    expect(yes.disabled).toBe(false);
    await fireEvent.click(yes);
    await waitFor(() => expect(station.status?.enrolment).toBeNull());
  });

  it("to which a fact came while it was typed is not wiped", async () => {
    render(CopiesPage);
    await fireEvent.click(await screen.findByTestId("wipe"));
    await fireEvent.input(screen.getByTestId("wipe-typed"), { target: { value: "14" } });
    memory.status.waiting = 15;
    await fireEvent.click(screen.getByTestId("ask-yes"));
    expect((await screen.findByTestId("copies-problem")).dataset["code"]).toBe("conflict");
    expect(memory.status.enrolment).not.toBeNull();
  });

  it("with a link and nothing unsent is wiped at a press, after the warning", async () => {
    Object.assign(memory.status, { waiting: 0, link: { connected: true, last_contact_at: 0, detail: "", refused: 0 } });
    await station.load();
    render(CopiesPage);
    await fireEvent.click(await screen.findByTestId("wipe"));
    expect(screen.queryByTestId("wipe-typed")).toBeNull();
    expect(screen.getByTestId("ask").textContent).toContain("deleted for good");
    await fireEvent.click(screen.getByTestId("ask-yes"));
    await waitFor(() => expect(station.status?.enrolment).toBeNull());
  });

  it("gets a new key at a press and says so", async () => {
    render(CopiesPage);
    await fireEvent.click(await screen.findByTestId("key-change"));
    await screen.findByTestId("key-changed");
  });

  it("writes what is not sent into a file, and brings another station's to the server", async () => {
    render(CopiesPage);
    await fireEvent.input(await screen.findByTestId("carry-folder"), { target: { value: "/media/till/STICK" } });
    await fireEvent.click(screen.getByTestId("carry-write"));
    expect((await screen.findByTestId("carry-written")).textContent).toContain("14 entries written");
    memory.failing.set("sync_carry", "no-link");
    await fireEvent.input(screen.getByTestId("carry-path"), { target: { value: "/media/till/STICK/journal.mirror" } });
    await fireEvent.click(screen.getByTestId("carry-bring"));
    expect((await screen.findByTestId("carry-problem")).dataset["code"]).toBe("no-link");
    memory.failing.clear();
    await fireEvent.click(screen.getByTestId("carry-bring"));
    await screen.findByTestId("carry-carried");
    expect(screen.queryByTestId("carry-problem")).toBeNull();
  });

});
