//! SQL of event keys and rendered tickets.

use super::change_over::KeyFull;
use crate::app::Tx;
use sqlx::Row as _;
use willcall_domain::{
    clock::UtcMillis,
    id::{EventId, OrderId, PositionId},
    paper::Language,
    ticketing::{CodeFormat, KeyStatus},
};

pub(super) async fn code_format(tx: &mut Tx, event: EventId) -> sqlx::Result<Option<CodeFormat>> {
    let text: Option<String> =
        sqlx::query_scalar("SELECT code_format FROM event WHERE organizer_id = $1 AND event_id = $2")
            .bind(tx.organizer.0)
            .bind(event.0)
            .fetch_optional(tx.conn())
            .await?;
    text.map(|t| t.parse().map_err(|e: String| sqlx::Error::Decode(e.into()))).transpose()
}

/// Number and sealed private half of the active key, and whether there is a next one.
pub(super) async fn active_key(tx: &mut Tx, event: EventId) -> sqlx::Result<Option<(u8, Vec<u8>, bool)>> {
    let row = sqlx::query(
        "SELECT number, private_sealed,
             EXISTS (SELECT FROM event_key n WHERE n.organizer_id = $1 AND n.event_id = $2 AND n.next) AS has_next
         FROM event_key WHERE organizer_id = $1 AND event_id = $2 AND status = 'active'",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .fetch_optional(tx.conn())
    .await?;
    row.map(|r| {
        let number = u8::try_from(r.try_get::<i16, _>("number")?).map_err(|e| sqlx::Error::Decode(e.into()))?;
        Ok((number, r.try_get("private_sealed")?, r.try_get("has_next")?))
    })
    .transpose()
}

/// The number after the highest of an event's keys, while there is one.
pub(super) async fn free_number(tx: &mut Tx, event: EventId) -> sqlx::Result<Option<u8>> {
    let highest: Option<i16> =
        sqlx::query_scalar("SELECT max(number) FROM event_key WHERE organizer_id = $1 AND event_id = $2")
            .bind(tx.organizer.0)
            .bind(event.0)
            .fetch_one(tx.conn())
            .await?;
    Ok(u8::try_from(highest.unwrap_or(0) + 1).ok())
}

/// Number and public half of every key.
pub(super) async fn public_keys(tx: &mut Tx, event: EventId) -> sqlx::Result<Vec<(i16, Vec<u8>)>> {
    sqlx::query_as("SELECT number, public_key FROM event_key WHERE organizer_id = $1 AND event_id = $2 ORDER BY number")
        .bind(tx.organizer.0)
        .bind(event.0)
        .fetch_all(tx.conn())
        .await
}

/// A key as it is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewKey<'a> {
    pub event: EventId,
    pub number: u8,
    pub public: &'a [u8; 32],
    pub sealed: &'a [u8],
    pub next: bool,
    pub now: UtcMillis,
}

/// `false` where there is another next key already; another active one is an error.
pub(super) async fn insert_key(tx: &mut Tx, key: &NewKey<'_>) -> sqlx::Result<bool> {
    let insert =
        "INSERT INTO event_key (organizer_id, event_id, number, public_key, private_sealed, status, next, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let sql = if key.next { format!("{insert} ON CONFLICT DO NOTHING") } else { insert.to_owned() };
    let done = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(tx.organizer.0)
        .bind(key.event.0)
        .bind(i16::from(key.number))
        .bind(&key.public[..])
        .bind(key.sealed)
        .bind(if key.next { "retired" } else { "active" })
        .bind(key.next)
        .bind(key.now.0)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() > 0)
}

fn key(r: &sqlx::postgres::PgRow) -> sqlx::Result<KeyFull> {
    let status = match r.try_get::<&str, _>("status")? {
        "active" => KeyStatus::Active,
        "compromised" => KeyStatus::Compromised,
        _ => KeyStatus::Retired,
    };
    Ok(KeyFull {
        number: u8::try_from(r.try_get::<i16, _>("number")?).map_err(|e| sqlx::Error::Decode(e.into()))?,
        status,
        next: r.try_get("next")?,
        created_at: UtcMillis(r.try_get("created_at")?),
        backed_up: r.try_get::<Option<&str>, _>("backup")? == Some("finished"),
        missing_at: Vec::new(),
    })
}

