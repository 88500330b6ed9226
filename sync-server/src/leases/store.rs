//! SQL of leases.

use super::UnitUse;
use crate::app::Tx;
use sqlx::{Row as _, types::Json};
use willcall_domain::{
    clock::UtcMillis,
    id::{DeviceId, EventId, ItemId, LeaseId, PositionId, QuotaId, RequestId},
    leases::{GrantBody, UnitRef},
    ticketing::CodeFormat,
};

/// A quota whose row is held until the end of the transaction.
pub(super) struct LockedQuota {
    pub event_id: EventId,
    pub size: Option<i64>,
    taken: i64,
}

impl LockedQuota {
    /// Units nobody holds; `None` is unlimited.
    pub(super) fn free(&self) -> Option<i64> {
        self.size.map(|size| (size - self.taken).max(0))
    }
}

pub(super) async fn lock_quota(tx: &mut Tx, quota: QuotaId) -> sqlx::Result<Option<LockedQuota>> {
    let row = sqlx::query(
        "SELECT event_id, size, sold + leased AS taken FROM quota WHERE organizer_id = $1 AND quota_id = $2 FOR UPDATE",
    )
    .bind(tx.organizer.0)
    .bind(quota.0)
    .fetch_optional(tx.conn())
    .await?;
    row.map(|r| {
        Ok(LockedQuota {
            event_id: EventId(r.try_get("event_id")?),
            size: r.try_get("size")?,
            taken: r.try_get("taken")?,
        })
    })
    .transpose()
}

