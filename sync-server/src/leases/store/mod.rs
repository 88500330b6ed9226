//! SQL of leases: accounts of quotas, leases and hand-overs, loaded to be decided upon and saved. Quotas are always held
//! before their leases, in ascending order, so that nobody waits in a circle.

mod blanks;
mod grants;
mod hand_overs;
mod lists;
mod moved;
pub(super) mod rights;
mod sizes;
mod unheard;

pub(super) use blanks::{blank_ranges, insert_blank_ranges, ranges_of, sold_blanks, void, void_blanks, void_ranges};
pub(super) use grants::{articles, by_request, has_articles, look_at_id, not_accepted};
pub(super) use hand_overs::{
    Kept, given_blanks, hand_over, hand_over_rows, hand_overs_short_of, is_device, quota_of_hand_over, stuck,
};
pub use lists::{Flying, HeldBy};
pub(super) use lists::{WriteOffRow, flying, held_by, insert_write_off, lease_rows};
pub(super) use moved::{Lent, Moved, save_moved};
pub(super) use sizes::{
    dry_quotas, heard_of, is_on_sale, lending, lock_quotas_of, open_leases, selling, set_keep, set_lending,
    sold_last_hour,
};

pub(super) use unheard::{held_for, hold_for, hold_less, quotas_of_till};

use crate::app::Tx;
use sqlx::{Row as _, postgres::PgRow};
use uuid::Uuid;
use willcall_domain::{
    id::{DeviceId, EventId, LeaseId, PositionId, QuotaId},
    leases::{
        LeaseState, UnitRange, Units,
        ledger::{LeaseAccount, QuotaAccount},
    },
};

/// What this slice reads that is not as it was written.
fn unreadable(what: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("{what} cannot be read").into())
}

/// `{[0,5),[7,8)}` as the database writes it.
pub(super) fn read_units(text: &str) -> sqlx::Result<Units> {
    let inner = text.trim_start_matches('{').trim_end_matches('}');
    let range = |part: &str| -> Option<UnitRange> {
        let (from, until) = part.trim_start_matches([',', '[']).split_once(',')?;
        Some(UnitRange { from: from.parse().ok()?, until: until.parse().ok()? })
    };
    let ranges: Option<Units> = inner.split(')').filter(|part| !part.is_empty()).map(range).collect();
    ranges.ok_or_else(|| unreadable("a set of units"))
}

/// The same, written.
pub(super) fn write_units(units: &Units) -> String {
    let ranges: Vec<String> = units.ranges().iter().map(|r| format!("[{},{})", r.from, r.until)).collect();
    format!("{{{}}}", ranges.join(","))
}

/// The word of a state.
pub(super) fn state_word(state: LeaseState) -> &'static str {
    match state {
        LeaseState::Open => "open",
        LeaseState::Closed => "closed",
        LeaseState::Lost => "lost",
        LeaseState::Stolen => "stolen",
    }
}

pub(super) fn read_state(word: &str) -> LeaseState {
    match word {
        "closed" => LeaseState::Closed,
        "lost" => LeaseState::Lost,
        "stolen" => LeaseState::Stolen,
        _ => LeaseState::Open,
    }
}

pub(super) fn count(value: i64) -> sqlx::Result<u32> {
    u32::try_from(value).map_err(|_| unreadable("a count of units"))
}

/// Holds a quota until the transaction ends.
pub(super) async fn lock_quota(tx: &mut Tx, quota: QuotaId) -> sqlx::Result<Option<(EventId, QuotaAccount)>> {
    let row = sqlx::query(
        "SELECT event_id, size, target, sold, leased, in_flight, unheard, excess FROM quota
         WHERE organizer_id = $1 AND quota_id = $2 FOR UPDATE",
    )
    .bind(tx.organizer.0)
    .bind(quota.0)
    .fetch_optional(tx.conn())
    .await?;
    row.map(|r| {
        let account = QuotaAccount {
            size: r.try_get("size")?,
            target: r.try_get("target")?,
            sold: r.try_get("sold")?,
            leased: r.try_get("leased")?,
            in_flight: r.try_get("in_flight")?,
            unheard: r.try_get("unheard")?,
            excess: r.try_get("excess")?,
        };
        Ok((EventId(r.try_get("event_id")?), account))
    })
    .transpose()
}

