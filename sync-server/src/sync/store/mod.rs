//! SQL of journal, change feed and cases.

pub(in crate::sync) mod rows;

use super::changes::Subject;
use crate::app::Tx;
use sqlx::Row as _;
use uuid::Uuid;
use willcall_domain::{
    clock::UtcMillis,
    id::{CaseId, DeviceId, EventId, OrganizerId},
    sync::{Entry, Outcome},
};

pub(in crate::sync) async fn insert_change(
    tx: &mut Tx,
    subject: Subject,
    gone: bool,
    now: UtcMillis,
) -> sqlx::Result<()> {
    let (kind, id, event) = subject.parts();
    sqlx::query("INSERT INTO change (organizer_id, event_id, kind, subject, gone, at) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(tx.organizer.0)
        .bind(event.map(|e| e.0))
        .bind(kind)
        .bind(id)
        .bind(gone)
        .bind(now.0)
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
pub(in crate::sync) struct FeedLine {
    pub position: i64,
    pub event: Option<EventId>,
    pub kind: String,
    pub subject: String,
    pub gone: bool,
}

pub(in crate::sync) async fn feed(tx: &mut Tx, after: i64, limit: i64) -> sqlx::Result<Vec<FeedLine>> {
    let rows = sqlx::query(
        "SELECT position, event_id, kind, subject, gone FROM change
         WHERE organizer_id = $1 AND position > $2 ORDER BY position LIMIT $3",
    )
    .bind(tx.organizer.0)
    .bind(after)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    rows.iter()
        .map(|r| {
            Ok(FeedLine {
                position: r.try_get("position")?,
                event: r.try_get::<Option<i64>, _>("event_id")?.map(EventId),
                kind: r.try_get("kind")?,
                subject: r.try_get("subject")?,
                gone: r.try_get("gone")?,
            })
        })
        .collect()
}

/// Where a station's journal ends here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sync) struct Tail {
    pub seq: u64,
    pub hash: [u8; 32],
}

/// The last entry of the unbroken run from 1, as far as the server has it.
pub(in crate::sync) async fn tail(tx: &mut Tx, device: DeviceId, incarnation: u32) -> sqlx::Result<Option<Tail>> {
    let row = sqlx::query(
        "SELECT seq, hash FROM journal_entry WHERE organizer_id = $1 AND device_id = $2 AND incarnation = $3
         ORDER BY seq DESC LIMIT 1",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(i64::from(incarnation))
    .fetch_optional(tx.conn())
    .await?;
    row.map(|r| {
        let hash: Vec<u8> = r.try_get("hash")?;
        let hash = hash.try_into().map_err(|_| sqlx::Error::Decode("a hash is 32 bytes".into()))?;
        Ok(Tail { seq: r.try_get::<i64, _>("seq")?.unsigned_abs(), hash })
    })
    .transpose()
}

/// What is stored under one name of the journal.
pub(in crate::sync) struct Stored {
    pub hash: [u8; 32],
    pub outcome: Outcome,
}

pub(in crate::sync) async fn stored(
    tx: &mut Tx,
    device: DeviceId,
    incarnation: u32,
    seq: u64,
) -> sqlx::Result<Vec<Stored>> {
    let rows = sqlx::query(
        "SELECT hash, outcome, case_id FROM journal_entry
         WHERE organizer_id = $1 AND device_id = $2 AND incarnation = $3 AND seq = $4",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(i64::from(incarnation))
    .bind(seq.cast_signed())
    .fetch_all(tx.conn())
    .await?;
    rows.iter()
        .map(|r| {
            let hash: Vec<u8> = r.try_get("hash")?;
            let case_id = CaseId(r.try_get::<Option<Uuid>, _>("case_id")?.unwrap_or_default());
            let outcome = match r.try_get::<&str, _>("outcome")? {
                "applied" => Outcome::Applied,
                "applied_with_case" => Outcome::AppliedWithCase { case_id },
                _ => Outcome::Parked { case_id },
            };
            let hash = hash.try_into().map_err(|_| sqlx::Error::Decode("a hash is 32 bytes".into()))?;
            Ok(Stored { hash, outcome })
        })
        .collect()
}

/// Whether any entry about this order is parked: what refers to it parks with it.
pub(in crate::sync) async fn order_is_parked(tx: &mut Tx, device: DeviceId, order: Uuid) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM journal_entry WHERE organizer_id = $1 AND device_id = $2 AND kind = 'sale'
             AND outcome = 'parked' AND body::jsonb ->> 'order_id' = $3)",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(order.to_string())
    .fetch_one(tx.conn())
    .await
}

pub(in crate::sync) async fn insert_entry(
    tx: &mut Tx,
    entry: &Entry,
    outcome: Outcome,
    now: UtcMillis,
) -> sqlx::Result<()> {
    let (word, case) = match outcome {
        Outcome::Applied => ("applied", None),
        Outcome::AppliedWithCase { case_id } => ("applied_with_case", Some(case_id.0)),
        Outcome::Parked { case_id } => ("parked", Some(case_id.0)),
    };
    let header = serde_json::json!({ "at": entry.at, "saw": entry.saw, "private_hash": entry.private_hash });
    let private = entry.private.as_ref().map(serde_json::to_string).transpose();
    sqlx::query(
        "INSERT INTO journal_entry (organizer_id, device_id, incarnation, seq, entry_id, kind, at, body, private,
             header, prev_hash, hash, signature, received_at, outcome, case_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, decode($11, 'hex'), decode($12, 'hex'), decode($13, 'hex'),
             $14, $15, $16)",
    )
    .bind(tx.organizer.0)
    .bind(entry.station.0)
    .bind(i64::from(entry.incarnation))
    .bind(entry.seq.cast_signed())
    .bind(entry.id.0)
    .bind(&entry.kind)
    .bind(entry.at.wall.0)
    .bind(&entry.body)
    .bind(private.map_err(|e| sqlx::Error::Encode(e.into()))?)
    .bind(header)
    .bind(&entry.prev_hash)
    .bind(&entry.hash)
    .bind(&entry.signature)
    .bind(now.0)
    .bind(word)
    .bind(case)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What a case is about, besides its id and time.
pub(in crate::sync) struct NewCase<'a> {
    pub case_id: CaseId,
    pub device: DeviceId,
    pub event: Option<EventId>,
    pub kind: &'a str,
    pub detail: serde_json::Value,
}

