//! A sale, its payment and its receipt into the order tables.

use super::store;
use crate::http::problem::Failure;
use crate::{
    app::Tx,
    http::caller::DeviceCaller,
    leases::{self, UnitUse},
    sync::{Applied, Subject, note},
};
use serde_json::json;
use willcall_domain::{
    id::{EventId, QuotaId},
    orders::{OrderStatus, totals},
    sync::{Entry, Fact, fact::SaleLine},
};

/// Records a sale: the order, its positions, and the units it took. Units that were not this till's to sell, or were
/// sold before, are counted as excess, each with a case.
///
/// # Errors
/// When the database is away.
pub async fn record_sale(tx: &mut Tx, caller: &DeviceCaller, entry: &Entry, fact: &Fact) -> Result<Applied, Failure> {
    let Fact::Sale { order_id, event_id, lines, total, .. } = fact else { return Ok(Applied::Done) };
    let (order_id, event_id, total) = (*order_id, *event_id, *total);
    let parked = |kind: &'static str| Applied::Parked { kind, event: None, detail: json!({ "order_id": order_id }) };
    if !caller.role.sells() {
        return Ok(parked("sale_by_a_door"));
    }
    let Some(currency) = store::event_currency(tx, event_id).await? else { return Ok(parked("unknown_event")) };
    let sums = totals(lines.iter().map(|l| (l.price, l.tax_rate_bp)), currency);
    if total.currency != currency || sums.map(|s| s.total) != Ok(total) {
        return Ok(parked("sum_differs"));
    }
    if !store::items_known(tx, event_id, lines).await? {
        return Ok(parked("unknown_product"));
    }
    let status = if total.minor == 0 { OrderStatus::Paid } else { OrderStatus::Pending };
    if !store::insert_order(tx, caller.device, fact, status, entry.at.wall).await? {
        return Ok(parked("order_exists"));
    }
    let mut excess = Vec::new();
    for line in lines {
        if !store::insert_position(tx, order_id, event_id, line).await? {
            return Ok(parked("ticket_sold_twice"));
        }
        excess.extend(take_units(tx, caller, line).await?);
        note(tx, Subject::Position(line.position_id, event_id)).await?;
    }
    note_quotas(tx, event_id, lines).await?;
    let differing = store::price_differs(tx, event_id, lines).await?;
    tracing::info!(device = caller.device.0, positions = lines.len(), excess = excess.len(), "sale recorded");
    if !excess.is_empty() {
        let detail = json!({ "order_id": order_id, "quotas": excess });
        return Ok(Applied::Notice { kind: "excess", event: Some(event_id), detail });
    }
    if differing {
        let detail = json!({ "order_id": order_id });
        return Ok(Applied::Notice { kind: "price_differs", event: Some(event_id), detail });
    }
    Ok(Applied::Done)
}

/// Takes the units of one position; answers the quotas in which it is one too many.
async fn take_units(tx: &mut Tx, caller: &DeviceCaller, line: &SaleLine) -> Result<Vec<QuotaId>, Failure> {
    let mut taken = 0;
    for unit in &line.units {
        if leases::use_unit(tx, caller, *unit, line.item_id, line.position_id).await? == UnitUse::Taken {
            taken += 1;
        }
    }
    if taken == store::quotas_of(tx, line.item_id).await?.len() {
        return Ok(Vec::new());
    }
    // Sold is sold: honoured, and counted beyond what was lent.
    let covered = store::covered_quotas(tx, line.position_id).await?;
    let mut excess = Vec::new();
    for quota in store::quotas_of(tx, line.item_id).await? {
        if !covered.contains(&quota) {
            store::sell_beyond(tx, quota).await?;
            excess.push(quota);
        }
    }
    Ok(excess)
}

async fn note_quotas(tx: &mut Tx, event: EventId, lines: &[SaleLine]) -> Result<(), Failure> {
    let mut quotas = Vec::new();
    for line in lines {
        quotas.extend(store::quotas_of(tx, line.item_id).await?);
    }
    quotas.sort();
    quotas.dedup();
    for quota in quotas {
        note(tx, Subject::Quota(quota, event)).await?;
    }
    Ok(())
}

/// Records cash received; the order is paid once its total is reached.
///
/// # Errors
/// When the database is away.
pub async fn record_payment(
    tx: &mut Tx,
    caller: &DeviceCaller,
    entry: &Entry,
    fact: &Fact,
) -> Result<Applied, Failure> {
    let Fact::Payment { payment_id, order_id, amount, .. } = fact else { return Ok(Applied::Done) };
    let detail = json!({ "order_id": order_id, "payment_id": payment_id });
    let Some(order) = store::till_order(tx, caller.device, *order_id).await? else {
        return Ok(Applied::Parked { kind: "unknown_order", event: None, detail });
    };
    if amount.currency != order.total.currency {
        return Ok(Applied::Parked { kind: "sum_differs", event: Some(order.event_id), detail });
    }
    store::insert_payment(tx, caller.device, *payment_id, *order_id, *amount, entry.at.wall).await?;
    let paid = store::paid(tx, *order_id).await?;
    if order.status == OrderStatus::Pending && paid >= order.total.minor {
        store::set_paid(tx, *order_id).await?;
        for position in store::positions(tx, *order_id).await? {
            note(tx, Subject::Position(position, order.event_id)).await?;
        }
    }
    if paid > order.total.minor {
        return Ok(Applied::Notice { kind: "overpaid", event: Some(order.event_id), detail });
    }
    Ok(Applied::Done)
}

/// Checks a receipt against its order. The journal itself is the record of receipts.
///
/// # Errors
/// When the database is away.
pub async fn record_receipt(tx: &mut Tx, caller: &DeviceCaller, fact: &Fact) -> Result<Applied, Failure> {
    let Fact::Receipt { number, order_id, total } = fact else { return Ok(Applied::Done) };
    let detail = json!({ "order_id": order_id, "receipt": number });
    match store::till_order(tx, caller.device, *order_id).await? {
        None => Ok(Applied::Parked { kind: "unknown_order", event: None, detail }),
        Some(order) if order.total != *total => {
            Ok(Applied::Notice { kind: "sum_differs", event: Some(order.event_id), detail })
        }
        Some(_) => Ok(Applied::Done),
    }
}
