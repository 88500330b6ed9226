//! SQL of enrolment.

use crate::app::Tx;
use sqlx::Row as _;
use willcall_domain::{
    devices::{Right, Role},
    id::{DeviceId, EventId},
};

/// A device as its organizer named it.
pub(super) struct Enrolled {
    pub name: String,
    pub gate: String,
    pub role: Role,
    pub rights: Vec<Right>,
}

/// Spends the enrolment token in the same statement that sets the device's own; `None` when it is not this device's,
/// spent, out of time, or the device was revoked.
pub(super) async fn enrol(
    tx: &mut Tx,
    device: DeviceId,
    spent: &[u8; 32],
    token: &[u8; 32],
    key: &[u8; 32],
    software: &str,
) -> sqlx::Result<Option<Enrolled>> {
    let now = tx.now();
    let row = sqlx::query(
        "UPDATE device SET enrol_token_hash = NULL, enrol_expires_at = NULL, token_hash = $4, public_key = $5,
             software = $6, enrolled_at = $7, last_contact_at = $7, version = version + 1
         WHERE organizer_id = $1 AND device_id = $2 AND enrol_token_hash = $3 AND enrol_expires_at > $7
             AND revoked_at IS NULL AND enrolled_at IS NULL
         RETURNING name, gate, role, rights",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(&spent[..])
    .bind(&token[..])
    .bind(&key[..])
    .bind(software)
    .bind(now.0)
    .fetch_optional(tx.conn())
    .await?;
    row.map(|r| {
        let role = if r.try_get::<&str, _>("role")? == Role::Till.as_str() { Role::Till } else { Role::Door };
        let rights = Right::known(&r.try_get::<Vec<String>, _>("rights")?);
        Ok(Enrolled { name: r.try_get("name")?, gate: r.try_get("gate")?, role, rights })
    })
    .transpose()
}

/// The events a device may see now.
pub(super) async fn events(tx: &mut Tx, device: DeviceId) -> sqlx::Result<Vec<EventId>> {
    let ids: Vec<i64> = sqlx::query_scalar(
        "SELECT e.event_id FROM event e JOIN device d ON d.organizer_id = e.organizer_id
         WHERE e.organizer_id = $1 AND d.device_id = $2 AND (d.all_events OR EXISTS (SELECT FROM device_event s
             WHERE s.organizer_id = $1 AND s.device_id = $2 AND s.event_id = e.event_id))
         ORDER BY e.event_id",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().map(EventId).collect())
}
