//! A sale undone at its till, and money given back. What the till says is what happened: the tickets are refused from now
//! on, the units are where it says.

use super::{counter, store};
use crate::{
    app::Tx,
    http::{caller::DeviceCaller, problem::Failure},
    leases::{self, Quit},
    sync::{Applied, Subject, note_revoked},
};
use serde_json::json;
use std::collections::BTreeSet;
use willcall_domain::{
    id::{PositionId, QuotaId},
    leases::UnitRef,
    money::Money,
    orders::OrderStatus,
    sync::{CaseKind, Entry, Fact},
};

/// Undoes positions of an own sale. A position that was cancelled before stays so; a unit the till has back is the till's
/// again, even where the office had freed it in the mean time.
///
/// # Errors
/// When the database is away.
pub async fn record_void(tx: &mut Tx, caller: &DeviceCaller, entry: &Entry, fact: &Fact) -> Result<Applied, Failure> {
    let Fact::Void { order_id, positions, back, .. } = fact else { return Ok(Applied::Done) };
    let detail = json!({ "order_id": order_id, "positions": positions.len() });
    let Some(order) = store::till_order(tx, caller.device, *order_id).await? else {
        return counter::record_void(tx, caller, *order_id, positions).await;
    };
    let sold = store::sold_positions(tx, *order_id).await?;
    if positions.iter().any(|p| sold.iter().all(|(position, ..)| position != p)) {
        return Ok(Applied::Parked { kind: CaseKind::UnknownOrder, event: Some(order.event_id), detail });
    }
    let mut excess = BTreeSet::new();
    for (position, article, canceled) in sold.iter().filter(|(position, ..)| positions.contains(position)) {
        let covered = undo_units(tx, *position, back, &mut excess).await?;
        if *canceled {
            continue;
        }
        for quota in store::quotas_of(tx, *article).await? {
            if !covered.contains(&quota) {
                leases::unsell(tx, quota, 1).await?;
            }
        }
    }
    // Units of a sale the office had cancelled: freed there, and now the till's again.
    for unit in back {
        if let Quit::Back { beyond: true } = leases::quit(tx, *unit, positions, true).await? {
            excess.extend(leases::quota_of(tx, *unit).await?);
        }
    }
    leases::undo_vouchers(tx, positions).await?;
    store::cancel_positions(tx, positions).await?;
    let all = sold.iter().all(|(position, _, canceled)| *canceled || positions.contains(position));
    if all && order.status != OrderStatus::Canceled {
        store::set_canceled(tx, *order_id, entry.at.ticket_time()).await?;
    }
    for (position, ..) in &sold {
        note_revoked(tx, Subject::Position(*position, order.event_id)).await?;
    }
    tracing::info!(device = caller.device.0, order = %order_id, positions = positions.len(), "sale voided");
    if excess.is_empty() {
        return Ok(Applied::Done);
    }
    let detail = json!({ "order_id": order_id, "quotas": excess });
    Ok(Applied::Notice { kind: CaseKind::Excess, event: Some(order.event_id), detail })
}

/// Undoes the leased units of one position; answers the quotas they are of.
async fn undo_units(
    tx: &mut Tx,
    position: PositionId,
    back: &[UnitRef],
    excess: &mut BTreeSet<QuotaId>,
) -> Result<Vec<QuotaId>, Failure> {
    let mut covered = Vec::new();
    for (_, unit, quota) in leases::units_of(tx, &[position]).await? {
        match leases::quit(tx, unit, &[position], back.contains(&unit)).await? {
            Quit::Back { beyond } => {
                covered.push(quota);
                excess.extend(beyond.then_some(quota));
            }
            Quit::Freed | Quit::Void => covered.push(quota),
            Quit::Nothing => {}
        }
    }
    Ok(covered)
}

/// Records money given back; more than came in is a case.
///
/// # Errors
/// When the database is away.
pub async fn record_refund(tx: &mut Tx, caller: &DeviceCaller, entry: &Entry, fact: &Fact) -> Result<Applied, Failure> {
    let Fact::Refund { refund_id, order_id, amount } = fact else { return Ok(Applied::Done) };
    let detail = json!({ "order_id": order_id, "refund_id": refund_id, "amount": amount });
    let Some(order) = store::counter_order(tx, caller.device, *order_id).await? else {
        return Ok(Applied::Parked { kind: CaseKind::UnknownOrder, event: None, detail });
    };
    if amount.currency != order.total.currency || amount.minor <= 0 {
        return Ok(Applied::Parked { kind: CaseKind::SumDiffers, event: Some(order.event_id), detail });
    }
    let back = Money::new(-amount.minor, amount.currency);
    store::insert_payment(tx, caller.device, *refund_id, *order_id, back, entry.at.ticket_time()).await?;
    if store::paid(tx, *order_id).await? < 0 {
        return Ok(Applied::Notice { kind: CaseKind::SumDiffers, event: Some(order.event_id), detail });
    }
    Ok(Applied::Done)
}
