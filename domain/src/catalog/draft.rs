//! What an organizer types about events, products and quotas → what is stored, or what is wrong with which field.
//! Owns how times, prices, rates and sizes may be typed; not the words of the errors, which are the screen's, and not
//! what only the database knows (a name taken, a quota sold).

use crate::{
    clock::UtcMillis,
    id::{DateId, ItemId},
    money::{Currency, Money},
    ticketing::CodeFormat,
};
use jiff::{civil::DateTime, tz::TimeZone};
use std::collections::BTreeSet;

mod date;
mod variation;
mod voucher;

pub use date::{DateDraft, DateTyped, MOST_DATES, Series};
pub use variation::{VariationDraft, VariationTyped};
pub use voucher::{MAX_CODE, MOST_VOUCHERS, VoucherDraft, VoucherTyped, home};

/// The longest name of anything, in characters.
pub const MAX_NAME: usize = 200;
/// The longest text of anything, in characters.
pub const MAX_TEXT: usize = 10_000;
/// The highest price in minor units: sums of a hundred million tickets still fit.
pub const MAX_PRICE_MINOR: i64 = 10_000_000_000;
/// The largest quota that is not unlimited.
pub const MAX_SIZE: i64 = 10_000_000;

/// What is wrong with what was typed into a field. The screen has a sentence for each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    #[error("must not be empty")]
    Empty,
    #[error("at most {max} characters")]
    TooLong { max: usize },
    #[error("small letters, digits and dashes, beginning with a letter or digit, at most 63")]
    Slug,
    #[error("already used by another")]
    Taken,
    #[error("this address is used by the server itself; choose another")]
    Reserved,
    #[error("no colour like #2f5d8a")]
    Colour,
    #[error("no known time zone")]
    Zone,
    #[error("no currency code of three letters")]
    Currency,
    #[error("no amount of money in {0}")]
    Amount(Currency),
    #[error("no rate from 0 to 100 percent")]
    Rate,
    #[error("no date and time")]
    Moment,
    #[error("this time does not exist in the zone: clocks are put forward then")]
    Skipped,
    #[error("before the start")]
    BeforeStart,
    #[error("after the start")]
    AfterStart,
    #[error("no whole number from {min} to {max}")]
    Number { min: i64, max: i64 },
    #[error("choose one")]
    Choice,
    #[error("choose at least one")]
    NoneChosen,
    #[error("{sold} are sold, so it cannot be less than {least}")]
    BelowSold { sold: i64, least: i64 },
    #[error("there are orders in {0} already")]
    CurrencyInUse(Currency),
    #[error("what is sold only together with something else cannot have such things itself")]
    AddonChain,
    #[error("tills hold units of it")]
    LentOut,
}

/// One field and what is wrong with it.
pub type Wrong = (&'static str, FieldError);

/// An event as typed; each field as the form sends it.
#[derive(Debug, Clone, Copy, Default)]
pub struct EventTyped<'a> {
    pub name: &'a str,
    /// Made of the name when empty.
    pub slug: &'a str,
    pub description: &'a str,
    pub location: &'a str,
    pub zone: &'a str,
    pub currency: &'a str,
    pub starts_at: &'a str,
    pub ends_at: &'a str,
    pub admission_at: &'a str,
    pub code_format: &'a str,
    pub live: bool,
    pub takes_bank_transfer: bool,
}

/// An event as it will be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDraft {
    pub name: String,
    pub slug: String,
    pub description: String,
    pub location: String,
    pub zone: String,
    pub currency: Currency,
    pub starts_at: UtcMillis,
    pub ends_at: Option<UtcMillis>,
    pub admission_at: Option<UtcMillis>,
    pub code_format: CodeFormat,
    pub live: bool,
    pub takes_bank_transfer: bool,
}

