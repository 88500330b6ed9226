//! What goes wrong, one thing at a time.

use super::{
    server::About,
    station::{Line, Station},
    town,
    world::{STATIONS, World},
};
use willcall_domain::{leases::ledger::GivenUp, sync::CaseKind};

/// One fault, or the end of one, at this machine or at the server.
pub fn one(world: &mut World, slot: usize) {
    match world.dice.below(40) {
        0..=3 => change_line(world, slot),
        4..=6 => crash_or_start(world, slot),
        7..=8 => fill_or_empty_disk(world, slot),
        9..=11 => back_up_station(world, slot),
        12..=13 => put_station_back(world, slot),
        14 => copy_station(world, slot),
        15 => lose_station(world, slot),
        16 => write_off(world, slot),
        17 => write_off_flying(world),
        18 => revoke(world, slot),
        19..=20 => cut_quota(world),
        21..=22 => kill_or_start_sequencer(world),
        23..=24 => {
            world.server_up ^= true;
            let up = world.server_up;
            world.tell(format!("the server is {}", if up { "back" } else { "away" }));
        }
        25 => world.backups.push(world.server.clone()),
        26 => put_server_back(world),
        27 => {
            world.network.loss = world.dice.throw() % 60;
            world.network.doubled = world.dice.throw() % 30;
        }
        28..=30 => jump_clock(world, slot),
        31..=32 => change_key(world, slot),
        33 => enrol_again(world, slot),
        34..=36 => move_station(world, slot),
        37 => decide_lost(world),
        38 => release(world, slot),
        _ => try_again(world),
    }
}

/// A third of all seeds live without the acts by which more may be sold than there is; the others have a few.
fn rare(world: &mut World) -> bool {
    world.acts && world.dice.chance(30)
}

/// Good, cut, one-way, or slow.
fn change_line(world: &mut World, slot: usize) {
    let line = match world.dice.below(8) {
        0..=2 => Line::GOOD,
        3..=4 => Line { up: false, down: false, slow: false },
        5 => Line { up: true, down: false, slow: false },
        6 => Line { up: false, down: true, slow: false },
        _ => Line { up: true, down: true, slow: true },
    };
    world.machines[slot].line = line;
    world.tell(format!("the line of machine {slot} is {line:?}"));
}

fn crash_or_start(world: &mut World, slot: usize) {
    if world.machines[slot].lost {
        return;
    }
    if world.machines[slot].up {
        world.machines[slot].up = false;
        world.network.forget(slot);
        world.tell(format!("machine {slot} stops"));
    } else {
        open(world, slot);
        world.tell(format!("machine {slot} starts"));
    }
}

fn open(world: &mut World, slot: usize) {
    let (now, bug) = (world.now, world.bug);
    world.machines[slot].open(now, &mut world.dice, bug);
    world.watch.must_look(slot);
}

fn fill_or_empty_disk(world: &mut World, slot: usize) {
    let station = &mut world.machines[slot];
    station.disk_full ^= true;
    let full = station.disk_full;
    station.ballast = 5;
    world.tell(format!("the disk of machine {slot} is {}", if full { "full" } else { "free again" }));
}

/// The sequencer dies in the middle of its work, or is there again.
fn kill_or_start_sequencer(world: &mut World) {
    world.server.sequencer_runs ^= true;
    let runs = world.server.sequencer_runs;
    world.tell(format!("the sequencer {}", if runs { "runs" } else { "is killed" }));
}

/// By up to twelve hours, either way; the machine may run or not.
fn jump_clock(world: &mut World, slot: usize) {
    let by = i64::try_from(world.dice.throw() % 86_400_000).unwrap_or(0) - 43_200_000;
    let skew = if world.dice.chance(30) { 0 } else { world.machines[slot].skew_ms + by };
    world.machines[slot].skew_ms = skew;
    world.network.lose_contacts(slot);
    world.tell(format!("the clock of machine {slot} is {skew} ms off"));
}

fn change_key(world: &mut World, slot: usize) {
    if !world.machines[slot].lives() {
        return;
    }
    let next = world.dice.key();
    let now = world.now;
    if world.machines[slot].change_key(next, now, &mut world.dice) {
        world.tell(format!("machine {slot} has a new key"));
    }
}

/// A station is enrolled anew, after it was switched off or without: it is another device from then on.
fn enrol_again(world: &mut World, slot: usize) {
    let station = &world.machines[slot];
    if !world.server_up || !station.lives() || !station.line.is_whole() || station.disk_full || station.doubts() {
        return;
    }
    let before = station.device();
    // A copy of the machine would go on as the old device, and only one of them was enrolled.
    let others = world.machines.iter().filter(|m| m.device() == before).count() > 1;
    if !others && world.dice.chance(60) {
        world.enrol_anew(slot);
    }
}

/// A station is for other events from now on.
fn move_station(world: &mut World, slot: usize) {
    if !world.server_up {
        return;
    }
    let device = world.machines[slot].device();
    let events = world.some_events();
    world.tell(format!("device {device} is moved to {events:?}"));
    world.office(|server, at| server.move_to(device, events, at));
}

fn back_up_station(world: &mut World, slot: usize) {
    let disk = world.machines[slot].disk.clone();
    world.machines[slot].backups = vec![disk];
    world.tell(format!("machine {slot} is backed up"));
}

