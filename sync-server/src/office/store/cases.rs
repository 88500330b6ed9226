//! SQL of the page of cases.

use crate::app::Tx;
use serde_json::Value;
use sqlx::Row as _;
use uuid::Uuid;
use willcall_domain::id::{DeviceId, EventId, OrderId};

/// One case, as a card shows it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct CaseRow {
    pub case_id: Uuid,
    pub kind: String,
    pub detail: Value,
    pub opened_at: i64,
    pub closed_at: Option<i64>,
    pub resolution: Option<String>,
    pub note: String,
    pub person: String,
    pub device_id: i64,
    pub device: String,
    pub event: Option<String>,
    /// IANA name; of the event it is about, else of the latest event.
    pub zone: Option<String>,
    pub order_code: Option<String>,
    /// Entries that wait with it.
    pub waiting: i64,
}

/// Which cases are shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct CaseFilter {
    pub closed: bool,
    pub device: Option<DeviceId>,
    pub event: Option<EventId>,
    pub order: Option<OrderId>,
}

/// Cases, at most `limit`: open ones the oldest first, closed ones the newest ending first. Of an order: both.
///
/// # Errors
/// When the database is away.
pub async fn cases(tx: &mut Tx, filter: CaseFilter, limit: i64) -> sqlx::Result<Vec<CaseRow>> {
    sqlx::query_as(
        "SELECT c.case_id, c.kind, c.detail, c.opened_at, c.closed_at, c.resolution, c.note,
                coalesce(nullif(c.person, ''), s.name, '') AS person, c.device_id, d.name AS device, e.name AS event,
                coalesce(e.zone, (SELECT l.zone FROM event l WHERE l.organizer_id = $1
                                  ORDER BY l.starts_at DESC LIMIT 1)) AS zone,
                coalesce((SELECT o.code FROM orders o WHERE o.organizer_id = $1
                             AND o.order_id::text = c.detail ->> 'order_id'),
                         (SELECT o.code FROM order_position p JOIN orders o USING (organizer_id, order_id)
                           WHERE p.organizer_id = $1
                             AND p.position_id::text = c.detail ->> 'position_id')) AS order_code,
                (SELECT count(*) FROM journal_entry j WHERE j.organizer_id = $1 AND j.case_id = c.case_id
                     AND j.outcome = 'parked')
                  + (SELECT count(*) FROM quarantine q WHERE q.organizer_id = $1 AND q.case_id = c.case_id
                     AND q.settled_at IS NULL) AS waiting
         FROM station_case c
         JOIN device d ON d.organizer_id = c.organizer_id AND d.device_id = c.device_id
         LEFT JOIN event e ON e.organizer_id = c.organizer_id AND e.event_id = c.event_id
         LEFT JOIN staff s ON s.organizer_id = c.organizer_id AND s.staff_id = c.closed_by
         WHERE c.organizer_id = $1 AND ($6::text IS NOT NULL OR (c.closed_at IS NOT NULL) = $2)
             AND ($3::bigint IS NULL OR c.device_id = $3) AND ($4::bigint IS NULL OR c.event_id = $4)
             AND ($6::text IS NULL OR c.detail ->> 'order_id' = $6)
         ORDER BY CASE WHEN $2 THEN -c.closed_at ELSE c.opened_at END, c.case_id LIMIT $5",
    )
    .bind(tx.organizer.0)
    .bind(filter.closed)
    .bind(filter.device.map(|d| d.0))
    .bind(filter.event.map(|e| e.0))
    .bind(limit)
    .bind(filter.order.map(|o| o.to_string()))
    .fetch_all(tx.conn())
    .await
}

/// What was done about a case besides closing it.
#[derive(Debug, Clone)]
pub struct CaseLine {
    pub case_id: Uuid,
    pub at: i64,
    pub what: String,
    pub person: String,
    /// A word of a way to close.
    pub resolution: Option<String>,
    pub detail: String,
}

/// The lines of these cases, in their order.
///
/// # Errors
/// When the database is away.
pub async fn case_lines(tx: &mut Tx, cases: &[Uuid]) -> sqlx::Result<Vec<CaseLine>> {
    let rows = sqlx::query(
        "SELECT case_id, at, what, person, resolution, detail FROM case_line
         WHERE organizer_id = $1 AND case_id = ANY($2) ORDER BY line_id",
    )
    .bind(tx.organizer.0)
    .bind(cases)
    .fetch_all(tx.conn())
    .await?;
    rows.iter()
        .map(|r| {
            Ok(CaseLine {
                case_id: r.try_get("case_id")?,
                at: r.try_get("at")?,
                what: r.try_get("what")?,
                person: r.try_get("person")?,
                resolution: r.try_get("resolution")?,
                detail: r.try_get("detail")?,
            })
        })
        .collect()
}
