//! What the door's screen shows beside the verdict: events, lists with their heads, the newest verdicts.

use super::{store, undo};
use crate::{catalog, error::Fault, journal, orders, station::Station};
use rusqlite::Transaction;
use willcall_domain::{
    checkin::{
        VerdictView,
        wire::{DoorEvent, DoorView, ListView},
    },
    devices::Right,
    id::EventId,
    problem::Problem,
};

/// Verdicts on the screen.
const RECENT: u32 = 20;

/// The screen's data; empty before enrolment.
///
/// # Errors
/// When the database cannot be read.
pub async fn door(station: &Station) -> Result<DoorView, Problem> {
    let Some(identity) = station.identity() else { return Ok(DoorView { events: Vec::new(), recent: Vec::new() }) };
    let may_undo = identity.rights.contains(&Right::Undo);
    let mut door = station.db().read(move |tx| view(tx, &identity.events, may_undo)).await?;
    // What is in memory only is newer than all that was recorded.
    let mut recent = station.unrecorded().views(RECENT as usize);
    recent.append(&mut door.recent);
    recent.truncate(RECENT as usize);
    Ok(DoorView { recent, ..door })
}

fn view(tx: &Transaction<'_>, scope: &[EventId], may_undo: bool) -> Result<DoorView, Fault> {
    let lists = store::lists(tx)?;
    let mut events = Vec::new();
    for event in catalog::events(tx)?.into_iter().filter(|e| scope.contains(&e.event_id)) {
        let mut views = Vec::new();
        for list in lists.iter().filter(|l| l.event_id == event.event_id) {
            let (admitted, inside) = store::heads(tx, list.list_id)?;
            let expected = orders::count_for_list(tx, list)?;
            views.push(ListView { list_id: list.list_id, name: list.name.clone(), inside, admitted, expected });
        }
        events.push(DoorEvent {
            event_id: event.event_id,
            name: event.name,
            zone: event.zone,
            starts_at: event.starts_at,
            lists: views,
        });
    }
    events.sort_by_key(|e| (e.starts_at, e.event_id));
    let recent = store::verdicts(tx, RECENT)?.into_iter().map(|shown| now_known(tx, shown, may_undo));
    Ok(DoorView { events, recent: recent.collect::<Result<_, _>>()? })
}

/// The verdict with what is known by now: the name, whether the server has it, and whether it can be undone here.
fn now_known(tx: &Transaction<'_>, shown: store::Shown, may_undo: bool) -> Result<VerdictView, Fault> {
    let mut view = shown.view;
    view.delivery = journal::delivery(tx, shown.station, shown.incarnation, shown.seq)?;
    view.undone = store::is_undone(tx, view.scan_id)?;
    view.may_undo = may_undo && !view.undone && undo::lets_through(view.class);
    if let Some(position) = view.position_id {
        view.name = orders::by_id(tx, position)?.and_then(|p| p.name);
    }
    Ok(view)
}
