// What each key of the till means. Pure: the page does it.

export type TillKey =
  | { kind: "product"; index: number; ask: boolean }
  | { kind: "pay" }
  | { kind: "back" }
  | { kind: "erase" }
  | { kind: "digit" }
  | { kind: "none" };

/** F1 to F12 are the products in sight; with Shift they ask for a number. */
export function meaning(press: { key: string; shift: boolean; ctrl: boolean; alt: boolean; meta: boolean }): TillKey {
  const { key, shift, ctrl, alt, meta } = press;
  if (ctrl || alt || meta) return { kind: "none" };
  const f = /^F([1-9]|1[0-2])$/.exec(key);
  if (f) return { kind: "product", index: Number(f[1]) - 1, ask: shift };
  if (key === "Enter") return { kind: "pay" };
  if (key === "Escape") return { kind: "back" };
  if (key === "Backspace") return { kind: "erase" };
  if (/^[\d.,]$/.test(key)) return { kind: "digit" };
  return { kind: "none" };
}
