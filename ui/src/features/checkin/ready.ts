// The lines of the check before doors, in words. Pure; owns which sentence goes with which thing.
import type { Attached } from "../../generated/Attached";
import type { Thing } from "../../generated/Thing";
import type { Dictionary } from "../../i18n/words.svelte";
import { inUnit } from "../../shared/age";
import { formatBytes } from "../../shared/bytes";

type Names = Dictionary["guests"]["ready"]["camera"];

function attached(device: Attached, said: Names): string {
  if (device.kind === "none") return said.none;
  return device.kind === "works" ? said.works(device.name) : said.fails(device.name, device.why);
}

/** The line of one thing. */
export function thingWords(thing: Thing, t: Dictionary): string {
  const said = t.guests.ready;
  const age = (seconds: number): string => {
    const { count, unit } = inUnit(seconds);
    return t.age(count, unit);
  };
  switch (thing.what) {
    case "tickets":
      return said.tickets(thing.here);
    case "data":
      if (thing.age_s === null) return said.noData;
      return (thing.at_least ? said.dataAtLeast : said.data)(age(thing.age_s));
    case "link":
      return thing.connected ? said.link : said.noLink;
    case "waiting":
      return said.waiting(thing.facts);
    case "gates":
      return [said.gates(thing.heard), thing.last_s === null ? "" : said.lastHeard(age(thing.last_s))].filter(Boolean).join(" · ");
    case "clock": {
      if (thing.off_ms === null) return said.clockUnknown;
      const off = Math.max(1, Math.ceil(Math.abs(thing.far_off ? thing.off_ms : (thing.uncertain_ms ?? thing.off_ms)) / 1000));
      return (thing.far_off ? said.clockFar : said.clock)(age(off));
    }
    case "disk":
      if (thing.room !== "enough") return said.diskFull;
      return thing.free_bytes === null ? said.diskUnknown : said.disk(formatBytes(thing.free_bytes, t.locale));
    case "standing":
      return thing.doubt === null ? said.standing : said.doubt;
    case "backup":
      return thing.age_s === null ? said.noBackup : said.backup(age(thing.age_s));
    case "camera":
    case "printer":
    case "turnstile":
      return attached(thing.device, said[thing.what]);
  }
}

/** The icon that goes with a thing. */
export const THING_ICONS: Record<Thing["what"], string> = {
  tickets: "ticket",
  data: "refresh-cw",
  link: "usb",
  waiting: "inbox",
  gates: "door-open",
  clock: "clock-alert",
  disk: "hard-drive",
  standing: "key-round",
  backup: "database-backup",
  camera: "camera",
  printer: "printer",
  turnstile: "log-out",
};
