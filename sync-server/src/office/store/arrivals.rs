//! SQL of who came when, and who was turned away.

use crate::app::Tx;
use willcall_domain::{
    clock::UtcMillis,
    id::{EventId, ListId},
};

/// Entries and exits that count, of a quarter of an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Quarter {
    /// When it begins.
    pub at: i64,
    pub entries: i64,
    pub exits: i64,
}

/// Quarters of an hour with scans that let somebody in or out, ascending.
///
/// # Errors
/// When the database is away.
pub async fn quarters(
    tx: &mut Tx,
    event: EventId,
    list: Option<ListId>,
    (from, until): (UtcMillis, UtcMillis),
) -> sqlx::Result<Vec<Quarter>> {
    sqlx::query_as(
        "SELECT s.at / 900000 * 900000 AS at, count(*) FILTER (WHERE s.direction = 'entry') AS entries,
                count(*) FILTER (WHERE s.direction = 'exit') AS exits
         FROM scan s
         WHERE s.organizer_id = $1 AND s.event_id = $2 AND ($3::bigint IS NULL OR s.list_id = $3)
             AND s.at >= $4 AND s.at < $5 AND s.class IN ('admitted', 'look') AND NOT s.undone
         GROUP BY 1 ORDER BY 1",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(list.map(|list| list.0))
    .bind(from.0)
    .bind(until.0)
    .fetch_all(tx.conn())
    .await
}

/// What one gate did.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct GateCount {
    pub gate: String,
    pub entries: i64,
    pub exits: i64,
    pub refused: i64,
    pub last_at: i64,
}

/// # Errors
/// When the database is away.
pub async fn gates(tx: &mut Tx, event: EventId, list: Option<ListId>) -> sqlx::Result<Vec<GateCount>> {
    sqlx::query_as(
        "SELECT s.gate, count(*) FILTER (WHERE s.class IN ('admitted', 'look') AND s.direction = 'entry'
                    AND NOT s.undone) AS entries,
                count(*) FILTER (WHERE s.class IN ('admitted', 'look') AND s.direction = 'exit'
                    AND NOT s.undone) AS exits,
                count(*) FILTER (WHERE s.class IN ('used', 'refused')) AS refused, max(s.at) AS last_at
         FROM scan s WHERE s.organizer_id = $1 AND s.event_id = $2 AND ($3::bigint IS NULL OR s.list_id = $3)
         GROUP BY s.gate ORDER BY lower(s.gate)",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(list.map(|list| list.0))
    .fetch_all(tx.conn())
    .await
}

/// The last scan of the event, in or out; `None` before the first.
///
/// # Errors
/// When the database is away.
pub async fn last_scan(tx: &mut Tx, event: EventId) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar(
        "SELECT max(at) FROM scan WHERE organizer_id = $1 AND event_id = $2 AND class IN ('admitted', 'look')",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .fetch_one(tx.conn())
    .await
}

/// Somebody who was turned away. What was read is not kept here: the code of a ticket that is known has its order, and of
/// any other code there is a digest.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct RefusedScan {
    pub at: i64,
    pub gate: String,
    pub device: String,
    pub list: String,
    pub class: String,
    pub reason: Option<String>,
    pub order_code: Option<String>,
    pub product: Option<String>,
    pub payload_hash: Option<String>,
}

/// The newest refusals of an event, of one reason where that is wanted.
///
/// # Errors
/// When the database is away.
pub async fn refused(
    tx: &mut Tx,
    event: EventId,
    reason: Option<&str>,
    before: Option<i64>,
    limit: i64,
) -> sqlx::Result<Vec<RefusedScan>> {
    sqlx::query_as(
        "SELECT s.at, s.gate, d.name AS device, l.name AS list, s.class, s.reason, o.code AS order_code,
                i.name AS product, s.payload_hash
         FROM scan s
         JOIN device d ON d.organizer_id = s.organizer_id AND d.device_id = s.device_id
         JOIN checkin_list l ON l.organizer_id = s.organizer_id AND l.list_id = s.list_id
         LEFT JOIN order_position p ON p.organizer_id = s.organizer_id AND p.position_id = s.position_id
         LEFT JOIN orders o ON o.organizer_id = p.organizer_id AND o.order_id = p.order_id
         LEFT JOIN item i ON i.organizer_id = p.organizer_id AND i.item_id = p.item_id
         WHERE s.organizer_id = $1 AND s.event_id = $2 AND s.class IN ('used', 'refused')
             AND ($3::text IS NULL OR s.reason = $3) AND ($4::bigint IS NULL OR s.at < $4)
         ORDER BY s.at DESC, s.scan_id LIMIT $5",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(reason)
    .bind(before)
    .bind(limit)
    .fetch_all(tx.conn())
    .await
}

/// How many were turned away, by reason.
///
/// # Errors
/// When the database is away.
pub async fn reasons(tx: &mut Tx, event: EventId) -> sqlx::Result<Vec<(String, i64)>> {
    sqlx::query_as(
        "SELECT coalesce(reason, ''), count(*) FROM scan
         WHERE organizer_id = $1 AND event_id = $2 AND class IN ('used', 'refused') GROUP BY 1 ORDER BY 2 DESC, 1",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .fetch_all(tx.conn())
    .await
}

/// One ticket for the door list.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DoorTicket {
    pub name: String,
    pub product: String,
    pub variation: Option<String>,
    pub order_code: String,
    pub status: String,
    pub blocked: bool,
    /// Its first counted entry on the list.
    pub entered_at: Option<i64>,
    /// Whether its last counted scan is an entry.
    pub inside: bool,
}

/// Every ticket a list could admit, but those that are cancelled or have run out.
///
/// # Errors
/// When the database is away.
pub async fn door_tickets(tx: &mut Tx, event: EventId, list: ListId) -> sqlx::Result<Vec<DoorTicket>> {
    sqlx::query_as(
        "SELECT coalesce(nullif(p.attendee_name, ''), o.name) AS name, i.name AS product, v.name AS variation,
                o.code AS order_code, o.status, p.blocked, s.entered_at, coalesce(s.inside, false) AS inside
         FROM checkin_list l
         JOIN order_position p ON p.organizer_id = l.organizer_id AND p.event_id = l.event_id AND NOT p.canceled
             AND (l.date_id IS NULL OR p.date_id = l.date_id)
         JOIN orders o ON o.organizer_id = p.organizer_id AND o.order_id = p.order_id
             AND o.status IN ('pending', 'paid')
         JOIN item i ON i.organizer_id = p.organizer_id AND i.item_id = p.item_id AND i.admission
             AND (l.all_items OR EXISTS (SELECT FROM checkin_list_item c WHERE c.organizer_id = l.organizer_id
                                         AND c.list_id = l.list_id AND c.item_id = i.item_id))
         LEFT JOIN variation v ON v.organizer_id = p.organizer_id AND v.variation_id = p.variation_id
         LEFT JOIN (
             SELECT position_id, min(at) FILTER (WHERE direction = 'entry') AS entered_at,
                 (array_agg(direction ORDER BY at DESC, scan_id DESC))[1] = 'entry' AS inside
             FROM scan WHERE organizer_id = $1 AND list_id = $3 AND class IN ('admitted', 'look') AND NOT undone
             GROUP BY position_id
         ) s ON s.position_id = p.position_id
         WHERE l.organizer_id = $1 AND l.event_id = $2 AND l.list_id = $3",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(list.0)
    .fetch_all(tx.conn())
    .await
}
