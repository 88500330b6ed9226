//! How the office writes times and counts. Money and rates are written by `paper::Language`, as on tickets.

use super::words::{self, Words, fill};
use willcall_domain::{clock::UtcMillis, paper::Language};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// `21 Nov 2026, 08:42`; `21.11.2026, 08:42`.
#[must_use]
pub fn moment(at: UtcMillis, zone: &str, language: Language) -> String {
    format!("{}, {}", date(at, zone, language), clock(at, zone))
}

/// `21 Nov 2026`; `21.11.2026`.
#[must_use]
pub fn date(at: UtcMillis, zone: &str, language: Language) -> String {
    let local = at.in_zone(zone);
    match language {
        Language::En => {
            let month: String = nth(&words::of(language).months, local.month() - 1).chars().take(3).collect();
            format!("{} {month} {}", local.day(), local.year())
        }
        Language::De => format!("{:02}.{:02}.{}", local.day(), local.month(), local.year()),
    }
}

/// `Saturday, 21 November 2026`; `Samstag, 21. November 2026`.
#[must_use]
pub fn day(at: UtcMillis, zone: &str, language: Language) -> String {
    let (local, words) = (at.in_zone(zone), words::of(language));
    let weekday = nth(&words.weekdays, local.weekday().to_monday_zero_offset());
    let month = nth(&words.months, local.month() - 1);
    match language {
        Language::En => format!("{weekday}, {} {month} {}", local.day(), local.year()),
        Language::De => format!("{weekday}, {}. {month} {}", local.day(), local.year()),
    }
}

/// `Sat`; `Sa`.
#[must_use]
pub fn weekday(at: UtcMillis, zone: &str, language: Language) -> String {
    let letters = match language {
        Language::En => 3,
        Language::De => 2,
    };
    nth(&words::of(language).weekdays, at.in_zone(zone).weekday().to_monday_zero_offset())
        .chars()
        .take(letters)
        .collect()
}

/// `08:42`.
#[must_use]
pub fn clock(at: UtcMillis, zone: &str) -> String {
    at.in_zone(zone).strftime("%H:%M").to_string()
}

/// How long ago, in the coarsest unit that says something.
#[must_use]
pub fn ago(now: UtcMillis, at: UtcMillis, words: &Words) -> String {
    match now.since(at) {
        ms if ms < MINUTE => words.just_now.clone(),
        ms if ms < HOUR => fill(&words.minutes_ago, &[&(ms / MINUTE)]),
        ms if ms < 2 * DAY => fill(&words.hours_ago, &[&(ms / HOUR)]),
        ms => fill(&words.days_ago, &[&(ms / DAY)]),
    }
}

/// `12,431`; `12.431`.
#[must_use]
pub fn count(number: i64, language: Language) -> String {
    let group = match language {
        Language::En => ',',
        Language::De => '.',
    };
    let digits = number.unsigned_abs().to_string();
    let mut out = if number < 0 { "−".to_owned() } else { String::new() };
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            out.push(group);
        }
        out.push(digit);
    }
    out
}

/// How much of `size` is taken, 0 to 100; `None` of nothing.
#[must_use]
pub fn percent(taken: i64, size: i64) -> Option<i64> {
    taken.saturating_mul(100).checked_div(size).map(|percent| percent.clamp(0, 100))
}

/// The first instant of the day of `at` in `zone`, `days` days later (or earlier).
#[must_use]
pub fn day_start(at: UtcMillis, zone: &str, days: i32) -> UtcMillis {
    let local = at.in_zone(zone);
    let wanted = local.date().checked_add(jiff::Span::new().days(days)).unwrap_or_else(|_| local.date());
    let start = wanted.to_zoned(local.time_zone().clone());
    start.map_or(at, |start| UtcMillis(start.timestamp().as_millisecond()))
}

fn nth(list: &'static str, nth: i8) -> &'static str {
    list.split(' ').nth(usize::try_from(nth).unwrap_or(0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UtcMillis {
        UtcMillis::parse(text).unwrap()
    }

    #[test]
    fn times_are_on_the_clock_of_the_event() {
        let start = at("2026-07-04T22:30:00Z");
        assert_eq!(moment(start, "Europe/Berlin", Language::En), "5 Jul 2026, 00:30");
        assert_eq!(moment(start, "Europe/Berlin", Language::De), "05.07.2026, 00:30");
        assert_eq!(day(start, "Europe/Berlin", Language::De), "Sonntag, 5. Juli 2026");
        assert_eq!(weekday(start, "America/New_York", Language::En), "Sat");
    }

    #[test]
    fn a_day_begins_at_its_own_midnight_also_when_clocks_change() {
        let noon = at("2026-03-29T10:00:00Z");
        assert_eq!(day_start(noon, "Europe/Berlin", 0), at("2026-03-28T23:00:00Z"));
        assert_eq!(day_start(noon, "Europe/Berlin", 1), at("2026-03-29T22:00:00Z"), "this day has 23 hours");
        assert_eq!(day_start(noon, "Europe/Berlin", -13), at("2026-03-15T23:00:00Z"));
    }

    #[test]
    fn counts_and_ages_are_short() {
        assert_eq!(count(12_431, Language::En), "12,431");
        assert_eq!(count(-1_000, Language::De), "−1.000");
        assert_eq!(count(999, Language::De), "999");
        assert_eq!((percent(312, 400), percent(5, 4), percent(1, 0)), (Some(78), Some(100), None));
        let words = words::of(Language::En);
        let now = at("2026-07-04T12:00:00Z");
        assert_eq!(ago(now, at("2026-07-04T11:59:30Z"), words), "just now");
        assert_eq!(ago(now, at("2026-07-04T11:58:59Z"), words), "1 min ago");
        assert_eq!(ago(now, at("2026-07-03T10:00:00Z"), words), "26 h ago");
        assert_eq!(ago(now, at("2026-07-01T11:00:00Z"), words), "3 days ago");
    }
}
