//! SQL of media as staff see and change them.

use crate::app::Tx;
use uuid::Uuid;
use willcall_domain::{
    checkin::medium::MediumKind,
    id::{EventId, MediumId, PositionId},
};

/// A medium with all staff see of it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct MediumFull {
    pub medium_id: Uuid,
    pub kind: String,
    /// What a reader reads; `None` where it was erased or never came.
    pub identifier: Option<String>,
    pub order_code: Option<String>,
    pub product: Option<String>,
    pub active: bool,
    pub expires_at: Option<i64>,
    pub exchanged_at: Option<i64>,
    /// Where it was given out; `None` for the office.
    pub device: Option<String>,
}

pub(super) async fn media(
    tx: &mut Tx,
    event: EventId,
    search: &str,
    hash: &str,
    limit: i64,
) -> sqlx::Result<Vec<MediumFull>> {
    sqlx::query_as(
        "SELECT m.medium_id, m.kind, m.identifier, o.code AS order_code, i.name AS product, m.active, m.expires_at,
                m.exchanged_at, d.name AS device
         FROM medium m
         LEFT JOIN order_position p ON p.organizer_id = m.organizer_id AND p.position_id = m.position_id
         LEFT JOIN orders o ON o.organizer_id = p.organizer_id AND o.order_id = p.order_id
         LEFT JOIN item i ON i.organizer_id = p.organizer_id AND i.item_id = p.item_id
         LEFT JOIN device d ON d.organizer_id = m.organizer_id AND d.device_id = m.device_id
         WHERE m.organizer_id = $1 AND m.event_id = $2
             AND ($3 = '' OR m.identifier_hash = $4 OR o.code = upper($3))
         ORDER BY m.exchanged_at DESC NULLS LAST, m.medium_id DESC LIMIT $5",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(search)
    .bind(hash)
    .bind(limit)
    .fetch_all(tx.conn())
    .await
}

/// Tickets of an order of this event that hold their places, in their order.
pub(super) async fn tickets(tx: &mut Tx, event: EventId, order_code: &str) -> sqlx::Result<Vec<PositionId>> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "SELECT p.position_id FROM orders o
         JOIN order_position p ON p.organizer_id = o.organizer_id AND p.order_id = o.order_id AND NOT p.canceled
         JOIN item i ON i.organizer_id = p.organizer_id AND i.item_id = p.item_id AND i.admission
         WHERE o.organizer_id = $1 AND o.event_id = $2 AND o.code = upper($3) AND o.status IN ('pending', 'paid')
         ORDER BY p.position_id",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(order_code)
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().map(PositionId).collect())
}

pub(super) async fn is_in_use(tx: &mut Tx, event: EventId, hash: &str) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM medium WHERE organizer_id = $1 AND event_id = $2 AND identifier_hash = $3
                        AND active)",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(hash)
    .fetch_one(tx.conn())
    .await
}

pub(super) async fn insert(
    tx: &mut Tx,
    id: MediumId,
    event: EventId,
    (identifier, kind, hash): (&str, MediumKind, &str),
    position: PositionId,
) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query(
        "INSERT INTO medium (organizer_id, medium_id, event_id, kind, identifier, identifier_hash, position_id,
             exchanged_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(tx.organizer.0)
    .bind(id.0)
    .bind(event.0)
    .bind(kind.as_str())
    .bind(identifier)
    .bind(hash)
    .bind(position.0)
    .bind(now.0)
    .execute(tx.conn())
    .await
    .map(drop)
}

pub(super) async fn hash_of(tx: &mut Tx, event: EventId, id: MediumId) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(
        "SELECT identifier_hash FROM medium WHERE organizer_id = $1 AND event_id = $2 AND medium_id = $3",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(id.0)
    .fetch_optional(tx.conn())
    .await
}

/// `false` where it is so already.
pub(super) async fn set_active(tx: &mut Tx, event: EventId, id: MediumId, active: bool) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "UPDATE medium SET active = $4, version = version + 1
         WHERE organizer_id = $1 AND event_id = $2 AND medium_id = $3 AND active <> $4",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(id.0)
    .bind(active)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
