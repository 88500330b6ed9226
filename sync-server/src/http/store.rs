//! SQL of callers: sessions, devices' tokens, answers given before.

use super::{
    caller::{DeviceCaller, StaffCaller, StaffRole},
    idempotency::{Answer, Key},
    token::Token,
};
use crate::app::Tx;
use ed25519_dalek::VerifyingKey;
use willcall_domain::{
    clock::UtcMillis,
    devices::wire::{Right, Role},
    id::{DeviceId, EventId, StaffId},
};

pub(super) async fn staff_of_session(tx: &mut Tx, token: &Token) -> sqlx::Result<Option<StaffCaller>> {
    let row: Option<(i64, String, String, String, String)> = sqlx::query_as(
        "SELECT s.staff_id, s.name, s.email, s.role, e.csrf
         FROM session e JOIN staff s USING (organizer_id, staff_id)
         WHERE e.organizer_id = $1 AND e.token_hash = $2 AND e.expires_at > $3",
    )
    .bind(tx.organizer.0)
    .bind(&token.hash()[..])
    .bind(tx.now().0)
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|(staff, name, email, role, csrf)| StaffCaller {
        organizer: token.organizer,
        staff: StaffId(staff),
        name,
        email,
        role: StaffRole::read(&role),
        csrf,
        token_hash: token.hash(),
    }))
}

pub(super) async fn insert_session(tx: &mut Tx, token: &Token, csrf: &str, expires_at: UtcMillis) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query(
        "INSERT INTO session (organizer_id, token_hash, staff_id, csrf, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(tx.organizer.0)
    .bind(&token.hash()[..])
    .bind(token.subject)
    .bind(csrf)
    .bind(now.0)
    .bind(expires_at.0)
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn delete_session(tx: &mut Tx, token_hash: &[u8; 32]) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM session WHERE organizer_id = $1 AND token_hash = $2")
        .bind(tx.organizer.0)
        .bind(&token_hash[..])
        .execute(tx.conn())
        .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct DeviceRow {
    device_id: i64,
    name: String,
    gate: String,
    role: String,
    all_events: bool,
    rights: Vec<String>,
    software: String,
    public_key: Option<Vec<u8>>,
    revoked_at: Option<i64>,
    suspended: bool,
    events: Vec<i64>,
}

/// A device and the events it may see; what follows says which device.
const DEVICE: &str =
    "SELECT d.device_id, d.name, d.gate, d.role, d.all_events, d.rights, d.software, d.public_key, d.revoked_at,
        d.suspended_at IS NOT NULL AS suspended,
        CASE WHEN d.all_events
             THEN ARRAY(SELECT event_id FROM event WHERE organizer_id = $1 ORDER BY 1)
             ELSE ARRAY(SELECT event_id FROM device_event WHERE organizer_id = $1 AND device_id = $2 ORDER BY 1)
        END AS events
 FROM device d WHERE d.organizer_id = $1 AND d.device_id = $2";

fn device(tx: &Tx, row: DeviceRow) -> sqlx::Result<DeviceCaller> {
    let key = row.public_key.as_deref().and_then(|k| VerifyingKey::try_from(k).ok());
    let Some(key) = key else {
        return Err(sqlx::Error::Decode("an enrolled device without a usable public key".into()));
    };
    Ok(DeviceCaller {
        organizer: tx.organizer,
        device: DeviceId(row.device_id),
        name: row.name,
        gate: row.gate,
        role: if row.role == Role::Till.as_str() { Role::Till } else { Role::Door },
        all_events: row.all_events,
        events: row.events.into_iter().map(EventId).collect(),
        rights: Right::known(&row.rights),
        key,
        software: row.software,
        suspended: row.suspended,
        protocol: 1,
    })
}

/// The device this token belongs to and whether it was revoked.
pub(super) async fn device_of_token(tx: &mut Tx, token: &Token) -> sqlx::Result<Option<(DeviceCaller, bool)>> {
    let row: Option<DeviceRow> = sqlx::query_as(sqlx::AssertSqlSafe(format!("{DEVICE} AND d.token_hash = $3")))
        .bind(tx.organizer.0)
        .bind(token.subject)
        .bind(&token.hash()[..])
        .fetch_optional(tx.conn())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let revoked = row.revoked_at.is_some();
    Ok(Some((device(tx, row)?, revoked)))
}

/// An enrolled device by its number, and since when it is switched off.
pub(super) async fn device_of_id(tx: &mut Tx, id: DeviceId) -> sqlx::Result<Option<(DeviceCaller, Option<UtcMillis>)>> {
    let row: Option<DeviceRow> = sqlx::query_as(sqlx::AssertSqlSafe(format!("{DEVICE} AND d.public_key IS NOT NULL")))
        .bind(tx.organizer.0)
        .bind(id.0)
        .fetch_optional(tx.conn())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let revoked_at = row.revoked_at.map(UtcMillis);
    Ok(Some((device(tx, row)?, revoked_at)))
}

pub(super) async fn lock_key(tx: &mut Tx, key: &Key) -> sqlx::Result<()> {
    let (low, _) = key.key.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(i64::from_be_bytes(*low)).execute(tx.conn()).await?;
    Ok(())
}

pub(super) async fn answer(tx: &mut Tx, key: &Key) -> sqlx::Result<Option<(Vec<u8>, Answer)>> {
    let row: Option<(Vec<u8>, i16, String, Vec<u8>)> = sqlx::query_as(
        "SELECT request_hash, status, content_type, response FROM idempotency
         WHERE organizer_id = $1 AND key_hash = $2",
    )
    .bind(tx.organizer.0)
    .bind(&key.key[..])
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|(request, status, content_type, body)| {
        (request, Answer { status: u16::try_from(status).unwrap_or(500), content_type, body })
    }))
}

pub(super) async fn keep_answer(tx: &mut Tx, key: &Key, answer: &Answer) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query(
        "INSERT INTO idempotency (organizer_id, key_hash, request_hash, status, content_type, response, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(tx.organizer.0)
    .bind(&key.key[..])
    .bind(&key.request[..])
    .bind(i16::try_from(answer.status).unwrap_or(500))
    .bind(&answer.content_type)
    .bind(&answer.body)
    .bind(now.0)
    .execute(tx.conn())
    .await?;
    Ok(())
}
