import { describe, expect, it } from "vitest";
import { decimals, formatAmount, formatMoney, parseAmount } from "./money";

const plain = (text: string): string => text.replaceAll("\u00a0", " ");

describe("money", () => {
  it("is written in the reader's language", () => {
    const money = { minor: 123_450, currency: "EUR" };
    expect(formatMoney(money, "en-GB")).toBe("€1,234.50");
    expect(plain(formatMoney(money, "de-DE"))).toBe("1.234,50 €");
    expect(plain(formatMoney({ minor: 900, currency: "CHF" }, "de-DE"))).toBe("9,00 CHF");
    expect(formatAmount(money, "en-GB")).toBe("1,234.50");
  });

  it("has as many decimals as its currency, whatever a locale thinks usual", () => {
    expect(formatMoney({ minor: 3200, currency: "JPY" }, "en-GB")).toBe("JP¥3,200");
    expect(plain(formatMoney({ minor: 4505, currency: "KWD" }, "en-GB"))).toBe("KWD 4.505");
    expect(decimals("ISK")).toBe(0);
    expect(decimals("EUR")).toBe(2);
  });

  it("keeps every cent of large and negative amounts", () => {
    expect(formatAmount({ minor: Number.MAX_SAFE_INTEGER, currency: "EUR" }, "en-GB")).toBe("90,071,992,547,409.91");
    expect(formatAmount({ minor: -5, currency: "EUR" }, "en-GB")).toBe("-0.05");
  });

  it("is read with point or comma, as the rules read it", () => {
    const cases: [string, number | null][] = [
      ["12", 1200],
      ["12.5", 1250],
      ["12,50", 1250],
      ["0.05", 5],
      [" 7 ", 700],
      ["5.", 500],
      ["", null],
      [".", null],
      ["1.234", null],
      ["1e3", null],
      ["12 €", null],
      ["-3", null],
      ["1.2.3", null],
      ["٣", null],
      ["99999999999999999999", null],
    ];
    for (const [text, minor] of cases) expect(parseAmount(text, "EUR"), text).toBe(minor);
    expect(parseAmount("12.5", "JPY")).toBeNull();
    expect(parseAmount("1.2345", "KWD")).toBeNull();
  });

  it("that was written is read back", () => {
    for (const minor of [0, 1, 99, 100, 101, 6150, 123_456_789]) {
      const typed = formatAmount({ minor, currency: "EUR" }, "en").replaceAll(",", "");
      expect(parseAmount(typed, "EUR")).toBe(minor);
    }
  });
});
