//! Giving units back: what the server recalls, and what lies idle. The entry is written first, so that these units can
//! never be sold here again; the server frees them when it arrives.

use super::request::{HOUR_MS, PLANNED_OUTAGE_MIN};
use crate::{
    catalog,
    change_feed::Topic,
    devices::Identity,
    error::Fault,
    journal::{self, Pen},
    leases,
    station::Station,
    till,
};
use rusqlite::Transaction;
use willcall_domain::{
    clock::UtcMillis,
    leases::{GiveBack, holding::surplus, size},
    problem::Problem,
    sync::Fact,
};

/// Gives back what is recalled or idle; answers how many units.
///
/// # Errors
/// When it cannot be recorded; nothing is given back then.
pub async fn give_back(station: &Station, identity: &Identity) -> Result<u32, Problem> {
    let pen = station.pen(identity, station.reading().at)?;
    let now = station.reading().now;
    let units = station.db().write(move |tx| write(tx, &pen, now)).await?;
    if units > 0 {
        tracing::info!(units, "gave units back");
        station.feed().announce_fact(&[Topic::Till, Topic::Status]);
    }
    Ok(units)
}

fn write(tx: &Transaction<'_>, pen: &Pen, now: UtcMillis) -> Result<u32, Fault> {
    let mut units = 0;
    for gone in due(tx, pen, now)? {
        units += gone.units.count();
        let fact = Fact::LeaseReturned {
            lease_id: gone.lease_id,
            quota_id: gone.quota_id,
            event_id: gone.event_id,
            from: gone.units.from,
            units: gone.units.count(),
            blanks: gone.blanks,
        };
        journal::append(tx, pen, &fact, None, Vec::new())?;
    }
    Ok(units)
}

/// What goes back now: what is recalled, else what lies idle.
fn due(tx: &Transaction<'_>, pen: &Pen, now: UtcMillis) -> Result<Vec<GiveBack>, Fault> {
    let held = leases::held_leases(tx, pen.station, pen.incarnation)?;
    let recalled: Vec<GiveBack> = held.iter().flat_map(leases::HeldLease::recalled).collect();
    if !recalled.is_empty() {
        return Ok(recalled);
    }
    let mut idle = Vec::new();
    for quota in catalog::quotas_of_events(tx)? {
        let here: u32 = held.iter().filter(|l| l.quota_id == quota.quota_id).map(|l| l.sellable().count()).sum();
        let sold = till::sold_since(tx, &quota.items, UtcMillis(now.0 - HOUR_MS))?;
        let gone = size::idle(here, size::target(sold, PLANNED_OUTAGE_MIN));
        if gone > 0 {
            idle.extend(surplus(&held, quota.quota_id, here - gone));
        }
    }
    Ok(idle)
}
