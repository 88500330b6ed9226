//! SQL of open cases.

use crate::app::Tx;
use serde_json::Value;
use uuid::Uuid;
use willcall_domain::id::{CaseId, StaffId};

/// One open case.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct CaseRow {
    pub case_id: Uuid,
    pub kind: String,
    pub detail: Value,
    pub opened_at: i64,
    pub device: String,
    pub event: Option<String>,
    /// IANA name; of the event it is about, else of the latest event.
    pub zone: Option<String>,
    pub order_code: Option<String>,
}

/// Open cases, the oldest first, at most `limit`.
///
/// # Errors
/// When the database is away.
pub async fn open_cases(tx: &mut Tx, limit: i64) -> sqlx::Result<Vec<CaseRow>> {
    sqlx::query_as(
        "SELECT c.case_id, c.kind, c.detail, c.opened_at, d.name AS device, e.name AS event,
                coalesce(e.zone, (SELECT l.zone FROM event l WHERE l.organizer_id = $1
                                  ORDER BY l.starts_at DESC LIMIT 1)) AS zone,
                (SELECT o.code FROM orders o WHERE o.organizer_id = $1
                    AND o.order_id::text = c.detail ->> 'order_id') AS order_code
         FROM station_case c
         JOIN device d ON d.organizer_id = c.organizer_id AND d.device_id = c.device_id
         LEFT JOIN event e ON e.organizer_id = c.organizer_id AND e.event_id = c.event_id
         WHERE c.organizer_id = $1 AND c.closed_at IS NULL
         ORDER BY c.opened_at, c.case_id LIMIT $2",
    )
    .bind(tx.organizer.0)
    .bind(limit)
    .fetch_all(tx.conn())
    .await
}

/// Closes a case; `false` when it is not open.
///
/// # Errors
/// When the database is away.
pub async fn close_case(tx: &mut Tx, case: CaseId, by: StaffId) -> sqlx::Result<bool> {
    let now = tx.now();
    let done = sqlx::query(
        "UPDATE station_case SET closed_at = $3, closed_by = $4
         WHERE organizer_id = $1 AND case_id = $2 AND closed_at IS NULL",
    )
    .bind(tx.organizer.0)
    .bind(case.0)
    .bind(now.0)
    .bind(by.0)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
