//! `sell`: products, variations and dates by number or name, as people write them, and the sale they mean.

use super::of_event;
use crate::station::Station;
use serde::{Deserialize, Serialize};
use willcall_domain::{
    catalog::{
        Article, DateRow, EventRow, ItemRow,
        choose::{Choice, attach},
        draft,
    },
    id::{DateId, ItemId, RequestId, VariationId},
    money::Money,
    problem::{Code, Problem},
    till::wire::{SaleView, SellLine, SellRequest, Tender},
};

/// What is wanted: `Seat`, `Seat/Reduced`, `Seat@2026-12-12T20:00`, `Seat/Reduced@3`: a product, its variation and its
/// date, each by number or name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    pub item: String,
    pub quantity: u32,
}

pub(super) async fn sell(
    station: &Station,
    (wishes, vouchers): (&[Wish], Vec<String>),
    cash: &str,
    request_id: Option<RequestId>,
) -> Result<SaleView, Problem> {
    let (events, items) = station.catalog().await?;
    let mut found = Vec::with_capacity(wishes.len());
    let mut event: Option<&EventRow> = None;
    for wish in wishes {
        let (item, variation, date) = read(&items, &events, &wish.item)?;
        let unknown = || Problem::new(Code::NotFound, format!("The event of {:?} is not here.", wish.item));
        let of = events.iter().find(|e| e.event_id == item.event_id).ok_or_else(unknown)?;
        if event.is_some_and(|e| e.event_id != of.event_id) {
            return Err(Problem::field("lines", "One sale is for one event."));
        }
        event = Some(of);
        found.push((item, variation, date, wish.quantity));
    }
    let event = event.ok_or_else(|| Problem::field("lines", "Name at least one product."))?;
    let dates = station.dates(event.event_id).await?;
    let choice =
        |(item, variation, date, quantity): (&ItemRow, Option<&str>, Option<&str>, u32)| -> Result<Choice, Problem> {
            let variation_id = variation.map(|asked| find_variation(item, asked)).transpose()?;
            let date_id = date.map(|asked| find_date(&dates, event, asked)).transpose()?;
            Ok(Choice::of(Article { item_id: item.item_id, variation_id, date_id }, quantity))
        };
    let choices = found.into_iter().map(choice).collect::<Result<Vec<Choice>, Problem>>()?;
    let given = Money::parse(cash, event.currency).map_err(|e| Problem::field("cash", format!("{e}.")))?;
    let request = SellRequest {
        request_id: request_id.unwrap_or_else(|| station.new_request_id()),
        event_id: event.event_id,
        lines: attach(&choices, &items).iter().map(line).collect(),
        vouchers,
        tender: Tender::Cash { given_minor: given.minor },
    };
    station.sell(request).await
}

fn line(choice: &Choice) -> SellLine {
    SellLine { addon_to: choice.addon_to, ..SellLine::of(choice.article, choice.quantity) }
}

/// Product, variation and date as typed; a product that is called just so is meant, whatever marks its name has.
fn read<'a, 't>(
    items: &'a [ItemRow],
    events: &[EventRow],
    text: &'t str,
) -> Result<(&'a ItemRow, Option<&'t str>, Option<&'t str>), Problem> {
    match find_item(items, events, text) {
        Err(problem) if problem.code == Code::NotFound && text.contains(['/', '@']) => {
            let (rest, date) = text.rsplit_once('@').map_or((text, None), |(rest, date)| (rest, Some(date)));
            let (item, variation) = rest.split_once('/').map_or((rest, None), |(item, own)| (item, Some(own)));
            Ok((find_item(items, events, item)?, variation, date))
        }
        found => Ok((found?, None, None)),
    }
}

/// The product of this number, or the one on sale of this name; a name that several have is none.
fn find_item<'a>(items: &'a [ItemRow], events: &[EventRow], asked: &str) -> Result<&'a ItemRow, Problem> {
    if let Some(by_id) = asked.parse().ok().and_then(|id| items.iter().find(|i| i.item_id == ItemId(id))) {
        return Ok(by_id);
    }
    let named: Vec<_> = items.iter().filter(|i| i.active && i.name.eq_ignore_ascii_case(asked)).collect();
    match named[..] {
        [only] => Ok(only),
        [] => Err(Problem::new(Code::NotFound, format!("There is no product {asked:?} here."))),
        _ => {
            let each = named.iter().map(|i| format!("{} {}", i.item_id, of_event(&i.name, i.event_id, events)));
            let each = each.collect::<Vec<_>>().join(", ");
            Err(Problem::field("items", format!("Several products are called {asked:?}; give the number: {each}.")))
        }
    }
}

fn find_variation(item: &ItemRow, asked: &str) -> Result<VariationId, Problem> {
    let on_sale = item.variations_on_sale();
    if let Some(by_id) = asked.parse().ok().filter(|id| on_sale.iter().any(|v| v.variation_id == VariationId(*id))) {
        return Ok(VariationId(by_id));
    }
    match on_sale.iter().filter(|v| v.name.eq_ignore_ascii_case(asked)).collect::<Vec<_>>()[..] {
        [only] => Ok(only.variation_id),
        _ => {
            let all = on_sale.iter().map(|v| format!("{} {}", v.variation_id, v.name)).collect::<Vec<_>>().join(", ");
            let all = if all.is_empty() { "none".to_owned() } else { all };
            Err(Problem::field("variation", format!("{} has no one variation {asked:?}; on sale: {all}.", item.name)))
        }
    }
}

/// The date of this number or name, or the one that begins at this time or on this day in the event's zone.
fn find_date(dates: &[DateRow], event: &EventRow, asked: &str) -> Result<DateId, Problem> {
    let begins = |d: &DateRow| draft::moment_typed(d.starts_at, &event.zone);
    let is_it = |d: &&DateRow| {
        let (begins, asked) = (begins(d), asked.trim().replace(' ', "T"));
        d.date_id.to_string() == asked || begins == asked || begins.split('T').next() == Some(asked.as_str())
    };
    let on_sale: Vec<&DateRow> = dates.iter().filter(|d| d.active).collect();
    let named = |d: &&DateRow| !d.name.is_empty() && d.name.eq_ignore_ascii_case(asked.trim());
    let found: Vec<_> = on_sale.iter().copied().filter(|d| is_it(d) || named(d)).collect();
    match found[..] {
        [only] => Ok(only.date_id),
        _ => {
            let all = on_sale.iter().map(|d| format!("{} {}", d.date_id, begins(d))).collect::<Vec<_>>().join(", ");
            let all = if all.is_empty() { "none".to_owned() } else { all };
            Err(Problem::field("date", format!("{} has no one date {asked:?}; on sale: {all}.", event.name)))
        }
    }
}
