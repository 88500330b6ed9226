//! SQL of contacts: what is remembered of an incarnation, and of stations not heard of since the server was put back.

use crate::app::Tx;
use sqlx::Row as _;
use willcall_domain::{
    clock::UtcMillis,
    id::{DeviceId, RequestId},
    sync::recognise::{Remembered, Told},
};

/// What a station says of itself besides what it is recognised by.
#[derive(Debug, Clone, Copy)]
pub(in crate::sync) struct Heard<'a> {
    pub software: &'a str,
    pub waiting: u64,
    pub protocol: u32,
    /// How far it has read of the change feed of the present history, where it says so.
    pub read_to: Option<i64>,
    /// Its wall clock, where it says so.
    pub clock: Option<UtcMillis>,
}

pub(in crate::sync) async fn note_contact(tx: &mut Tx, device: DeviceId, heard: Heard<'_>) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query(
        "UPDATE device SET last_contact_at = $3, software = $4, waiting = $5, protocol = $6, read_to = $7,
             clock_ahead_ms = coalesce($8, clock_ahead_ms)
         WHERE organizer_id = $1 AND device_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(now.0)
    .bind(heard.software)
    .bind(heard.waiting.cast_signed())
    .bind(i64::from(heard.protocol))
    .bind(heard.read_to)
    .bind(heard.clock.map(|clock| clock.since(now)))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What is remembered of a device and this incarnation; the hashes of its entries stand in the journal.
pub(in crate::sync) async fn remembered(
    tx: &mut Tx,
    device: DeviceId,
    incarnation: u32,
) -> sqlx::Result<(Remembered, u64)> {
    let row = sqlx::query(
        "SELECT (SELECT max(incarnation) FROM incarnation WHERE organizer_id = $1 AND device_id = $2) AS newest,
                coalesce(i.run, 0) AS run, coalesce(i.told_seq, 0) AS told_seq, i.token_hash, i.token_before,
                coalesce(i.machine, '') AS machine, i.clock, coalesce(i.doubted, false) AS doubted
         FROM (SELECT) one LEFT JOIN incarnation i
             ON i.organizer_id = $1 AND i.device_id = $2 AND i.incarnation = $3",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(i64::from(incarnation))
    .fetch_one(tx.conn())
    .await?;
    let token = |column: &str| -> sqlx::Result<Option<[u8; 32]>> {
        Ok(row.try_get::<Option<Vec<u8>>, _>(column)?.and_then(|bytes| bytes.try_into().ok()))
    };
    let remembered = Remembered {
        newest_incarnation: u32::try_from(row.try_get::<Option<i64>, _>("newest")?.unwrap_or(0)).unwrap_or(u32::MAX),
        longest: row.try_get::<i64, _>("told_seq")?.unsigned_abs(),
        hashes: Vec::new(),
        tokens: [token("token_hash")?, token("token_before")?],
        machine: row.try_get("machine")?,
        clock: row.try_get::<Option<i64>, _>("clock")?.map(UtcMillis),
        doubted: row.try_get("doubted")?,
    };
    Ok((remembered, row.try_get::<i64, _>("run")?.unsigned_abs()))
}

/// Remembers what a recognised station told, and the token it is handed. Its clock as it says it, be it behind what it was:
/// one that was set back would else make every late question look like another station's.
pub(in crate::sync) async fn remember(
    tx: &mut Tx,
    device: DeviceId,
    told: &Told<'_>,
    token: Option<[u8; 32]>,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE incarnation SET told_seq = greatest(told_seq, $4),
             told_hash = CASE WHEN $4 >= told_seq AND $5::bytea IS NOT NULL THEN $5 ELSE told_hash END,
             token_before = CASE WHEN $6::bytea IS NULL THEN token_before ELSE $9 END,
             token_hash = coalesce($6, token_hash), machine = CASE WHEN $7 = '' THEN machine ELSE $7 END,
             clock = coalesce($8, clock)
         WHERE organizer_id = $1 AND device_id = $2 AND incarnation = $3",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(i64::from(told.incarnation))
    .bind(told.length.cast_signed())
    .bind(told.tail.map(|t| t.to_vec()))
    .bind(token.map(|t| t.to_vec()))
    .bind(told.machine)
    .bind(told.clock.map(|c| c.0))
    .bind(told.token.map(|t| t.to_vec()))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Doubts this life of a device; answers how many of its lives are doubted.
pub(in crate::sync) async fn set_doubted(tx: &mut Tx, device: DeviceId, incarnation: u32) -> sqlx::Result<i64> {
    sqlx::query(
        "UPDATE incarnation SET doubted = true
         WHERE organizer_id = $1 AND device_id = $2 AND incarnation = $3 AND NOT doubted",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(i64::from(incarnation))
    .execute(tx.conn())
    .await?;
    sqlx::query_scalar("SELECT count(*) FROM incarnation WHERE organizer_id = $1 AND device_id = $2 AND doubted")
        .bind(tx.organizer.0)
        .bind(device.0)
        .fetch_one(tx.conn())
        .await
}

/// Erasures a machine says it has carried out; answers those of which it was the last.
pub(in crate::sync) async fn confirm_erased(
    tx: &mut Tx,
    device: DeviceId,
    erased: &[RequestId],
) -> sqlx::Result<Vec<RequestId>> {
    let now = tx.now();
    let ids: Vec<uuid::Uuid> = erased.iter().map(|id| id.0).collect();
    sqlx::query(
        "UPDATE erasure_machine SET confirmed_at = $4
         WHERE organizer_id = $1 AND device_id = $2 AND erase_id = ANY($3) AND confirmed_at IS NULL",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(&ids)
    .bind(now.0)
    .execute(tx.conn())
    .await?;
    let done: Vec<uuid::Uuid> = sqlx::query_scalar(
        "SELECT e.id FROM unnest($2::uuid[]) AS e (id) WHERE NOT EXISTS (SELECT FROM erasure_machine m
             WHERE m.organizer_id = $1 AND m.erase_id = e.id AND m.confirmed_at IS NULL)",
    )
    .bind(tx.organizer.0)
    .bind(&ids)
    .fetch_all(tx.conn())
    .await?;
    Ok(done.into_iter().map(RequestId).collect())
}

/// Whether this station has not reported since the server was put back, and whether its entries have begun to come.
pub(in crate::sync) async fn unheard(tx: &mut Tx, device: DeviceId) -> sqlx::Result<Option<bool>> {
    sqlx::query_scalar("SELECT sent FROM unheard_station WHERE organizer_id = $1 AND device_id = $2")
        .bind(tx.organizer.0)
        .bind(device.0)
        .fetch_optional(tx.conn())
        .await
}

/// The name of a till that has not reported since the server was put back.
pub(in crate::sync) async fn unheard_till(tx: &mut Tx) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(
        "SELECT d.name FROM unheard_station u JOIN device d ON d.organizer_id = u.organizer_id
             AND d.device_id = u.device_id
         WHERE u.organizer_id = $1 AND d.role = 'till' ORDER BY d.name LIMIT 1",
    )
    .bind(tx.organizer.0)
    .fetch_optional(tx.conn())
    .await
}

/// The station was heard of, or is not waited for any more.
pub(in crate::sync) async fn set_heard(tx: &mut Tx, device: DeviceId) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM unheard_station WHERE organizer_id = $1 AND device_id = $2")
        .bind(tx.organizer.0)
        .bind(device.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Every enrolled station that is in use is waited for.
pub(in crate::sync) async fn set_unheard(tx: &mut Tx) -> sqlx::Result<Vec<DeviceId>> {
    let now = tx.now();
    let ids: Vec<i64> = sqlx::query_scalar(
        "INSERT INTO unheard_station (organizer_id, device_id, since)
         SELECT $1, device_id, $2 FROM device
         WHERE organizer_id = $1 AND enrolled_at IS NOT NULL AND revoked_at IS NULL
         ON CONFLICT (organizer_id, device_id) DO UPDATE SET since = excluded.since, sent = false
         RETURNING device_id",
    )
    .bind(tx.organizer.0)
    .bind(now.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().map(DeviceId).collect())
}

/// Each incarnation's last entry that is known by any path, fixed as the limit of what counts: stored, or told of by the
/// station itself.
pub(in crate::sync) async fn fix_limits(tx: &mut Tx, device: DeviceId) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE incarnation i SET
             revoked_seq = CASE WHEN i.told_seq > i.highest AND i.told_hash IS NOT NULL THEN i.told_seq ELSE i.highest END,
             revoked_hash = CASE WHEN i.told_seq > i.highest AND i.told_hash IS NOT NULL THEN i.told_hash
                 ELSE (SELECT j.hash FROM journal_entry j WHERE j.organizer_id = $1 AND j.device_id = $2
                           AND j.incarnation = i.incarnation AND j.seq = i.highest LIMIT 1) END
         WHERE i.organizer_id = $1 AND i.device_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .execute(tx.conn())
    .await?;
    Ok(())
}
