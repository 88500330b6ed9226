//! What this station may not see any more goes a little at a time: a hundred thousand tickets in one transaction would
//! keep a sale or a scan waiting for seconds. From the moment its own row says so the event is gone from every screen
//! (see `scope`); here its rows follow. A program that is killed in between goes on when it starts.

use super::store;
use crate::{checkin, devices, error::Fault, orders, station::Station};
use rusqlite::Transaction;
use std::collections::BTreeSet;
use willcall_domain::{
    id::{DeviceId, EventId, PositionId},
    problem::Problem,
};

/// Most rows of one transaction; some ten milliseconds on a slow disk.
const SLICE: usize = 200;

/// What is left to let go of.
#[derive(Debug, Default)]
struct Leftover {
    events: Vec<EventId>,
    /// Events whose names this station may not see any more.
    names: Vec<EventId>,
    own: Vec<DeviceId>,
}

/// Lets go of all that is left; answers how many rows that was.
///
/// # Errors
/// When the database does not take it; what was let go of until then stays so.
pub(super) async fn sweep(station: &Station) -> Result<usize, Problem> {
    let left = station.db().read(find).await?;
    let mut rows = 0;
    for event in left.events {
        rows += all_of(station, move |tx, most| orders::forget_some(tx, event, most), event).await?;
        let own = left.own.clone();
        rows += all_of(station, move |tx, most| checkin::forget_some(tx, event, &own, most), event).await?;
    }
    for event in left.names {
        rows += names_of(station, event).await?;
    }
    if rows > 0 {
        tracing::info!(rows, "let go of what this station may not see any more");
    }
    Ok(rows)
}

/// Once, for what was left when the program ended.
pub async fn begin(station: &Station) {
    if let Err(problem) = sweep(station).await {
        tracing::warn!(%problem, "what this station may not see any more could not be let go of");
    }
}

fn find(tx: &Transaction<'_>) -> Result<Leftover, Fault> {
    let Some(me) = devices::current(tx)? else { return Ok(Leftover::default()) };
    let mut events: BTreeSet<EventId> = orders::events_here(tx)?.into_iter().collect();
    events.extend(checkin::events_here(tx)?);
    let events = events.into_iter().filter(|event| !me.events.contains(event)).collect();
    let mut names = Vec::new();
    if !me.sees_names() {
        for known in store::scope(tx)? {
            // Of one that was never told whose names are here (a server of before), what came stays.
            if known.names == Some(false) && orders::has_names(tx, known.event)? {
                names.push(known.event);
            }
        }
    }
    let own = devices::public_keys(tx)?.into_iter().map(|(device, _)| device).collect();
    Ok(Leftover { events, names, own })
}

/// Slice by slice until nothing is left, or this station sees the event again.
async fn all_of(
    station: &Station,
    forget: impl Fn(&Transaction<'_>, usize) -> Result<usize, Fault> + Clone + Send + 'static,
    event: EventId,
) -> Result<usize, Problem> {
    let mut rows = 0;
    loop {
        let forget = forget.clone();
        let slice = move |tx: &Transaction<'_>| {
            let sees = devices::current(tx)?.is_none_or(|me| me.events.contains(&event));
            if sees { Ok(0) } else { forget(tx, SLICE) }
        };
        let gone = station.db().write(slice).await?;
        rows += gone;
        if gone == 0 {
            return Ok(rows);
        }
        // Whoever waits for the writer goes first.
        tokio::task::yield_now().await;
    }
}

async fn names_of(station: &Station, event: EventId) -> Result<usize, Problem> {
    let (mut rows, mut after): (usize, Option<PositionId>) = (0, None);
    loop {
        let slice = move |tx: &Transaction<'_>| {
            let sees = devices::current(tx)?.is_none_or(|me| me.sees_names());
            if sees { Ok(Vec::new()) } else { orders::forget_some_names(tx, event, after, SLICE) }
        };
        let gone = station.db().write(slice).await?;
        let Some(last) = gone.last() else { return Ok(rows) };
        (rows, after) = (rows + gone.len(), Some(*last));
        tokio::task::yield_now().await;
    }
}