pub(in crate::sync) async fn open_case(tx: &mut Tx, case: NewCase<'_>, now: UtcMillis) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO station_case (organizer_id, case_id, device_id, event_id, kind, detail, opened_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(tx.organizer.0)
    .bind(case.case_id.0)
    .bind(case.device.0)
    .bind(case.event.map(|e| e.0))
    .bind(case.kind)
    .bind(case.detail)
    .bind(now.0)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Keeps what the server has of a station's journal, and when it was last heard of.
pub(in crate::sync) async fn note_acked(
    tx: &mut Tx,
    device: DeviceId,
    incarnation: u32,
    acked: u64,
    now: UtcMillis,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE device SET acked_incarnation = $3, acked_seq = $4, last_contact_at = $5
         WHERE organizer_id = $1 AND device_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(i64::from(incarnation))
    .bind(acked.cast_signed())
    .bind(now.0)
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(in crate::sync) async fn note_contact(
    tx: &mut Tx,
    device: DeviceId,
    software: &str,
    waiting: u64,
    now: UtcMillis,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE device SET last_contact_at = $3, software = $4, waiting = $5
         WHERE organizer_id = $1 AND device_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(now.0)
    .bind(software)
    .bind(waiting.cast_signed())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// One device at a time brings its journal: the second request waits for the first.
pub(in crate::sync) async fn lock_journal(tx: &mut Tx, device: DeviceId) -> sqlx::Result<()> {
    sqlx::query("SELECT FROM device WHERE organizer_id = $1 AND device_id = $2 FOR UPDATE")
        .bind(tx.organizer.0)
        .bind(device.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// From here on, [`rollback_to_savepoint`] undoes; the transaction goes on either way.
pub(in crate::sync) async fn savepoint(tx: &mut Tx) -> sqlx::Result<()> {
    sqlx::query("SAVEPOINT fact").execute(tx.conn()).await.map(drop)
}

pub(in crate::sync) async fn rollback_to_savepoint(tx: &mut Tx) -> sqlx::Result<()> {
    sqlx::query("ROLLBACK TO SAVEPOINT fact").execute(tx.conn()).await.map(drop)
}

pub(in crate::sync) async fn release_savepoint(tx: &mut Tx) -> sqlx::Result<()> {
    sqlx::query("RELEASE SAVEPOINT fact").execute(tx.conn()).await.map(drop)
}

/// Tenants whose changes wait for numbers.
pub(in crate::sync) async fn organizers_with_unnumbered(pool: &sqlx::PgPool) -> sqlx::Result<Vec<OrganizerId>> {
    let ids: Vec<i64> = sqlx::query_scalar("SELECT organizer_id FROM crossing.unnumbered()").fetch_all(pool).await?;
    Ok(ids.into_iter().map(OrganizerId).collect())
}
