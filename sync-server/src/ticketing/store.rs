//! SQL of event keys and rendered tickets.

use crate::app::Tx;
use sqlx::Row as _;
use willcall_domain::{
    clock::UtcMillis,
    id::{EventId, OrderId, PositionId},
    paper::Language,
    ticketing::CodeFormat,
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

/// Number and sealed private half of the active key.
pub(super) async fn active_key(tx: &mut Tx, event: EventId) -> sqlx::Result<Option<(u8, Vec<u8>)>> {
    let row = sqlx::query(
        "SELECT number, private_sealed FROM event_key
         WHERE organizer_id = $1 AND event_id = $2 AND status = 'active'",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .fetch_optional(tx.conn())
    .await?;
    row.map(|r| {
        let number = u8::try_from(r.try_get::<i16, _>("number")?).map_err(|e| sqlx::Error::Decode(e.into()))?;
        Ok((number, r.try_get("private_sealed")?))
    })
    .transpose()
}

/// Number and public half of every key.
pub(super) async fn public_keys(tx: &mut Tx, event: EventId) -> sqlx::Result<Vec<(i16, Vec<u8>)>> {
    sqlx::query_as("SELECT number, public_key FROM event_key WHERE organizer_id = $1 AND event_id = $2 ORDER BY number")
        .bind(tx.organizer.0)
        .bind(event.0)
        .fetch_all(tx.conn())
        .await
}

pub(super) async fn insert_key(
    tx: &mut Tx,
    event: EventId,
    number: u8,
    public: &[u8; 32],
    sealed: &[u8],
    now: UtcMillis,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO event_key (organizer_id, event_id, number, public_key, private_sealed, status, created_at)
         VALUES ($1, $2, $3, $4, $5, 'active', $6)",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(i16::from(number))
    .bind(&public[..])
    .bind(sealed)
    .bind(now.0)
    .execute(tx.conn())
    .await?;
    Ok(())
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
