import { describe, expect, it } from "vitest";
import { Wedge, type Heard, type Press } from "./wedge";

const press = (key: string, at: number, rest: Partial<Press> = {}): Press => ({ key, at, ctrl: false, alt: false, meta: false, ...rest });

/** Types `text` with `gap` ms between the keys, then `end`, and answers what the last key meant. */
function type(wedge: Wedge, text: string, gap: number, end: string | null = "Enter", from = 1000): Heard {
  let at = from;
  let last: Heard = { kind: "other" };
  for (const key of text) {
    last = wedge.press(press(key, at));
    at += gap;
  }
  return end === null ? last : wedge.press(press(end, at));
}

const CODE = "4P.T%BX0$9K-ZY*QW2";
const plain = (): Wedge => new Wedge({ prefix: "", suffix: "" });

describe("a scanner", () => {
  it("is known by its speed, whether it ends with Enter or Tab", () => {
    for (const end of ["Enter", "Tab"]) {
      expect(type(plain(), CODE, 12, end), end).toEqual({ kind: "scan", code: CODE });
    }
  });

  it("is known also when it is slow and the machine is busy", () => {
    expect(type(plain(), CODE, 45)).toEqual({ kind: "scan", code: CODE });
  });

  it("may end with CR or LF as control characters", () => {
    for (const key of ["j", "m", "J", "M"]) {
      const wedge = plain();
      type(wedge, CODE, 10, null);
      expect(wedge.press(press(key, 1000 + 10 * CODE.length, { ctrl: true })), key).toEqual({ kind: "scan", code: CODE });
    }
  });

  it("may send both CR and LF: the second ends nothing and puts no verdict away", () => {
    const wedge = plain();
    expect(type(wedge, CODE, 10).kind).toBe("scan");
    const after = 1000 + 10 * CODE.length;
    expect(wedge.press(press("Enter", after + 8))).toEqual({ kind: "tail" });
    expect(wedge.press(press("Enter", after + 900))).toEqual({ kind: "end" });
  });

  it("hands on every character as it came, blanks, case and foreign layouts included", () => {
    for (const code of ["QAZW?à&'(458):Y", "ß(?zy-ÄÖ#+ab", "abc DEF +/: 12", "٣٤ кодЪ 1234"]) {
      expect(type(plain(), code, 15), code).toEqual({ kind: "scan", code });
    }
  });

  it("ignores the shift presses between its capitals", () => {
    const wedge = plain();
    let at = 0;
    for (const key of CODE) {
      expect(wedge.press(press("Shift", at)).kind).toBe("other");
      wedge.press(press(key, at + 2));
      at += 12;
    }
    expect(wedge.press(press("Enter", at))).toEqual({ kind: "scan", code: CODE });
  });

  it("may write its signs with AltGr, which some systems report as Ctrl with Alt", () => {
    const wedge = plain();
    type(wedge, "ABCDEFGH", 10, null);
    wedge.press(press("@", 1080, { ctrl: true, alt: true }));
    expect(wedge.press(press("Enter", 1090))).toEqual({ kind: "scan", code: "ABCDEFGH@" });
  });

  it("is told from what a person typed just before", () => {
    const wedge = plain();
    type(wedge, "mull", 160, null, 0);
    expect(type(wedge, CODE, 10, "Enter", 2000)).toEqual({ kind: "scan", code: CODE });
  });

  it("says where its burst begins, so that the field can be put back", () => {
    const wedge = plain();
    type(wedge, "mu", 200, null, 0);
    const heard = [...CODE].map((key, i) => wedge.press(press(key, 3000 + i * 10)));
    expect(heard.map((one) => one.kind === "character" && one.starts)).toEqual([true, ...Array(CODE.length - 1).fill(false)]);
  });
});

describe("a person", () => {
  it("typing a name and Enter is no scanner", () => {
    expect(type(plain(), "Bergström", 90)).toEqual({ kind: "end" });
  });

  it("rolling over a few keys quickly is no scanner", () => {
    expect(type(plain(), "Müller", 15)).toEqual({ kind: "end" });
  });

  it("using a shortcut types nothing", () => {
    expect(plain().press(press("a", 0, { ctrl: true }))).toEqual({ kind: "other" });
    expect(plain().press(press("v", 0, { meta: true }))).toEqual({ kind: "other" });
  });

  it("pressing Enter alone ends a line", () => {
    expect(plain().press(press("Enter", 5000))).toEqual({ kind: "end" });
  });
});

describe("prefix and suffix", () => {
  it("are taken off, and only once", () => {
    const wedge = new Wedge({ prefix: "~", suffix: "!" });
    expect(type(wedge, `~~${CODE}!!`, 10)).toEqual({ kind: "scan", code: `~${CODE}!` });
  });

  it("may be missing: another scanner works all the same", () => {
    expect(type(new Wedge({ prefix: "~", suffix: "!" }), CODE, 10)).toEqual({ kind: "scan", code: CODE });
  });

  it("make a short code a scan that speed alone would not", () => {
    expect(type(plain(), "~A1", 10)).toEqual({ kind: "end" });
    expect(type(new Wedge({ prefix: "~", suffix: "" }), "~A1", 10)).toEqual({ kind: "scan", code: "A1" });
  });

  it("do not make a scan of slow typing", () => {
    expect(type(new Wedge({ prefix: "~", suffix: "" }), "~A1", 110)).toEqual({ kind: "end" });
  });

  it("end a scan without a line end once it is quiet, and not in the middle of a code", () => {
    const wedge = new Wedge({ prefix: "", suffix: "-" });
    expect(type(wedge, `${CODE}-`, 10, null)).toEqual({ kind: "character", starts: false });
    expect(wedge.settle(2000)).toEqual({ kind: "scan", code: CODE });
    expect(wedge.settle(2100), "once").toEqual({ kind: "other" });
  });
});
