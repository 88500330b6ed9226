//! SQL of the dashboard. Days are given as instants, so that the zone's rules are those of the program.

use crate::app::Tx;
use willcall_domain::{clock::UtcMillis, id::EventId};

/// Money received, by where it was sold and in which currency.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ReceivedRow {
    pub till: bool,
    pub currency: String,
    pub minor: i64,
}

/// # Errors
/// When the database is away.
pub async fn received(
    tx: &mut Tx,
    event: Option<EventId>,
    from: UtcMillis,
    until: UtcMillis,
) -> sqlx::Result<Vec<ReceivedRow>> {
    sqlx::query_as(
        "SELECT o.channel = 'till' AS till, e.currency::text AS currency, sum(p.amount_minor)::bigint AS minor
         FROM payment p
         JOIN orders o ON o.organizer_id = p.organizer_id AND o.order_id = p.order_id
         JOIN event e ON e.organizer_id = o.organizer_id AND e.event_id = o.event_id
         WHERE p.organizer_id = $1 AND p.state = 'confirmed' AND p.confirmed_at >= $3 AND p.confirmed_at < $4
           AND ($2::bigint IS NULL OR o.event_id = $2)
         GROUP BY 1, 2 ORDER BY 2, 1",
    )
    .bind(tx.organizer.0)
    .bind(event.map(|e| e.0))
    .bind(from.0)
    .bind(until.0)
    .fetch_all(tx.conn())
    .await
}

/// Positions sold in one of the days asked for.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Sold {
    /// 0 is the first day.
    pub day: i32,
    pub till: bool,
    pub positions: i64,
}

/// Positions of orders that hold their places, by day; `days` are the first instants of each day and of the day after.
///
/// # Errors
/// When the database is away.
pub async fn sold(tx: &mut Tx, event: Option<EventId>, days: &[UtcMillis]) -> sqlx::Result<Vec<Sold>> {
    let bounds: Vec<i64> = days.iter().map(|day| day.0).collect();
    sqlx::query_as(
        "SELECT width_bucket(o.placed_at, $3::bigint[]) - 1 AS day, o.channel = 'till' AS till, count(*) AS positions
         FROM orders o
         JOIN order_position p ON p.organizer_id = o.organizer_id AND p.order_id = o.order_id
         WHERE o.organizer_id = $1 AND o.status IN ('pending', 'paid') AND NOT p.canceled
           AND o.placed_at >= $4 AND o.placed_at < $5 AND ($2::bigint IS NULL OR o.event_id = $2)
         GROUP BY 1, 2",
    )
    .bind(tx.organizer.0)
    .bind(event.map(|e| e.0))
    .bind(&bounds)
    .bind(bounds.first())
    .bind(bounds.last())
    .fetch_all(tx.conn())
    .await
}

/// How many orders were placed that hold their places.
///
/// # Errors
/// When the database is away.
pub async fn orders_placed(
    tx: &mut Tx,
    event: Option<EventId>,
    from: UtcMillis,
    until: UtcMillis,
) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "SELECT count(*) FROM orders WHERE organizer_id = $1 AND status IN ('pending', 'paid')
            AND placed_at >= $3 AND placed_at < $4 AND ($2::bigint IS NULL OR event_id = $2)",
    )
    .bind(tx.organizer.0)
    .bind(event.map(|e| e.0))
    .bind(from.0)
    .bind(until.0)
    .fetch_one(tx.conn())
    .await
}

/// What is owed, by currency.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct PendingRow {
    pub currency: String,
    pub orders: i64,
    pub minor: i64,
}

/// # Errors
/// When the database is away.
pub async fn pending(tx: &mut Tx, event: Option<EventId>) -> sqlx::Result<Vec<PendingRow>> {
    sqlx::query_as(
        "SELECT e.currency::text AS currency, count(*) AS orders, sum(o.total_minor)::bigint AS minor
         FROM orders o JOIN event e ON e.organizer_id = o.organizer_id AND e.event_id = o.event_id
         WHERE o.organizer_id = $1 AND o.status = 'pending' AND ($2::bigint IS NULL OR o.event_id = $2)
         GROUP BY 1 ORDER BY 1",
    )
    .bind(tx.organizer.0)
    .bind(event.map(|e| e.0))
    .fetch_all(tx.conn())
    .await
}

/// Entries of one quarter of an hour.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Admitted {
    /// Quarter hours since 1970.
    pub quarter: i64,
    pub people: i64,
}