fn put_station_back(world: &mut World, slot: usize) {
    let Some(disk) = world.machines[slot].backups.first().cloned() else { return };
    let same = world.machines[slot].disk.device == disk.device;
    if world.machines[slot].lost || !same || !rare(world) {
        return;
    }
    world.truth.act("a station put back from a backup");
    world.tell(format!("machine {slot} is put back"));
    let kept = &disk.journal;
    if let Some(confirmed) = world.truth.confirmed.get_mut(&slot) {
        // What was confirmed since is lost with the disk it was on.
        confirmed.retain(|one| one.name.is_none_or(|name| kept.contains_key(&name)));
    }
    world.machines[slot].disk = disk;
    world.network.forget(slot);
    world.watch.forget(slot);
    open(world, slot);
}

/// The folder alone, on another machine, or the machine whole, with all that tells it from others.
fn copy_station(world: &mut World, slot: usize) {
    if world.machines[slot].lost || world.machines.len() > STATIONS + 1 || !rare(world) {
        return;
    }
    let mut copy: Station = world.machines[slot].clone();
    let whole = world.dice.chance(50);
    if !whole {
        copy.machine = format!("{}, copied", copy.machine);
    }
    (copy.up, copy.lost, copy.backups) = (false, false, Vec::new());
    world.truth.act("a station copied");
    world.tell(format!("machine {slot} is copied {}", if whole { "whole" } else { "to another machine" }));
    world.machines.push(copy);
    let slot = world.machines.len() - 1;
    open(world, slot);
}

fn lose_station(world: &mut World, slot: usize) {
    if rare(world) {
        world.machines[slot].lost = true;
        world.tell(format!("machine {slot} is lost for ever"));
    }
}

fn how(world: &mut World) -> GivenUp {
    if world.dice.chance(50) { GivenUp::Lost } else { GivenUp::Stolen }
}

fn write_off(world: &mut World, slot: usize) {
    if !world.server_up || !rare(world) {
        return;
    }
    let device = world.machines[slot].device();
    let how = how(world);
    world.truth.act("a write-off");
    let units = world.office(|server, at| server.write_off(device, how, at));
    world.tell(format!("{units} units of device {device} are written off"));
}

/// One hand-over that is on its way, and neither of its tills.
fn write_off_flying(world: &mut World) {
    if !world.server_up || !rare(world) {
        return;
    }
    let (nth, how) = (world.dice.below(20), how(world));
    if let Some((id, units)) = world.office(|server, at| server.write_off_flying(nth, how, at)) {
        world.truth.act("a write-off");
        world.tell(format!("{units} units on their way in {id} are written off"));
    }
}

fn revoke(world: &mut World, slot: usize) {
    if !world.server_up || !rare(world) {
        return;
    }
    let device = world.machines[slot].device();
    world.office(|server, at| server.revoke(device, at));
    world.tell(format!("device {device} is switched off"));
}

fn cut_quota(world: &mut World) {
    if !world.server_up {
        return;
    }
    let quota = town::QUOTAS[world.dice.below(town::QUOTAS.len())];
    let wanted = 4 + i64::try_from(world.dice.below(26)).unwrap_or(0);
    world.office(|server, at| server.resize(quota, wanted, at));
    world.tell(format!("quota {quota} is to be {wanted}"));
}

/// The organizer changes or ends something of the catalogue.
pub fn edit_catalogue(world: &mut World) {
    if !world.server_up {
        return;
    }
    let id = 1 + i64::try_from(world.dice.below(12)).unwrap_or(0);
    // Ids are never used again: what was deleted stays so.
    if world.server.catalogue.get(&id).is_some_and(Option::is_none) {
        return;
    }
    let price = world.dice.chance(60).then(|| 500 + i64::try_from(world.dice.below(1_000)).unwrap_or(0));
    world.office(|server, at| server.edit(id, price, at));
    world.tell(format!("product {id} now costs {price:?}"));
}

fn put_server_back(world: &mut World) {
    let Some(backup) = world.backups.last().cloned() else { return };
    if !rare(world) {
        return;
    }
    world.truth.act("the server put back");
    world.network.server_stops();
    world.tell("the server is put back");
    world.server = world.office(|_, at| backup.recovered(at));
    let bug = world.bug;
    if bug == Some(super::bugs::Bug::ServerPutBack) {
        return;
    }
    // Payments since then are asked from the providers.
    let lost = world.truth.coins.iter().filter(|coin| coin.slot.is_none());
    let lost: Vec<_> = lost.filter(|c| !world.server.payments.contains_key(&c.payment)).map(|c| c.payment).collect();
    if !lost.is_empty() {
        world.office(|server, at| server.open_case(CaseKind::UnknownOrder, None, About::default(), at));
    }
}

/// A person decides on an order the server had lost.
fn decide_lost(world: &mut World) {
    let lost = world.server.lost.iter().filter(|(_, lost)| !lost.decided).map(|(order, _)| *order);
    let Some(order) = lost.min().filter(|_| world.server_up) else { return };
    let adopt = world.dice.chance(60);
    world.office(|server, at| server.decide(order, adopt, at));
    world.tell(format!("order {order} is {}", if adopt { "adopted" } else { "left out" }));
}

/// A person says of a station that is waited for that it never will report.
fn release(world: &mut World, slot: usize) {
    let device = world.machines[slot].device();
    let waited = world.server.devices.get(&device).is_some_and(|d| d.unheard.is_some());
    if waited && world.server_up && rare(world) {
        world.office(|server, at| server.heard(device, at));
        world.tell(format!("device {device} is not waited for any more"));
    }
}

/// A person tries again what waits for something.
fn try_again(world: &mut World) {
    if world.server_up && world.office(super::server::Server::retry_all) {
        world.tell("what waited is tried again");
    }
}
