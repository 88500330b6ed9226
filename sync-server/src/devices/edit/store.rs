//! SQL of devices' write side.

use crate::app::Tx;
use willcall_domain::{
    clock::UtcMillis,
    devices::{Right, Role, draft::DeviceDraft},
    id::{DeviceId, EventId},
};

/// A device with all an organizer sees of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceFull {
    pub device_id: DeviceId,
    pub name: String,
    pub gate: String,
    pub role: Role,
    pub all_events: bool,
    /// Names of the events it may see, unless it sees all.
    pub events: Vec<String>,
    /// The same by number.
    pub event_ids: Vec<EventId>,
    /// What it may do besides its role.
    pub rights: Vec<Right>,
    /// Until when its token to enrol can be used; `None` once used.
    pub enrol_expires_at: Option<UtcMillis>,
    pub enrolled_at: Option<UtcMillis>,
    pub last_contact_at: Option<UtcMillis>,
    /// How far its clock was ahead of the server's then, in milliseconds.
    pub clock_ahead_ms: Option<i64>,
    pub revoked_at: Option<UtcMillis>,
    pub software: String,
    /// Facts it last said exist only there.
    pub waiting: i64,
    /// Units lent to it and not sold, as far as is known here.
    pub outstanding: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    device_id: i64,
    name: String,
    gate: String,
    role: String,
    all_events: bool,
    events: Vec<String>,
    event_ids: Vec<i64>,
    rights: Vec<String>,
    enrol_expires_at: Option<i64>,
    enrolled_at: Option<i64>,
    last_contact_at: Option<i64>,
    clock_ahead_ms: Option<i64>,
    revoked_at: Option<i64>,
    software: String,
    waiting: i64,
    outstanding: i64,
}

/// All devices, or one.
pub(super) async fn devices(tx: &mut Tx, only: Option<DeviceId>) -> sqlx::Result<Vec<DeviceFull>> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT d.device_id, d.name, d.gate, d.role, d.all_events, d.rights, d.enrol_expires_at, d.enrolled_at,
                d.last_contact_at, d.clock_ahead_ms, d.revoked_at, d.software, d.waiting,
                ARRAY(SELECT e.name FROM device_event v JOIN event e USING (organizer_id, event_id)
                      WHERE v.organizer_id = $1 AND v.device_id = d.device_id ORDER BY e.starts_at) AS events,
                ARRAY(SELECT v.event_id FROM device_event v
                      WHERE v.organizer_id = $1 AND v.device_id = d.device_id ORDER BY 1) AS event_ids,
                (SELECT coalesce(sum(greatest(l.granted - l.sold - l.returned - l.written_off, 0)), 0)::bigint
                 FROM lease l WHERE l.organizer_id = $1 AND l.device_id = d.device_id AND l.closed_at IS NULL)
                    AS outstanding
         FROM device d WHERE d.organizer_id = $1 AND ($2::bigint IS NULL OR d.device_id = $2)
         ORDER BY d.revoked_at IS NOT NULL, d.name, d.device_id",
    )
    .bind(tx.organizer.0)
    .bind(only.map(|device| device.0))
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(read).collect())
}

fn read(row: Row) -> DeviceFull {
    DeviceFull {
        device_id: DeviceId(row.device_id),
        role: if row.role == Role::Till.as_str() { Role::Till } else { Role::Door },
        name: row.name,
        gate: row.gate,
        all_events: row.all_events,
        events: row.events,
        event_ids: row.event_ids.into_iter().map(EventId).collect(),
        rights: Right::known(&row.rights),
        enrol_expires_at: row.enrol_expires_at.map(UtcMillis),
        enrolled_at: row.enrolled_at.map(UtcMillis),
        last_contact_at: row.last_contact_at.map(UtcMillis),
        clock_ahead_ms: row.clock_ahead_ms,
        revoked_at: row.revoked_at.map(UtcMillis),
        software: row.software,
        waiting: row.waiting,
        outstanding: row.outstanding,
    }
}

