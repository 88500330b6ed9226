// Money on screens: whole minor units in, words in the reader's language out, and what a person typed back into minor
// units. Never through a float. Decides nothing about money; totals that count are the station's.
import type { Money } from "../generated/Money";

/** Currencies whose minor unit is not a hundredth, as in the rules' own table. */
const DECIMALS: Record<string, number> = Object.fromEntries([
  ...["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"].map(
    (code) => [code, 0] as const,
  ),
  ...["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"].map((code) => [code, 3] as const),
]);

/** Digits after the point (ISO 4217). */
export function decimals(currency: string): number {
  return DECIMALS[currency] ?? 2;
}

/** The exact decimal text, `-12.50`. */
function decimalText(minor: number, digits: number): `${number}` {
  const absolute = Math.abs(minor).toString().padStart(digits + 1, "0");
  const whole = absolute.slice(0, absolute.length - digits);
  const fraction = digits > 0 ? `.${absolute.slice(absolute.length - digits)}` : "";
  return `${minor < 0 ? "-" : ""}${whole}${fraction}` as `${number}`;
}

/** `€24.00`, `24,00 €`. */
export function formatMoney(money: Money, locale: string): string {
  const digits = decimals(money.currency);
  return new Intl.NumberFormat(locale, {
    style: "currency",
    currency: money.currency,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(decimalText(money.minor, digits));
}

/** The amount alone, `1,234.50`, for columns that name the currency once. */
export function formatAmount(money: Money, locale: string): string {
  const digits = decimals(money.currency);
  return new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(
    decimalText(money.minor, digits),
  );
}

/** Reads `12`, `12.5`, `12,50`; `null` for what is no amount of this currency. The rule of the domain's `Money::parse`. */
export function parseAmount(text: string, currency: string): number | null {
  const digits = decimals(currency);
  const match = /^(\d{1,13})(?:[.,](\d*))?$/.exec(text.trim());
  if (!match) return null;
  const fraction = match[2] ?? "";
  if (fraction.length > digits) return null;
  return Number(`${match[1]}${fraction.padEnd(digits, "0")}`);
}
