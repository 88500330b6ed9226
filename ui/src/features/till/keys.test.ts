import { expect, it } from "vitest";
import { meaning } from "./keys";

const press = (key: string, rest: Partial<Record<"shift" | "ctrl" | "alt" | "meta", boolean>> = {}): ReturnType<typeof meaning> =>
  meaning({ key, shift: false, ctrl: false, alt: false, meta: false, ...rest });

it("the function keys are the products in sight, and ask for a number with Shift", () => {
  expect(press("F1")).toEqual({ kind: "product", index: 0, ask: false });
  expect(press("F12", { shift: true })).toEqual({ kind: "product", index: 11, ask: true });
  expect(press("F13")).toEqual({ kind: "none" });
});

it("digits, point and comma are cash; Enter pays, Escape goes back", () => {
  for (const key of ["0", "9", ".", ","]) expect(press(key).kind, key).toBe("digit");
  expect(press("Enter").kind).toBe("pay");
  expect(press("Escape").kind).toBe("back");
  expect(press("Backspace").kind).toBe("erase");
});

it("shortcuts and letters mean nothing here", () => {
  expect(press("1", { ctrl: true }).kind).toBe("none");
  expect(press("F4", { alt: true }).kind).toBe("none");
  expect(press("x").kind).toBe("none");
});
