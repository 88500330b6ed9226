//! What an organizer decides about an order for the door: approval, a note, tickets that are blocked.

mod store;

pub use store::OrderDoor;

use super::{lock, mark_paid, note_positions};
use crate::{
    access::audit::{self, Changes, Deed, Record},
    http::Failure,
    sync::{Subject, note, note_revoked},
    tx::Tx,
};
use willcall_domain::{
    catalog::draft::{FieldError, text},
    id::{OrderId, PositionId},
    orders::OrderStatus,
    problem::{Code, Problem},
};

/// The longest note for the door, in characters.
pub const LONGEST_NOTE: usize = 500;

/// What was decided about an order for the door.
///
/// # Errors
/// When there is no such order, or the database is away.
pub async fn of(tx: &mut Tx, id: OrderId) -> Result<OrderDoor, Failure> {
    let found = store::door(tx, id).await?;
    found.ok_or_else(|| Problem::new(Code::NotFound, "There is no such order.").into())
}

/// Approves an order that waits for it: from now on it can be paid and used. One that costs nothing is paid with that.
///
/// # Errors
/// When there is no such order, it waits for no approval or has ended, or the database is away.
pub async fn approve(tx: &mut Tx, id: OrderId) -> Result<(), Failure> {
    let order = lock(tx, id).await?;
    if !of(tx, id).await?.needs_approval || !order.status.holds_places() {
        return Err(Problem::new(Code::Conflict, "This order does not wait for approval.").into());
    }
    store::approve(tx, id).await?;
    note_positions(tx, &order).await?;
    if order.status == OrderStatus::Pending && order.total.minor == 0 {
        mark_paid(tx, id).await?;
    }
    audit::record(tx, Record::new(Deed::OrderApproved, Some(order.event_id), &order.code, Changes::none())).await?;
    tracing::info!(organizer = tx.organizer.0, order = %id, "order approved");
    Ok(())
}

/// Notes for the door what to look at. The words themselves are personal data: the record of changes says only that they
/// changed.
///
/// # Errors
/// The field that is not right.
pub async fn set_note(
    tx: &mut Tx,
    id: OrderId,
    typed: &str,
    attention: bool,
    valid_if_pending: bool,
) -> Result<Result<(), FieldError>, Failure> {
    let words = match text(typed, LONGEST_NOTE) {
        Ok(words) => words.split_whitespace().collect::<Vec<_>>().join(" "),
        Err(error) => return Ok(Err(error)),
    };
    let order = lock(tx, id).await?;
    let before = of(tx, id).await?;
    let after = OrderDoor { checkin_text: words, attention, valid_if_pending, ..before.clone() };
    if before == after {
        return Ok(Ok(()));
    }
    store::set_note(tx, id, &after).await?;
    note_positions(tx, &order).await?;
    let mut changes = Changes::none().field("attention", &before.attention, &after.attention).field(
        "valid_if_pending",
        &before.valid_if_pending,
        &after.valid_if_pending,
    );
    if before.checkin_text != after.checkin_text {
        changes = changes.fact("text", true);
    }
    audit::record(tx, Record::new(Deed::OrderNoted, Some(order.event_id), &order.code, changes)).await?;
    tracing::info!(organizer = tx.organizer.0, order = %id, "note for the door changed");
    Ok(Ok(()))
}

/// Blocks a ticket at every door, or lifts that. A block travels ahead of everything else.
///
/// # Errors
/// When there is no such ticket in this order, it is so already, or the database is away.
pub async fn set_blocked(tx: &mut Tx, id: OrderId, position: PositionId, blocked: bool) -> Result<(), Failure> {
    let order = lock(tx, id).await?;
    let event = order.event_id;
    if !store::set_blocked(tx, id, position, blocked).await? {
        let detail = "There is no such ticket in this order, or somebody was faster.";
        return Err(Problem::new(Code::Conflict, detail).into());
    }
    let subject = Subject::Position(position, event);
    if blocked {
        note_revoked(tx, subject).await?
    } else {
        note(tx, subject).await?
    }
    let deed = if blocked { Deed::TicketBlocked } else { Deed::TicketUnblocked };
    let changes = Changes::none().fact("position", position.to_string());
    audit::record(tx, Record::new(deed, Some(event), &order.code, changes)).await?;
    tracing::info!(organizer = tx.organizer.0, order = %id, %position, blocked, "ticket blocked or unblocked");
    Ok(())
}
