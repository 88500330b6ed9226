//! What the till's screen shows besides the cart: products with what is left, the newest sales.

use super::{counter, store};
use crate::{
    catalog, copies,
    devices::{Identity, disk},
    error::Fault,
    journal, leases,
    station::Station,
};
use rusqlite::Transaction;
use willcall_domain::{
    catalog::{Article, DateRow, ItemRow, QuotaRow, VariationRow},
    devices::wire::Role,
    id::{DateId, EventId, OrderId},
    leases::{Held, take::here},
    money::Money,
    problem::{Code, Problem},
    sync::{fact::Printed, standing::DoubtKind},
    till::wire::{
        SaleView, SoldPosition, TillDate, TillEvent, TillLeft, TillProduct, TillVariation, TillView, VoidView,
    },
};

/// What is read of the database for the screen.
type Shown = (Option<DoubtKind>, Vec<TillEvent>, Vec<SaleView>);

/// Sales on the screen.
const RECENT: u32 = 20;

/// The screen's data; empty where this station does not sell.
///
/// # Errors
/// When the database cannot be read.
pub async fn till(station: &Station) -> Result<TillView, Problem> {
    let identity = station.identity().filter(|i| i.role == Role::Till);
    let room = disk::reading(station).room();
    let Some(identity) = identity else {
        return Ok(TillView { room, doubt: None, events: Vec::new(), sales: Vec::new() });
    };
    let (doubt, events, sales) = station.db().read(move |tx| view(tx, &identity)).await?;
    Ok(TillView { room, doubt, events, sales })
}

fn view(tx: &Transaction<'_>, who: &Identity) -> Result<Shown, Fault> {
    let held = leases::held(tx, who.device_id, who.incarnation)?;
    let scope = &who.events;
    let mut events = Vec::new();
    for event in catalog::events(tx)?.into_iter().filter(|e| scope.contains(&e.event_id)) {
        let quotas = catalog::quotas_of_event(tx, event.event_id)?;
        let mut items = catalog::items_of_event(tx, event.event_id)?;
        items.retain(|i| is_sold(i) && quotas.iter().any(|q| q.items.contains(&i.item_id)));
        items.sort_by(|a, b| (a.rank, &a.name, a.item_id).cmp(&(b.rank, &b.name, b.item_id)));
        events.push(TillEvent {
            event_id: event.event_id,
            name: event.name,
            zone: event.zone,
            starts_at: event.starts_at,
            till_sales: event.till_sales,
            products: items.iter().map(|item| product(item, &quotas, &held)).collect(),
            dates: dates(tx, event.event_id, &items, (&quotas, &held))?,
        });
    }
    events.sort_by_key(|e| (e.starts_at, e.event_id));
    let sales = store::newest_sales(tx, RECENT)?.iter().map(|sale| show(tx, sale)).collect::<Result<_, _>>()?;
    Ok((copies::standing::doubts(tx, who)?, events, sales))
}

/// Whether there is anything of it to sell: a product whose variations are all switched off is not sold.
fn is_sold(item: &ItemRow) -> bool {
    item.active && (item.variations.is_empty() || !item.variations_on_sale().is_empty())
}

fn product(item: &ItemRow, quotas: &[QuotaRow], held: &[Held]) -> TillProduct {
    let left = left(item, None, quotas, held);
    let variation = |v: &&VariationRow| TillVariation {
        variation_id: v.variation_id,
        name: v.name.clone(),
        price: v.price_of(item.price),
    };
    TillProduct {
        item_id: item.item_id,
        name: item.name.clone(),
        category: item.category.clone(),
        price: item.price,
        here: left.here,
        in_all: left.in_all,
        variations: item.variations_on_sale().iter().map(variation).collect(),
        addon_to: item.addon_to.clone(),
    }
}

/// The dates that are sold, with what is left of each product that is sold for it.
fn dates(
    tx: &Transaction<'_>,
    event: EventId,
    items: &[ItemRow],
    (quotas, held): (&[QuotaRow], &[Held]),
) -> Result<Vec<TillDate>, Fault> {
    let of_date = |date: DateRow| {
        let on = Some(date.date_id);
        let counted = |i: &&ItemRow| quotas.iter().any(|q| q.counts(Article { date_id: on, ..i.item_id.into() }));
        let left = items.iter().filter(counted).map(|item| left(item, on, quotas, held)).collect();
        TillDate { date_id: date.date_id, name: date.name, starts_at: date.starts_at, left }
    };
    Ok(catalog::dates_of_event(tx, event)?.into_iter().filter(|date| date.active).map(of_date).collect())
}

