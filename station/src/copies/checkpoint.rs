//! Checkpoints: when the events are long over and the server has everything in a finished backup, the journal's beginning
//! is dropped here, and one entry stands in its place. It says how many entries, sales and receipts there were and what
//! state they led to; numbers go on counting from it.

use super::store;
use crate::{
    catalog, checkin,
    error::Fault,
    journal::{self, Pen},
    leases,
    station::Station,
    ticketing, till,
};
use rusqlite::Transaction;
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, time::Duration};
use tokio_util::sync::CancellationToken;
use willcall_domain::{
    clock::UtcMillis,
    id::{DeviceId, EventId},
    problem::Problem,
    sync::{
        Entry, Fact,
        checkpoint::{RETENTION_MS, Written, about, cut, event},
    },
};

/// How often it is looked whether there is something to drop.
const EVERY: Duration = Duration::from_secs(6 * 3600);
/// By itself it is done when that many entries can be dropped.
const LEAST: u64 = 1_000;
/// An event that does not say when it ends is taken to be over this long after it has begun.
const LONGEST_EVENT_MS: i64 = 86_400_000;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CheckpointReport {
    /// Entries that were dropped.
    pub dropped: u64,
    /// Everything up to here was dropped, now or before.
    pub upto: u64,
    pub state_hash: String,
}

/// Drops what may be dropped, until cancelled.
pub async fn keep(station: &Station, cancel: &CancellationToken) {
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        if station.enrolled().is_ok()
            && let Err(problem) = write(station, LEAST).await
        {
            tracing::error!(%problem, "no checkpoint could be written");
        }
    }
}

/// Writes a checkpoint and drops what is before it, where at least `least` entries can be.
///
/// # Errors
/// When it cannot be recorded; nothing is dropped then.
pub async fn write(station: &Station, least: u64) -> Result<CheckpointReport, Problem> {
    let identity = station.enrolled()?;
    let reading = station.reading();
    let pen = station.pen(&identity, reading.at)?;
    let (device, incarnation, now) = (identity.device_id, identity.incarnation, reading.now);
    let plan = station.db().read(move |tx| plan(tx, device, incarnation, now)).await?;
    let done = match plan {
        Some(plan) if plan.dropped >= least => station.db().write(move |tx| carry_out(tx, &pen, &plan)).await?,
        Some(_) | None => station.db().read(move |tx| as_it_is(tx, device, incarnation)).await?,
    };
    if done.dropped > 0 {
        tracing::info!(dropped = done.dropped, upto = done.upto, "wrote a checkpoint");
    }
    Ok(done)
}

fn as_it_is(tx: &Transaction<'_>, device: DeviceId, incarnation: u32) -> Result<CheckpointReport, Fault> {
    let dropped = journal::dropped(tx, device, incarnation)?;
    let (upto, state_hash) = dropped.map(|d| (d.upto, d.state_hash)).unwrap_or_default();
    Ok(CheckpointReport { dropped: 0, upto, state_hash })
}

/// What is to be dropped, and what the checkpoint says.
struct Plan {
    dropped: u64,
    upto: u64,
    state_hash: String,
    entries: u64,
    sales: u64,
    receipts: u64,
}

fn plan(tx: &Transaction<'_>, device: DeviceId, incarnation: u32, now: UtcMillis) -> Result<Option<Plan>, Fault> {
    let life = store::life(tx, device, incarnation)?;
    if life.doubt.is_some() {
        return Ok(None);
    }
    let safe = store::safe(tx, device, incarnation)?.min(journal::acked(tx, device, incarnation)?);
    let ends: HashMap<EventId, UtcMillis> = catalog::events(tx)?
        .into_iter()
        .map(|e| (e.event_id, e.ends_at.unwrap_or(UtcMillis(e.starts_at.0.saturating_add(LONGEST_EVENT_MS)))))
        .collect();
    let mut written = Vec::new();
    journal::walk_one(tx, device, incarnation, safe, |entry| {
        written.push(weigh(&entry, &ends, now));
        Ok(())
    })?;
    // What comes after may be about what is before.
    journal::walk_after(tx, device, incarnation, safe, |entry| {
        let about = entry.fact().map(|fact| about(&fact)).unwrap_or_default();
        written.push(Written { seq: entry.seq, old: false, about });
        Ok(())
    })?;
    let mut open = leases::open_ids(tx)?;
    open.extend(leases::rights::open_ids(tx)?);
    let Some(upto) = cut(&written, safe, &open) else { return Ok(None) };
    let dropped = written.iter().filter(|w| w.seq <= upto).count() as u64;
    let before = journal::dropped(tx, device, incarnation)?;
    let (mut sales, mut receipts) = before.as_ref().map_or((0, 0), |d| (d.sales, d.receipts));
    journal::walk_one(tx, device, incarnation, upto, |entry| {
        match entry.fact() {
            Some(Fact::Sale { .. }) => sales += 1,
            Some(Fact::Receipt { number, .. }) => receipts = receipts.max(number),
            _other => {}
        }
        Ok(())
    })?;
    let state_hash = journal::verify::state_hash(tx, device, incarnation, upto, before.as_ref())?;
    let entries = before.map_or(0, |d| d.entries) + dropped;
    Ok(Some(Plan { dropped, upto, state_hash, entries, sales, receipts }))
}

/// Whether an entry's time is over. What belongs to no event goes by its own time; what this program cannot read stays.
fn weigh(entry: &Entry, ends: &HashMap<EventId, UtcMillis>, now: UtcMillis) -> Written {
    let Some(fact) = entry.fact() else { return Written { seq: entry.seq, old: false, about: Vec::new() } };
    let at = UtcMillis(entry.at.wall.0.saturating_add(entry.at.offset_ms));
    let ended = event(&fact).and_then(|event| ends.get(&event)).copied().unwrap_or(at);
    Written { seq: entry.seq, old: now.since(ended.max(at)) > RETENTION_MS, about: about(&fact) }
}

fn carry_out(tx: &Transaction<'_>, pen: &Pen, plan: &Plan) -> Result<CheckpointReport, Fault> {
    let fact = Fact::Checkpoint {
        upto: plan.upto,
        state_hash: plan.state_hash.clone(),
        entries: plan.entries,
        sales: plan.sales,
        receipts: plan.receipts,
        open_units: 0,
    };
    journal::append(tx, pen, &fact, None, Vec::new())?;
    till::drop_until(tx, pen.station, pen.incarnation, plan.upto)?;
    checkin::drop_until(tx, pen.station, pen.incarnation, plan.upto)?;
    ticketing::drop_until(tx, pen.station, pen.incarnation, plan.upto)?;
    leases::drop_until(tx, pen.station, pen.incarnation, plan.upto)?;
    leases::rights::drop_until(tx, pen.station, pen.incarnation, plan.upto)?;
    let dropped = journal::drop_until(tx, pen.station, pen.incarnation, plan.upto)? as u64;
    Ok(CheckpointReport { dropped, upto: plan.upto, state_hash: plan.state_hash.clone() })
}
