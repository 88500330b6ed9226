// Instants as people read them, in a given zone and language. Owns formats; the zone is the event's and is passed in.

function formatter(locale: string, zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat(locale, { ...options, timeZone: zone });
  } catch {
    // A zone this machine does not know: UTC, and the zone is named so that nobody takes it for local time.
    return new Intl.DateTimeFormat(locale, { ...options, timeZone: "UTC", timeZoneName: "short" });
  }
}

/** `20:04`. */
export function clockTime(at: number, zone: string, locale: string): string {
  return formatter(locale, zone, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(at);
}

/** `20:04:11`. */
export function clockTimeExact(at: number, zone: string, locale: string): string {
  const time = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" } as const;
  return formatter(locale, zone, time).format(at);
}

/** `Sat, 21 Nov, 20:04`. */
export function dayAndTime(at: number, zone: string, locale: string): string {
  const day = { weekday: "short", day: "numeric", month: "short" } as const;
  return formatter(locale, zone, { ...day, hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(at);
}

/** Whether both instants fall on one day of the zone. */
export function sameDay(a: number, b: number, zone: string): boolean {
  const day = formatter("en-CA", zone, { year: "numeric", month: "2-digit", day: "2-digit" });
  return day.format(a) === day.format(b);
}

/** The time alone when it is of the same day as `now`, else with its day. */
export function timeNear(at: number, now: number, zone: string, locale: string): string {
  return sameDay(at, now, zone) ? clockTime(at, zone, locale) : dayAndTime(at, zone, locale);
}
