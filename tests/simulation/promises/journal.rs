//! S2, S4, S5: what was written is there, arrives, and is applied once.

use super::Held;
use crate::{
    rows::{Key, Value},
    world::World,
};
use std::collections::BTreeMap;
use willcall_domain::{
    id::PaymentId,
    sync::{CaseKind, Entry, Fact, Outcome},
};

/// S2: what the screen of a machine confirmed is on its disk, and what a full disk refused was not confirmed.
pub(super) fn confirmed_is_durable(world: &World, slot: Option<usize>) -> Held {
    for (of, confirmed) in world.truth.confirmed.iter().filter(|(of, _)| slot.is_none_or(|slot| slot == **of)) {
        let Some(station) = world.machines.get(*of).filter(|m| !m.lost) else { continue };
        let lost = confirmed.iter().find(|c| c.name.is_none_or(|name| !station.disk.journal.contains_key(&name)));
        if let Some(lost) = lost {
            return Err(format!("machine {of} confirmed {} and has no entry of it: {:?}", lost.what, lost.name));
        }
    }
    Ok(())
}

/// S5: each fact of a disk that lives is applied or parked with a case.
pub(super) fn nothing_stranded(world: &World) -> Held {
    for (slot, station) in world.machines.iter().enumerate().filter(|(_, m)| !m.lost) {
        for entry in station.disk.journal.values() {
            let kept = world.server.journals.get(&(entry.station, entry.incarnation));
            let here = kept.and_then(|j| j.entries.values().find(|(e, _)| e.hash == entry.hash)).map(|(_, o)| *o);
            let aside = world.server.aside.get(&entry.hash).map(|(_, case_id)| Outcome::Parked { case_id: *case_id });
            let name = format!("{} {}.{}.{}", entry.kind, entry.station, entry.incarnation, entry.seq);
            match here.or(aside) {
                None => return Err(format!("entry {name} of machine {slot} never arrived")),
                Some(Outcome::Parked { case_id }) if !world.server.cases.contains_key(&case_id) => {
                    return Err(format!("{name} of machine {slot} is parked and has no case"));
                }
                Some(_) => {}
            }
        }
        let waiting = station.disk.waiting().count();
        if waiting > 0 && station.lives() {
            return Err(format!("{waiting} facts still wait at machine {slot}"));
        }
    }
    Ok(())
}

/// S5: what an honest station wrote is an entry of that station.
pub(super) fn nothing_honest_aside(world: &World) -> Held {
    // Keys of a copy, keys whose change was lost with a disk, and enrolments a server has lost are nobody's here: those wait
    // with their case.
    let odd = !world.truth.acts.is_empty();
    let revoked = |entry: &Entry| world.server.devices.get(&entry.station).is_some_and(|d| d.revoked);
    match world.server.aside.values().find(|(entry, _)| !odd && !revoked(entry)) {
        Some((entry, _)) => Err(format!(
            "entry {} {}.{}.{} of an honest station was set aside",
            entry.kind, entry.station, entry.incarnation, entry.seq
        )),
        None => Ok(()),
    }
}

/// S5: a ticket that a station knows is known to the server, or has a case.
pub(super) fn no_ticket_lost(world: &World) -> Held {
    for (slot, station) in world.machines.iter().enumerate().filter(|(_, m)| m.lives()) {
        if world.server.devices.get(&station.device()).is_none_or(|d| d.revoked) {
            continue;
        }
        for (key, kept) in &station.disk.rows {
            let (Key::Position(position), Some(Value::Position { order, .. })) = (key, &kept.value) else { continue };
            let may_see = kept.event.is_some_and(|event| station.disk.events.contains(&event));
            let known = world.server.tickets.contains_key(position) || world.server.lost.contains_key(order);
            if may_see && !known {
                return Err(format!(
                    "machine {slot} knows ticket {position}, and the server neither has it nor a case"
                ));
            }
        }
    }
    Ok(())
}

/// S4: money is what the applied entries say, each counted once.
pub(super) fn applied_once(world: &World) -> Held {
    let mut money: BTreeMap<PaymentId, i64> = BTreeMap::new();
    for (entry, outcome) in world.server.journals.values().flat_map(|j| j.entries.values()) {
        let applied = matches!(outcome, Outcome::Applied | Outcome::AppliedWithCase { .. });
        match entry.fact().filter(|_| applied) {
            Some(Fact::Payment { payment_id, amount, .. }) => _ = money.insert(payment_id, amount.minor),
            Some(Fact::Refund { refund_id, amount, .. }) => _ = money.insert(refund_id, -amount.minor),
            _ => {}
        }
    }
    for (payment, minor) in money {
        let booked = world.server.payments.get(&payment).map(|(_, minor)| *minor);
        if booked.is_some_and(|booked| booked != minor) {
            return Err(format!("payment {payment} of {minor} is booked as {booked:?}"));
        }
    }
    Ok(())
}

/// S4: a station that was put back knows it, and writes nothing under a number it has used.
pub(super) fn no_name_twice(world: &World) -> Held {
    let copied = world.truth.acts.contains(&"a station copied");
    let forked = world.server.journals.iter().find(|(_, journal)| journal.split().is_some());
    match forked.filter(|_| !copied) {
        Some(((station, incarnation), _)) => {
            Err(format!("station {station} wrote two entries under one number in incarnation {incarnation}"))
        }
        None => Ok(()),
    }
}

/// Where nobody copied, put back or gave up anything, lost and late messages make nobody a copy.
pub(super) fn nobody_honest_is_doubted(world: &World) -> Held {
    if !world.truth.acts.is_empty() {
        return Ok(());
    }
    let doubted = world.machines.iter().enumerate().find(|(_, m)| !m.lost && m.disk.life.incarnation > 1);
    doubted.map_or(Ok(()), |(slot, m)| Err(format!("an honest machine {slot} was doubted: {:?}", m.disk.life)))?;
    let asked = world.server.cases.values().find(|c| matches!(c.kind, CaseKind::SuspectStation | CaseKind::Fork));
    asked.map_or(Ok(()), |case| Err(format!("{:?} about honest device {:?}", case.kind, case.device)))
}

/// Every entry that names `id`, with what became of it, for who reads a failure.
pub(super) fn story(world: &World, id: &str) -> String {
    let entries = world.server.journals.values().flat_map(|j| j.entries.values()).filter(|(e, _)| e.body.contains(id));
    let line = |(e, o): &(Entry, Outcome)| {
        format!("  {} {}.{} {} {o:?} saw {:?} {}", e.station, e.incarnation, e.seq, &e.hash[..8], e.saw, e.body)
    };
    entries.map(line).collect::<Vec<_>>().join("\n")
}