/// # Errors
/// When the database is away.
pub async fn admitted(
    tx: &mut Tx,
    event: Option<EventId>,
    from: UtcMillis,
    until: UtcMillis,
) -> sqlx::Result<Vec<Admitted>> {
    sqlx::query_as(
        "SELECT at / 900000 AS quarter, count(*) AS people FROM scan
         WHERE organizer_id = $1 AND at >= $3 AND at < $4 AND ($2::bigint IS NULL OR event_id = $2)
           AND direction = 'entry' AND class IN ('admitted', 'look') AND NOT undone
         GROUP BY 1 ORDER BY 1",
    )
    .bind(tx.organizer.0)
    .bind(event.map(|e| e.0))
    .bind(from.0)
    .bind(until.0)
    .fetch_all(tx.conn())
    .await
}

/// What one gate did.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct GateRow {
    pub gate: String,
    pub entries: i64,
    pub exits: i64,
    pub refused: i64,
    pub last_at: i64,
}

/// # Errors
/// When the database is away.
pub async fn gates(
    tx: &mut Tx,
    event: Option<EventId>,
    from: UtcMillis,
    until: UtcMillis,
) -> sqlx::Result<Vec<GateRow>> {
    sqlx::query_as(
        "SELECT s.gate,
                count(*) FILTER (WHERE s.direction = 'entry' AND s.class IN ('admitted', 'look') AND NOT s.undone)
                    AS entries,
                count(*) FILTER (WHERE s.direction = 'exit' AND s.class IN ('admitted', 'look') AND NOT s.undone)
                    AS exits,
                count(*) FILTER (WHERE s.class IN ('used', 'refused')) AS refused,
                max(s.at) AS last_at
         FROM scan s
         WHERE s.organizer_id = $1 AND s.at >= $3 AND s.at < $4 AND ($2::bigint IS NULL OR s.event_id = $2)
         GROUP BY 1 ORDER BY 2 DESC, 1",
    )
    .bind(tx.organizer.0)
    .bind(event.map(|e| e.0))
    .bind(from.0)
    .bind(until.0)
    .fetch_all(tx.conn())
    .await
}

/// An event and how full it is.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct EventGlance {
    pub event_id: i64,
    pub name: String,
    pub zone: String,
    pub starts_at: i64,
    pub over: bool,
    pub sold: i64,
    pub admitted: i64,
    /// Sold and lent, and size, of the quota that is fullest.
    pub fullest_taken: Option<i64>,
    pub fullest_size: Option<i64>,
}

/// Events that are not over, then those over since a week, the next first; at most `limit`.
///
/// # Errors
/// When the database is away.
pub async fn events_near(tx: &mut Tx, now: UtcMillis, limit: i64) -> sqlx::Result<Vec<EventGlance>> {
    sqlx::query_as(
        "SELECT e.event_id, e.name, e.zone, e.starts_at, e.over,
                (SELECT count(*) FROM order_position p
                 JOIN orders o ON o.organizer_id = p.organizer_id AND o.order_id = p.order_id
                 WHERE p.organizer_id = $1 AND p.event_id = e.event_id AND NOT p.canceled
                   AND o.status IN ('pending', 'paid')) AS sold,
                (SELECT count(DISTINCT s.position_id) FROM scan s WHERE s.organizer_id = $1
                    AND s.event_id = e.event_id AND s.direction = 'entry' AND s.class IN ('admitted', 'look')
                    AND NOT s.undone) AS admitted,
                q.taken AS fullest_taken, q.size AS fullest_size
         FROM (SELECT *, coalesce(ends_at, starts_at + 21600000) < $2 AS over FROM event WHERE organizer_id = $1) e
         LEFT JOIN LATERAL (SELECT f.sold + f.leased AS taken, f.size FROM quota f
                            WHERE f.organizer_id = $1 AND f.event_id = e.event_id AND f.size > 0
                            ORDER BY (f.sold + f.leased)::numeric / f.size DESC LIMIT 1) q ON true
         WHERE coalesce(e.ends_at, e.starts_at) >= $2 - 604800000
         ORDER BY e.over, CASE WHEN e.over THEN -e.starts_at ELSE e.starts_at END, e.event_id LIMIT $3",
    )
    .bind(tx.organizer.0)
    .bind(now.0)
    .bind(limit)
    .fetch_all(tx.conn())
    .await
}