/// What is left of a product for a date or none: of the variation of which there is most, as each takes the same units.
fn left(item: &ItemRow, date_id: Option<DateId>, quotas: &[QuotaRow], held: &[Held]) -> TillLeft {
    let plain = Article { date_id, ..item.item_id.into() };
    let variations =
        item.variations_on_sale().into_iter().map(|v| Article { variation_id: Some(v.variation_id), ..plain });
    let articles: Vec<Article> = if item.variations.is_empty() { vec![plain] } else { variations.collect() };
    let units = articles.iter().filter_map(|article| here(*article, item.admission, quotas, held)).max().map(i64::from);
    let free = quotas.iter().filter(|q| q.counts(plain)).filter_map(|q| q.free).min();
    TillLeft { item_id: item.item_id, here: units, in_all: free.map(|free| free.max(0) + units.unwrap_or(0)) }
}

/// A sale as shown, printed and reprinted: what was sold then, not what it would be now. Also what was done to a web
/// order here.
///
/// # Errors
/// When there is no such sale here.
pub(super) fn sale_view(tx: &Transaction<'_>, order: OrderId) -> Result<SaleView, Fault> {
    let unknown = || Fault::refused(Code::NotFound, "There is no such sale at this till.");
    match store::sale(tx, order)? {
        Some(sale) => show(tx, &sale),
        None => counter::shown(tx, order)?.ok_or_else(unknown),
    }
}

/// A sale of this till by its order code or id.
///
/// # Errors
/// When there is no such sale here.
pub async fn find(station: &Station, text: &str) -> Result<SaleView, Problem> {
    station.enrolled()?;
    let (text, id) = (text.trim().to_owned(), text.trim().parse::<OrderId>().ok());
    let look = move |tx: &Transaction<'_>| {
        let order = match id {
            Some(order) => Some(order),
            None => store::order_of_code(tx, &text)?,
        };
        let none = || Fault::refused(Code::NotFound, format!("{text} is no sale of this till."));
        sale_view(tx, order.ok_or_else(none)?)
    };
    Ok(station.db().read(look).await?)
}

fn show(tx: &Transaction<'_>, sale: &store::Sale) -> Result<SaleView, Fault> {
    let mut positions = Vec::new();
    let voided = store::voided(tx, sale.order_id)?;
    for line in store::lines(tx, sale)? {
        let name = match line.name.as_str() {
            "" => catalog::item(tx, line.item_id)?
                .map_or_else(|| format!("product {}", line.item_id), |i| i.name_in(line.variation_id)),
            name => name.to_owned(),
        };
        let code = if line.blank.is_some() { leases::code_of(tx, line.position_id)? } else { None };
        positions.push(SoldPosition {
            position_id: line.position_id,
            item_id: line.item_id,
            variation_id: line.variation_id,
            date_id: line.date_id,
            addon_to: line.addon_to,
            name,
            price: line.price,
            tax_rate_bp: line.tax_rate_bp,
            code,
            voided: voided.contains(&line.position_id),
        });
    }
    let event_name = match sale.event_name.as_str() {
        "" => catalog::event(tx, sale.event_id)?.map_or_else(|| format!("event {}", sale.event_id), |e| e.name),
        name => name.to_owned(),
    };
    let (given, change) = store::paid(tx, sale)?;
    let voids = voids(tx, sale, &positions)?;
    Ok(SaleView {
        printed: store::copies(tx, sale.order_id, Printed::Tickets, None)?,
        voids,
        order_id: sale.order_id,
        order_code: sale.order_code.clone(),
        receipt_number: store::receipt_number(tx, sale.order_id)?.unwrap_or_default(),
        event_id: sale.event_id,
        event_name,
        positions,
        total: sale.total,
        given,
        change,
        at: sale.at,
        delivery: journal::delivery(tx, sale.station.0, sale.incarnation, sale.seq)?,
    })
}

/// What of a sale was undone, with the receipts over the money that went back.
fn voids(tx: &Transaction<'_>, sale: &store::Sale, positions: &[SoldPosition]) -> Result<Vec<VoidView>, Fault> {
    let mut out = Vec::new();
    for void in store::voids(tx, sale.order_id)? {
        let of_it = positions.iter().filter(|p| void.positions.contains(&p.position_id));
        let back = of_it.map(|p| p.price.minor).fold(0_i64, i64::saturating_add);
        let number = |number: u64| format!("{}-{}-{number}", void.station, void.incarnation);
        out.push(VoidView {
            total: Money::new(back.saturating_neg(), sale.total.currency),
            receipt_number: void.receipt.map(number).unwrap_or_default(),
            receipt: void.receipt,
            paper: void.paper,
            at: void.at,
            delivery: journal::delivery(tx, void.station.0, void.incarnation, void.seq)?,
            positions: void.positions,
        });
    }
    Ok(out)
}
