// How old something is, in the largest unit that is still honest.

export type AgeUnit = "s" | "min" | "h" | "d";

/** Seconds that have passed by `now` for what was `age_s` old at `taken_at`; both instants of the same clock, in ms. */
export function ageNow(age_s: number, taken_at: number, now: number): number {
  return Math.max(0, age_s + Math.floor(Math.max(0, now - taken_at) / 1000));
}

/** Rounded down, so that an age is never shown greater than it is by more than nothing. */
export function inUnit(age_s: number): { count: number; unit: AgeUnit } {
  if (age_s < 60) return { count: age_s, unit: "s" };
  if (age_s < 3600) return { count: Math.floor(age_s / 60), unit: "min" };
  if (age_s < 48 * 3600) return { count: Math.floor(age_s / 3600), unit: "h" };
  return { count: Math.floor(age_s / 86400), unit: "d" };
}
