import { describe, expect, it } from "vitest";
import type { Term } from "../../generated/Term";
import { dictionaries } from "../../i18n/words.svelte";
import { explanation, troubleWords } from "./explain";

const time = (at: number): string => `T${at}`;
const en = (...terms: Term[]): string => explanation(terms, time, dictionaries.en);
const de = (...terms: Term[]): string => explanation(terms, time, dictionaries.de);

describe("the nearest way in", () => {
  it.each<[Term, string, string]>([
    [{ kind: "not_before", value: 5 }, "from T5", "ab T5"],
    [{ kind: "not_after", value: 5 }, "until T5", "bis T5"],
    [{ kind: "weekday", value: [1, 7] }, "on Monday or Sunday", "am Montag oder Sonntag"],
    [{ kind: "weekday", value: [] }, "on no day", "an keinem Tag"],
    [{ kind: "at_gate", value: ["B"] }, "at B", "an B"],
    [{ kind: "not_at_gate", value: ["A", "B"] }, "not at A or B", "nicht an A oder B"],
    [{ kind: "product" }, "with another kind of ticket", "mit einem anderen Ticket"],
    [{ kind: "entries_exceeded", value: { counted: { kind: "entries_today" }, limit: 2 } }, "with at most 2 entries today", "mit höchstens 2 Eintritten heute"],
    [{ kind: "entries_missing", value: { counted: { kind: "entries_since", value: 9 }, minimum: 1 } }, "with at least 1 entries since T9", "mit mindestens 1 Eintritten seit T9"],
    [{ kind: "entries", value: { counted: { kind: "days" }, is: false, number: 3 } }, "with other than 3 days of entry", "mit nicht 3 Eintrittstagen"],
    [{ kind: "status", value: "present" }, "for who is inside", "für alle, die drinnen sind"],
  ])("says %o in both languages", (term, english, german) => {
    expect(en(term)).toBe(`It would be allowed: ${english}.`);
    expect(de(term)).toBe(`Erlaubt wäre es: ${german}.`);
  });

  it("joins what all would have to be otherwise, and says nothing of a kind that is newer than these screens", () => {
    expect(en({ kind: "not_before", value: 1 }, { kind: "at_gate", value: ["A"] })).toBe("It would be allowed: from T1 and at A.");
    expect(en({ kind: "by_moonlight" } as never)).toBe("");
    expect(en()).toBe("");
  });

  it("names the rule that cannot be used and what in it", () => {
    expect(troubleWords({ kind: "unknown_gate", part: "North" }, dictionaries.en)).toBe("The rule of this list names a gate that is not there: North.");
    expect(troubleWords({ kind: "brand_new" as never, part: "" }, dictionaries.de)).toBe("Die Regel dieser Liste ist nicht lesbar.");
  });
});
