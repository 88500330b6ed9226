//! SQL of jobs. Taking looks across tenants through one narrow function; everything else is as the job's tenant.

use super::Class;
use crate::app::Tx;
use sqlx::PgPool;
use std::time::Duration;
use uuid::Uuid;
use willcall_domain::{
    clock::UtcMillis,
    id::{OrderId, OrganizerId},
};

pub(super) struct NewJob<'a> {
    pub class: Class,
    pub kind: &'a str,
    pub payload: serde_json::Value,
    pub dedupe: Option<&'a str>,
    pub at: UtcMillis,
}

pub(super) async fn insert(tx: &mut Tx, job: &NewJob<'_>) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query(
        "INSERT INTO job (organizer_id, class, kind, payload, dedupe, run_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (organizer_id, dedupe) WHERE state = 'queued' DO NOTHING",
    )
    .bind(tx.organizer.0)
    .bind(job.class.as_str())
    .bind(job.kind)
    .bind(&job.payload)
    .bind(job.dedupe)
    .bind(job.at.0)
    .bind(now.0)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A job this process has taken.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Taken {
    pub organizer: OrganizerId,
    pub job_id: i64,
    pub kind: String,
    pub payload: serde_json::Value,
    /// 1 for the first time.
    pub attempt: i64,
}

pub(super) async fn take(
    pool: &PgPool,
    class: Class,
    wanted: usize,
    now: UtcMillis,
    lock: Duration,
) -> sqlx::Result<Vec<Taken>> {
    let rows: Vec<(i64, i64, String, serde_json::Value, i64)> =
        sqlx::query_as("SELECT organizer_id, job_id, kind, payload, attempts FROM crossing.take_jobs($1, $2, $3, $4)")
            .bind(class.as_str())
            .bind(i64::try_from(wanted).unwrap_or(1))
            .bind(now.0)
            .bind(i64::try_from(lock.as_millis()).unwrap_or(i64::MAX))
            .fetch_all(pool)
            .await?;
    Ok(rows
        .into_iter()
        .map(|(organizer, job_id, kind, payload, attempt)| Taken {
            organizer: OrganizerId(organizer),
            job_id,
            kind,
            payload,
            attempt,
        })
        .collect())
}

/// When something of this class is due next.
pub(super) async fn next_at(pool: &PgPool, class: Class) -> sqlx::Result<Option<UtcMillis>> {
    let at: Option<i64> =
        sqlx::query_scalar("SELECT crossing.next_job_at($1)").bind(class.as_str()).fetch_one(pool).await?;
    Ok(at.map(UtcMillis))
}

/// What became of a job that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum After {
    Done,
    /// Again at this time.
    Again(UtcMillis, String),
    /// Never again by itself.
    Failed(String),
}

/// Writes down what became of it, unless its lock ran out and somebody else has taken it since.
pub(super) async fn settle(tx: &mut Tx, job: &Taken, after: &After) -> sqlx::Result<bool> {
    let (state, run_at, error) = match after {
        After::Done => ("done", None, None),
        After::Again(at, error) => ("queued", Some(at.0), Some(error)),
        After::Failed(error) => ("failed", None, Some(error)),
    };
    let now = tx.now();
    // A job with the same dedupe name may have been written meanwhile; this one then goes back without its name.
    let settled = sqlx::query(
        "UPDATE job SET state = $4, run_at = coalesce($5, run_at), last_error = coalesce($6, last_error),
                done_at = CASE WHEN $4 = 'done' THEN $7 END,
                dedupe = CASE WHEN $4 = 'queued' AND EXISTS (
                    SELECT FROM job o WHERE o.organizer_id = $1 AND o.dedupe = job.dedupe AND o.state = 'queued')
                    THEN NULL ELSE dedupe END
         WHERE organizer_id = $1 AND job_id = $2 AND attempts = $3 AND state = 'running'",
    )
    .bind(tx.organizer.0)
    .bind(job.job_id)
    .bind(job.attempt)
    .bind(state)
    .bind(run_at)
    .bind(error)
    .bind(now.0)
    .execute(tx.conn())
    .await?;
    Ok(settled.rows_affected() == 1)
}

/// Class, state and how many, over all tenants.
pub(crate) async fn counts(pool: &PgPool) -> sqlx::Result<Vec<(String, String, i64)>> {
    sqlx::query_as("SELECT class, state, jobs FROM crossing.job_counts() ORDER BY 1, 2").fetch_all(pool).await
}

/// Removes what has run out.
pub(super) async fn sweep(pool: &PgPool, now: UtcMillis) -> sqlx::Result<()> {
    sqlx::query("SELECT crossing.sweep($1)").bind(now.0).execute(pool).await?;
    Ok(())
}

/// Orders whose time to pay is over.
pub(super) async fn expired_orders(pool: &PgPool, now: UtcMillis) -> sqlx::Result<Vec<(OrganizerId, OrderId)>> {
    let rows: Vec<(i64, Uuid)> = sqlx::query_as("SELECT organizer_id, order_id FROM crossing.expired_orders($1, 500)")
        .bind(now.0)
        .fetch_all(pool)
        .await?;
    Ok(rows.into_iter().map(|(organizer, order)| (OrganizerId(organizer), OrderId(order))).collect())
}
