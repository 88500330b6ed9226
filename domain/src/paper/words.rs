//! The words of paper in each language, and how dates, times, amounts and rates are written in it.

use crate::{clock::UtcMillis, money::Money};
use jiff::{Zoned, tz::TimeZone};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// The language of a paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    #[default]
    En,
    De,
}

/// Fixed words of one language.
pub(super) struct Words {
    pub tag: &'static str,
    pub ticket: &'static str,
    pub name: &'static str,
    pub seat: &'static str,
    pub order: &'static str,
    pub price: &'static str,
    pub code: &'static str,
    pub doors: &'static str,
    pub until: &'static str,
    pub seller: &'static str,
    pub ticket_test: &'static str,
    pub free: &'static str,
    pub receipt: &'static str,
    pub receipt_test: &'static str,
    pub reversal: &'static str,
    pub reverses: &'static str,
    pub cash_back: &'static str,
    pub copy: &'static str,
    pub number: &'static str,
    pub date: &'static str,
    pub till: &'static str,
    pub cashier: &'static str,
    pub total: &'static str,
    pub cash: &'static str,
    pub change: &'static str,
    pub tax: &'static str,
    pub net: &'static str,
    pub gross: &'static str,
    pub vat_number: &'static str,
    pub tax_number: &'static str,
    pub included: &'static str,
    pub untaxed: &'static str,
    weekdays: [&'static str; 7],
    months: [&'static str; 12],
}

const ENGLISH: Words = Words {
    tag: "en",
    ticket: "Ticket",
    name: "Name",
    seat: "Seat",
    order: "Order",
    price: "Price",
    code: "Code",
    doors: "doors",
    until: "until",
    seller: "Sold by",
    ticket_test: "TEST – NOT VALID FOR ENTRY",
    free: "Free",
    receipt: "Receipt",
    receipt_test: "TEST – NOT A RECEIPT",
    reversal: "Refund",
    reverses: "For receipt",
    cash_back: "Cash given back",
    copy: "Copy",
    number: "Receipt",
    date: "Date",
    till: "Till",
    cashier: "Served by",
    total: "Total",
    cash: "Cash",
    change: "Change",
    tax: "VAT",
    net: "Net",
    gross: "Gross",
    vat_number: "VAT no.",
    tax_number: "Tax no.",
    included: "incl.",
    untaxed: "no VAT",
    weekdays: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
};

const GERMAN: Words = Words {
    tag: "de",
    ticket: "Ticket",
    name: "Name",
    seat: "Platz",
    order: "Bestellung",
    price: "Preis",
    code: "Code",
    doors: "Einlass",
    until: "bis",
    seller: "Verkauft von",
    ticket_test: "TEST – KEIN GÜLTIGES TICKET",
    free: "Kostenlos",
    receipt: "Beleg",
    receipt_test: "TEST – KEIN BELEG",
    reversal: "Storno",
    reverses: "Zu Beleg",
    cash_back: "Bar zurückgegeben",
    copy: "Kopie",
    number: "Beleg",
    date: "Datum",
    till: "Kasse",
    cashier: "Es bediente",
    total: "Summe",
    cash: "Bar",
    change: "Rückgeld",
    tax: "MwSt.",
    net: "Netto",
    gross: "Brutto",
    vat_number: "USt-IdNr.",
    tax_number: "St.-Nr.",
    included: "inkl.",
    untaxed: "ohne MwSt.",
    weekdays: ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"],
    months: [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
};

impl Words {
    /// `Copy 2` on what was printed before; `None` on the first print.
    pub fn copy_mark(&self, copy: u32) -> Option<String> {
        (copy > 1).then(|| format!("{} {copy}", self.copy))
    }

    /// What stands before a number: those for value added tax begin with the letters of a country.
    pub fn number_label(&self, number: &str) -> &'static str {
        let letters = number.trim_start().chars().take(2).filter(char::is_ascii_alphabetic).count();
        if letters == 2 { self.vat_number } else { self.tax_number }
    }
}

/// When an event is, as lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    /// `Friday, 12 December 2025`
    pub date: String,
    /// `20:00 – 23:00 · doors 19:00`
    pub time: String,
    /// `until Sunday, 14 December 2025, 18:00`, where the event ends on another day.
    pub until: Option<String>,
}

impl Language {
    /// The language of a tag such as `de`, `de-AT` or `de_CH`; `None` where there are no words for it.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<Self> {
        match tag.split(['-', '_']).next().unwrap_or("").to_ascii_lowercase().as_str() {
            "en" => Some(Self::En),
            "de" => Some(Self::De),
            _ => None,
        }
    }

