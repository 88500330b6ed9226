//! SQL of rows that stations offer.

use crate::app::Tx;
use serde_json::Value;
use std::collections::HashSet;
use uuid::Uuid;
use willcall_domain::id::{CaseId, DeviceId, EventId};

/// Which of these positions are here.
pub(in crate::sync) async fn positions_known(tx: &mut Tx, ids: &[Uuid]) -> sqlx::Result<HashSet<Uuid>> {
    let found: Vec<Uuid> =
        sqlx::query_scalar("SELECT position_id FROM order_position WHERE organizer_id = $1 AND position_id = ANY($2)")
            .bind(tx.organizer.0)
            .bind(ids)
            .fetch_all(tx.conn())
            .await?;
    Ok(found.into_iter().collect())
}

pub(in crate::sync) async fn event_known(tx: &mut Tx, event: EventId) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM event WHERE organizer_id = $1 AND event_id = $2)")
        .bind(tx.organizer.0)
        .bind(event.0)
        .fetch_one(tx.conn())
        .await
}

/// The case of what was offered before, and the row; no row once it was decided on.
pub(in crate::sync) async fn offered(
    tx: &mut Tx,
    kind: &str,
    subject: &str,
) -> sqlx::Result<Option<(CaseId, Option<Value>)>> {
    let found: Option<(uuid::Uuid, Option<Value>)> = sqlx::query_as(
        "SELECT case_id, row FROM lost_row WHERE organizer_id = $1 AND kind = $2 AND subject = $3 FOR UPDATE",
    )
    .bind(tx.organizer.0)
    .bind(kind)
    .bind(subject)
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.map(|(case, row)| (CaseId(case), row)))
}

/// A row that is offered.
#[derive(Debug)]
pub(in crate::sync) struct Lost<'a> {
    pub kind: &'a str,
    pub subject: &'a str,
    pub device: DeviceId,
    pub row: &'a Value,
    pub case: CaseId,
}

pub(in crate::sync) async fn insert(tx: &mut Tx, lost: Lost<'_>) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query(
        "INSERT INTO lost_row (organizer_id, kind, subject, device_id, row, offered_at, case_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
    )
    .bind(tx.organizer.0)
    .bind(lost.kind)
    .bind(lost.subject)
    .bind(lost.device.0)
    .bind(lost.row)
    .bind(now.0)
    .bind(lost.case.0)
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(in crate::sync) async fn set_row(tx: &mut Tx, case: CaseId, row: Option<&Value>) -> sqlx::Result<()> {
    sqlx::query("UPDATE lost_row SET row = $3 WHERE organizer_id = $1 AND case_id = $2")
        .bind(tx.organizer.0)
        .bind(case.0)
        .bind(row)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The rows of a case that are not decided on yet.
pub(in crate::sync) async fn of_case(tx: &mut Tx, case: CaseId) -> sqlx::Result<Vec<Value>> {
    sqlx::query_scalar("SELECT row FROM lost_row WHERE organizer_id = $1 AND case_id = $2 AND row IS NOT NULL")
        .bind(tx.organizer.0)
        .bind(case.0)
        .fetch_all(tx.conn())
        .await
}
