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
    catalog::{ItemRow, QuotaRow},
    devices::wire::Role,
    id::OrderId,
    leases::{Held, take::here},
    money::Money,
    problem::{Code, Problem},
    sync::{fact::Printed, standing::DoubtKind},
    till::wire::{SaleView, SoldPosition, TillEvent, TillProduct, TillView, VoidView},
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
        items.retain(|i| i.active && quotas.iter().any(|q| q.items.contains(&i.item_id)));
        items.sort_by(|a, b| (a.rank, &a.name, a.item_id).cmp(&(b.rank, &b.name, b.item_id)));
        events.push(TillEvent {
            event_id: event.event_id,
            name: event.name,
            zone: event.zone,
            starts_at: event.starts_at,
            products: items.iter().map(|item| product(item, &quotas, &held)).collect(),
        });
    }
    events.sort_by_key(|e| (e.starts_at, e.event_id));
    let sales = store::newest_sales(tx, RECENT)?.iter().map(|sale| show(tx, sale)).collect::<Result<_, _>>()?;
    Ok((copies::standing::doubts(tx, who)?, events, sales))
}

fn product(item: &ItemRow, quotas: &[QuotaRow], held: &[Held]) -> TillProduct {
    let units = here(item.item_id, item.admission, quotas, held).map(i64::from);
    let free = quotas.iter().filter(|q| q.items.contains(&item.item_id)).filter_map(|q| q.free).min();
    TillProduct {
        item_id: item.item_id,
        name: item.name.clone(),
        category: item.category.clone(),
        price: item.price,
        here: units,
        in_all: free.map(|free| free.max(0) + units.unwrap_or(0)),
    }
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
            "" => catalog::item(tx, line.item_id)?.map_or_else(|| format!("product {}", line.item_id), |i| i.name),
            name => name.to_owned(),
        };
        let code = if line.blank.is_some() { leases::code_of(tx, line.position_id)? } else { None };
        positions.push(SoldPosition {
            position_id: line.position_id,
            item_id: line.item_id,
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
