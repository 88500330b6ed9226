import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "..");

/** Every source file with what it imports, both relative to `src`. */
const files = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((file) => /\.(ts|svelte)$/u.test(file) && !/\.test\.ts$/u.test(file))
  .map((file) => {
    const text = readFileSync(join(root, file), "utf8");
    const imports = [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/gu)].map((match) => match[1] ?? "");
    const inside = imports.map((name) => (name.startsWith(".") ? relative(root, normalize(join(root, dirname(file), name))) : name));
    return { file, imports: inside };
  });

/** What each tier may use of the others; everything may use packages. */
const MAY: Record<string, string[]> = {
  "main.ts": ["app", "host", "i18n", "shared", "../../assets"],
  app: ["app", "routes", "features", "shared", "host", "i18n", "generated"],
  routes: ["features", "shared", "host", "i18n", "generated"],
  features: ["shared", "host", "i18n", "generated"],
  shared: ["shared", "i18n", "generated"],
  i18n: ["i18n", "generated", "shared"],
  host: ["host", "generated"],
  generated: ["generated"],
  testing: ["host"],
};

it("each tier knows only those below it", () => {
  const wrong = files.flatMap(({ file, imports }) => {
    const may = MAY[file.split("/")[0] ?? ""] ?? [];
    return imports
      .filter((name) => name.includes("/") || name.startsWith("."))
      .filter((name) => !name.startsWith("@") && !["vitest", "svelte"].includes(name.split("/")[0] ?? ""))
      .filter((name) => !may.some((tier) => name.startsWith(`${tier}/`)) && !name.startsWith("../../assets"))
      .filter((name) => !(file.startsWith("features/") && name.startsWith(`${file.split("/").slice(0, 2).join("/")}/`)))
      .map((name) => `${file} → ${name}`);
  });
  expect(wrong).toEqual([]);
});

it("one feature never reaches into another", () => {
  const wrong = files
    .filter(({ file }) => file.startsWith("features/"))
    .flatMap(({ file, imports }) => {
      const own = file.split("/").slice(0, 2).join("/");
      return imports.filter((name) => name.startsWith("features/") && !name.startsWith(`${own}/`)).map((name) => `${file} → ${name}`);
    });
  expect(wrong).toEqual([]);
});

it("only the host knows Tauri, and only its one file", () => {
  const knowing = files.filter(({ imports }) => imports.some((name) => name.startsWith("@tauri-apps/"))).map(({ file }) => file);
  expect(knowing).toEqual(["host/tauri.ts"]);
});