/// A product as typed.
#[derive(Debug, Clone, Copy, Default)]
pub struct ItemTyped<'a> {
    pub name: &'a str,
    pub category: &'a str,
    pub description: &'a str,
    pub price: &'a str,
    pub tax_rate: &'a str,
    pub rank: &'a str,
    pub active: bool,
    pub admission: bool,
    pub look_at_id: bool,
    pub checkin_text: &'a str,
    /// The products it is sold together with; empty is by itself.
    pub addon_to: &'a [ItemId],
}

/// A product as it will be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemDraft {
    pub name: String,
    pub category: String,
    pub description: String,
    pub price: Money,
    pub tax_rate_bp: u32,
    pub rank: i32,
    pub active: bool,
    pub admission: bool,
    pub look_at_id: bool,
    pub checkin_text: String,
    /// The products it is sold together with, ascending; empty is by itself.
    pub addon_to: Vec<ItemId>,
}

/// A quota as it will be stored, but for its products.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaDraft {
    pub name: String,
    /// `None` is unlimited.
    pub size: Option<i64>,
    /// The date whose positions count in it; `None` is every date.
    pub date_id: Option<DateId>,
}

/// How much of an event's quotas tills may hold, as it will be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LendingDraft {
    /// The outage a till should be able to sell through, in minutes.
    pub planned_outage_min: i32,
    /// Most units of a quota one till may hold unsold; `None` is its part of what all may hold.
    pub station_cap: Option<i32>,
    /// Most units of a quota all tills may hold unsold, in percent of its size.
    pub stations_cap_percent: i32,
    /// Whether tills may sell at all.
    pub till_sales: bool,
}

impl EventTyped<'_> {
    /// # Errors
    /// Every field that is not right, in the order of the form.
    pub fn read(&self) -> Result<EventDraft, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let name = note(&mut wrong, "name", name(self.name));
        let slug = match self.slug.trim() {
            // Made of a name that is still missing: one mistake, said once.
            "" if name.is_none() => None,
            "" => note(&mut wrong, "slug", valid_slug(slug_of(self.name))),
            typed => note(&mut wrong, "slug", valid_slug(typed.to_owned())),
        };
        let location = note(&mut wrong, "location", text(self.location, MAX_NAME));
        let description = note(&mut wrong, "description", text(self.description, MAX_TEXT));
        let zone = note(&mut wrong, "zone", zone(self.zone));
        let currency = self.currency.trim().to_ascii_uppercase().parse().map_err(|_| FieldError::Currency);
        let currency = note(&mut wrong, "currency", currency);
        let in_zone = zone.as_ref().map_or(TimeZone::UTC, |(_, zone)| zone.clone());
        let starts_at = note(&mut wrong, "starts_at", moment(self.starts_at, &in_zone));
        let ends_at = optional(self.ends_at, |text| moment(text, &in_zone));
        let ends_at = note(&mut wrong, "ends_at", not_before(ends_at, starts_at));
        let admission_at = optional(self.admission_at, |text| moment(text, &in_zone));
        let admission_at = note(&mut wrong, "admission_at", not_after(admission_at, starts_at));
        let code_format = note(&mut wrong, "code_format", self.code_format.parse().map_err(|_| FieldError::Choice));
        match (name, slug, zone, currency, starts_at, code_format) {
            (Some(name), Some(slug), Some((zone, _)), Some(currency), Some(starts_at), Some(code_format))
                if wrong.is_empty() =>
            {
                Ok(EventDraft {
                    name,
                    slug,
                    description: description.unwrap_or_default(),
                    location: location.unwrap_or_default(),
                    zone,
                    currency,
                    starts_at,
                    ends_at: ends_at.flatten(),
                    admission_at: admission_at.flatten(),
                    code_format,
                    live: self.live,
                    takes_bank_transfer: self.takes_bank_transfer,
                })
            }
            _ => Err(wrong),
        }
    }
}

