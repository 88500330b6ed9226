// A problem as a person reads it: a heading in their language decided by its code, and the detail it came with.
import type { Problem } from "../generated/Problem";
import type { Dictionary } from "./words.svelte";

/** Heading and detail; the title it came with where the code is newer than these screens. */
export function problemWords(problem: Problem, t: Dictionary): { heading: string; detail: string; id: string } {
  const known: Record<string, string | undefined> = t.problems;
  const heading = known[problem.code] ?? (problem.title || problem.detail);
  const fields = (problem.fields ?? []).map((field) => field.detail).filter((detail) => detail !== "");
  const detail = fields.length > 0 ? fields.join(" ") : problem.detail;
  return { heading, detail: detail === heading ? "" : detail, id: problem.request_id ? t.problemId(problem.request_id) : "" };
}
