//! SQL of what one order's page shows besides the order itself: its payments, and the scans of its tickets.

use crate::app::Tx;
use uuid::Uuid;
use willcall_domain::id::OrderId;

/// One payment.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct PaymentRow {
    pub provider: String,
    pub amount_minor: i64,
    pub state: String,
    pub created_at: i64,
    pub confirmed_at: Option<i64>,
    pub device: Option<String>,
}

/// # Errors
/// When the database is away.
pub async fn payments(tx: &mut Tx, order: OrderId) -> sqlx::Result<Vec<PaymentRow>> {
    sqlx::query_as(
        "SELECT p.provider, p.amount_minor, p.state, p.created_at, p.confirmed_at, d.name AS device
         FROM payment p LEFT JOIN device d ON d.organizer_id = p.organizer_id AND d.device_id = p.device_id
         WHERE p.organizer_id = $1 AND p.order_id = $2 ORDER BY p.created_at, p.payment_id",
    )
    .bind(tx.organizer.0)
    .bind(order.0)
    .fetch_all(tx.conn())
    .await
}

/// One scan of a ticket of the order.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ScanOfOrder {
    pub position_id: Uuid,
    pub at: i64,
    pub gate: String,
    pub list: String,
    pub direction: String,
    pub class: String,
    pub undone: bool,
    pub product: String,
}

/// In the order in which they happened.
///
/// # Errors
/// When the database is away.
pub async fn scans(tx: &mut Tx, order: OrderId) -> sqlx::Result<Vec<ScanOfOrder>> {
    sqlx::query_as(
        "SELECT p.position_id, s.at, s.gate, l.name AS list, s.direction, s.class, s.undone, i.name AS product
         FROM order_position p
         JOIN scan s ON s.organizer_id = p.organizer_id AND s.position_id = p.position_id
         JOIN checkin_list l ON l.organizer_id = s.organizer_id AND l.list_id = s.list_id
         JOIN item i ON i.organizer_id = p.organizer_id AND i.item_id = p.item_id
         WHERE p.organizer_id = $1 AND p.order_id = $2 ORDER BY s.at, s.scan_id",
    )
    .bind(tx.organizer.0)
    .bind(order.0)
    .fetch_all(tx.conn())
    .await
}

/// What the order's row says beyond what its own page shows to the buyer.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct OrderFacts {
    pub channel: String,
    pub device: Option<String>,
    pub canceled_at: Option<i64>,
}

/// # Errors
/// When the order is not there, or the database is away.
pub async fn facts(tx: &mut Tx, order: OrderId) -> sqlx::Result<OrderFacts> {
    sqlx::query_as(
        "SELECT o.channel, d.name AS device, o.canceled_at
         FROM orders o LEFT JOIN device d ON d.organizer_id = o.organizer_id AND d.device_id = o.device_id
         WHERE o.organizer_id = $1 AND o.order_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(order.0)
    .fetch_one(tx.conn())
    .await
}