pub(super) async fn by_request(
    tx: &mut Tx,
    device: DeviceId,
    request: RequestId,
    quota: QuotaId,
) -> sqlx::Result<Option<GrantBody>> {
    let body: Option<Json<GrantBody>> = sqlx::query_scalar(
        "SELECT grant_body FROM lease
         WHERE organizer_id = $1 AND device_id = $2 AND request_id = $3 AND quota_id = $4",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(request.0)
    .bind(quota.0)
    .fetch_optional(tx.conn())
    .await?;
    Ok(body.map(|Json(b)| b))
}

/// Units this device holds unsold of a quota.
pub(super) async fn held(tx: &mut Tx, device: DeviceId, quota: QuotaId) -> sqlx::Result<u32> {
    let held: i64 = sqlx::query_scalar(
        "SELECT coalesce(sum(granted - sold - returned - written_off), 0)::bigint FROM lease
         WHERE organizer_id = $1 AND device_id = $2 AND quota_id = $3",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(quota.0)
    .fetch_one(tx.conn())
    .await?;
    Ok(u32::try_from(held.max(0)).unwrap_or(u32::MAX))
}

/// Enrolled tills that may sell for an event; at least 1.
pub(super) async fn tills(tx: &mut Tx, event: EventId) -> sqlx::Result<u32> {
    let tills: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM device d WHERE d.organizer_id = $1 AND d.role = 'till' AND d.enrolled_at IS NOT NULL
             AND d.revoked_at IS NULL AND (d.all_events OR EXISTS (SELECT FROM device_event e
                 WHERE e.organizer_id = $1 AND e.device_id = d.device_id AND e.event_id = $2))",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .fetch_one(tx.conn())
    .await?;
    Ok(u32::try_from(tills.max(1)).unwrap_or(u32::MAX))
}

/// Items of a quota that admit somebody, ascending.
pub(super) async fn admission_items(tx: &mut Tx, quota: QuotaId) -> sqlx::Result<Vec<ItemId>> {
    let ids: Vec<i64> = sqlx::query_scalar(
        "SELECT i.item_id FROM quota_item q JOIN item i ON i.organizer_id = q.organizer_id AND i.item_id = q.item_id
         WHERE q.organizer_id = $1 AND q.quota_id = $2 AND i.admission AND i.active ORDER BY i.item_id",
    )
    .bind(tx.organizer.0)
    .bind(quota.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().map(ItemId).collect())
}

/// Items of an event whose holders show an ID.
pub(super) async fn look_at_id(tx: &mut Tx, event: EventId) -> sqlx::Result<Vec<ItemId>> {
    let ids: Vec<i64> =
        sqlx::query_scalar("SELECT item_id FROM item WHERE organizer_id = $1 AND event_id = $2 AND look_at_id")
            .bind(tx.organizer.0)
            .bind(event.0)
            .fetch_all(tx.conn())
            .await?;
    Ok(ids.into_iter().map(ItemId).collect())
}

/// Stores a lease with its ranges and moves its units from *free* to *leased*. The quota's own check refuses more
/// than there is.
pub(super) async fn insert_lease(tx: &mut Tx, body: &GrantBody, key: u8, format: CodeFormat) -> sqlx::Result<()> {
    let organizer = tx.organizer.0;
    sqlx::query(
        "INSERT INTO lease (organizer_id, lease_id, event_id, quota_id, device_id, granted, request_id, requested_at,
             grant_body)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(organizer)
    .bind(body.lease_id.0)
    .bind(body.event_id.0)
    .bind(body.quota_id.0)
    .bind(body.station.0)
    .bind(i64::from(body.units))
    .bind(body.request_id.0)
    .bind(body.granted_at.0)
    .bind(Json(body))
    .execute(tx.conn())
    .await?;
    for range in &body.blanks {
        sqlx::query(
            "INSERT INTO blank_range (organizer_id, lease_id, item_id, base, count, key_number, format)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(organizer)
        .bind(body.lease_id.0)
        .bind(range.item_id.0)
        .bind(range.base.0)
        .bind(i64::from(range.count))
        .bind(i16::from(key))
        .bind(format.as_str())
        .execute(tx.conn())
        .await?;
    }
    sqlx::query(
        "UPDATE quota SET leased = leased + $3, version = version + 1 WHERE organizer_id = $1 AND quota_id = $2",
    )
    .bind(organizer)
    .bind(body.quota_id.0)
    .bind(i64::from(body.units))
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn not_accepted(tx: &mut Tx, device: DeviceId) -> sqlx::Result<Vec<GrantBody>> {
    let bodies: Vec<Json<GrantBody>> = sqlx::query_scalar(
        "SELECT grant_body FROM lease
         WHERE organizer_id = $1 AND device_id = $2 AND accepted_at IS NULL AND closed_at IS NULL
         ORDER BY requested_at, lease_id LIMIT 50",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(bodies.into_iter().map(|Json(b)| b).collect())
}

/// Marks a lease as taken in; `false` when there is no such lease of this device.
pub(super) async fn accept(tx: &mut Tx, device: DeviceId, lease: LeaseId, now: UtcMillis) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "UPDATE lease SET accepted_at = coalesce(accepted_at, $4), version = version + 1
         WHERE organizer_id = $1 AND device_id = $2 AND lease_id = $3",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(lease.0)
    .bind(now.0)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Moves one unit from *leased* to *sold*, in lease and quota.
pub(super) async fn use_unit(
    tx: &mut Tx,
    device: DeviceId,
    unit: UnitRef,
    item: ItemId,
    position: PositionId,
) -> sqlx::Result<UnitUse> {
    let organizer = tx.organizer.0;
    let lent: Option<i64> = sqlx::query_scalar(
        "SELECT l.quota_id FROM lease l JOIN quota_item q ON q.organizer_id = l.organizer_id AND q.quota_id = l.quota_id
         WHERE l.organizer_id = $1 AND l.lease_id = $2 AND l.device_id = $3 AND q.item_id = $4 AND $5 < l.granted
         FOR UPDATE OF l",
    )
    .bind(organizer)
    .bind(unit.lease_id.0)
    .bind(device.0)
    .bind(item.0)
    .bind(i64::from(unit.unit))
    .fetch_optional(tx.conn())
    .await?;
    let Some(quota) = lent else { return Ok(UnitUse::NotLent) };
    let used = sqlx::query(
        "INSERT INTO lease_unit (organizer_id, lease_id, unit, position_id) VALUES ($1, $2, $3, $4)
         ON CONFLICT (organizer_id, lease_id, unit) DO NOTHING",
    )
    .bind(organizer)
    .bind(unit.lease_id.0)
    .bind(i64::from(unit.unit))
    .bind(position.0)
    .execute(tx.conn())
    .await?;
    if used.rows_affected() == 0 {
        return Ok(UnitUse::Twice);
    }
    sqlx::query("UPDATE lease SET sold = sold + 1, version = version + 1 WHERE organizer_id = $1 AND lease_id = $2")
        .bind(organizer)
        .bind(unit.lease_id.0)
        .execute(tx.conn())
        .await?;
    sqlx::query(
        "UPDATE quota SET leased = leased - 1, sold = sold + 1, version = version + 1
         WHERE organizer_id = $1 AND quota_id = $2",
    )
    .bind(organizer)
    .bind(quota)
    .execute(tx.conn())
    .await?;
    Ok(UnitUse::Taken)
}
