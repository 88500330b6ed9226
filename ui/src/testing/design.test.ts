import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const css = readFileSync(join(import.meta.dirname, "../../../assets/design/tokens.css"), "utf8");

/** The tokens of one block. */
function tokens(block: string): Record<string, string> {
  return Object.fromEntries([...block.matchAll(/(--[\w-]+):\s*([^;]+);/gu)].map((match) => [match[1] ?? "", match[2] ?? ""]));
}

function blockAfter(start: string): string {
  const from = css.indexOf("{", css.indexOf(start));
  return css.slice(from + 1, css.indexOf("}", from));
}

const light = tokens(blockAfter("\n:root {"));
const darkBySystem = tokens(blockAfter(':root:not([data-theme="light"])'));
const darkByChoice = tokens(blockAfter(':root[data-theme="dark"]'));

function luminance(hex: string): number {
  const channels = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255);
  const [r = 0, g = 0, b = 0] = channels.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

it("dark is the same dark by the system's wish and by choice", () => {
  expect(darkBySystem).toEqual(darkByChoice);
});

describe.each([
  ["light", light],
  ["dark", { ...light, ...darkByChoice }],
])("%s", (_name, theme) => {
  const at = (name: string): string => theme[name] ?? "";

  it.each(["--paper", "--surface", "--sunken"])("text is readable on %s", (ground) => {
    for (const ink of ["--ink", "--ink-2", "--accent"]) {
      expect(contrast(at(ink), at(ground)), ink).toBeGreaterThanOrEqual(4.5);
    }
    expect(contrast(at("--line-strong"), at(ground)), "a field's border").toBeGreaterThanOrEqual(3);
  });

  it.each(["--admit", "--used", "--refuse", "--look", "--exit"])("a verdict is readable on %s and the colour on a surface", (tone) => {
    expect(contrast(at("--on-verdict"), at(tone))).toBeGreaterThanOrEqual(4.5);
    expect(contrast(at(tone), at("--surface"))).toBeGreaterThanOrEqual(4.5);
  });

  it("the accent carries text", () => {
    expect(contrast(at("--on-accent"), at("--accent"))).toBeGreaterThanOrEqual(4.5);
    expect(contrast(at("--on-accent"), at("--accent-strong"))).toBeGreaterThanOrEqual(4.5);
  });

  it("every token of the dark has its light", () => {
    expect(Object.keys(darkByChoice).filter((name) => !(name in light))).toEqual([]);
  });
});