/// Every key of an event, the newest first.
pub(super) async fn keys(tx: &mut Tx, event: EventId) -> sqlx::Result<Vec<KeyFull>> {
    let rows = sqlx::query(
        "SELECT number, status, next, created_at, backup FROM event_key
         WHERE organizer_id = $1 AND event_id = $2 ORDER BY number DESC",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(key).collect()
}

/// The same, locked until the transaction ends.
pub(super) async fn lock_keys(tx: &mut Tx, event: EventId) -> sqlx::Result<Vec<KeyFull>> {
    let rows = sqlx::query(
        "SELECT number, status, next, created_at, backup FROM event_key
         WHERE organizer_id = $1 AND event_id = $2 ORDER BY number FOR UPDATE",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(key).collect()
}

/// A key with a status is the next one no more.
pub(super) async fn set_status(tx: &mut Tx, event: EventId, number: u8, status: KeyStatus) -> sqlx::Result<()> {
    let word = match status {
        KeyStatus::Active => "active",
        KeyStatus::Retired => "retired",
        KeyStatus::Compromised => "compromised",
    };
    sqlx::query(
        "UPDATE event_key SET status = $4, next = false, version = version + 1
         WHERE organizer_id = $1 AND event_id = $2 AND number = $3",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(i16::from(number))
    .bind(word)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Names of the devices in use that may see the event and were not heard of since.
pub(super) async fn not_heard_since(tx: &mut Tx, event: EventId, since: UtcMillis) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "SELECT d.name FROM device d
         WHERE d.organizer_id = $1 AND d.revoked_at IS NULL AND d.enrolled_at IS NOT NULL
             AND coalesce(d.last_contact_at, 0) <= $3
             AND (d.all_events OR EXISTS (SELECT FROM device_event v WHERE v.organizer_id = $1
                 AND v.device_id = d.device_id AND v.event_id = $2))
         ORDER BY d.name",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(since.0)
    .fetch_all(tx.conn())
    .await
}

/// Whether any backup of this house was finished that somebody told of.
pub(super) async fn makes_backups(tx: &mut Tx) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM event_key WHERE organizer_id = $1 AND backup = 'finished')")
        .bind(tx.organizer.0)
        .fetch_one(tx.conn())
        .await
}

pub(super) async fn backup_begins(tx: &mut Tx) -> sqlx::Result<()> {
    sqlx::query("UPDATE event_key SET backup = 'begun' WHERE organizer_id = $1 AND backup IS NULL")
        .bind(tx.organizer.0)
        .execute(tx.conn())
        .await
        .map(drop)
}

/// Those whose backup was begun, or that were there when one began.
pub(super) async fn backup_finished(tx: &mut Tx, began: Option<UtcMillis>) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE event_key SET backup = 'finished' WHERE organizer_id = $1 AND backup IS DISTINCT FROM 'finished'
             AND CASE WHEN $2::bigint IS NULL THEN backup = 'begun' ELSE created_at < $2 END",
    )
    .bind(tx.organizer.0)
    .bind(began.map(|at| at.0))
    .execute(tx.conn())
    .await
    .map(drop)
}

/// The tickets of an order as drawn, if what is printed on them is still this.
pub(super) async fn artefact(
    tx: &mut Tx,
    order: OrderId,
    language: Language,
    digest: &[u8; 32],
) -> sqlx::Result<Option<Vec<u8>>> {
    sqlx::query_scalar(
        "SELECT bytes FROM artefact WHERE organizer_id = $1 AND order_id = $2 AND language = $3 AND digest = $4",
    )
    .bind(tx.organizer.0)
    .bind(order.0)
    .bind(crate::shop::words::tag(language))
    .bind(&digest[..])
    .fetch_optional(tx.conn())
    .await
}

/// Keeps drawn tickets in place of those drawn before.
pub(super) async fn keep_artefact(
    tx: &mut Tx,
    order: OrderId,
    language: Language,
    digest: &[u8; 32],
    bytes: &[u8],
) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query(
        "INSERT INTO artefact (organizer_id, order_id, language, digest, bytes, rendered_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (organizer_id, order_id, language)
         DO UPDATE SET digest = excluded.digest, bytes = excluded.bytes, rendered_at = excluded.rendered_at",
    )
    .bind(tx.organizer.0)
    .bind(order.0)
    .bind(crate::shop::words::tag(language))
    .bind(&digest[..])
    .bind(bytes)
    .bind(now.0)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Lets those who ask for the same tickets come one after the other, until the transaction ends.
pub(super) async fn lock_artefact(tx: &mut Tx, digest: &[u8; 32]) -> sqlx::Result<()> {
    let (low, _) = digest.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(i64::from_be_bytes(*low)).execute(tx.conn()).await?;
    Ok(())
}

/// Whether a job of this name waits or runs.
pub(super) async fn job_is_open(tx: &mut Tx, name: &str) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM job WHERE organizer_id = $1 AND dedupe = $2 AND state IN ('queued', 'running'))",
    )
    .bind(tx.organizer.0)
    .bind(name)
    .fetch_one(tx.conn())
    .await
}

/// Gives a position its plain secret, unless it has one; answers which it has.
pub(super) async fn give_plain_code(tx: &mut Tx, position: PositionId, secret: &str) -> sqlx::Result<String> {
    sqlx::query_scalar(
        "UPDATE order_position SET plain_code = coalesce(plain_code, $3), version = version + 1
         WHERE organizer_id = $1 AND position_id = $2 RETURNING plain_code",
    )
    .bind(tx.organizer.0)
    .bind(position.0)
    .bind(secret)
    .fetch_one(tx.conn())
    .await
}
