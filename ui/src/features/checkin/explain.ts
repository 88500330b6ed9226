// The nearest way in, in words: each part of a rule that is not met. Pure; owns which sentence goes with which part.
import type { Counted } from "../../generated/Counted";
import type { RuleTrouble } from "../../generated/RuleTrouble";
import type { Term } from "../../generated/Term";
import type { Dictionary } from "../../i18n/words.svelte";

/** The days of the week by number, 1 (Monday) to 7. */
function weekday(day: number, locale: string): string {
  // The fifth of January 1970 was a Monday.
  return new Intl.DateTimeFormat(locale, { weekday: "long", timeZone: "UTC" }).format((3 + day) * 86_400_000);
}

function counted(what: Counted, time: (at: number) => string, t: Dictionary): string {
  const said = t.guests.explain.counted;
  switch (what.kind) {
    case "entries_since":
    case "entries_before":
    case "days_since":
    case "days_before":
      return said[what.kind](time(what.value));
    default:
      return said[what.kind];
  }
}

/** One part that would have to be otherwise. */
export function termWords(term: Term, time: (at: number) => string, t: Dictionary): string {
  const said = t.guests.explain;
  switch (term.kind) {
    case "not_before":
      return said.notBefore(time(term.value));
    case "not_after":
      return said.notAfter(time(term.value));
    case "weekday":
      return said.weekday(term.value.map((day) => weekday(day, t.locale)));
    case "at_gate":
      return said.atGate(term.value);
    case "not_at_gate":
      return said.notAtGate(term.value);
    case "product":
      return said.product;
    case "entries_exceeded":
      return said.exceeded(counted(term.value.counted, time, t), term.value.limit);
    case "entries_missing":
      return said.missing(counted(term.value.counted, time, t), term.value.minimum);
    case "entries":
      return (term.value.is ? said.exactly : said.not)(counted(term.value.counted, time, t), term.value.number);
    case "status":
      return term.value === "present" ? said.present : said.absent;
    default:
      return "";
  }
}

/** The whole sentence; empty where there is nothing to say. */
export function explanation(terms: readonly Term[], time: (at: number) => string, t: Dictionary): string {
  const parts = terms.map((term) => termWords(term, time, t)).filter((part) => part !== "");
  const and = new Intl.ListFormat(t.locale, { type: "conjunction" });
  return parts.length === 0 ? "" : `${t.guests.explain.lead} ${and.format(parts)}.`;
}

/** Which rule cannot be used, and why. */
export function troubleWords({ kind, part }: RuleTrouble, t: Dictionary): string {
  const words: Record<string, string | undefined> = t.guests.explain.trouble;
  return t.guests.explain.part(words[kind] ?? t.guests.explain.trouble.unreadable, part);
}
