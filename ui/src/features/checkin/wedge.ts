// Tells a hand scanner (a "keyboard wedge") from a person typing, by speed. Owns the burst being typed; knows no field,
// no window and no code format: what the scanner typed is handed on as it came, layouts and case untouched.

/** One key press, as the browser tells it. */
export interface Press {
  key: string;
  ctrl: boolean;
  alt: boolean;
  meta: boolean;
  /** Milliseconds on a clock that does not go back. */
  at: number;
}

export interface WedgeOptions {
  /** What the scanner sends before and after each code; empty for nothing. */
  prefix: string;
  suffix: string;
}

export type Heard =
  /** No character: a shortcut or a key that types nothing. */
  | { kind: "other" }
  /** A character; `starts` when a new burst begins with it. */
  | { kind: "character"; starts: boolean }
  /** The scanner has ended a code. */
  | { kind: "scan"; code: string }
  /** A second line end of the same scan (CR and LF, or a suffix and Enter): to be ignored. */
  | { kind: "tail" }
  /** Enter or Tab by a person. */
  | { kind: "end" };

/** A pause longer than this ends a burst. A slow scanner needs about 30 ms a character, a quick typist 80. */
export const PAUSE_MS = 120;
/** Mean time a character at most, for a burst to be a scanner's. */
const SCANNER_MEAN_MS = 50;
/** Fewer characters than this are never a scan, unless the prefix says so. */
const SHORTEST = 8;
/** A line end this soon after a scan belongs to it. */
const TAIL_MS = 150;

export class Wedge {
  private text = "";
  private characters = 0;
  private startedAt = 0;
  private lastAt = Number.NEGATIVE_INFINITY;
  private scannedAt = Number.NEGATIVE_INFINITY;

  constructor(public options: WedgeOptions) {}

  /** Takes one key press and says what it means. */
  press(press: Press): Heard {
    if (endsLine(press)) return this.end(press.at);
    if (!isCharacter(press)) return { kind: "other" };
    const starts = press.at - this.lastAt > PAUSE_MS || this.characters === 0;
    if (starts) {
      this.text = "";
      this.characters = 0;
      this.startedAt = press.at;
    }
    this.text += press.key;
    this.characters += 1;
    this.lastAt = press.at;
    return { kind: "character", starts };
  }

  /**
   * To be asked once no key has come for {@link PAUSE_MS}: a scanner set to end with a suffix and no line end has then
   * finished. A suffix in the middle of a code so never cuts it.
   */
  settle(at: number): Heard {
    const { suffix } = this.options;
    if (suffix === "" || !this.text.endsWith(suffix) || !this.atScannerSpeed()) return { kind: "other" };
    return this.scan(at);
  }

  private end(at: number): Heard {
    if (this.characters === 0 || at - this.lastAt > PAUSE_MS) {
      this.forget();
      return at - this.scannedAt <= TAIL_MS ? { kind: "tail" } : { kind: "end" };
    }
    if (this.atScannerSpeed()) return this.scan(at);
    this.forget();
    return { kind: "end" };
  }

  private atScannerSpeed(): boolean {
    const { prefix } = this.options;
    const marked = prefix !== "" && this.text.startsWith(prefix) && this.text.length > prefix.length;
    if (!marked && this.characters < SHORTEST) return false;
    return this.lastAt - this.startedAt <= SCANNER_MEAN_MS * (this.characters - 1);
  }

  private scan(at: number): Heard {
    const { prefix, suffix } = this.options;
    let code = this.text;
    if (prefix !== "" && code.startsWith(prefix)) code = code.slice(prefix.length);
    if (suffix !== "" && code.endsWith(suffix)) code = code.slice(0, code.length - suffix.length);
    this.forget();
    this.scannedAt = at;
    return { kind: "scan", code };
  }

  private forget(): void {
    this.text = "";
    this.characters = 0;
  }
}

/** Enter and Tab; CR and LF as control characters, which some scanners send (Ctrl+M, Ctrl+J). */
function endsLine({ key, ctrl, alt, meta }: Press): boolean {
  if (key === "Enter" || key === "Tab") return !ctrl && !alt && !meta;
  return ctrl && !alt && !meta && (key === "j" || key === "J" || key === "m" || key === "M");
}

/** One character typed. Ctrl with Alt is how some systems report AltGr, so it counts. */
function isCharacter({ key, ctrl, alt, meta }: Press): boolean {
  return [...key].length === 1 && !meta && ctrl === alt;
}
