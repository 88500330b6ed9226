//! SQL of the record of changes.

use super::Record;
use crate::app::Tx;
use serde_json::Value;
use sqlx::types::Json;
use willcall_domain::id::EventId;

/// One change as it is shown.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct AuditRow {
    pub audit_id: i64,
    pub at: i64,
    /// Who did it; empty for the command line, or somebody who works here no more.
    pub staff: String,
    pub deed: String,
    pub event_id: Option<i64>,
    pub event: Option<String>,
    pub subject: String,
    pub detail: Value,
}

/// Which changes are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    pub event: Option<EventId>,
    /// Only those before this number.
    pub before: Option<i64>,
}

pub(super) async fn insert(tx: &mut Tx, record: &Record) -> sqlx::Result<()> {
    let (now, by) = (tx.now(), tx.by);
    sqlx::query(
        "INSERT INTO audit (organizer_id, at, staff_id, deed, event_id, subject, detail)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(tx.organizer.0)
    .bind(now.0)
    .bind(by.map(|staff| staff.0))
    .bind(record.deed.word())
    .bind(record.event.map(|event| event.0))
    .bind(&record.subject)
    .bind(Json(&record.changes.0))
    .execute(tx.conn())
    .await
    .map(drop)
}

pub(super) async fn rows(tx: &mut Tx, filter: &Filter, limit: i64) -> sqlx::Result<Vec<AuditRow>> {
    sqlx::query_as(
        "SELECT a.audit_id, a.at, coalesce(s.name, '') AS staff, a.deed, a.event_id, e.name AS event, a.subject, a.detail
         FROM audit a
         LEFT JOIN staff s ON s.organizer_id = a.organizer_id AND s.staff_id = a.staff_id
         LEFT JOIN event e ON e.organizer_id = a.organizer_id AND e.event_id = a.event_id
         WHERE a.organizer_id = $1 AND ($2::bigint IS NULL OR a.event_id = $2)
             AND ($3::bigint IS NULL OR a.audit_id < $3)
         ORDER BY a.audit_id DESC LIMIT $4",
    )
    .bind(tx.organizer.0)
    .bind(filter.event.map(|event| event.0))
    .bind(filter.before)
    .bind(limit)
    .fetch_all(tx.conn())
    .await
}
