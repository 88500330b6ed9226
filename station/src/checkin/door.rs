//! What the door's screen shows beside the verdict: events, lists with their heads, the newest verdicts.

use super::{store, undo};
use crate::{catalog, devices::Identity, error::Fault, journal, orders, station::Station};
use rusqlite::Transaction;
use willcall_domain::{
    checkin::{
        ListRow, VerdictView,
        wire::{DoorEvent, DoorView, ListView},
    },
    clock::UtcMillis,
    devices::{DeviceSetup, Right},
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
    let may_undo = station.rights_in_force(&identity).contains(&Right::Undo);
    let now = station.reading().now;
    let hide_names = identity.setup.hide_names;
    let mut door = station.db().read(move |tx| view(tx, &identity, now, may_undo)).await?;
    // What is in memory only is newer than all that was recorded.
    let mut recent = station.unrecorded().views(RECENT as usize);
    recent.append(&mut door.recent);
    recent.truncate(RECENT as usize);
    if hide_names {
        recent.iter_mut().for_each(|scan| scan.name = None);
    }
    Ok(DoorView { recent, ..door })
}

fn view(tx: &Transaction<'_>, who: &Identity, now: UtcMillis, may_undo: bool) -> Result<DoorView, Fault> {
    let mut lists = store::lists(tx)?;
    lists.retain(|list| is_offered(list, &who.setup));
    let mut events = Vec::new();
    for event in catalog::events(tx)?.into_iter().filter(|e| who.events.contains(&e.event_id)) {
        let mut views = Vec::new();
        for list in lists.iter().filter(|l| l.event_id == event.event_id) {
            let (admitted, inside) = store::heads(tx, list.list_id)?;
            let expected = orders::count_for_list(tx, list)?;
            views.push(ListView {
                list_id: list.list_id,
                name: list.name.clone(),
                inside,
                admitted,
                expected,
                shown_from: list.shown_from,
                shown_until: list.shown_until,
                on_now: on_now(list, now),
            });
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
    let hide_names = who.setup.hide_names;
    let recent = store::verdicts(tx, RECENT)?.into_iter().map(|shown| now_known(tx, shown, may_undo, hide_names));
    Ok(DoorView { events, recent: recent.collect::<Result<_, _>>()? })
}

/// Whether this device offers a list: one of its own, at its gate. A device of no gate offers those of every gate.
fn is_offered(list: &ListRow, setup: &DeviceSetup) -> bool {
    let here = setup.gate_id.is_none_or(|gate| list.gates.is_empty() || list.gates.contains(&gate));
    here && setup.scans_for(list.list_id)
}

/// Whether it is the time at which the door chooses a list by itself; `None` where no time was set.
fn on_now(list: &ListRow, now: UtcMillis) -> Option<bool> {
    let timed = list.shown_from.is_some() || list.shown_until.is_some();
    let on = list.shown_from.is_none_or(|from| from <= now) && list.shown_until.is_none_or(|until| now < until);
    timed.then_some(on)
}

/// The verdict with what is known by now: the name, whether the server has it, and whether it can be undone here.
pub(super) fn now_known(
    tx: &Transaction<'_>,
    shown: store::Shown,
    may_undo: bool,
    hide_names: bool,
) -> Result<VerdictView, Fault> {
    let mut view = shown.view;
    view.delivery = journal::delivery(tx, shown.station, shown.incarnation, shown.seq)?;
    view.undone = store::is_undone(tx, view.scan_id)?;
    view.may_undo = may_undo && !view.undone && undo::lets_through(view.class);
    if let Some(position) = view.position_id.filter(|_| !hide_names) {
        view.name = orders::by_id(tx, position)?.and_then(|p| p.name);
    }
    Ok(view)
}
