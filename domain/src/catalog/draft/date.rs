//! Dates of an event as an organizer types them: one, or a whole series by a rule.

use super::{FieldError, MAX_NAME, Wrong, moment, not_after, not_before, note, optional, text, whole};
use crate::clock::UtcMillis;
use jiff::{Span, civil::DateTime, tz::TimeZone};

/// The most dates that are made at once: a year of days.
pub const MOST_DATES: i64 = 366;

/// A date as typed; each field as the form sends it.
#[derive(Debug, Clone, Copy, Default)]
pub struct DateTyped<'a> {
    pub name: &'a str,
    pub starts_at: &'a str,
    pub ends_at: &'a str,
    pub admission_at: &'a str,
    pub active: bool,
}

/// A date as it will be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateDraft {
    /// Empty for none.
    pub name: String,
    pub starts_at: UtcMillis,
    pub ends_at: Option<UtcMillis>,
    pub admission_at: Option<UtcMillis>,
    pub active: bool,
}

/// How a series goes on from its first date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Series {
    /// Days from one to the next, 1 to 31.
    pub every_days: i32,
    /// How many in all, 1 to [`MOST_DATES`].
    pub times: i32,
}

impl DateTyped<'_> {
    /// Reads one in the zone of its event.
    ///
    /// # Errors
    /// Every field that is not right.
    pub fn read(&self, zone: &str) -> Result<DateDraft, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
        let name = note(&mut wrong, "name", text(self.name, MAX_NAME));
        let starts_at = note(&mut wrong, "starts_at", moment(self.starts_at, &zone));
        let ends_at = optional(self.ends_at, |typed| moment(typed, &zone));
        let ends_at = note(&mut wrong, "ends_at", not_before(ends_at, starts_at));
        let admission_at = optional(self.admission_at, |typed| moment(typed, &zone));
        let admission_at = note(&mut wrong, "admission_at", not_after(admission_at, starts_at));
        match (name, starts_at) {
            (Some(name), Some(starts_at)) if wrong.is_empty() => Ok(DateDraft {
                name: name.split_whitespace().collect::<Vec<_>>().join(" "),
                starts_at,
                ends_at: ends_at.flatten(),
                admission_at: admission_at.flatten(),
                active: self.active,
            }),
            _ => Err(wrong),
        }
    }
}

impl Series {
    /// Reads how often and how far apart.
    ///
    /// # Errors
    /// Every field that is not right.
    pub fn read(every_typed: &str, times_typed: &str) -> Result<Self, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let number = |typed: &str, max: i64| {
            whole(typed, 1, max).and_then(|n| i32::try_from(n).map_err(|_| FieldError::Number { min: 1, max }))
        };
        let every_days = note(&mut wrong, "every", number(every_typed, 31));
        let times = note(&mut wrong, "times", number(times_typed, MOST_DATES));
        match (every_days, times) {
            (Some(every_days), Some(times)) => Ok(Self { every_days, times }),
            _ => Err(wrong),
        }
    }

    /// Its dates: the same time on the wall clock each time, whatever clocks do meanwhile. A time that does not exist on
    /// its day is the next that does.
    #[must_use]
    pub fn dates(&self, first: &DateDraft, zone: &str) -> Vec<DateDraft> {
        let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
        let later = |at: UtcMillis, days: i32| shifted(at, days, &zone).unwrap_or(at);
        let nth = |n: i32| {
            let days = n.saturating_mul(self.every_days);
            DateDraft {
                name: first.name.clone(),
                starts_at: later(first.starts_at, days),
                ends_at: first.ends_at.map(|at| later(at, days)),
                admission_at: first.admission_at.map(|at| later(at, days)),
                active: first.active,
            }
        };
        (0..self.times).map(nth).collect()
    }
}

fn shifted(at: UtcMillis, days: i32, zone: &TimeZone) -> Option<UtcMillis> {
    let local: DateTime = zone.to_datetime(at.timestamp());
    let moved = local.checked_add(Span::new().try_days(days).ok()?).ok()?;
    let stamp = zone.to_ambiguous_timestamp(moved).compatible().ok()?;
    Some(UtcMillis(stamp.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BERLIN: &str = "Europe/Berlin";

    fn at(text: &str) -> UtcMillis {
        UtcMillis::parse(text).unwrap()
    }

    fn typed() -> DateTyped<'static> {
        DateTyped {
            name: " Opening  night ",
            starts_at: "2026-03-27T20:00",
            ends_at: "2026-03-27T22:30",
            admission_at: "2026-03-27T19:00",
            active: true,
        }
    }

    #[test]
    fn a_date_is_read_in_the_zone_of_its_event_and_every_wrong_field_is_named() {
        let date = typed().read(BERLIN).unwrap();
        assert_eq!((date.name.as_str(), date.starts_at), ("Opening night", at("2026-03-27T19:00:00Z")));
        assert_eq!(date.admission_at, Some(at("2026-03-27T18:00:00Z")));
        let bad =
            DateTyped { starts_at: "2026-03-27T20:00", ends_at: "2026-03-27T19:00", admission_at: "soon", ..typed() };
        assert_eq!(
            bad.read(BERLIN).unwrap_err(),
            [("ends_at", FieldError::BeforeStart), ("admission_at", FieldError::Moment)]
        );
        assert_eq!(DateTyped::default().read(BERLIN).unwrap_err(), [("starts_at", FieldError::Moment)]);
    }

    #[test]
    fn a_series_keeps_its_time_on_the_wall_when_clocks_change() {
        let series = Series::read("1", " 4 ").unwrap();
        let dates = series.dates(&typed().read(BERLIN).unwrap(), BERLIN);
        let starts: Vec<_> = dates.iter().map(|d| d.starts_at).collect();
        let days = ["2026-03-27T19:00:00Z", "2026-03-28T19:00:00Z", "2026-03-29T18:00:00Z", "2026-03-30T18:00:00Z"];
        assert_eq!(starts, days.map(at));
        assert!(dates.iter().all(|d| d.ends_at.unwrap().since(d.starts_at) == 9_000_000));
        let at_night = DateTyped { starts_at: "2026-03-22T02:30", ends_at: "", admission_at: "", ..typed() };
        let weekly = Series { every_days: 7, times: 2 }.dates(&at_night.read(BERLIN).unwrap(), BERLIN);
        assert_eq!(weekly[1].starts_at, at("2026-03-29T01:30:00Z"), "half past two is skipped: half past three");
    }

    #[test]
    fn a_series_has_bounds() {
        let fields = |every, times| Series::read(every, times).unwrap_err().iter().map(|w| w.0).collect::<Vec<_>>();
        assert_eq!(fields("0", "367"), ["every", "times"]);
        assert_eq!(fields("", "x"), ["every", "times"]);
        assert_eq!(Series::read("31", "366"), Ok(Series { every_days: 31, times: 366 }));
    }
}
