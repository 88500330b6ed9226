// A memory host set up from the page's address, for looking at screens: `#/door?theme=dark&lang=de&demo=used,linked`.
import type { Language } from "../../generated/Language";
import { Memory } from "../memory";
import { codeOf } from "./world";

/** Codes shown to the "camera" for each wish, one after another. */
const CODES: Record<string, string[]> = {
  admitted: ["K7RQ2"],
  long: ["D9MIX"],
  used: ["K7RQ2", "K7RQ2"],
  look: ["V9TDA"],
  seen: ["R2GSB"],
  refused: ["P8NQE"],
  elsewhere: ["T6YFX"],
  early: ["Z3AAE"],
  unpaid: ["B7LOP"],
  forged: ["nothing of ours"],
  questions: ["Q3ASK"],
  exchange: ["X5TRA"],
  rules: ["G2RUL"],
  several: ["M3XWP", "C4HLZ", "P8NQE", "M3XWP", "D9MIX", "K7RQ2"],
};

/** The host that the address asks for. */
export function fromAddress(hash: string): Memory {
  const wishes = new URLSearchParams(hash.split("?")[1] ?? "");
  const demo = (wishes.get("demo") ?? "").split(",");
  const memory = new Memory(() => Date.now(), demo.includes("linked"));
  memory.settings.theme = wishes.get("theme") === "dark" ? "dark" : wishes.get("theme") === "light" ? "light" : "system";
  memory.settings.language = (wishes.get("lang") === "de" ? "de" : "en") satisfies Language;
  memory.settings.direction = demo.includes("exit") ? "exit" : "entry";
  if (demo.includes("new")) memory.status.enrolment = null;
  if (demo.includes("recovered")) memory.status.recovered = "/var/lib/willcall/station.damaged-20261121: 2,318 of 2,318 entries read";
  if (demo.includes("cases")) memory.withCases();
  if (demo.includes("doubt")) {
    const missing_entries = ["incarnation 1: 2303–2318"];
    memory.status.standing = { doubt: "behind", since: Date.now() - 1_200_000, missing: 16, missing_entries, frozen: [1] };
  }
  if (demo.includes("people")) memory.people.with(["undo", "search", "admit_unpaid", "supervise"]);
  if (demo.includes("locked")) memory.people.with(["undo"]).lockedSetup = true;
  if (demo.includes("kiosk")) memory.people.with(["supervise"]).kioskSetup = true;
  if (demo.includes("full")) memory.status.disk = { ...memory.status.disk, room: "scans_only", free_bytes: 3_000_000 };
  if (demo.includes("no-medium")) memory.copies.mirror = null;
  if (demo.includes("away") && memory.copies.mirror) memory.copies.mirror.state = "away";
  if (demo.includes("clock")) Object.assign(memory.status, { clock_far_off: true, clock_offset_ms: -425_000 });
  if (demo.includes("slow")) memory.hold = new Promise(() => undefined);
  const codes = demo.flatMap((wish) => CODES[wish] ?? []).map(codeOf);
  if (demo.includes("camera") || codes.length > 0) memory.settings.camera = { kind: "folder", path: "/srv/tickets" };
  if (demo.includes("refusing")) memory.failing.set("checkin_scan", "not-recorded");
  if (demo.includes("spent")) memory.failing.set("till_sell", "lease-spent");
  void showCodes(memory, codes);
  return memory;
}

/** As if each ticket had been held before the camera; the same one again only after it was away for a while. */
async function showCodes(memory: Memory, codes: string[]): Promise<void> {
  const shown = new Set<string>();
  await new Promise((done) => setTimeout(done, 300));
  memory.emit("camera_frame", { camera: 0, jpeg: picture(), width: 480, height: 360, mirrored: false, outline: null });
  for (const code of codes) {
    if (shown.has(code)) await new Promise((done) => setTimeout(done, 3200));
    shown.add(code);
    memory.emit("camera_code", { code });
    await new Promise((done) => setTimeout(done, 120));
  }
}

/** A telephone with a code on it, before a curtain. */
function picture(): string {
  const canvas = Object.assign(document.createElement("canvas"), { width: 480, height: 360 });
  const pen = canvas.getContext("2d");
  if (!pen) return "";
  const fill = (style: string, ...[x, y, width, height]: [number, number, number, number]): void => {
    pen.fillStyle = style;
    pen.fillRect(x, y, width, height);
  };
  for (let x = 0; x < 480; x += 24) fill(x % 48 ? "#3b2428" : "#45292e", x, 0, 24, 360);
  fill("#101010", 140, 30, 200, 330);
  fill("#fafafa", 150, 56, 180, 304);
  for (let y = 0; y < 29; y += 1)
    for (let x = 0; x < 29; x += 1) if ((x * 7 + y * 13 + x * y) % 3 === 0) fill("#111", 169 + x * 5, 100 + y * 5, 5, 5);
  return canvas.toDataURL("image/jpeg", 0.8).split(",")[1] ?? "";
}