    pub(super) fn words(self) -> &'static Words {
        match self {
            Self::En => &ENGLISH,
            Self::De => &GERMAN,
        }
    }

    /// `Friday, 12 December 2025`, `Freitag, 12. Dezember 2025`.
    fn date(self, at: &Zoned) -> String {
        let words = self.words();
        let weekday = words.weekdays[at.weekday().to_monday_zero_offset() as usize];
        let month = words.months[(at.month() - 1) as usize];
        match self {
            Self::En => format!("{weekday}, {} {month} {}", at.day(), at.year()),
            Self::De => format!("{weekday}, {}. {month} {}", at.day(), at.year()),
        }
    }

    /// `20:00`, `20:00 Uhr`.
    fn time(self, at: &Zoned) -> String {
        match self {
            Self::En => clock(at),
            Self::De => format!("{} Uhr", clock(at)),
        }
    }

    /// A date and time to the second for lists and receipts: `12 Dec 2025, 20:00:05`, `12.12.2025, 20:00:05`.
    pub fn stamp(self, at: UtcMillis, zone: &str) -> String {
        let (at, note) = local(at, zone);
        let time = format!("{}:{:02}{note}", clock(&at), at.second());
        match self {
            Self::En => {
                let month: String = self.words().months[(at.month() - 1) as usize].chars().take(3).collect();
                format!("{} {month} {}, {time}", at.day(), at.year())
            }
            Self::De => format!("{:02}.{:02}.{}, {time}", at.day(), at.month(), at.year()),
        }
    }

    /// The lines that say when an event is, in the event's own zone.
    pub fn when(
        self,
        starts_at: UtcMillis,
        ends_at: Option<UtcMillis>,
        doors_at: Option<UtcMillis>,
        zone: &str,
    ) -> When {
        let words = self.words();
        let (start, note) = local(starts_at, zone);
        let end = ends_at.filter(|end| *end > starts_at).map(|end| local(end, zone).0);
        // A party that ends at five in the morning is one evening, not two days.
        let one_evening =
            |end: &Zoned| end.date() == start.date() || end.since(&start).is_ok_and(|s| s.get_hours() < 14);
        let mut time = match &end {
            Some(end) if one_evening(end) => format!("{} – {}", clock(&start), self.time(end)),
            Some(_) | None => self.time(&start),
        };
        time.push_str(note);
        if let Some(doors) = doors_at.map(|doors| local(doors, zone).0) {
            let day = if doors.date() == start.date() { String::new() } else { format!("{}, ", self.date(&doors)) };
            time.push_str(&format!(" · {} {day}{}", words.doors, self.time(&doors)));
        }
        let until = end
            .filter(|end| !one_evening(end))
            .map(|end| format!("{} {}, {}", words.until, self.date(&end), self.time(&end)));
        When { date: self.date(&start), time, until }
    }

    /// `1,234.50`, `1.234,50`; a true minus sign.
    #[must_use]
    pub fn amount(self, money: Money) -> String {
        let plain = money.amount();
        let (sign, digits) = plain.strip_prefix('-').map_or(("", plain.as_str()), |rest| ("−", rest));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let (group, point) = match self {
            Self::En => (',', '.'),
            Self::De => ('.', ','),
        };
        let mut out = sign.to_owned();
        for (nth, digit) in whole.chars().enumerate() {
            if nth > 0 && (whole.len() - nth).is_multiple_of(3) {
                out.push(group);
            }
            out.push(digit);
        }
        if !fraction.is_empty() {
            out.push(point);
            out.push_str(fraction);
        }
        out
    }

    /// `€1,234.50`, `CHF 24.00`; `1.234,50 €`, `24,00 CHF`.
    #[must_use]
    pub fn money(self, money: Money) -> String {
        let amount = self.amount(money);
        let code = money.currency.code();
        let symbol = match code {
            "EUR" => "€",
            "GBP" => "£",
            "USD" => "$",
            _ => code,
        };
        match self {
            Self::De => format!("{amount}\u{A0}{symbol}"),
            Self::En if symbol == code => format!("{code}\u{A0}{amount}"),
            Self::En => match amount.strip_prefix('−') {
                Some(rest) => format!("−{symbol}{rest}"),
                None => format!("{symbol}{amount}"),
            },
        }
    }

    /// A rate in hundredths of a percent: `7 %`, `5.5 %`, `5,5 %`.
    #[must_use]
    pub fn rate(self, basis_points: u32) -> String {
        let (whole, rest) = (basis_points / 100, basis_points % 100);
        let point = match self {
            Self::En => '.',
            Self::De => ',',
        };
        match rest {
            0 => format!("{whole}\u{A0}%"),
            rest if rest % 10 == 0 => format!("{whole}{point}{}\u{A0}%", rest / 10),
            rest => format!("{whole}{point}{rest:02}\u{A0}%"),
        }
    }

    /// What tax a gross price holds: `incl. 7 % VAT €1.57`.
    pub fn tax(self, gross: Money, basis_points: u32) -> String {
        let words = self.words();
        if basis_points == 0 {
            return words.untaxed.to_owned();
        }
        let tax = self.money(gross.tax_included(basis_points));
        format!("{} {} {} {tax}", words.included, self.rate(basis_points), words.tax)
    }
}

