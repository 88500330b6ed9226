//! Giving units back: what the server recalls, what lies idle, and what belongs to events that this station does not see
//! any more. The entry is written first, so that these units can never be sold here again; the server frees them when it
//! arrives.

use super::request::{HOUR_MS, OnSale, planned_outage_min};
use crate::{
    catalog,
    change_feed::Topic,
    copies,
    devices::{self, Identity},
    error::Fault,
    journal::{self, Pen},
    leases,
    station::Station,
    till,
};
use rusqlite::Transaction;
use willcall_domain::{
    clock::UtcMillis,
    leases::{
        GiveBack, HeldLease, LeaseState,
        holding::surplus,
        size,
        view::{ReturnRequest, ReturnedView},
    },
    problem::{Code, Problem},
    sync::Fact,
};

/// What was given back at once. Blanks alone are an entry of no units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Given {
    pub units: u32,
    pub entries: u32,
}

/// Gives back what is recalled, idle or of an event out of scope; answers how much.
///
/// # Errors
/// When it cannot be recorded; nothing is given back then.
pub async fn give_back(station: &Station, identity: &Identity) -> Result<Given, Problem> {
    let pen = station.pen(identity, station.reading().at)?;
    let now = station.reading().now;
    let given = station.db().write(move |tx| write(tx, &pen, now)).await?;
    if given.entries > 0 {
        tracing::info!(units = given.units, entries = given.entries, "gave units back");
        station.feed().announce_fact(&[Topic::Till, Topic::Status]);
    }
    Ok(given)
}

fn write(tx: &Transaction<'_>, pen: &Pen, now: UtcMillis) -> Result<Given, Fault> {
    let mut given = Given::default();
    for gone in due(tx, pen, now)? {
        given.units += record(tx, pen, gone)?;
        given.entries += 1;
    }
    Ok(given)
}

fn record(tx: &Transaction<'_>, pen: &Pen, gone: GiveBack) -> Result<u32, Fault> {
    let units = gone.units.count();
    let fact = Fact::LeaseReturned {
        lease_id: gone.lease_id,
        quota_id: gone.quota_id,
        event_id: gone.event_id,
        from: gone.units.from,
        units,
        blanks: gone.blanks,
    };
    journal::append(tx, pen, &fact, None, Vec::new())?;
    Ok(units)
}

/// Gives back units of one quota because a person says so: the newest leases give first, from the high end.
///
/// # Errors
/// `lease-spent` when there are not as many; else when it cannot be recorded. Nothing is given back then.
pub async fn return_units(station: &Station, request: ReturnRequest) -> Result<ReturnedView, Problem> {
    let identity = station.enrolled()?;
    copies::standing::must_not_doubt(station).await?;
    let pen = station.pen(&identity, station.reading().at)?;
    let units = station.db().write(move |tx| return_in(tx, &pen, request)).await?;
    tracing::info!(quota = request.quota_id.0, units, "units given back by hand");
    station.feed().announce_fact(&[Topic::Till, Topic::Status]);
    Ok(ReturnedView { units })
}

fn return_in(tx: &Transaction<'_>, pen: &Pen, request: ReturnRequest) -> Result<u32, Fault> {
    copies::standing::refuse_doubt(tx, pen.station, pen.incarnation)?;
    let held = leases::held_leases(tx, pen.station, pen.incarnation)?;
    let of_quota = held.iter().filter(|l| l.quota_id == request.quota_id);
    let here: u32 = of_quota.map(|l| l.sellable().count()).sum();
    let units = request.units.unwrap_or(here);
    if units == 0 || units > here {
        let detail = format!("{here} units of this quota are here unsold. Nothing was given back.");
        return Err(Fault::refused(Code::LeaseSpent, detail));
    }
    let mut gone = 0;
    for one in surplus(&held, request.quota_id, here - units) {
        gone += record(tx, pen, one)?;
    }
    Ok(gone)
}

/// Gives back everything an incarnation still holds unsold, before its journal ends; answers how many units. What is on
/// its way to another till stays on its way.
///
/// # Errors
/// When it cannot be recorded.
pub fn all_that_is_held(tx: &Transaction<'_>, pen: &Pen) -> Result<u32, Fault> {
    let mut units = 0;
    for lease in leases::held_leases(tx, pen.station, pen.incarnation)? {
        for gone in unsold(&lease) {
            units += record(tx, pen, gone)?;
        }
    }
    Ok(units)
}

/// All that is unsold of a lease, with the blanks that were kept for exchanges: they go last, by themselves. Nothing of
/// one that the server has closed or a person has written off.
fn unsold(lease: &HeldLease) -> Vec<GiveBack> {
    if lease.state != LeaseState::Open {
        return Vec::new();
    }
    let mut left = lease.clone();
    let mut out = left.beyond(0);
    out.iter().for_each(|gone| left.give_back(gone));
    out.extend(left.retired());
    out
}

/// What goes back now: all of events that this station does not see any more, of which it hears nothing and can sell
/// nothing; and of the others what is recalled, else what lies idle.
fn due(tx: &Transaction<'_>, pen: &Pen, now: UtcMillis) -> Result<Vec<GiveBack>, Fault> {
    let Some(me) = devices::current(tx)?.filter(|me| me.device_id == pen.station) else { return Ok(Vec::new()) };
    let held = leases::held_leases(tx, pen.station, pen.incarnation)?;
    let (held, elsewhere): (Vec<HeldLease>, _) = held.into_iter().partition(|l| me.events.contains(&l.event_id));
    let mut out: Vec<GiveBack> = elsewhere.iter().flat_map(unsold).collect();
    let recalled: Vec<GiveBack> = held.iter().flat_map(HeldLease::recalled).collect();
    if recalled.is_empty() {
        out.extend(idle(tx, &held, now)?);
    }
    out.extend(recalled);
    Ok(out)
}

/// What lies idle of each quota, or is not on sale any more.
fn idle(tx: &Transaction<'_>, held: &[HeldLease], now: UtcMillis) -> Result<Vec<GiveBack>, Fault> {
    let shelf = OnSale::read(tx, now)?;
    let quotas = catalog::quotas_of_events(tx)?;
    let mut out = Vec::new();
    for quota in &quotas {
        let here: u32 = held.iter().filter(|l| l.quota_id == quota.quota_id).map(|l| l.sellable().count()).sum();
        let sold = till::sold_since(tx, quota, UtcMillis(now.0 - HOUR_MS))?;
        let outage = planned_outage_min(tx, quota.event_id)?;
        // What is not on sale any more is of no use here; what has no tickets for all that is comes again with them.
        let of_use = shelf.sells_of(quota) && !shelf.lacks_tickets(quota, &quotas, held);
        let gone = if of_use { size::idle(here, size::target(sold, outage)) } else { here };
        if gone > 0 {
            out.extend(surplus(held, quota.quota_id, here - gone));
        }
    }
    Ok(out)
}
