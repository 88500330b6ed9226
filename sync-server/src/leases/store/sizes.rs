//! SQL of what grants and recalls are measured by: who sells how much, who holds how much.

use crate::app::Tx;
use std::collections::BTreeSet;
use uuid::Uuid;
use willcall_domain::{
    catalog::draft::LendingDraft,
    clock::UtcMillis,
    id::{DeviceId, EventId, LeaseId, OrganizerId, QuotaId},
    leases::size::{Caps, Rates},
};

const HOUR_MS: i64 = 3_600_000;

/// Who sells of a quota, and within which bounds.
#[derive(Debug, Clone, Copy)]
pub(in crate::leases) struct Selling {
    /// Enrolled tills that may sell for the event; at least 1.
    pub tills: u32,
    pub planned_outage_min: u32,
    pub caps: Caps,
    pub rates: Rates,
    /// What the asking station holds unsold.
    pub held: u32,
}

/// Measures a quota for a grant to `device`.
pub(in crate::leases) async fn selling(
    tx: &mut Tx,
    device: DeviceId,
    quota: QuotaId,
    event: EventId,
) -> sqlx::Result<Selling> {
    let (tills, outage, cap, percent, held): (i64, i32, Option<i32>, i32, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM device d WHERE d.organizer_id = $1 AND d.role = 'till'
                     AND d.enrolled_at IS NOT NULL AND d.revoked_at IS NULL
                     AND (d.all_events OR EXISTS (SELECT FROM device_event x
                          WHERE x.organizer_id = $1 AND x.device_id = d.device_id AND x.event_id = $2))),
                e.planned_outage_min, e.station_cap, e.stations_cap_percent,
                (SELECT coalesce(sum(granted - sold - returned - freed - given - written_off), 0)::bigint FROM lease
                 WHERE organizer_id = $1 AND device_id = $3 AND quota_id = $4)
         FROM event e WHERE e.organizer_id = $1 AND e.event_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(device.0)
    .bind(quota.0)
    .fetch_one(tx.conn())
    .await?;
    let sold = sold_last_hour(tx, quota, event).await?;
    let sum = |who: &dyn Fn(&Option<DeviceId>) -> bool| sold.iter().filter(|(d, _)| who(d)).map(|(_, n)| *n).sum();
    let number = |n: i64| u32::try_from(n.max(0)).unwrap_or(u32::MAX);
    Ok(Selling {
        tills: number(tills.max(1)),
        planned_outage_min: number(i64::from(outage)),
        caps: Caps { one: cap.map(|n| number(i64::from(n))), all_percent: number(i64::from(percent)) },
        rates: Rates {
            mine: sum(&|d| *d == Some(device)),
            stations: sum(&|d| d.is_some()),
            web: sum(&|d| d.is_none()),
        },
        held: number(held),
    })
}

/// Units of a quota sold within the last hour, by who sold them; `None` is web and office.
pub(in crate::leases) async fn sold_last_hour(
    tx: &mut Tx,
    quota: QuotaId,
    event: EventId,
) -> sqlx::Result<Vec<(Option<DeviceId>, u32)>> {
    let since = UtcMillis(tx.now().0 - HOUR_MS);
    let rows: Vec<(Option<i64>, i64)> = sqlx::query_as(
        "SELECT o.device_id, count(*) FROM orders o
         JOIN order_position p ON p.organizer_id = o.organizer_id AND p.order_id = o.order_id AND NOT p.canceled
         JOIN quota_item i ON i.organizer_id = p.organizer_id AND i.item_id = p.item_id AND i.quota_id = $3
         JOIN quota q ON q.organizer_id = i.organizer_id AND q.quota_id = i.quota_id
             AND (q.date_id IS NULL OR q.date_id = p.date_id)
         WHERE o.organizer_id = $1 AND o.event_id = $2 AND o.placed_at >= $4 AND o.status IN ('pending', 'paid')
         GROUP BY o.device_id",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(quota.0)
    .bind(since.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|(d, n)| (d.map(DeviceId), u32::try_from(n).unwrap_or(u32::MAX))).collect())
}

/// Open leases of a quota with units outstanding, oldest first: station, lease, how many, what it was told to keep.
pub(in crate::leases) async fn open_leases(
    tx: &mut Tx,
    quota: QuotaId,
) -> sqlx::Result<Vec<(DeviceId, LeaseId, u32, Option<u32>)>> {
    let rows: Vec<(i64, Uuid, i64, Option<i64>)> = sqlx::query_as(
        "SELECT device_id, lease_id, granted - sold - returned - freed - given - written_off, keep FROM lease
         WHERE organizer_id = $1 AND quota_id = $2 AND state = 'open'
             AND (granted > sold + returned + freed + given + written_off OR keep IS NOT NULL)
         ORDER BY requested_at, lease_id",
    )
    .bind(tx.organizer.0)
    .bind(quota.0)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|(device, lease, units, keep)| {
            Ok((DeviceId(device), LeaseId(lease), super::count(units)?, keep.map(super::count).transpose()?))
        })
        .collect()
}

