//! SQL of what people and stations are shown of leases.

use crate::app::Tx;
use sqlx::Row as _;
use uuid::Uuid;
use willcall_domain::{
    clock::UtcMillis,
    id::{DeviceId, EventId, HandOverId, LeaseId, QuotaId, StaffId},
    leases::{LeaseRow, ledger::GivenUp},
};

/// What one station holds unsold of one quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldBy {
    pub quota: QuotaId,
    pub device: DeviceId,
    pub name: String,
    /// Units outstanding, as far as is known here.
    pub units: i64,
    /// Units it was asked to give back and has not yet.
    pub recalled: i64,
    pub heard_at: Option<UtcMillis>,
    /// Facts it last said exist only there.
    pub waiting: i64,
    pub revoked: bool,
}

/// What is on its way between two stations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flying {
    pub hand_over: HandOverId,
    pub quota: QuotaId,
    pub from: DeviceId,
    pub from_name: String,
    pub to_name: String,
    pub units: i64,
    pub since: UtcMillis,
}

/// A write-off as it is written down.
#[derive(Debug, Clone)]
pub(in crate::leases) struct WriteOffRow<'a> {
    pub quota: QuotaId,
    pub lease: Option<LeaseId>,
    pub hand_over: Option<HandOverId>,
    pub device: DeviceId,
    pub how: GivenUp,
    pub units: u32,
    pub staff: StaffId,
    pub person: &'a str,
}

/// Who holds units of the quotas of an event (or of one station, of any event), and how long it has been silent.
pub(in crate::leases) async fn held_by(
    tx: &mut Tx,
    event: Option<EventId>,
    device: Option<DeviceId>,
) -> sqlx::Result<Vec<HeldBy>> {
    let rows = sqlx::query(
        "SELECT l.quota_id, l.device_id, d.name, d.last_contact_at, d.waiting, d.revoked_at IS NOT NULL AS revoked,
             sum(l.held)::bigint AS units, sum(greatest(l.held - coalesce(l.keep, l.held), 0))::bigint AS recalled
         FROM (SELECT *, granted - sold - returned - freed - given - written_off AS held FROM lease
               WHERE organizer_id = $1 AND ($2::bigint IS NULL OR event_id = $2)
                   AND ($3::bigint IS NULL OR device_id = $3)) l
         JOIN device d ON d.organizer_id = l.organizer_id AND d.device_id = l.device_id
         WHERE l.held > 0
         GROUP BY l.quota_id, l.device_id, d.name, d.last_contact_at, d.waiting, d.revoked_at
         ORDER BY l.quota_id, d.last_contact_at NULLS FIRST, d.name",
    )
    .bind(tx.organizer.0)
    .bind(event.map(|e| e.0))
    .bind(device.map(|d| d.0))
    .fetch_all(tx.conn())
    .await?;
    rows.iter()
        .map(|r| {
            Ok(HeldBy {
                quota: QuotaId(r.try_get("quota_id")?),
                device: DeviceId(r.try_get("device_id")?),
                name: r.try_get("name")?,
                units: r.try_get("units")?,
                recalled: r.try_get("recalled")?,
                heard_at: r.try_get::<Option<i64>, _>("last_contact_at")?.map(UtcMillis),
                waiting: r.try_get("waiting")?,
                revoked: r.try_get("revoked")?,
            })
        })
        .collect()
}

/// What is on its way of the quotas of an event, or from one station.
pub(in crate::leases) async fn flying(
    tx: &mut Tx,
    event: Option<EventId>,
    device: Option<DeviceId>,
) -> sqlx::Result<Vec<Flying>> {
    let rows = sqlx::query(
        "SELECT h.hand_over_id, h.quota_id, h.device_id, a.name AS from_name, b.name AS to_name, h.at,
             (SELECT coalesce(sum(upper(r) - lower(r)), 0)::bigint FROM unnest(h.moved) r) AS units
         FROM hand_over h
         JOIN device a ON a.organizer_id = h.organizer_id AND a.device_id = h.device_id
         JOIN device b ON b.organizer_id = h.organizer_id AND b.device_id = h.to_device_id
         WHERE h.organizer_id = $1 AND h.state = 'in_flight' AND ($2::bigint IS NULL OR h.event_id = $2)
             AND ($3::bigint IS NULL OR h.device_id = $3)
         ORDER BY h.quota_id, h.at, h.hand_over_id",
    )
    .bind(tx.organizer.0)
    .bind(event.map(|e| e.0))
    .bind(device.map(|d| d.0))
    .fetch_all(tx.conn())
    .await?;
    rows.iter()
        .map(|r| {
            Ok(Flying {
                hand_over: HandOverId(r.try_get("hand_over_id")?),
                quota: QuotaId(r.try_get("quota_id")?),
                from: DeviceId(r.try_get("device_id")?),
                from_name: r.try_get("from_name")?,
                to_name: r.try_get("to_name")?,
                units: r.try_get("units")?,
                since: UtcMillis(r.try_get("at")?),
            })
        })
        .collect()
}

/// Writes down who gave up what; what was known of the station then is copied.
pub(in crate::leases) async fn insert_write_off(tx: &mut Tx, id: Uuid, one: &WriteOffRow<'_>) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query(
        "INSERT INTO write_off (organizer_id, write_off_id, quota_id, lease_id, hand_over_id, device_id, how, units,
             waiting, heard_at, at, staff_id, person)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, waiting, last_contact_at, $9, $10, $11
         FROM device WHERE organizer_id = $1 AND device_id = $6",
    )
    .bind(tx.organizer.0)
    .bind(id)
    .bind(one.quota.0)
    .bind(one.lease.map(|l| l.0))
    .bind(one.hand_over.map(|h| h.0))
    .bind(one.device.0)
    .bind(match one.how {
        GivenUp::Lost => "lost",
        GivenUp::Stolen => "stolen",
    })
    .bind(i64::from(one.units))
    .bind(now.0)
    .bind(one.staff.0)
    .bind(one.person)
    .execute(tx.conn())
    .await
    .map(drop)
}

/// The leases of a device as it is told of them; `only` limits them. Leases that were never recalled, closed or given up
/// say nothing a station does not know, and are left out where none is named.
pub(in crate::leases) async fn lease_rows(
    tx: &mut Tx,
    device: DeviceId,
    only: Option<Vec<Uuid>>,
) -> sqlx::Result<Vec<LeaseRow>> {
    let rows = sqlx::query(
        "SELECT lease_id, quota_id, event_id, state, keep, version FROM lease
         WHERE organizer_id = $1 AND device_id = $2
             AND CASE WHEN $3::uuid[] IS NULL THEN state <> 'open' OR keep IS NOT NULL ELSE lease_id = ANY($3) END
         ORDER BY lease_id",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(only)
    .fetch_all(tx.conn())
    .await?;
    rows.iter()
        .map(|r| {
            Ok(LeaseRow {
                lease_id: LeaseId(r.try_get("lease_id")?),
                quota_id: QuotaId(r.try_get("quota_id")?),
                event_id: EventId(r.try_get("event_id")?),
                device_id: device,
                state: super::read_state(r.try_get("state")?),
                keep: r.try_get::<Option<i64>, _>("keep")?.map(super::count).transpose()?,
                version: r.try_get("version")?,
            })
        })
        .collect()
}
