import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { problemWords } from "./problem";
import { dictionaries } from "./words.svelte";

/** Every path to a text, with the number of its arguments. */
function paths(words: object, above = ""): string[] {
  return Object.entries(words)
    .flatMap(([name, value]: [string, unknown]) => {
      const path = `${above}${name}`;
      if (typeof value === "object" && value !== null) return paths(value, `${path}.`);
      return [typeof value === "function" ? `${path}(${value.length})` : path];
    })
    .sort();
}

/** The members of a generated union, read from the file: a new one must be thought about in every language. */
function members(type: string): string[] {
  const text = readFileSync(join(import.meta.dirname, `../generated/${type}.ts`), "utf8");
  return [...text.slice(text.indexOf("export type")).matchAll(/"([^"]+)"/gu)].map((match) => match[1] ?? "");
}

const all = Object.entries(dictionaries);

describe.each(all)("the words in %s", (_language, t) => {
  it("are of the same shape as in English", () => {
    expect(paths(t)).toEqual(paths(dictionaries.en));
  });

  it("are never empty", () => {
    const empty = (words: object): string[] =>
      Object.entries(words).flatMap(([name, value]: [string, unknown]) =>
        typeof value === "object" && value !== null ? empty(value) : value === "" ? [name] : [],
      );
    expect(empty(t)).toEqual([]);
  });

  it("know every reason, class, mark, problem and delivery that can come", () => {
    const known: [string, object][] = [
      ["Reason", t.verdict.reasons],
      ["Reason", t.verdict.headlines],
      ["Class", t.verdict.classes],
      ["Mark", t.verdict.marks],
      ["Code", t.problems],
      ["Delivery", t.delivery],
      ["Role", t.settings.roles],
      ["KeyStore", t.settings.keyStores],
      ["Theme", t.settings.themes],
      ["DoubtKind", t.copies.doubts],
      ["MirrorState", t.copies.mediumStates],
      ["Step", t.copies.workSteps],
      ["OfferStanding", t.leases.standings],
      ["HandOverState", t.leases.states],
      ["OrderStatus", t.leases.statuses],
      ["Resolution", t.sync.ways],
      ["Resolution", t.sync.endings],
    ];
    for (const [type, words] of known) {
      expect(members(type).length, type).toBeGreaterThan(1);
      expect(Object.keys(words).sort(), type).toEqual(members(type).sort());
    }
  });

  it("tell no two reasons by the same headline", () => {
    const headlines = Object.values(t.verdict.headlines);
    expect(new Set(headlines).size).toBe(headlines.length);
  });
});

it("German is not English left over", () => {
  const same = (a: object, b: object): string[] =>
    Object.entries(a).flatMap(([name, value]: [string, unknown]) => {
      const other = (b as Record<string, unknown>)[name];
      if (typeof value === "object" && value !== null) return same(value, other as object);
      return value === other ? [name] : [];
    });
  const names = ["name", "pin", "server", "token", "journal", "mjpeg", "printTickets", "enter", "esc"];
  expect(same(dictionaries.de, dictionaries.en).sort()).toEqual(names.sort());
});

it("a problem of a newer station falls back to the title it came with", () => {
  const problem = { code: "brand-new" as never, title: "A new kind.", detail: "What exactly." };
  expect(problemWords(problem, dictionaries.de)).toMatchObject({ heading: "A new kind.", detail: "What exactly." });
});
