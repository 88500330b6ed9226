//! Every station that may talk has what the server has, of every table it may see.

use super::Held;
use crate::{
    rows::{Key, Row},
    station::Station,
    world::World,
};

pub(super) fn equal(world: &World) -> Held {
    let server = &world.server;
    let rows: Vec<Row> = server.versions.keys().map(|key| server.row(*key)).collect();
    let in_use = |m: &Station| m.lives() && server.devices.get(&m.device()).is_some_and(|d| !d.revoked);
    for (slot, station) in world.machines.iter().enumerate().filter(|(_, m)| in_use(m)) {
        let events = &server.devices[&station.device()].events;
        if station.disk.events != *events || station.disk.here != *events {
            let (here, known) = (&station.disk.here, &station.disk.events);
            return Err(format!("machine {slot} has {here:?}, thinks it may see {known:?}, and may see {events:?}"));
        }
        for row in &rows {
            let to_me = row.to.is_none_or(|to| to == station.device());
            let seen = to_me && row.event.is_none_or(|event| events.contains(&event));
            let kept = station.disk.rows.get(&row.key);
            let here = kept.and_then(|kept| kept.value.as_ref());
            // Where the server was put back, what it deletes before a station has read on is of an earlier history there.
            let of_before = row.value.is_none() && kept.is_some_and(|kept| kept.at.0 < newest(station));
            if seen && !of_before && here != row.value.as_ref() {
                return Err(format!("machine {slot} has {:?} as {here:?}, the server as {:?}", row.key, row.value));
            }
        }
        nothing_more(world, slot, station)?;
        scans(world, slot, station)?;
    }
    Ok(())
}

/// The history it is in.
fn newest(station: &Station) -> usize {
    station.disk.histories.len().saturating_sub(1)
}

/// What it has of the present history, the server has; what an earlier one had is nobody's to delete.
fn nothing_more(world: &World, slot: usize, station: &Station) -> Held {
    let newest = newest(station);
    let more = station.disk.rows.iter().find(|(key, kept)| {
        let known = world.server.versions.contains_key(key) || matches!(key, Key::Case(_));
        kept.at.0 == newest && kept.value.is_some() && !known
    });
    more.map_or(Ok(()), |(key, kept)| Err(format!("machine {slot} has {key:?} as {kept:?}, the server nothing")))
}

fn scans(world: &World, slot: usize, station: &Station) -> Held {
    for (id, scan) in world.server.scans.iter().filter(|(_, scan)| station.disk.events.contains(&scan.event)) {
        match station.disk.uses.get(id) {
            None => return Err(format!("machine {slot} never heard of scan {id}")),
            Some(seen) if scan.of.undone && !seen.of.undone => {
                return Err(format!("machine {slot} never heard that scan {id} was undone"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}
