//! SQL of the change feed, and what each transaction of an upload needs.

pub(in crate::sync) mod aside;
pub(in crate::sync) mod backups;
pub(in crate::sync) mod cases;
pub(in crate::sync) mod contact;
pub(in crate::sync) mod erase;
pub(in crate::sync) mod incarnation;
pub(in crate::sync) mod journal;
pub(in crate::sync) mod offers;
pub(in crate::sync) mod prune;
pub(in crate::sync) mod rows;
pub(in crate::sync) mod setup;

use super::changes::Subject;
use crate::app::Tx;
use sqlx::Row as _;
use willcall_domain::{
    clock::UtcMillis,
    id::{DeviceId, EventId, OrganizerId},
};

/// A change that stations must hear of.
#[derive(Debug, Clone, Copy)]
pub(in crate::sync) struct NewChange {
    pub subject: Subject,
    pub gone: bool,
    pub urgent: bool,
}

pub(in crate::sync) async fn insert_change(tx: &mut Tx, change: NewChange, now: UtcMillis) -> sqlx::Result<()> {
    let (kind, id, event) = change.subject.parts();
    sqlx::query(
        "INSERT INTO change (organizer_id, event_id, kind, subject, gone, urgent, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(tx.organizer.0)
    .bind(event.map(|e| e.0))
    .bind(kind)
    .bind(id)
    .bind(change.gone)
    .bind(change.urgent)
    .bind(now.0)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Many changes of one kind, in one statement.
pub(in crate::sync) async fn insert_changes(tx: &mut Tx, changes: &[NewChange]) -> sqlx::Result<()> {
    let now = tx.now();
    let parts = || changes.iter().map(|c| c.subject.parts());
    sqlx::query(
        "INSERT INTO change (organizer_id, event_id, kind, subject, gone, urgent, at)
         SELECT $1, c.event_id, c.kind, c.subject, c.gone, c.urgent, $2
         FROM unnest($3::bigint[], $4::text[], $5::text[], $6::boolean[], $7::boolean[])
             AS c (event_id, kind, subject, gone, urgent)",
    )
    .bind(tx.organizer.0)
    .bind(now.0)
    .bind(parts().map(|(_, _, event)| event.map(|e| e.0)).collect::<Vec<_>>())
    .bind(parts().map(|(kind, ..)| kind).collect::<Vec<_>>())
    .bind(parts().map(|(_, id, _)| id).collect::<Vec<_>>())
    .bind(changes.iter().map(|c| c.gone).collect::<Vec<_>>())
    .bind(changes.iter().map(|c| c.urgent).collect::<Vec<_>>())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes the organizer's numbering for this transaction; `false` when another transaction has it.
pub(in crate::sync) async fn try_lock_numbering(tx: &mut Tx) -> sqlx::Result<bool> {
    // In a statement of its own: the numbering below must see what was committed until the lock was held.
    sqlx::query_scalar("SELECT pg_try_advisory_xact_lock(hashtextextended('willcall change numbering', $1))")
        .bind(tx.organizer.0)
        .fetch_one(tx.conn())
        .await
}

/// The same, waiting for whoever has it.
pub(in crate::sync) async fn lock_numbering(tx: &mut Tx) -> sqlx::Result<()> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('willcall change numbering', $1))")
        .bind(tx.organizer.0)
        .execute(tx.conn())
        .await
        .map(drop)
}

/// Numbers committed changes in order, at most `limit`; answers how many.
pub(in crate::sync) async fn number_changes(tx: &mut Tx, limit: i64) -> sqlx::Result<i64> {
    let organizer = tx.organizer.0;
    sqlx::query_scalar(
        "WITH head AS (
             INSERT INTO change_head (organizer_id, position) VALUES ($1, 0)
             ON CONFLICT (organizer_id) DO UPDATE SET position = change_head.position
             RETURNING position
         ), waiting AS (
             SELECT change_id, row_number() OVER (ORDER BY change_id) AS n FROM change
             WHERE organizer_id = $1 AND position IS NULL ORDER BY change_id LIMIT $2
         ), numbered AS (
             UPDATE change c SET position = head.position + w.n FROM waiting w, head
             WHERE c.organizer_id = $1 AND c.change_id = w.change_id RETURNING c.position
         )
         SELECT count(*) FROM numbered",
    )
    .bind(organizer)
    .bind(limit)
    .fetch_one(tx.conn())
    .await
}