/// `None` when another device that is in use has this name.
pub(super) async fn insert(tx: &mut Tx, draft: &DeviceDraft) -> sqlx::Result<Option<DeviceId>> {
    let id: Option<i64> = sqlx::query_scalar(
        "INSERT INTO device (organizer_id, name, gate, role, all_events, rights) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (organizer_id, name) WHERE revoked_at IS NULL DO NOTHING RETURNING device_id",
    )
    .bind(tx.organizer.0)
    .bind(&draft.name)
    .bind(&draft.gate)
    .bind(draft.role.as_str())
    .bind(draft.events.is_none())
    .bind(words(&draft.rights))
    .fetch_optional(tx.conn())
    .await?;
    Ok(id.map(DeviceId))
}

fn words(rights: &[Right]) -> Vec<&'static str> {
    rights.iter().map(|right| right.as_str()).collect()
}

pub(super) async fn set_rights(tx: &mut Tx, device: DeviceId, rights: &[Right]) -> sqlx::Result<()> {
    sqlx::query("UPDATE device SET rights = $3, version = version + 1 WHERE organizer_id = $1 AND device_id = $2")
        .bind(tx.organizer.0)
        .bind(device.0)
        .bind(words(rights))
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub(super) async fn set_events(tx: &mut Tx, device: DeviceId, events: &[EventId]) -> sqlx::Result<()> {
    let events: Vec<i64> = events.iter().map(|event| event.0).collect();
    sqlx::query(
        "INSERT INTO device_event (organizer_id, device_id, event_id) SELECT $1, $2, unnest($3::bigint[])
         ON CONFLICT DO NOTHING",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(&events)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Lets a device see these events, or all there are and will be, and no others.
pub(super) async fn replace_events(tx: &mut Tx, device: DeviceId, events: Option<&[EventId]>) -> sqlx::Result<()> {
    sqlx::query("UPDATE device SET all_events = $3, version = version + 1 WHERE organizer_id = $1 AND device_id = $2")
        .bind(tx.organizer.0)
        .bind(device.0)
        .bind(events.is_none())
        .execute(tx.conn())
        .await?;
    sqlx::query("DELETE FROM device_event WHERE organizer_id = $1 AND device_id = $2")
        .bind(tx.organizer.0)
        .bind(device.0)
        .execute(tx.conn())
        .await?;
    set_events(tx, device, events.unwrap_or_default()).await
}

pub(super) async fn foreign_events(tx: &mut Tx, events: &[EventId]) -> sqlx::Result<i64> {
    let events: Vec<i64> = events.iter().map(|event| event.0).collect();
    sqlx::query_scalar(
        "SELECT count(*) FROM unnest($2::bigint[]) AS wanted (event_id)
         WHERE NOT EXISTS (SELECT FROM event e WHERE e.organizer_id = $1 AND e.event_id = wanted.event_id)",
    )
    .bind(tx.organizer.0)
    .bind(&events)
    .fetch_one(tx.conn())
    .await
}

pub(super) async fn set_token(
    tx: &mut Tx,
    device: DeviceId,
    hash: &[u8; 32],
    expires_at: UtcMillis,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE device SET enrol_token_hash = $3, enrol_expires_at = $4 WHERE organizer_id = $1 AND device_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(&hash[..])
    .bind(expires_at.0)
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn revoke(tx: &mut Tx, device: DeviceId) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query(
        "UPDATE device SET revoked_at = $3, enrol_token_hash = NULL, enrol_expires_at = NULL, version = version + 1
         WHERE organizer_id = $1 AND device_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(now.0)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Raises the version of every device that sees all events: there is one more, and their rows say so.
pub(super) async fn raise_seeing_all_events(tx: &mut Tx) -> sqlx::Result<Vec<DeviceId>> {
    let ids: Vec<i64> = sqlx::query_scalar(
        "UPDATE device SET version = version + 1
         WHERE organizer_id = $1 AND all_events AND revoked_at IS NULL RETURNING device_id",
    )
    .bind(tx.organizer.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().map(DeviceId).collect())
}