/// A station that was not heard of for this long is silent; it makes contact every thirty seconds.
const SILENT_MS: i64 = 75_000;

/// Stations that hold units of a quota and were heard of a moment ago; a device that is switched off is none.
pub(in crate::leases) async fn heard_of(tx: &mut Tx, quota: QuotaId) -> sqlx::Result<BTreeSet<DeviceId>> {
    let since = tx.now().0 - SILENT_MS;
    let ids: Vec<i64> = sqlx::query_scalar(
        "SELECT DISTINCT d.device_id FROM device d
         JOIN lease l ON l.organizer_id = d.organizer_id AND l.device_id = d.device_id
         WHERE d.organizer_id = $1 AND l.quota_id = $2 AND l.state = 'open' AND d.revoked_at IS NULL
             AND d.last_contact_at >= $3",
    )
    .bind(tx.organizer.0)
    .bind(quota.0)
    .bind(since)
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().map(DeviceId).collect())
}

/// Quotas of which next to nothing is free while stations hold units: somebody may have run dry.
pub(in crate::leases) async fn dry_quotas(pool: &sqlx::PgPool) -> sqlx::Result<Vec<(OrganizerId, QuotaId)>> {
    let rows: Vec<(i64, i64)> =
        sqlx::query_as("SELECT organizer_id, quota_id FROM crossing.dry_quotas()").fetch_all(pool).await?;
    Ok(rows.into_iter().map(|(organizer, quota)| (OrganizerId(organizer), QuotaId(quota))).collect())
}

/// How much of an event's quotas tills may hold.
pub(in crate::leases) async fn lending(tx: &mut Tx, event: EventId) -> sqlx::Result<LendingDraft> {
    let (planned_outage_min, station_cap, stations_cap_percent, till_sales) = sqlx::query_as(
        "SELECT planned_outage_min, station_cap, stations_cap_percent, till_sales FROM event
         WHERE organizer_id = $1 AND event_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .fetch_one(tx.conn())
    .await?;
    Ok(LendingDraft { planned_outage_min, station_cap, stations_cap_percent, till_sales })
}

pub(in crate::leases) async fn set_lending(tx: &mut Tx, event: EventId, draft: LendingDraft) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE event SET planned_outage_min = $3, station_cap = $4, stations_cap_percent = $5, till_sales = $6,
             version = version + 1
         WHERE organizer_id = $1 AND event_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(draft.planned_outage_min)
    .bind(draft.station_cap)
    .bind(draft.stations_cap_percent)
    .bind(draft.till_sales)
    .execute(tx.conn())
    .await
    .map(drop)
}

/// The quotas of an event, ascending, held until the transaction ends.
pub(in crate::leases) async fn lock_quotas_of(tx: &mut Tx, event: EventId) -> sqlx::Result<Vec<QuotaId>> {
    let ids: Vec<i64> = sqlx::query_scalar(
        "SELECT quota_id FROM quota WHERE organizer_id = $1 AND event_id = $2 ORDER BY quota_id FOR UPDATE",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().map(QuotaId).collect())
}

/// Tells a station how much to keep of a lease.
pub(in crate::leases) async fn set_keep(tx: &mut Tx, lease: LeaseId, keep: Option<u32>) -> sqlx::Result<()> {
    sqlx::query("UPDATE lease SET keep = $3, version = version + 1 WHERE organizer_id = $1 AND lease_id = $2")
        .bind(tx.organizer.0)
        .bind(lease.0)
        .bind(keep.map(i64::from))
        .execute(tx.conn())
        .await
        .map(drop)
}

/// Whether any product that counts in it is sold now, at tills too, and its date is to come.
pub(in crate::leases) async fn is_on_sale(tx: &mut Tx, quota: QuotaId) -> sqlx::Result<bool> {
    let now = tx.now();
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM quota_item qi
             JOIN item i ON i.organizer_id = qi.organizer_id AND i.item_id = qi.item_id
             JOIN quota q ON q.organizer_id = qi.organizer_id AND q.quota_id = qi.quota_id
             JOIN event e ON e.organizer_id = q.organizer_id AND e.event_id = q.event_id AND e.till_sales
             LEFT JOIN event_date d ON d.organizer_id = q.organizer_id AND d.date_id = q.date_id
             WHERE qi.organizer_id = $1 AND qi.quota_id = $2 AND i.active
                 AND (q.date_id IS NULL OR d.active AND coalesce(d.ends_at, d.starts_at + 43200000) > $3))",
    )
    .bind(tx.organizer.0)
    .bind(quota.0)
    .bind(now.0)
    .fetch_one(tx.conn())
    .await
}
