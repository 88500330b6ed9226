// A verdict in words: headline, reason, and the facts beside it. Owns which sentence goes with which verdict; decides
// nothing about admission.
import type { DateView } from "../../generated/DateView";
import type { Mark } from "../../generated/Mark";
import type { VerdictView } from "../../generated/VerdictView";
import type { Dictionary } from "../../i18n/words.svelte";
import { inUnit } from "../../shared/age";
import { formatMoney } from "../../shared/money";
import { dayAndTime, timeNear } from "../../shared/time";
import { explanation, troubleWords } from "./explain";

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
  } else if (verdict.reason === "wrong_date" && verdict.date) {
    lines.push(t.guests.otherDate(dateWords(verdict.date, zone, t)));
  } else if (verdict.rule_trouble) {
    lines.push(troubleWords(verdict.rule_trouble, t));
  } else if (verdict.reason) {
    lines.push(t.verdict.reasons[verdict.reason]);
  }
  const way = explanation(verdict.explanation, time, t);
  if (way !== "") lines.push(way);
  if (verdict.reason === "stale_data" && verdict.max_data_age_min !== null) lines.push(t.guests.stale(verdict.max_data_age_min));
  if (verdict.reason === "unpaid" && verdict.due) lines.push(t.guests.unpaid.due(formatMoney(verdict.due, t.locale)));
  if (verdict.valid_from !== null) lines.push(t.verdict.validFrom(time(verdict.valid_from)));
  if (verdict.valid_until !== null) lines.push(t.verdict.validUntil(time(verdict.valid_until)));
  return lines;
}

/** A date of a series: its name and when it begins. */
export function dateWords({ name, starts_at }: DateView, zone: string, t: Dictionary): string {
  return [name, dayAndTime(starts_at, zone, t.locale)].filter(Boolean).join(", ");
}

/** Sentences of the organizer. */
export function notes(verdict: VerdictView): string[] {
  const texts = verdict.texts.map((one) => one.text);
  // A verdict of an earlier version has the product's alone.
  const all = texts.length > 0 || verdict.checkin_text === "" ? texts : [verdict.checkin_text];
  return all;
}

/** What staff must know although the ticket is good; an uncertain time says by how much. */
export function markWords(mark: Mark, verdict: VerdictView, t: Dictionary): string {
  const says = t.verdict.marks[mark];
  if (mark === "attention" && verdict.attention.length > 0) return verdict.attention.map((of) => t.guests.attention[of]).join(" · ");
  if (mark !== "time_uncertain" || verdict.uncertainty_ms === null) return says;
  const { count, unit } = inUnit(Math.max(1, Math.ceil(verdict.uncertainty_ms / 1000)));
  return t.verdict.uncertainBy(says, t.age(count, unit));
}

/** All of it in one breath, for whoever hears the screen. */
export function spoken(verdict: VerdictView, zone: string, t: Dictionary): string {
  const marks = verdict.marks.map((mark) => markWords(mark, verdict, t));
  const lost = verdict.delivery === "not_recorded" ? t.verdict.notRecordedYet : null;
  const repeated = verdict.repeated ? t.guests.repeated : null;
  const parts = [headline(verdict, t), lost, repeated, verdict.name, verdict.product, ...reasons(verdict, zone, t), ...marks, ...notes(verdict)];
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