/// Holds these quotas, ascending.
pub(super) async fn lock_quotas(tx: &mut Tx, quotas: &[i64]) -> sqlx::Result<()> {
    sqlx::query("SELECT FROM quota WHERE organizer_id = $1 AND quota_id = ANY($2) ORDER BY quota_id FOR UPDATE")
        .bind(tx.organizer.0)
        .bind(quotas)
        .execute(tx.conn())
        .await
        .map(drop)
}

/// The quotas that sales from these leases, and of these items, count in.
pub(super) async fn quotas_touched(tx: &mut Tx, leases: &[Uuid], items: &[i64]) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar(
        "SELECT quota_id FROM lease WHERE organizer_id = $1 AND lease_id = ANY($2)
         UNION SELECT quota_id FROM quota_item WHERE organizer_id = $1 AND item_id = ANY($3)",
    )
    .bind(tx.organizer.0)
    .bind(leases)
    .bind(items)
    .fetch_all(tx.conn())
    .await
}

/// The quota a lease is of, and its event.
pub(super) async fn quota_of(tx: &mut Tx, lease: LeaseId) -> sqlx::Result<Option<(QuotaId, EventId)>> {
    let found: Option<(i64, i64)> =
        sqlx::query_as("SELECT quota_id, event_id FROM lease WHERE organizer_id = $1 AND lease_id = $2")
            .bind(tx.organizer.0)
            .bind(lease.0)
            .fetch_optional(tx.conn())
            .await?;
    Ok(found.map(|(quota, event)| (QuotaId(quota), EventId(event))))
}

fn lease(r: &PgRow) -> sqlx::Result<LeaseAccount> {
    let units = |name: &str| -> sqlx::Result<Units> {
        r.try_get::<Option<&str>, _>(name)?.map_or_else(|| Ok(Units::none()), read_units)
    };
    Ok(LeaseAccount {
        lease_id: LeaseId(r.try_get("lease_id")?),
        quota_id: QuotaId(r.try_get("quota_id")?),
        holder: DeviceId(r.try_get("device_id")?),
        granted: count(r.try_get("granted")?)?,
        sold: units("sold_units")?,
        returned: units("returned_units")?,
        freed: units("freed_units")?,
        given: units("given_units")?,
        written_off: units("written_off_units")?,
        state: read_state(r.try_get("state")?),
        accepted: r.try_get("accepted")?,
        keep: r.try_get::<Option<i64>, _>("keep")?.map(count).transpose()?,
        proved_wrong: r.try_get("proved_wrong")?,
    })
}

/// Holds a lease until the transaction ends. Its quota is held before.
pub(super) async fn lock_lease(tx: &mut Tx, id: LeaseId) -> sqlx::Result<Option<LeaseAccount>> {
    let row = sqlx::query(
        "SELECT l.lease_id, l.quota_id, l.device_id, l.granted, l.returned_units::text, l.freed_units::text,
             l.given_units::text, l.written_off_units::text, l.state, l.accepted_at IS NOT NULL AS accepted, l.keep,
             l.proved_wrong,
             (SELECT range_agg(int8range(u.unit, u.unit + 1))::text FROM lease_unit u
              WHERE u.organizer_id = l.organizer_id AND u.lease_id = l.lease_id) AS sold_units
         FROM lease l WHERE l.organizer_id = $1 AND l.lease_id = $2 FOR UPDATE OF l",
    )
    .bind(tx.organizer.0)
    .bind(id.0)
    .fetch_optional(tx.conn())
    .await?;
    row.as_ref().map(lease).transpose()
}

