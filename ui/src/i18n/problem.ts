// A problem as a person reads it: a heading in their language decided by its code, and the detail it came with, which the
// station says in English.
import type { Problem } from "../generated/Problem";
import { details } from "./de/details";
import type { Dictionary } from "./words.svelte";

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/gu, "\\$&");

/** Each sentence as what it looks like; the longest first, so that none is taken for a shorter one's middle. */
const german: readonly (readonly [RegExp, string])[] = [...details]
  .sort(([a], [b]) => b.length - a.length)
  .map(([english, text]) => [new RegExp(`^${english.split("{}").map(escaped).join("([^]*?)")}$`, "u"), text]);

/** A detail in the language of the screen; as it came where it is newer than these screens. */
function detailWords(detail: string, t: Dictionary): string {
  if (t.locale !== "de-DE") return detail;
  for (const [looks, text] of german) {
    const named = looks.exec(detail)?.slice(1);
    if (named) return text.split("{}").reduce((all, part, at) => all + part + (named[at] ?? ""), "");
  }
  return detail;
}

/** Heading and detail; the title it came with where the code is newer than these screens. */
export function problemWords(problem: Problem, t: Dictionary): { heading: string; detail: string; id: string } {
  const known: Record<string, string | undefined> = t.problems;
  const heading = known[problem.code] ?? (problem.title || problem.detail);
  const fields = (problem.fields ?? []).map((field) => detailWords(field.detail, t)).filter((detail) => detail !== "");
  const detail = fields.length > 0 ? fields.join(" ") : detailWords(problem.detail, t);
  return { heading, detail: detail === heading ? "" : detail, id: problem.request_id ? t.problemId(problem.request_id) : "" };
}
