// A case in words: what its kind says, and what its own numbers add. Pure.
import type { CaseView } from "../../generated/CaseView";
import type { Dictionary } from "../../i18n/words.svelte";
import { dayAndTime } from "../../shared/time";

export interface Told {
  title: string;
  says: string;
  safe: string;
}

/** What happened and what is safe; a kind of a newer server is named. */
export function told(kind: string, t: Dictionary): Told {
  const kinds: Record<string, Told | undefined> = t.sync.kinds;
  return kinds[kind] ?? { title: t.sync.other, says: t.sync.otherSays(kind), safe: t.sync.otherSafe };
}

type Detail = Record<string, unknown>;
const isDetail = (value: unknown): value is Detail => typeof value === "object" && value !== null;
const whole = (value: unknown): number | null => (typeof value === "number" && Number.isFinite(value) ? value : null);

/** Gates and times, numbers of entries, the order, how far off: line by line. */
export function details({ detail, kind, zone }: CaseView, t: Dictionary): string[] {
  if (!isDetail(detail)) return [];
  const moment = (at: number): string => dayAndTime(at, zone, t.locale);
  const scans = Array.isArray(detail["scans"]) ? detail["scans"].filter(isDetail) : [];
  const lines = scans.flatMap((scan) => {
    const at = whole(scan["at"]);
    return at !== null && typeof scan["gate"] === "string" ? [`${scan["gate"]} · ${moment(at)}`] : [];
  });
  const at = whole(detail["at"]);
  if (kind === "time_by_hand" && at !== null) lines.push(moment(at));
  const order = detail["order_code"] ?? detail["order"];
  if (typeof order === "string") lines.push(t.sync.order(order));
  const [from, until, seq, life] = ["from", "until", "seq", "incarnation"].map((name) => whole(detail[name]));
  if (from !== null && from !== undefined && until !== null && until !== undefined && life) lines.push(t.sync.entries(from, until, life));
  else if (seq && life) lines.push(t.sync.entry(seq, life));
  if (typeof detail["why"] === "string") lines.push(why(detail["why"], t));
  const ms = whole(detail["ms"]);
  if (ms !== null) lines.push(t.sync.minutesOff(Math.trunc(ms / 60_000)));
  return lines;
}

/** A doubt in words; anything else as it was said. */
function why(word: string, t: Dictionary): string {
  const doubts: Record<string, string | undefined> = t.sync.doubts;
  return doubts[word] ?? t.sync.told(word);
}

/** How it was closed. */
export function ending(resolution: string | null, t: Dictionary): string {
  if (resolution === null) return t.sync.byItself;
  const endings: Record<string, string | undefined> = t.sync.endings;
  return endings[resolution] ?? resolution;
}
