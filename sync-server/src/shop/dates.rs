//! The dates of an event that takes place several times, as a list to choose from.

use super::{shelf::Shelf, view::Tongue, words::fill};
use crate::catalog;
use willcall_domain::{
    catalog::{Article, DateRow},
    clock::UtcMillis,
};

/// From here on it is said how many are left.
const FEW: i64 = 10;

/// One date to choose.
pub struct DateLine {
    pub href: String,
    pub iso: String,
    pub month: &'static str,
    pub day: i8,
    pub weekday: &'static str,
    pub name: String,
    pub time: String,
    /// How many are left, where that is few.
    pub left: Option<String>,
    pub sold_out: bool,
}

/// The dates that are sold.
pub struct Dates {
    pub lines: Vec<DateLine>,
    /// Where one of several is chosen: the way to the others.
    pub others: Option<String>,
}

impl Dates {
    pub fn any_left(&self) -> bool {
        self.lines.iter().any(|line| !line.sold_out)
    }
}

/// The dates to choose from, or the way back to them; `None` where there is no choice.
pub fn dates(tongue: Tongue, shelf: &Shelf, shown: Option<&DateRow>, now: UtcMillis) -> Option<Dates> {
    let on_sale = shelf.dates_on_sale(now);
    match shown {
        Some(_) if on_sale.len() < 2 => None,
        Some(_) => Some(Dates { lines: Vec::new(), others: Some(tongue.link(&shelf.path())) }),
        None if on_sale.is_empty() => None,
        None => {
            Some(Dates { lines: on_sale.into_iter().map(|date| line(tongue, shelf, date)).collect(), others: None })
        }
    }
}

fn line(tongue: Tongue, shelf: &Shelf, date: &DateRow) -> DateLine {
    let words = tongue.words();
    let zone = &shelf.event.row.zone;
    let start = date.starts_at.in_zone(zone);
    let when = tongue.language.when(date.starts_at, date.ends_at, None, zone);
    let free = free(shelf, date);
    DateLine {
        href: tongue.link(&format!("{}?date={}#tickets", shelf.path(), date.date_id)),
        iso: start.date().to_string(),
        month: &words.months[usize::try_from(start.month() - 1).unwrap_or(0) % 12],
        day: start.day(),
        weekday: &words.weekdays[usize::try_from(start.weekday().to_monday_zero_offset()).unwrap_or(0) % 7],
        name: date.name.clone(),
        time: when.until.map_or(when.time.clone(), |until| format!("{}, {until}", when.time)),
        left: free.filter(|n| (1..=FEW).contains(n)).map(|n| fill(&words.event.few_left, &[("n", &n.to_string())])),
        sold_out: free == Some(0),
    }
}

/// Of the ticket of which most are left for a date, how many; `None` is no limit. Where no tickets are sold, of anything.
fn free(shelf: &Shelf, date: &DateRow) -> Option<i64> {
    let on = Some(date.date_id);
    let sold = |i: &&catalog::ShopItem| i.row.active && !i.row.is_addon() && shelf.is_counted(i.row.item_id, on);
    let tickets = shelf.items.iter().any(|i| sold(&i) && i.row.admission);
    let counted = shelf.items.iter().filter(|i| sold(i) && (i.row.admission || !tickets));
    let left = counted.map(|i| catalog::free_of(Article { date_id: on, ..i.row.item_id.into() }, &shelf.quotas));
    left.map(|free| free.unwrap_or(i64::MAX)).max().map_or(Some(0), |n| (n < i64::MAX).then_some(n))
}
