//! What this station may see, how much of it is here, and what follows: rows that are still to be fetched, and rows and
//! names that go. Facts of this station are never among those that go.

use super::cases;
use super::{
    store::{self, InScope},
    transport::Standing,
};
use crate::{catalog, checkin, devices, error::Fault, ticketing};
use rusqlite::Transaction;
use willcall_domain::id::EventId;

/// What is to be downloaded before following the feed is enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Needed {
    /// All this station may see.
    Whole,
    /// These events, all else is here.
    Events(Vec<EventId>),
}

/// What a snapshot is needed for. `spoken` is the version of the protocol; `refused` is where the server said that its
/// feed cannot be followed from.
pub(super) fn needed(tx: &Transaction<'_>, spoken: u32, refused: Option<Standing>) -> Result<Option<Needed>, Fault> {
    let Some(standing) = store::standing(tx, spoken)? else { return Ok(Some(Needed::Whole)) };
    if refused == Some(standing) {
        return Ok(Some(Needed::Whole));
    }
    let Some(me) = devices::current(tx)? else { return Ok(None) };
    let here = store::scope(tx)?;
    let is_here = |event: &EventId| {
        here.iter().any(|known| known.event == *event && !(me.sees_names() && known.names == Some(false)))
    };
    let missing: Vec<EventId> = me.events.iter().filter(|event| !is_here(event)).copied().collect();
    Ok((!missing.is_empty()).then_some(Needed::Events(missing)))
}

/// All rows of these events are here now, with names or without.
pub(super) fn widen(tx: &Transaction<'_>, events: &[EventId], names: Option<bool>) -> Result<(), Fault> {
    events.iter().try_for_each(|event| store::widen_scope(tx, InScope { event: *event, names }))
}

/// Lets go of what this station may not see any more: events, and names. What there are many of, tickets and scans, is
/// left to [`super::sweep`].
pub(super) fn narrow(tx: &Transaction<'_>) -> Result<(), Fault> {
    let Some(me) = devices::current(tx)? else { return Ok(()) };
    let here = store::scope(tx)?;
    let mut gone: Vec<EventId> = here.iter().map(|known| known.event).collect();
    gone.extend(catalog::events(tx)?.into_iter().map(|event| event.event_id));
    gone.retain(|event| !me.events.contains(event));
    gone.sort_unstable();
    gone.dedup();
    for event in &gone {
        cases::forget_event(tx, *event)?;
        catalog::forget_event(tx, *event)?;
        checkin::forget_event(tx, *event)?;
        ticketing::forget_event(tx, *event)?;
        store::narrow_scope(tx, *event)?;
        tracing::info!(event = event.0, "an event that this station may not see any more was let go of");
    }
    let named = here.iter().filter(|known| known.names == Some(true) && !gone.contains(&known.event));
    for known in named.filter(|_| !me.sees_names()) {
        store::widen_scope(tx, InScope { names: Some(false), ..*known })?;
        tracing::info!(event = known.event.0, "names that this station may not see any more were let go of");
    }
    Ok(())
}