/// Marks a lease as taken in by a journal of this incarnation.
pub(super) async fn note_accepted(tx: &mut Tx, lease: LeaseId, incarnation: u32) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query(
        "UPDATE lease SET accepted_at = coalesce(accepted_at, $3), incarnation = $4, version = version + 1
         WHERE organizer_id = $1 AND lease_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(lease.0)
    .bind(now.0)
    .bind(i64::from(incarnation))
    .execute(tx.conn())
    .await
    .map(drop)
}

/// Which position a unit was sold to.
pub(super) async fn sold_to(tx: &mut Tx, lease: LeaseId, unit: u32) -> sqlx::Result<Option<PositionId>> {
    let id: Option<Uuid> = sqlx::query_scalar(
        "SELECT position_id FROM lease_unit WHERE organizer_id = $1 AND lease_id = $2 AND unit = $3",
    )
    .bind(tx.organizer.0)
    .bind(lease.0)
    .bind(i64::from(unit))
    .fetch_optional(tx.conn())
    .await?;
    Ok(id.map(PositionId))
}

/// Whether a position holds a place of this quota: its product counts in it now, on its date.
pub(super) async fn counts(tx: &mut Tx, quota: QuotaId, position: PositionId) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM order_position p
             JOIN quota_item i ON i.organizer_id = p.organizer_id AND i.item_id = p.item_id
             JOIN quota q ON q.organizer_id = i.organizer_id AND q.quota_id = i.quota_id
             WHERE p.organizer_id = $1 AND p.position_id = $3 AND q.quota_id = $2
                 AND (q.date_id IS NULL OR q.date_id = p.date_id))",
    )
    .bind(tx.organizer.0)
    .bind(quota.0)
    .bind(position.0)
    .fetch_one(tx.conn())
    .await
}

/// The units these positions were sold from, with their quotas.
pub(super) async fn units_of(
    tx: &mut Tx,
    positions: &[PositionId],
) -> sqlx::Result<Vec<(PositionId, LeaseId, u32, QuotaId)>> {
    let ids: Vec<Uuid> = positions.iter().map(|p| p.0).collect();
    let rows: Vec<(Uuid, Uuid, i64, i64)> = sqlx::query_as(
        "SELECT u.position_id, u.lease_id, u.unit, l.quota_id FROM lease_unit u
         JOIN lease l ON l.organizer_id = u.organizer_id AND l.lease_id = u.lease_id
         WHERE u.organizer_id = $1 AND u.position_id = ANY($2) ORDER BY l.quota_id, u.lease_id, u.unit",
    )
    .bind(tx.organizer.0)
    .bind(ids)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|(position, lease, unit, quota)| Ok((PositionId(position), LeaseId(lease), count(unit)?, QuotaId(quota))))
        .collect()
}

/// The leases that end with this incarnation, ascending by quota: those its journal accepted, and those nobody did.
pub(super) async fn leases_of(
    tx: &mut Tx,
    device: DeviceId,
    incarnation: Option<u32>,
) -> sqlx::Result<Vec<(QuotaId, EventId, LeaseId)>> {
    let rows: Vec<(i64, i64, Uuid)> = sqlx::query_as(
        "SELECT quota_id, event_id, lease_id FROM lease
         WHERE organizer_id = $1 AND device_id = $2 AND state = 'open'
             AND ($3::bigint IS NULL OR incarnation IS NULL OR incarnation = $3)
         ORDER BY quota_id, lease_id",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(incarnation.map(i64::from))
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|(quota, event, lease)| (QuotaId(quota), EventId(event), LeaseId(lease))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_as_the_database_writes_them() {
        for text in ["{}", "{[0,5)}", "{[0,5),[7,8)}"] {
            assert_eq!(write_units(&read_units(text).unwrap()), text);
        }
        assert!(read_units("{[0,x)}").is_err());
        assert!(read_units("{(,)}").is_err(), "a set without end is none of ours");
    }
}
