//! A sale, its payment and its receipt into the order tables.

use super::{counter, store, vouchers};
use crate::http::problem::Failure;
use crate::{
    app::Tx,
    http::caller::DeviceCaller,
    leases::{self, UnitUse},
    sync::{
        Applied, Subject,
        cases::{self, NewCase},
        note,
    },
};
use serde_json::json;
use willcall_domain::{
    id::{EventId, LeaseId, OrderId, PositionId, QuotaId},
    orders::{OrderStatus, totals},
    sync::{CaseKind, Entry, Fact, fact::SaleLine},
};

/// Records a sale: the order, its positions, and the units it took. Units that were not this till's to sell, or were
/// sold before, are counted as excess, each with a case.
///
/// # Errors
/// When the database is away.
pub async fn record_sale(tx: &mut Tx, caller: &DeviceCaller, entry: &Entry, fact: &Fact) -> Result<Applied, Failure> {
    let Fact::Sale { order_id, event_id, lines, total, .. } = fact else { return Ok(Applied::Done) };
    let (order_id, event_id, total) = (*order_id, *event_id, *total);
    let parked = |kind: CaseKind| Applied::Parked { kind, event: None, detail: json!({ "order_id": order_id }) };
    if !caller.role.sells() {
        return Ok(parked(CaseKind::SaleByADoor));
    }
    let Some(currency) = store::event_currency(tx, event_id).await? else { return Ok(parked(CaseKind::UnknownEvent)) };
    let sums = totals(lines.iter().map(|l| (l.price, l.tax_rate_bp)), currency);
    if total.currency != currency || sums.map(|s| s.total) != Ok(total) {
        return Ok(parked(CaseKind::SumDiffers));
    }
    if !store::items_known(tx, event_id, lines).await? {
        return Ok(parked(CaseKind::UnknownProduct));
    }
    let status = if total.minor == 0 { OrderStatus::Paid } else { OrderStatus::Pending };
    if !store::insert_order(tx, caller.device, fact, status, entry.at.ticket_time()).await? {
        return Ok(parked(CaseKind::OrderExists));
    }
    let mut strain = Strain::default();
    let mut twice: Vec<PositionId> = Vec::new();
    for line in lines {
        if store::insert_position(tx, order_id, event_id, line).await? {
            take_units(tx, caller, line, &mut strain).await?;
            note(tx, Subject::Position(line.position_id, event_id)).await?;
        } else {
            twice.push(line.position_id);
            sold_twice(tx, caller, (order_id, event_id), line).await?;
        }
    }
    note_quotas(tx, event_id, lines).await?;
    let told = judge(tx, caller, entry, (order_id, event_id, lines), strain).await?;
    if twice.is_empty() {
        return Ok(told);
    }
    let (kind, detail) = (CaseKind::TicketSoldTwice, json!({ "order_id": order_id, "tickets": twice }));
    if told == Applied::Done {
        return Ok(Applied::Notice { kind, event: Some(event_id), detail });
    }
    cases::open(tx, &NewCase { device: caller.device, event: Some(event_id), kind, detail }).await?;
    Ok(told)
}

/// A position whose ticket another sale has: one blank, one ticket. The money came in for it all the same, so it stands in
/// the order as one that was cancelled: it holds no place and no code, and its units are free.
async fn sold_twice(
    tx: &mut Tx,
    caller: &DeviceCaller,
    (order, event): (OrderId, EventId),
    line: &SaleLine,
) -> Result<(), Failure> {
    let stand_in = PositionId::born(tx.now(), tx.entropy());
    let line = SaleLine { position_id: stand_in, blank: None, addon_to: None, ..line.clone() };
    store::insert_position(tx, order, event, &line).await?;
    for unit in &line.units {
        match leases::use_unit(tx, caller, *unit, stand_in).await? {
            UnitUse::Taken(_) | UnitUse::AfterWriteOff { .. } => {
                leases::quit(tx, *unit, &[stand_in], false).await?;
            }
            // A copied till sold the same unit as well.
            UnitUse::Twice | UnitUse::NotLent => {}
        }
    }
    Ok(store::cancel_positions(tx, &[stand_in]).await?)
}

