//! SQL of a device and its incarnations: how whole each journal is, the keys it was signed with, whether the device is in
//! good standing.

use crate::app::Tx;
use ed25519_dalek::VerifyingKey;
use sqlx::{Row as _, postgres::PgRow};
use willcall_domain::{
    id::DeviceId,
    sync::{Entry, KeyHistory, intake::Limit, key_history::HeldKey},
};

fn decode(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}

fn optional_hash(row: &PgRow, column: &str) -> sqlx::Result<Option<[u8; 32]>> {
    let bytes: Option<Vec<u8>> = row.try_get(column)?;
    bytes.map(|b| b.try_into().map_err(|_| sqlx::Error::Decode("a hash is 32 bytes".into()))).transpose()
}

/// One device at a time brings its journal: the second request waits for the first.
pub(in crate::sync) async fn lock_device(tx: &mut Tx, device: DeviceId) -> sqlx::Result<()> {
    sqlx::query("SELECT FROM device WHERE organizer_id = $1 AND device_id = $2 FOR NO KEY UPDATE")
        .bind(tx.organizer.0)
        .bind(device.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The keys of a device; `None` for one that is not known or never enrolled.
pub(in crate::sync) async fn keys(tx: &mut Tx, device: DeviceId) -> sqlx::Result<Option<KeyHistory>> {
    let rows: Vec<(Option<i64>, Option<i64>, Vec<u8>)> = sqlx::query_as(
        "SELECT NULL::bigint, NULL::bigint, public_key FROM device
         WHERE organizer_id = $1 AND device_id = $2 AND public_key IS NOT NULL
         UNION ALL
         SELECT after_incarnation, after_seq, public_key FROM device_key WHERE organizer_id = $1 AND device_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .fetch_all(tx.conn())
    .await?;
    let key = |bytes: &[u8]| VerifyingKey::try_from(bytes).map_err(decode);
    let Some((_, _, first)) = rows.iter().find(|(after, ..)| after.is_none()) else { return Ok(None) };
    let mut keys = KeyHistory::of(key(first)?);
    for (incarnation, seq, bytes) in &rows {
        if let (Some(incarnation), Some(seq)) = (incarnation, seq) {
            let after = (u32::try_from(*incarnation).unwrap_or(u32::MAX), seq.unsigned_abs());
            keys.add(HeldKey { key: key(bytes)?, after });
        }
    }
    Ok(Some(keys))
}

pub(in crate::sync) async fn insert_key(tx: &mut Tx, device: DeviceId, held: &HeldKey) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query(
        "INSERT INTO device_key (organizer_id, device_id, after_incarnation, after_seq, public_key, learned_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(i64::from(held.after.0))
    .bind(held.after.1.cast_signed())
    .bind(&held.key.as_bytes()[..])
    .bind(now.0)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What is remembered of one incarnation's journal.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::sync) struct Run {
    /// Nothing is missing up to here.
    pub run: u64,
    /// The highest number stored.
    pub highest: u64,
    pub closed: Option<u64>,
    /// The last entry known when the device was switched off.
    pub limit: Option<Limit>,
}

/// The account of an incarnation, locked; made from the journal where there is none yet.
pub(in crate::sync) async fn run(tx: &mut Tx, device: DeviceId, incarnation: u32) -> sqlx::Result<Run> {
    let organizer = tx.organizer.0;
    let select = "SELECT run, highest, closed_seq, revoked_seq, revoked_hash FROM incarnation
                  WHERE organizer_id = $1 AND device_id = $2 AND incarnation = $3 FOR UPDATE";
    let found = sqlx::query(select).bind(organizer).bind(device.0).bind(i64::from(incarnation));
    let row = match found.fetch_optional(tx.conn()).await? {
        Some(row) => row,
        None => {
            // Journals of the first version had no holes.
            sqlx::query(
                "INSERT INTO incarnation (organizer_id, device_id, incarnation, run, highest)
                 SELECT $1, $2, $3, coalesce(max(seq), 0), coalesce(max(seq), 0) FROM journal_entry
                 WHERE organizer_id = $1 AND device_id = $2 AND incarnation = $3 ON CONFLICT DO NOTHING",
            )
            .bind(organizer)
            .bind(device.0)
            .bind(i64::from(incarnation))
            .execute(tx.conn())
            .await?;
            sqlx::query(select).bind(organizer).bind(device.0).bind(i64::from(incarnation)).fetch_one(tx.conn()).await?
        }
    };
    let seq: Option<i64> = row.try_get("revoked_seq")?;
    Ok(Run {
        run: row.try_get::<i64, _>("run")?.unsigned_abs(),
        highest: row.try_get::<i64, _>("highest")?.unsigned_abs(),
        closed: row.try_get::<Option<i64>, _>("closed_seq")?.map(i64::unsigned_abs),
        limit: seq.zip(optional_hash(&row, "revoked_hash")?).map(|(seq, hash)| Limit { seq: seq.unsigned_abs(), hash }),
    })
}

pub(in crate::sync) async fn set_run(
    tx: &mut Tx,
    device: DeviceId,
    incarnation: u32,
    run: u64,
    highest: u64,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE incarnation SET run = $4, highest = greatest(highest, $5)
         WHERE organizer_id = $1 AND device_id = $2 AND incarnation = $3",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(i64::from(incarnation))
    .bind(run.cast_signed())
    .bind(highest.cast_signed())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The incarnation ends with this entry.
pub(in crate::sync) async fn set_closed(tx: &mut Tx, entry: &Entry) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE incarnation SET closed_seq = least(closed_seq, $4)
         WHERE organizer_id = $1 AND device_id = $2 AND incarnation = $3",
    )
    .bind(tx.organizer.0)
    .bind(entry.station.0)
    .bind(i64::from(entry.incarnation))
    .bind(entry.seq.cast_signed())
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
) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query(
        "UPDATE device SET last_contact_at = $5,
             acked_seq = CASE WHEN $3 < acked_incarnation THEN acked_seq ELSE $4 END,
             acked_incarnation = greatest(acked_incarnation, $3)
         WHERE organizer_id = $1 AND device_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(i64::from(incarnation))
    .bind(acked.cast_signed())
    .bind(now.0)
    .execute(tx.conn())
    .await?;
    sqlx::query("UPDATE unheard_station SET sent = true WHERE organizer_id = $1 AND device_id = $2 AND NOT sent")
        .bind(tx.organizer.0)
        .bind(device.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// How far an incarnation's journal is in a finished backup.
pub(in crate::sync) async fn safe(tx: &mut Tx, device: DeviceId, incarnation: u32) -> sqlx::Result<u64> {
    let safe: Option<i64> = sqlx::query_scalar(
        "SELECT safe_seq FROM backup_mark WHERE organizer_id = $1 AND device_id = $2 AND incarnation = $3",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(i64::from(incarnation))
    .fetch_optional(tx.conn())
    .await?;
    Ok(safe.map_or(0, i64::unsigned_abs))
}

/// Notes from which number on a journal has two entries under one; answers whether it was not known so early before.
pub(in crate::sync) async fn note_split(
    tx: &mut Tx,
    device: DeviceId,
    incarnation: u32,
    seq: u64,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "UPDATE incarnation SET split_seq = $4 WHERE organizer_id = $1 AND device_id = $2 AND incarnation = $3
             AND (split_seq IS NULL OR split_seq > $4)",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(i64::from(incarnation))
    .bind(seq.cast_signed())
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The device gets no units and rights from now on.
pub(in crate::sync) async fn suspend(tx: &mut Tx, device: DeviceId) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query(
        "UPDATE device SET suspended_at = coalesce(suspended_at, $3), version = version + 1
         WHERE organizer_id = $1 AND device_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(now.0)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The device is trusted again, and no life of it is doubted.
pub(in crate::sync) async fn lift_suspension(tx: &mut Tx, device: DeviceId) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE device SET suspended_at = NULL, version = version + 1
         WHERE organizer_id = $1 AND device_id = $2 AND suspended_at IS NOT NULL",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .execute(tx.conn())
    .await?;
    sqlx::query("UPDATE incarnation SET doubted = false WHERE organizer_id = $1 AND device_id = $2 AND doubted")
        .bind(tx.organizer.0)
        .bind(device.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}