/// Moves the head on by `count`: after [`number_changes`], in the same transaction.
pub(in crate::sync) async fn advance_head(tx: &mut Tx, count: i64) -> sqlx::Result<()> {
    sqlx::query("UPDATE change_head SET position = position + $2 WHERE organizer_id = $1")
        .bind(tx.organizer.0)
        .bind(count)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The newest position of the organizer.
pub(in crate::sync) async fn head(tx: &mut Tx) -> sqlx::Result<i64> {
    let head = sqlx::query_scalar("SELECT position FROM change_head WHERE organizer_id = $1")
        .bind(tx.organizer.0)
        .fetch_optional(tx.conn())
        .await?;
    Ok(head.unwrap_or(0))
}

/// One line of the feed: where, what kind, which, whether it is gone.
#[derive(Debug, Clone)]
pub(in crate::sync) struct FeedLine {
    pub position: i64,
    pub event: Option<EventId>,
    pub kind: String,
    pub subject: String,
    pub gone: bool,
    pub urgent: bool,
}

/// The lines after a position.
pub(in crate::sync) async fn feed(tx: &mut Tx, after: i64, limit: i64) -> sqlx::Result<Vec<FeedLine>> {
    const LINES: &str = "SELECT position, event_id, kind, subject, gone, urgent FROM change
         WHERE organizer_id = $1 AND position > $2 ORDER BY position LIMIT $3";
    lines(tx, LINES, after, limit).await
}

/// The urgent lines after a position.
pub(in crate::sync) async fn urgent_feed(tx: &mut Tx, after: i64, limit: i64) -> sqlx::Result<Vec<FeedLine>> {
    const LINES: &str = "SELECT position, event_id, kind, subject, gone, urgent FROM change
         WHERE organizer_id = $1 AND position > $2 AND urgent ORDER BY position LIMIT $3";
    lines(tx, LINES, after, limit).await
}

async fn lines(tx: &mut Tx, query: &'static str, after: i64, limit: i64) -> sqlx::Result<Vec<FeedLine>> {
    let rows = sqlx::query(query).bind(tx.organizer.0).bind(after).bind(limit).fetch_all(tx.conn()).await?;
    rows.iter()
        .map(|r| {
            Ok(FeedLine {
                position: r.try_get("position")?,
                event: r.try_get::<Option<i64>, _>("event_id")?.map(EventId),
                kind: r.try_get("kind")?,
                subject: r.try_get("subject")?,
                gone: r.try_get("gone")?,
                urgent: r.try_get("urgent")?,
            })
        })
        .collect()
}

/// From here on, [`rollback_to_savepoint`] undoes; the transaction goes on either way.
pub(in crate::sync) async fn savepoint(tx: &mut Tx) -> sqlx::Result<()> {
    sqlx::raw_sql("SAVEPOINT fact").execute(tx.conn()).await.map(drop)
}

pub(in crate::sync) async fn rollback_to_savepoint(tx: &mut Tx) -> sqlx::Result<()> {
    sqlx::raw_sql("ROLLBACK TO SAVEPOINT fact; RELEASE SAVEPOINT fact").execute(tx.conn()).await.map(drop)
}

/// Keeps what was done since the savepoint, once every rule of the database holds: one that waits for the end of the
/// transaction would take all other entries along.
pub(in crate::sync) async fn release_savepoint(tx: &mut Tx) -> sqlx::Result<()> {
    sqlx::raw_sql("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED; RELEASE SAVEPOINT fact")
        .execute(tx.conn())
        .await
        .map(drop)
}

/// Tenants whose changes wait for numbers.
pub(in crate::sync) async fn organizers_with_unnumbered(pool: &sqlx::PgPool) -> sqlx::Result<Vec<OrganizerId>> {
    let ids: Vec<i64> = sqlx::query_scalar("SELECT organizer_id FROM crossing.unnumbered()").fetch_all(pool).await?;
    Ok(ids.into_iter().map(OrganizerId).collect())
}

/// A station that has not been heard of for this long has been away; it makes contact every thirty seconds.
const AWAY_MS: i64 = 75_000;

/// Whether a station comes back after it has been away.
pub(in crate::sync) async fn is_away(tx: &mut Tx, device: DeviceId, now: UtcMillis) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT coalesce(last_contact_at < $3, false) FROM device WHERE organizer_id = $1 AND device_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(now.0 - AWAY_MS)
    .fetch_one(tx.conn())
    .await
}