/// What a person should look at of a sale that is recorded.
async fn judge(
    tx: &mut Tx,
    caller: &DeviceCaller,
    entry: &Entry,
    (order_id, event_id, lines): (OrderId, EventId, &[SaleLine]),
    strain: Strain,
) -> Result<Applied, Failure> {
    let spent = vouchers::spend(tx, caller, entry, event_id, lines).await?;
    let plain: Vec<SaleLine> = lines.iter().filter(|line| line.voucher.is_none()).cloned().collect();
    let differing = spent.price_differs || store::price_differs(tx, event_id, &plain).await?;
    let Strain { excess, wrong } = strain;
    tracing::info!(device = caller.device.0, positions = lines.len(), excess = excess.len(), "sale recorded");
    if !excess.is_empty() {
        spent.open_case(tx, caller, order_id, event_id).await?;
        let detail = json!({ "order_id": order_id, "quotas": excess, "written_off": wrong });
        return Ok(Applied::Notice { kind: CaseKind::Excess, event: Some(event_id), detail });
    }
    if let Some(notice) = spent.notice(order_id, event_id) {
        return Ok(notice);
    }
    if !wrong.is_empty() {
        let detail = json!({ "order_id": order_id, "leases": wrong });
        return Ok(Applied::Notice { kind: CaseKind::WriteOffWrong, event: Some(event_id), detail });
    }
    if differing {
        let detail = json!({ "order_id": order_id });
        return Ok(Applied::Notice { kind: CaseKind::PriceDiffers, event: Some(event_id), detail });
    }
    Ok(Applied::Done)
}

/// What the units of a sale came to, beyond what was lent.
#[derive(Default)]
struct Strain {
    /// Quotas in which a position is not covered by what was lent: sold is sold, and counted.
    excess: Vec<QuotaId>,
    /// Leases that had been written off, and this sale is the first to show that their station lives.
    wrong: Vec<LeaseId>,
}

/// Takes the units of one position.
async fn take_units(tx: &mut Tx, caller: &DeviceCaller, line: &SaleLine, strain: &mut Strain) -> Result<(), Failure> {
    let mut covered = Vec::new();
    for unit in &line.units {
        match leases::use_unit(tx, caller, *unit, line.position_id).await? {
            UnitUse::Taken(quota) => covered.push(quota),
            UnitUse::AfterWriteOff { quota, beyond, first } => {
                covered.push(quota);
                strain.excess.extend(beyond.then_some(quota));
                strain.wrong.extend(first.then_some(unit.lease_id));
            }
            UnitUse::Twice | UnitUse::NotLent => {}
        }
    }
    // Honoured, and counted beyond what was lent.
    for quota in store::quotas_of(tx, line.article()).await? {
        if !covered.contains(&quota) {
            leases::sell_uncovered(tx, quota).await?;
            strain.excess.push(quota);
        }
    }
    Ok(())
}

async fn note_quotas(tx: &mut Tx, event: EventId, lines: &[SaleLine]) -> Result<(), Failure> {
    let mut quotas = Vec::new();
    for line in lines {
        quotas.extend(store::quotas_of(tx, line.article()).await?);
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
        return counter::record_payment(tx, caller, entry, (*payment_id, *order_id, *amount)).await;
    };
    if amount.currency != order.total.currency {
        return Ok(Applied::Parked { kind: CaseKind::SumDiffers, event: Some(order.event_id), detail });
    }
    store::insert_payment(tx, caller.device, *payment_id, *order_id, *amount, entry.at.ticket_time()).await?;
    let paid = store::paid(tx, *order_id).await?;
    if order.status == OrderStatus::Pending && paid >= order.total.minor {
        store::set_paid(tx, *order_id).await?;
        for position in store::positions(tx, *order_id).await? {
            note(tx, Subject::Position(position, order.event_id)).await?;
        }
    }
    if paid > order.total.minor {
        return Ok(Applied::Notice { kind: CaseKind::Overpaid, event: Some(order.event_id), detail });
    }
    Ok(Applied::Done)
}

/// Checks a receipt against its order, and one of money given back against what was. The journal itself is the record of
/// receipts.
///
/// # Errors
/// When the database is away.
pub async fn record_receipt(tx: &mut Tx, caller: &DeviceCaller, fact: &Fact) -> Result<Applied, Failure> {
    let Fact::Receipt { number, order_id, total } = fact else { return Ok(Applied::Done) };
    let detail = json!({ "order_id": order_id, "receipt": number });
    let Some(order) = store::counter_order(tx, caller.device, *order_id).await? else {
        return Ok(Applied::Parked { kind: CaseKind::UnknownOrder, event: None, detail });
    };
    let fits = if total.minor < 0 {
        total.currency == order.total.currency && store::refunded(tx, *order_id, total.minor).await?
    } else {
        order.total == *total
    };
    if fits {
        return Ok(Applied::Done);
    }
    Ok(Applied::Notice { kind: CaseKind::SumDiffers, event: Some(order.event_id), detail })
}
