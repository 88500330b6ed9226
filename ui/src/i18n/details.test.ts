import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { details } from "./de/details";
import { problemWords } from "./problem";
import { dictionaries } from "./words.svelte";

const root = join(import.meta.dirname, "../../..");
/** What is said on a command line, or before there is a screen. */
const ELSEWHERE = /(?:station\/src\/(?:main|command|inspect|socket)|src-tauri\/src\/(?:start|typescript))(?:\.rs|\/)/u;

/** The sentences of the station and its window, each as it stands in the source; `{}` for what it names. */
function said(): Map<string, string> {
  const found = new Map<string, string>();
  const text = String.raw`"((?:[^"\\]|\\[\s\S])*)"`;
  const places = [
    String.raw`(?:Problem::new|Fault::refused)\(\s*Code::\w+,\s*(?:format!\(\s*)?${text}`,
    String.raw`Problem::field\(\s*"\w+",\s*(?:format!\(\s*)?${text}`,
    String.raw`(?:const \w+: &str =|let detail =)\s*(?:format!\(\s*)?${text}`,
  ];
  for (const folder of ["station/src", "src-tauri/src"]) {
    for (const file of readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })) {
      const path = `${folder}/${file}`;
      if (!file.endsWith(".rs") || /tests?(?:\.rs|\/)/u.test(file) || ELSEWHERE.test(path)) continue;
      const source = readFileSync(join(root, path), "utf8").split("#[cfg(test)]")[0] ?? "";
      for (const place of places) {
        for (const match of source.matchAll(new RegExp(place, "gu"))) {
          const sentence = (match[1] ?? "").replaceAll(/\\\n\s*/gu, "").replaceAll(/\{[^}]*\}/gu, "{}");
          if (/\s/u.test(sentence) && sentence.endsWith(".") && !/\b(?:SELECT|INSERT|UPDATE|DELETE|WHERE)\b/u.test(sentence)) found.set(sentence, path);
        }
      }
    }
  }
  return found;
}

describe("the details of problems in German", () => {
  it("are there for every sentence a screen may show", () => {
    const known = new Set(details.map(([english]) => english));
    const missing = [...said()].filter(([sentence]) => !known.has(sentence) && sentence !== "{}: {}.");
    expect(missing.map(([sentence, path]) => `${path}: ${sentence}`)).toEqual([]);
  });

  it("name as many things as the English ones, and are not English left over", () => {
    const places = (text: string): number => text.split("{}").length;
    for (const [english, german] of details) {
      expect(places(german), english).toBe(places(english));
      expect(german, english).not.toBe(english);
    }
    expect(new Set(details.map(([english]) => english)).size).toBe(details.length);
  });

  it("keep what is named, in its order, and leave a sentence that is newer than these screens as it is", () => {
    const words = (detail: string): string => problemWords({ code: "busy", title: "", detail }, dictionaries.de).detail;
    expect(words("The turnstile at 10.0.0.7:99 was not told (no route). Open it by hand.")).toBe(
      "Das Drehkreuz unter 10.0.0.7:99 wurde nicht erreicht (no route). Bitte von Hand öffnen.",
    );
    expect(words("Adult × 3 wanted, 2 can be sold here without asking the server. Nothing was sold.")).toBe(
      "Adult × 3 gewünscht, 2 gehen hier ohne Rückfrage beim Server. Nichts wurde verkauft.",
    );
    expect(words("A sentence of tomorrow.")).toBe("A sentence of tomorrow.");
  });
});