/// The wall clock of `zone`, and what must be said behind a time: nothing, or `UTC` where it is that or where the zone
/// is not known, so that no time is printed as if it were local.
fn local(at: UtcMillis, zone: &str) -> (Zoned, &'static str) {
    let known = TimeZone::get(zone).ok().filter(|zone| *zone != TimeZone::UTC);
    let note = if known.is_some() { "" } else { "\u{A0}UTC" };
    (at.timestamp().to_zoned(known.unwrap_or(TimeZone::UTC)), note)
}

fn clock(at: &Zoned) -> String {
    format!("{:02}:{:02}", at.hour(), at.minute())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    fn at(text: &str) -> UtcMillis {
        UtcMillis::parse(text).unwrap()
    }

    #[test]
    fn a_time_is_told_in_the_zone_of_the_event() {
        let start = at("2025-12-12T19:00:00Z");
        let when = Language::En.when(start, None, Some(at("2025-12-12T18:00:00Z")), "Europe/Berlin");
        assert_eq!((when.date.as_str(), when.time.as_str()), ("Friday, 12 December 2025", "20:00 · doors 19:00"));
        let when = Language::De.when(start, Some(at("2025-12-12T22:30:00Z")), None, "Europe/Berlin");
        assert_eq!((when.date.as_str(), when.time.as_str()), ("Freitag, 12. Dezember 2025", "20:00 – 23:30 Uhr"));
        let when = Language::En.when(start, None, None, "Asia/Tokyo");
        assert_eq!((when.date.as_str(), when.time.as_str()), ("Saturday, 13 December 2025", "04:00"));
    }

    #[test]
    fn an_unknown_zone_is_never_passed_off_as_local_time() {
        let when = Language::En.when(at("2025-12-12T19:00:00Z"), None, None, "Europe/Atlantis");
        assert_eq!(when.time, "19:00\u{A0}UTC");
    }

    #[test]
    fn a_night_is_one_evening_and_a_festival_says_until_when() {
        let start = at("2025-07-04T18:00:00Z");
        let night = Language::De.when(start, Some(at("2025-07-05T03:00:00Z")), None, "Europe/Berlin");
        assert_eq!((night.time.as_str(), night.until), ("20:00 – 05:00 Uhr", None));
        let festival = Language::En.when(start, Some(at("2025-07-06T16:00:00Z")), None, "Europe/Berlin");
        assert_eq!(festival.until.as_deref(), Some("until Sunday, 6 July 2025, 18:00"));
        let backwards = Language::En.when(start, Some(at("2025-07-03T16:00:00Z")), None, "Europe/Berlin");
        assert_eq!((backwards.time.as_str(), backwards.until), ("20:00", None), "an end before the start is not told");
    }

    #[test]
    fn money_and_rates_are_written_as_the_language_writes_them() {
        let money = |minor, code: &str| Money::new(minor, code.parse().unwrap());
        assert_eq!(Language::En.money(money(123_450, "EUR")), "€1,234.50");
        assert_eq!(Language::De.money(money(123_450, "EUR")), "1.234,50\u{A0}€");
        assert_eq!(Language::En.money(money(-5, "EUR")), "−€0.05");
        assert_eq!(Language::En.money(money(2400, "CHF")), "CHF\u{A0}24.00");
        assert_eq!(Language::De.money(money(1_000_000, "JPY")), "1.000.000\u{A0}JPY");
        assert_eq!(Language::De.money(money(i64::MIN, "EUR")), "−92.233.720.368.547.758,08\u{A0}€");
        assert_eq!(Language::De.rate(550), "5,5\u{A0}%");
        assert_eq!(Language::En.rate(1900), "19\u{A0}%");
        assert_eq!(Language::En.rate(705), "7.05\u{A0}%");
        let tax = Language::De.tax(Money::new(2400, Currency::EUR), 700);
        assert_eq!(tax.replace('\u{A0}', " "), "inkl. 7 % MwSt. 1,57 €");
    }

    #[test]
    fn a_number_is_called_what_it_is_and_the_first_print_is_no_copy() {
        for (number, label) in
            [("DE123456789", "USt-IdNr."), (" ATU12345678", "USt-IdNr."), ("22/815/08151", "St.-Nr.")]
        {
            assert_eq!(Language::De.words().number_label(number), label, "{number}");
        }
        let words = Language::De.words();
        assert_eq!(
            (words.copy_mark(0), words.copy_mark(1), words.copy_mark(2)),
            (None, None, Some("Kopie 2".to_owned()))
        );
    }

    #[test]
    fn a_language_is_known_by_its_tag_in_any_spelling() {
        assert_eq!(Language::of_tag("de-AT"), Some(Language::De));
        assert_eq!(Language::of_tag("EN_gb"), Some(Language::En));
        assert_eq!(Language::of_tag("fr"), None);
    }
}