impl ItemTyped<'_> {
    /// # Errors
    /// Every field that is not right, in the order of the form.
    pub fn read(&self, currency: Currency) -> Result<ItemDraft, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let name = note(&mut wrong, "name", name(self.name));
        let category = note(&mut wrong, "category", text(self.category, MAX_NAME));
        let description = note(&mut wrong, "description", text(self.description, MAX_TEXT));
        let price = note(&mut wrong, "price", price(self.price, currency));
        let tax_rate_bp = note(&mut wrong, "tax_rate", rate(self.tax_rate));
        let rank = note(&mut wrong, "rank", rank(self.rank));
        let checkin_text = note(&mut wrong, "checkin_text", text(self.checkin_text, MAX_NAME));
        match (name, price, tax_rate_bp, rank) {
            (Some(name), Some(price), Some(tax_rate_bp), Some(rank)) if wrong.is_empty() => Ok(ItemDraft {
                name,
                category: category.unwrap_or_default(),
                description: description.unwrap_or_default(),
                price,
                tax_rate_bp,
                rank,
                active: self.active,
                admission: self.admission,
                look_at_id: self.look_at_id,
                checkin_text: checkin_text.unwrap_or_default(),
                addon_to: BTreeSet::from_iter(self.addon_to.iter().copied()).into_iter().collect(),
            }),
            _ => Err(wrong),
        }
    }
}

/// Reads a quota: its name, and its size, where nothing is unlimited.
///
/// # Errors
/// Every field that is not right.
pub fn quota(name_typed: &str, size_typed: &str) -> Result<QuotaDraft, Vec<Wrong>> {
    let mut wrong = Vec::new();
    let name = note(&mut wrong, "name", name(name_typed));
    let size = note(&mut wrong, "size", optional(size_typed, |text| whole(text, 0, MAX_SIZE)));
    match (name, size) {
        (Some(name), Some(size)) if wrong.is_empty() => Ok(QuotaDraft { name, size, date_id: None }),
        _ => Err(wrong),
    }
}

/// Reads how much tills may hold.
///
/// # Errors
/// Every field that is not right.
pub fn lending(
    (outage_typed, cap_typed, percent_typed): (&str, &str, &str),
    till_sales: bool,
) -> Result<LendingDraft, Vec<Wrong>> {
    let mut wrong = Vec::new();
    let number = |text: &str, min: i64, max: i64| {
        whole(text, min, max).and_then(|n| i32::try_from(n).map_err(|_| FieldError::Number { min, max }))
    };
    let outage = note(&mut wrong, "planned_outage_min", number(outage_typed, 10, 120));
    let cap = note(&mut wrong, "station_cap", optional(cap_typed, |text| number(text, 1, 100_000)));
    let percent = note(&mut wrong, "stations_cap_percent", number(percent_typed, 1, 100));
    match (outage, cap, percent) {
        (Some(planned_outage_min), Some(station_cap), Some(stations_cap_percent)) => {
            Ok(LendingDraft { planned_outage_min, station_cap, stations_cap_percent, till_sales })
        }
        _ => Err(wrong),
    }
}

/// A name: not empty, no line breaks, at most [`MAX_NAME`] characters.
///
/// # Errors
/// When it is empty or too long.
pub fn name(typed: &str) -> Result<String, FieldError> {
    match text(typed, MAX_NAME)? {
        name if name.is_empty() => Err(FieldError::Empty),
        name => Ok(name.split_whitespace().collect::<Vec<_>>().join(" ")),
    }
}

/// A text without the blanks around it, at most `max` characters; control characters but line breaks are dropped.
///
/// # Errors
/// When it is too long.
pub fn text(typed: &str, max: usize) -> Result<String, FieldError> {
    let clean: String = typed.replace("\r\n", "\n").chars().filter(|c| *c == '\n' || !c.is_control()).collect();
    let clean = clean.trim();
    if clean.chars().count() > max { Err(FieldError::TooLong { max }) } else { Ok(clean.to_owned()) }
}

