//! SQL of what is held back for stations that have not reported.

use crate::app::Tx;
use willcall_domain::id::{DeviceId, EventId, QuotaId};

/// The quotas a till may sell of, ascending; none for a door.
pub(in crate::leases) async fn quotas_of_till(tx: &mut Tx, device: DeviceId) -> sqlx::Result<Vec<(QuotaId, EventId)>> {
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT q.quota_id, q.event_id FROM quota q JOIN device d ON d.organizer_id = q.organizer_id
         WHERE q.organizer_id = $1 AND d.device_id = $2 AND d.role = 'till' AND q.size IS NOT NULL
             AND (d.all_events OR EXISTS (SELECT FROM device_event v
                  WHERE v.organizer_id = $1 AND v.device_id = $2 AND v.event_id = q.event_id))
         ORDER BY q.quota_id",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|(quota, event)| (QuotaId(quota), EventId(event))).collect())
}

/// What is held back for a station, by quota, ascending.
pub(in crate::leases) async fn held_for(tx: &mut Tx, device: DeviceId) -> sqlx::Result<Vec<(QuotaId, i64)>> {
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT quota_id, units FROM unheard_units WHERE organizer_id = $1 AND device_id = $2 ORDER BY quota_id",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|(quota, units)| (QuotaId(quota), units)).collect())
}

pub(in crate::leases) async fn hold_for(tx: &mut Tx, device: DeviceId, quota: QuotaId, units: i64) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO unheard_units (organizer_id, device_id, quota_id, units) VALUES ($1, $2, $3, $4)
         ON CONFLICT (organizer_id, device_id, quota_id) DO UPDATE SET units = unheard_units.units + excluded.units",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(quota.0)
    .bind(units)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Holds so many fewer.
pub(in crate::leases) async fn hold_less(
    tx: &mut Tx,
    device: DeviceId,
    quota: QuotaId,
    units: i64,
) -> sqlx::Result<()> {
    sqlx::query(
        "WITH gone AS (
             DELETE FROM unheard_units WHERE organizer_id = $1 AND device_id = $2 AND quota_id = $3 AND units <= $4
         )
         UPDATE unheard_units SET units = units - $4
         WHERE organizer_id = $1 AND device_id = $2 AND quota_id = $3 AND units > $4",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(quota.0)
    .bind(units)
    .execute(tx.conn())
    .await?;
    Ok(())
}
