//! SQL of hand-overs.

use super::read_units;
use crate::app::Tx;
use sqlx::{AssertSqlSafe, Row as _, postgres::PgRow, types::Json};
use uuid::Uuid;
use willcall_domain::{
    clock::UtcMillis,
    id::{DeviceId, EventId, HandOverId, LeaseId, OrganizerId, QuotaId},
    leases::{
        BlankRange, HandOverRow, UnitRange,
        ledger::{HandOver, HandOverState},
    },
};

/// A hand-over as it is kept, with the blanks that went along.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::leases) struct Kept {
    pub hand_over: HandOver,
    pub event: EventId,
    pub blanks: Vec<BlankRange>,
}

pub(super) fn word(state: HandOverState) -> &'static str {
    match state {
        HandOverState::InFlight => "in_flight",
        HandOverState::Taken => "taken",
        HandOverState::Declined => "declined",
        HandOverState::Lost => "lost",
        HandOverState::Stolen => "stolen",
    }
}

fn state(word: &str) -> sqlx::Result<HandOverState> {
    Ok(match word {
        "in_flight" => HandOverState::InFlight,
        "taken" => HandOverState::Taken,
        "declined" => HandOverState::Declined,
        "lost" => HandOverState::Lost,
        "stolen" => HandOverState::Stolen,
        _ => return Err(super::unreadable("the state of a hand-over")),
    })
}

const COLUMNS: &str =
    "hand_over_id, event_id, quota_id, lease_id, device_id, to_device_id, from_unit, units, moved::text,
    blanks, state";

fn kept(r: &PgRow) -> sqlx::Result<Kept> {
    let hand_over = HandOver {
        hand_over_id: HandOverId(r.try_get("hand_over_id")?),
        lease_id: LeaseId(r.try_get("lease_id")?),
        quota_id: QuotaId(r.try_get("quota_id")?),
        from: DeviceId(r.try_get("device_id")?),
        to: DeviceId(r.try_get("to_device_id")?),
        units: UnitRange::of(super::count(r.try_get("from_unit")?)?, super::count(r.try_get("units")?)?),
        moved: read_units(r.try_get("moved")?)?,
        state: state(r.try_get("state")?)?,
    };
    let Json(blanks) = r.try_get("blanks")?;
    Ok(Kept { hand_over, event: EventId(r.try_get("event_id")?), blanks })
}

/// Holds a hand-over until the transaction ends. Its quota is held before.
pub(in crate::leases) async fn hand_over(tx: &mut Tx, id: HandOverId) -> sqlx::Result<Option<Kept>> {
    let sql = format!("SELECT {COLUMNS} FROM hand_over WHERE organizer_id = $1 AND hand_over_id = $2 FOR UPDATE");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(tx.organizer.0).bind(id.0).fetch_optional(tx.conn()).await?;
    row.as_ref().map(kept).transpose()
}

/// Hand-overs of a lease of which not all that was promised was there to give; held until the transaction ends.
pub(in crate::leases) async fn hand_overs_short_of(tx: &mut Tx, lease: LeaseId) -> sqlx::Result<Vec<Kept>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM hand_over
         WHERE organizer_id = $1 AND lease_id = $2 AND state IN ('in_flight', 'taken')
             AND units > (SELECT coalesce(sum(upper(r) - lower(r)), 0) FROM unnest(moved) r)
         ORDER BY hand_over_id FOR UPDATE"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(tx.organizer.0).bind(lease.0).fetch_all(tx.conn()).await?;
    rows.iter().map(kept).collect()
}

/// Hand-overs of this giver that have ended, as it is told of them.
pub(in crate::leases) async fn hand_over_rows(
    tx: &mut Tx,
    device: DeviceId,
    only: Option<Vec<Uuid>>,
) -> sqlx::Result<Vec<HandOverRow>> {
    let rows: Vec<(Uuid, Uuid, i64, String, i64)> = sqlx::query_as(
        "SELECT hand_over_id, lease_id, event_id, state, version FROM hand_over
         WHERE organizer_id = $1 AND device_id = $2
             AND CASE WHEN $3::uuid[] IS NULL THEN state <> 'in_flight' ELSE hand_over_id = ANY($3) END
         ORDER BY hand_over_id",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(only)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|(id, lease, event, word, version)| {
            Ok(HandOverRow {
                hand_over_id: HandOverId(id),
                lease_id: LeaseId(lease),
                event_id: EventId(event),
                device_id: device,
                state: state(&word)?,
                version,
            })
        })
        .collect()
}

/// The quota of a hand-over.
pub(in crate::leases) async fn quota_of_hand_over(tx: &mut Tx, id: HandOverId) -> sqlx::Result<Option<QuotaId>> {
    let quota: Option<i64> =
        sqlx::query_scalar("SELECT quota_id FROM hand_over WHERE organizer_id = $1 AND hand_over_id = $2")
            .bind(tx.organizer.0)
            .bind(id.0)
            .fetch_optional(tx.conn())
            .await?;
    Ok(quota.map(QuotaId))
}

/// Blanks of a lease that went with hand-overs and did not come back.
pub(in crate::leases) async fn given_blanks(tx: &mut Tx, lease: LeaseId) -> sqlx::Result<Vec<BlankRange>> {
    let ranges: Vec<Json<Vec<BlankRange>>> = sqlx::query_scalar(
        "SELECT blanks FROM hand_over WHERE organizer_id = $1 AND lease_id = $2 AND state <> 'declined'",
    )
    .bind(tx.organizer.0)
    .bind(lease.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(ranges.into_iter().flat_map(|Json(ranges)| ranges).collect())
}

/// Hand-overs in flight that this server has known of since before an instant, of every organizer.
pub(in crate::leases) async fn stuck(
    pool: &sqlx::PgPool,
    before: UtcMillis,
) -> sqlx::Result<Vec<(OrganizerId, HandOverId)>> {
    let sql = "SELECT organizer_id, hand_over_id FROM crossing.stuck_hand_overs($1)";
    let rows: Vec<(i64, Uuid)> = sqlx::query_as(sql).bind(before.0).fetch_all(pool).await?;
    Ok(rows.into_iter().map(|(organizer, id)| (OrganizerId(organizer), HandOverId(id))).collect())
}

/// Whether the organizer has a device of this number.
pub(in crate::leases) async fn is_device(tx: &mut Tx, device: DeviceId) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM device WHERE organizer_id = $1 AND device_id = $2)")
        .bind(tx.organizer.0)
        .bind(device.0)
        .fetch_one(tx.conn())
        .await
}
