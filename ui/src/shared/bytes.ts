// Amounts of data in words a person reads: three digits and a unit of thousands, never more.
const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

/** `64 MB`, `1.2 GB`. */
export function formatBytes(bytes: number, locale: string): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = value < 10 && unit > 0 ? 1 : 0;
  return new Intl.NumberFormat(locale, { style: "unit", unit: UNITS[unit] ?? "byte", maximumFractionDigits: digits }).format(value);
}
