//! SQL of what was set aside: bytes that claim to be an entry and are none.

use crate::app::Tx;
use willcall_domain::id::{CaseId, DeviceId};

/// What claims to be an entry.
#[derive(Debug)]
pub(in crate::sync) struct Aside<'a> {
    /// SHA-256 of `raw`.
    pub digest: [u8; 32],
    pub carrier: DeviceId,
    pub station: DeviceId,
    pub incarnation: u32,
    /// 0 where it does not say.
    pub seq: u64,
    pub why: &'a str,
    pub raw: &'a [u8],
    pub case_id: CaseId,
}

/// The case of these bytes, if they came before.
pub(in crate::sync) async fn known(tx: &mut Tx, digest: &[u8; 32]) -> sqlx::Result<Option<CaseId>> {
    let case: Option<uuid::Uuid> =
        sqlx::query_scalar("SELECT case_id FROM quarantine WHERE organizer_id = $1 AND digest = $2")
            .bind(tx.organizer.0)
            .bind(&digest[..])
            .fetch_optional(tx.conn())
            .await?;
    Ok(case.map(CaseId))
}

/// How many a carrier has brought.
pub(in crate::sync) async fn count(tx: &mut Tx, carrier: DeviceId) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "SELECT count(*) FROM quarantine WHERE organizer_id = $1 AND carrier_id = $2 AND settled_at IS NULL",
    )
    .bind(tx.organizer.0)
    .bind(carrier.0)
    .fetch_one(tx.conn())
    .await
}

pub(in crate::sync) async fn insert(tx: &mut Tx, aside: &Aside<'_>) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query(
        "INSERT INTO quarantine (organizer_id, digest, carrier_id, device_id, incarnation, seq, why, raw, received_at,
             case_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
    )
    .bind(tx.organizer.0)
    .bind(&aside.digest[..])
    .bind(aside.carrier.0)
    .bind(aside.station.0)
    .bind(i64::from(aside.incarnation))
    .bind(i64::try_from(aside.seq).unwrap_or(i64::MAX))
    .bind(aside.why)
    .bind(aside.raw)
    .bind(now.0)
    .bind(aside.case_id.0)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Numbers of an incarnation of which something was set aside, from `from` on.
pub(in crate::sync) async fn numbers(
    tx: &mut Tx,
    station: DeviceId,
    incarnation: u32,
    from: u64,
) -> sqlx::Result<Vec<u64>> {
    let seqs: Vec<i64> = sqlx::query_scalar(
        "SELECT DISTINCT seq FROM quarantine
         WHERE organizer_id = $1 AND device_id = $2 AND incarnation = $3 AND seq >= $4",
    )
    .bind(tx.organizer.0)
    .bind(station.0)
    .bind(i64::from(incarnation))
    .bind(from.cast_signed())
    .fetch_all(tx.conn())
    .await?;
    Ok(seqs.into_iter().map(i64::unsigned_abs).collect())
}

/// Bytes that wait with a case: who brought them, and what they are.
pub(in crate::sync) async fn of_case(tx: &mut Tx, case: CaseId) -> sqlx::Result<Vec<(DeviceId, Vec<u8>)>> {
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "SELECT carrier_id, raw FROM quarantine WHERE organizer_id = $1 AND case_id = $2 AND settled_at IS NULL
         ORDER BY device_id, incarnation, seq LIMIT 10000",
    )
    .bind(tx.organizer.0)
    .bind(case.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|(carrier, raw)| (DeviceId(carrier), raw)).collect())
}

/// Whatever was set aside under these names waits no longer: the whole entries have come.
pub(in crate::sync) async fn settle_numbers(
    tx: &mut Tx,
    station: DeviceId,
    incarnation: u32,
    seqs: &[i64],
) -> sqlx::Result<Vec<CaseId>> {
    let now = tx.now();
    let cases: Vec<uuid::Uuid> = sqlx::query_scalar(
        "UPDATE quarantine SET settled_at = $5
         WHERE organizer_id = $1 AND device_id = $2 AND incarnation = $3 AND seq = ANY($4) AND settled_at IS NULL
         RETURNING case_id",
    )
    .bind(tx.organizer.0)
    .bind(station.0)
    .bind(i64::from(incarnation))
    .bind(seqs)
    .bind(now.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(cases.into_iter().map(CaseId).collect())
}

/// Whatever waits with a case waits no longer.
pub(in crate::sync) async fn settle_case(tx: &mut Tx, case: CaseId) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query(
        "UPDATE quarantine SET settled_at = $3 WHERE organizer_id = $1 AND case_id = $2 AND settled_at IS NULL",
    )
    .bind(tx.organizer.0)
    .bind(case.0)
    .bind(now.0)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// These bytes wait no longer.
pub(in crate::sync) async fn settle(tx: &mut Tx, raw: &[u8]) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query("UPDATE quarantine SET settled_at = $3 WHERE organizer_id = $1 AND digest = sha256($2)")
        .bind(tx.organizer.0)
        .bind(raw)
        .bind(now.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}