/// A date and time on the wall clock of `zone`: `2026-12-12T20:00`, `2026-12-12 20:00`, `12.12.2026 20:00`. What
/// happens twice when clocks are put back is the first time.
///
/// # Errors
/// When it is no date and time, or does not exist in the zone.
pub fn moment(typed: &str, zone: &TimeZone) -> Result<UtcMillis, FieldError> {
    let typed = typed.trim();
    let civil = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M", "%d.%m.%Y, %H:%M"]
        .iter()
        .find_map(|format| DateTime::strptime(format, typed).ok())
        .filter(|civil| (1970..=9000).contains(&civil.year()))
        .ok_or(FieldError::Moment)?;
    let ambiguous = zone.to_ambiguous_timestamp(civil);
    if matches!(ambiguous.offset(), jiff::tz::AmbiguousOffset::Gap { .. }) {
        return Err(FieldError::Skipped);
    }
    ambiguous.compatible().map(|at| UtcMillis(at.as_millisecond())).map_err(|_| FieldError::Moment)
}

/// How [`moment`] is shown in the form again: what a browser's date field wants.
#[must_use]
pub fn moment_typed(at: UtcMillis, zone: &str) -> String {
    at.in_zone(zone).strftime("%Y-%m-%dT%H:%M").to_string()
}

/// A tax rate in percent, `19`, `5.5` or `8,25`, as hundredths of a percent.
///
/// # Errors
/// When it is no number with at most two decimals from 0 to 100.
pub fn rate(typed: &str) -> Result<u32, FieldError> {
    let clean = typed.trim().trim_end_matches('%').trim_end();
    if clean.is_empty() {
        return Ok(0);
    }
    // A rate has two decimals, as most money has: the same reading, never through a float.
    let hundredths = Money::parse(clean, Currency::EUR).map_err(|_| FieldError::Rate)?.minor;
    u32::try_from(hundredths).ok().filter(|bp| *bp <= 10_000).ok_or(FieldError::Rate)
}

/// How a rate is typed: `5.5`, `19`.
#[must_use]
pub fn rate_typed(rate_bp: u32, comma: bool) -> String {
    let (whole, rest) = (rate_bp / 100, rate_bp % 100);
    let point = if comma { ',' } else { '.' };
    match rest {
        0 => whole.to_string(),
        rest if rest % 10 == 0 => format!("{whole}{point}{}", rest / 10),
        rest => format!("{whole}{point}{rest:02}"),
    }
}

