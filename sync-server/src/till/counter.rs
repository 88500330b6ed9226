//! Web orders that a till took money for or ended, by the right it held. What happened at the counter is good; where it
//! happened twice, or by a right that had been given up, a person is told.

use super::store;
use crate::{
    app::Tx,
    http::{caller::DeviceCaller, problem::Failure},
    leases, orders,
    sync::{
        Applied,
        cases::{self, NewCase},
    },
};
use serde_json::{Value, json};
use willcall_domain::{
    id::{EventId, OrderId, PaymentId, PositionId},
    leases::rights::Use,
    money::Money,
    orders::OrderStatus,
    sync::{CaseKind, Entry},
};

/// What the use of a right is told as; `None` where the till did what it might.
pub(super) fn case_of(came: Use) -> Option<CaseKind> {
    match came {
        Use::Rightly | Use::AfterWriteOff { first: false } => None,
        Use::AfterWriteOff { first: true } => Some(CaseKind::WriteOffWrong),
        Use::NotHeld | Use::Twice => Some(CaseKind::RightTwice),
    }
}

fn unknown(detail: Value) -> Applied {
    Applied::Parked { kind: CaseKind::UnknownOrder, event: None, detail }
}

/// Tells of the use with a case of its own where the entry already has one.
async fn told(
    tx: &mut Tx,
    caller: &DeviceCaller,
    event: EventId,
    kinds: [Option<CaseKind>; 2],
    detail: Value,
) -> Result<Applied, Failure> {
    let notice = |kind, detail| Applied::Notice { kind, event: Some(event), detail };
    match kinds {
        [Some(first), Some(kind)] => {
            let case = NewCase { device: caller.device, event: Some(event), kind, detail: detail.clone() };
            cases::open(tx, &case).await?;
            Ok(notice(first, detail))
        }
        [Some(kind), None] | [None, Some(kind)] => Ok(notice(kind, detail)),
        [None, None] => Ok(Applied::Done),
    }
}

/// Cash that came in for a web order. More than is owed is a case, with the refund offered.
pub(super) async fn record_payment(
    tx: &mut Tx,
    caller: &DeviceCaller,
    entry: &Entry,
    (payment_id, order_id, amount): (PaymentId, OrderId, Money),
) -> Result<Applied, Failure> {
    let detail = json!({ "order_id": order_id, "payment_id": payment_id });
    let Some(came) = leases::use_order(tx, caller, order_id).await? else { return Ok(unknown(detail)) };
    let Some(order) = orders::at_counter(tx, order_id).await? else { return Ok(unknown(detail)) };
    if amount.currency != order.terms.total.currency {
        return Ok(Applied::Parked { kind: CaseKind::SumDiffers, event: Some(order.event_id), detail });
    }
    store::insert_payment(tx, caller.device, payment_id, order_id, amount, entry.at.ticket_time()).await?;
    let paid = store::paid(tx, order_id).await?;
    let total = order.terms.total.minor;
    if order.terms.status == OrderStatus::Pending && paid >= total {
        orders::paid_at_a_till(tx, order_id).await?;
    }
    let owed = if order.terms.status.holds_places() { total } else { 0 };
    let twice = (paid > owed).then_some(CaseKind::Overpaid);
    tracing::info!(device = caller.device.0, order = %order_id, ?came, "web order paid at a till");
    told(tx, caller, order.event_id, [twice, case_of(came)], detail).await
}

/// A web order, or some positions of a paid one, ended at the counter.
pub(super) async fn record_void(
    tx: &mut Tx,
    caller: &DeviceCaller,
    order_id: OrderId,
    positions: &[PositionId],
) -> Result<Applied, Failure> {
    let detail = json!({ "order_id": order_id, "positions": positions.len() });
    let Some(came) = leases::use_order(tx, caller, order_id).await? else { return Ok(unknown(detail)) };
    let Some(order) = orders::at_counter(tx, order_id).await? else { return Ok(unknown(detail)) };
    let in_part = order.terms.lines.iter().any(|line| !positions.contains(&line.position_id));
    if in_part && order.terms.status == OrderStatus::Pending {
        // What is owed for the rest is for the office to say.
        return Ok(Applied::Parked { kind: CaseKind::CannotApply, event: Some(order.event_id), detail });
    }
    let ended = if in_part {
        orders::canceled_in_part(tx, order_id, positions).await?
    } else {
        orders::canceled_at_a_till(tx, order_id).await?
    };
    // Somebody ended it before: the till gave back what was not there to give.
    let twice = (!ended).then_some(CaseKind::RightTwice);
    let of_right = case_of(came).filter(|kind| Some(*kind) != twice);
    told(tx, caller, order.event_id, [twice, of_right], detail).await
}
