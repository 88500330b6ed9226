// A verdict in words: headline, reason, and the facts beside it. Owns which sentence goes with which verdict; decides
// nothing about admission.
import type { Mark } from "../../generated/Mark";
import type { VerdictView } from "../../generated/VerdictView";
import type { Dictionary } from "../../i18n/words.svelte";
import { inUnit } from "../../shared/age";
import { timeNear } from "../../shared/time";

/** The few words as large as the screen. */
export function headline(verdict: VerdictView, t: Dictionary): string {
  switch (verdict.class) {
    case "admitted":
      return verdict.direction === "exit" ? t.verdict.goodbye : t.verdict.welcome;
    case "look":
      return t.verdict.lookHeadline;
    case "used":
    case "refused":
      return t.verdict.headlines[verdict.reason ?? (verdict.class === "used" ? "already_redeemed" : "invalid")];
  }
}

/** Why, as sentences; empty for a plain admission. `zone` is the event's. */
export function reasons(verdict: VerdictView, zone: string, t: Dictionary): string[] {
  const lines: string[] = [];
  const time = (at: number): string => timeNear(at, verdict.at, zone, t.locale);
  if (verdict.first_use) {
    const { at, gate } = verdict.first_use;
    const { count, unit } = inUnit(Math.max(0, Math.floor((verdict.at - at) / 1000)));
    const use = gate === "" ? t.verdict.firstUseNoGate(time(at)) : t.verdict.firstUse(time(at), gate);
    lines.push(`${use} · ${t.verdict.ago(t.age(count, unit))}`);
  } else if (verdict.reason === "wrong_event" && verdict.other_event) {
    lines.push(t.verdict.wrongEventNamed(verdict.other_event));
  } else if (verdict.reason) {
    lines.push(t.verdict.reasons[verdict.reason]);
  }
  if (verdict.valid_from !== null) lines.push(t.verdict.validFrom(time(verdict.valid_from)));
  if (verdict.valid_until !== null) lines.push(t.verdict.validUntil(time(verdict.valid_until)));
  return lines;
}

/** What staff must know although the ticket is good; an uncertain time says by how much. */
export function markWords(mark: Mark, verdict: VerdictView, t: Dictionary): string {
  const says = t.verdict.marks[mark];
  if (mark !== "time_uncertain" || verdict.uncertainty_ms === null) return says;
  const { count, unit } = inUnit(Math.max(1, Math.ceil(verdict.uncertainty_ms / 1000)));
  return t.verdict.uncertainBy(says, t.age(count, unit));
}

/** All of it in one breath, for whoever hears the screen. */
export function spoken(verdict: VerdictView, zone: string, t: Dictionary): string {
  const marks = verdict.marks.map((mark) => markWords(mark, verdict, t));
  const lost = verdict.delivery === "not_recorded" ? t.verdict.notRecordedYet : null;
  const parts = [headline(verdict, t), lost, verdict.name, verdict.product, ...reasons(verdict, zone, t), ...marks, verdict.checkin_text];
  return parts.filter(Boolean).join(". ");
}

/** One or two words for the list of recent scans. */
export function outcome(verdict: VerdictView, t: Dictionary): string {
  if (verdict.class === "admitted" && verdict.direction === "exit") return t.verdict.out;
  if (verdict.class === "refused" && verdict.reason) return t.verdict.headlines[verdict.reason];
  return t.verdict.classes[verdict.class];
}

/** The icon that goes with colour and words. */
export function icon(verdict: VerdictView): "circle-check" | "log-out" | "history" | "circle-x" | "eye" {
  switch (verdict.class) {
    case "admitted":
      return verdict.direction === "exit" ? "log-out" : "circle-check";
    case "look":
      return "eye";
    case "used":
      return "history";
    case "refused":
      return "circle-x";
  }
}