/// An address part made of a name: `Sommernachtstraum am See` → `sommernachtstraum-am-see`.
#[must_use]
pub fn slug_of(name: &str) -> String {
    let mut slug = String::new();
    for c in name.to_lowercase().chars() {
        match c {
            'ä' | 'æ' => slug.push_str("ae"),
            'ö' | 'ø' | 'œ' => slug.push_str("oe"),
            'ü' => slug.push_str("ue"),
            'ß' => slug.push_str("ss"),
            'á' | 'à' | 'â' | 'ã' | 'å' => slug.push('a'),
            'é' | 'è' | 'ê' | 'ë' => slug.push('e'),
            'í' | 'ì' | 'î' | 'ï' => slug.push('i'),
            'ó' | 'ò' | 'ô' | 'õ' => slug.push('o'),
            'ú' | 'ù' | 'û' => slug.push('u'),
            'ç' => slug.push('c'),
            'ñ' => slug.push('n'),
            c if c.is_ascii_alphanumeric() => slug.push(c),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    slug.truncate(63);
    slug.trim_end_matches('-').to_owned()
}

/// An address part as it is: small letters, digits and dashes.
///
/// # Errors
/// [`FieldError::Slug`] when it is not.
pub fn valid_slug(slug: String) -> Result<String, FieldError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let good = slug.len() <= 63 && slug.starts_with(plain) && slug.chars().all(|c| plain(c) || c == '-');
    if good { Ok(slug) } else { Err(FieldError::Slug) }
}

fn zone(typed: &str) -> Result<(String, TimeZone), FieldError> {
    let zone = TimeZone::get(typed.trim()).map_err(|_| FieldError::Zone)?;
    let name = zone.iana_name().ok_or(FieldError::Zone)?.to_owned();
    Ok((name, zone))
}

fn price(typed: &str, currency: Currency) -> Result<Money, FieldError> {
    let money = Money::parse(typed, currency).map_err(|_| FieldError::Amount(currency))?;
    if (0..=MAX_PRICE_MINOR).contains(&money.minor) { Ok(money) } else { Err(FieldError::Amount(currency)) }
}

fn rank(typed: &str) -> Result<i32, FieldError> {
    let rank = optional(typed, |text| whole(text, -1_000_000, 1_000_000))?.unwrap_or(0);
    Ok(i32::try_from(rank).unwrap_or(0))
}

fn whole(typed: &str, min: i64, max: i64) -> Result<i64, FieldError> {
    let number: Option<i64> = typed.trim().parse().ok();
    number.filter(|n| (min..=max).contains(n)).ok_or(FieldError::Number { min, max })
}

fn optional<T>(typed: &str, read: impl FnOnce(&str) -> Result<T, FieldError>) -> Result<Option<T>, FieldError> {
    if typed.trim().is_empty() { Ok(None) } else { read(typed).map(Some) }
}

type Moment = Result<Option<UtcMillis>, FieldError>;

fn not_before(moment: Moment, start: Option<UtcMillis>) -> Moment {
    moment.and_then(|at| {
        if at.zip(start).is_some_and(|(at, start)| at < start) { Err(FieldError::BeforeStart) } else { Ok(at) }
    })
}

fn not_after(moment: Moment, start: Option<UtcMillis>) -> Moment {
    moment.and_then(|at| {
        if at.zip(start).is_some_and(|(at, start)| at > start) { Err(FieldError::AfterStart) } else { Ok(at) }
    })
}

/// What was read, or `None` and the field among those that are wrong.
pub(crate) fn note<T>(wrong: &mut Vec<Wrong>, field: &'static str, read: Result<T, FieldError>) -> Option<T> {
    read.map_err(|error| wrong.push((field, error))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn typed() -> EventTyped<'static> {
        EventTyped {
            name: "Sommernachtstraum  am See",
            zone: "Europe/Berlin",
            currency: "eur",
            starts_at: "2026-07-04T20:00",
            ends_at: "2026-07-04T23:00",
            admission_at: "2026-07-04 19:00",
            code_format: "wc1",
            ..EventTyped::default()
        }
    }

    #[test]
    fn an_event_is_read_in_its_own_zone_and_named_after_itself() {
        let draft = typed().read().unwrap();
        assert_eq!(draft.name, "Sommernachtstraum am See");
        assert_eq!(draft.slug, "sommernachtstraum-am-see");
        assert_eq!(draft.starts_at, UtcMillis::parse("2026-07-04T18:00:00Z").unwrap());
        assert_eq!(draft.admission_at, UtcMillis::parse("2026-07-04T17:00:00Z").ok());
        assert_eq!(draft.currency, Currency::EUR);
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let bad = EventTyped {
            name: " ",
            slug: "Über uns",
            zone: "Europe/Atlantis",
            currency: "euro",
            starts_at: "tomorrow",
            code_format: "qr",
            ..EventTyped::default()
        };
        let fields: Vec<_> = bad.read().unwrap_err().into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, ["name", "slug", "zone", "currency", "starts_at", "code_format"]);
        let nameless = EventTyped { name: "", ..typed() };
        assert_eq!(
            nameless.read().unwrap_err(),
            [("name", FieldError::Empty)],
            "no address to be made of it: said once"
        );
        let unspoken = EventTyped { name: "東京", ..typed() };
        assert_eq!(unspoken.read().unwrap_err(), [("slug", FieldError::Slug)], "this one needs an address");
    }

    #[test]
    fn an_event_ends_after_its_start_and_opens_before_it() {
        let bad = EventTyped { ends_at: "2026-07-04T19:59", admission_at: "2026-07-04T20:01", ..typed() };
        assert_eq!(
            bad.read().unwrap_err(),
            [("ends_at", FieldError::BeforeStart), ("admission_at", FieldError::AfterStart)]
        );
    }

    #[test]
    fn a_time_that_does_not_exist_is_refused_and_one_that_exists_twice_is_the_first() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(moment("2026-03-29T02:30", &berlin), Err(FieldError::Skipped));
        assert_eq!(moment("2026-10-25T02:30", &berlin), Ok(UtcMillis::parse("2026-10-25T00:30:00Z").unwrap()));
        assert_eq!(moment("25.10.2026 20:00", &berlin), Ok(UtcMillis::parse("2026-10-25T19:00:00Z").unwrap()));
        assert_eq!(moment("2026-02-30T10:00", &berlin), Err(FieldError::Moment));
    }

    #[test]
    fn a_moment_is_shown_as_it_was_typed() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        for typed in ["2026-07-04T20:00", "2026-12-31T23:59"] {
            assert_eq!(moment_typed(moment(typed, &berlin).unwrap(), "Europe/Berlin"), typed);
        }
    }

    #[test]
    fn a_price_is_read_with_point_or_comma_and_never_guessed() {
        let item =
            |price| ItemTyped { name: "Adult", price, tax_rate: "7", ..ItemTyped::default() }.read(Currency::EUR);
        assert_eq!(item("24,00").unwrap().price, Money::new(2400, Currency::EUR));
        assert_eq!(item("0").unwrap().price.minor, 0);
        for bad in ["24.0x", "-1", "", "1.234,00", "100000000.01"] {
            assert_eq!(item(bad).unwrap_err(), [("price", FieldError::Amount(Currency::EUR))], "{bad}");
        }
    }

    #[test]
    fn a_rate_is_hundredths_of_a_percent() {
        for (typed, bp) in [("19", 1900), ("5,5", 550), ("8.25 %", 825), ("", 0), ("100", 10_000)] {
            assert_eq!(rate(typed), Ok(bp), "{typed}");
        }
        for bad in ["101", "-7", "seven", "7.125"] {
            assert_eq!(rate(bad), Err(FieldError::Rate), "{bad}");
        }
    }

    #[test]
    fn how_much_tills_may_hold_has_bounds_and_the_cap_of_one_may_be_left_open() {
        let read =
            LendingDraft { planned_outage_min: 90, station_cap: None, stations_cap_percent: 50, till_sales: true };
        assert_eq!(lending(("90", " ", "50"), true), Ok(read));
        let off = LendingDraft { station_cap: Some(25), till_sales: false, ..read };
        assert_eq!(lending(("90", "25", "50"), false), Ok(off));
        let fields: Vec<&str> = lending(("9", "0", "101"), true).unwrap_err().iter().map(|(field, _)| *field).collect();
        assert_eq!(fields, ["planned_outage_min", "station_cap", "stations_cap_percent"]);
    }

    #[test]
    fn a_quota_without_a_size_is_unlimited() {
        assert_eq!(quota("Parkett", " ").unwrap().size, None);
        assert_eq!(quota("Parkett", "400").unwrap().size, Some(400));
        assert_eq!(quota("", "-1").unwrap_err().len(), 2);
    }

    proptest! {
        #[test]
        fn a_slug_made_of_any_name_is_valid_or_empty(name: String) {
            let slug = slug_of(&name);
            prop_assert!(slug.is_empty() || valid_slug(slug).is_ok());
        }

        #[test]
        fn a_rate_is_read_back_as_it_is_written(bp in 0u32..=10_000, comma: bool) {
            prop_assert_eq!(rate(&rate_typed(bp, comma)), Ok(bp));
        }
    }
}
