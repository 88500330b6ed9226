//! SQL of what was decided about orders for the door.

use crate::tx::Tx;
use uuid::Uuid;
use willcall_domain::id::{OrderId, PositionId};

/// What was decided about an order for the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderDoor {
    /// It waits for the organizer.
    pub needs_approval: bool,
    /// Admitted although it is not paid.
    pub valid_if_pending: bool,
    /// Look at whoever brings a ticket of it.
    pub attention: bool,
    /// A sentence for the door; empty for none.
    pub checkin_text: String,
    /// Tickets of it that are blocked.
    pub blocked: Vec<PositionId>,
}

pub(super) async fn door(tx: &mut Tx, order: OrderId) -> sqlx::Result<Option<OrderDoor>> {
    let row: Option<(bool, bool, bool, String, Vec<Uuid>)> = sqlx::query_as(
        "SELECT o.needs_approval, o.valid_if_pending, o.attention, o.checkin_text,
                ARRAY(SELECT p.position_id FROM order_position p WHERE p.organizer_id = $1 AND p.order_id = $2
                      AND p.blocked ORDER BY 1)
         FROM orders o WHERE o.organizer_id = $1 AND o.order_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(order.0)
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|(needs_approval, valid_if_pending, attention, checkin_text, blocked)| OrderDoor {
        needs_approval,
        valid_if_pending,
        attention,
        checkin_text,
        blocked: blocked.into_iter().map(PositionId).collect(),
    }))
}

pub(super) async fn approve(tx: &mut Tx, order: OrderId) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE orders SET needs_approval = false, version = version + 1 WHERE organizer_id = $1 AND order_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(order.0)
    .execute(tx.conn())
    .await
    .map(drop)
}

pub(super) async fn set_note(tx: &mut Tx, order: OrderId, door: &OrderDoor) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE orders SET checkin_text = $3, attention = $4, valid_if_pending = $5, version = version + 1
         WHERE organizer_id = $1 AND order_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(order.0)
    .bind(&door.checkin_text)
    .bind(door.attention)
    .bind(door.valid_if_pending)
    .execute(tx.conn())
    .await
    .map(drop)
}

/// `false` where there is no such ticket, or it is so already.
pub(super) async fn set_blocked(
    tx: &mut Tx,
    order: OrderId,
    position: PositionId,
    blocked: bool,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "UPDATE order_position SET blocked = $4, version = version + 1
         WHERE organizer_id = $1 AND order_id = $2 AND position_id = $3 AND blocked <> $4",
    )
    .bind(tx.organizer.0)
    .bind(order.0)
    .bind(position.0)
    .bind(blocked)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
