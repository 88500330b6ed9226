//! What goes wrong, one thing at a time.

use super::{
    station::{BOX_QUOTA, HALL_QUOTA, Station},
    world::World,
};
use willcall_domain::{clock::UtcMillis, leases::ledger::GivenUp, sync::CaseKind};

/// One fault, or the end of one, at this machine or at the server.
pub fn one(world: &mut World, slot: usize) {
    let now = UtcMillis(world.now);
    match world.dice.below(28) {
        0..=3 => toggle_link(world, slot),
        4..=6 => crash_or_start(world, slot),
        7 => world.machines[slot].disk_full ^= true,
        8 => back_up_station(world, slot),
        9 => put_station_back(world, slot, now),
        10 => copy_station(world, slot, now),
        11 => lose_station(world, slot),
        12 => write_off(world, slot),
        13 => revoke(world, slot),
        14..=15 => cut_quota(world),
        16..=18 => world.server.sequencer_runs ^= true,
        19..=20 => {
            world.server_up ^= true;
            let up = world.server_up;
            world.tell(format!("the server is {}", if up { "back" } else { "away" }));
        }
        21 => world.backups.push(world.server.clone()),
        22 => put_server_back(world),
        23 => {
            world.network.loss = world.dice.throw() % 60;
            world.network.doubled = world.dice.throw() % 30;
        }
        24..=25 => back_up_station(world, slot),
        _ => put_station_back(world, slot, now),
    }
}

/// A third of all seeds live without the acts by which more may be sold than there is; the others have a few.
fn rare(world: &mut World) -> bool {
    world.acts && world.dice.chance(30)
}

fn toggle_link(world: &mut World, slot: usize) {
    world.machines[slot].link ^= true;
    let link = world.machines[slot].link;
    world.tell(format!("machine {slot} {}", if link { "has a link" } else { "is cut off" }));
}

fn crash_or_start(world: &mut World, slot: usize) {
    let now = UtcMillis(world.now);
    if world.machines[slot].lost {
        return;
    }
    if world.machines[slot].up {
        world.machines[slot].up = false;
        world.network.forget(slot);
        world.tell(format!("machine {slot} stops"));
    } else {
        let (dice, bug) = (&mut world.dice, world.bug);
        world.machines[slot].open(now, dice, bug);
        world.tell(format!("machine {slot} starts"));
    }
}

fn back_up_station(world: &mut World, slot: usize) {
    let disk = world.machines[slot].disk.clone();
    world.machines[slot].backups = vec![disk];
    world.tell(format!("machine {slot} is backed up"));
}

fn put_station_back(world: &mut World, slot: usize, now: UtcMillis) {
    let Some(disk) = world.machines[slot].backups.first().cloned() else { return };
    let same = world.machines[slot].disk.device == disk.device;
    if world.machines[slot].lost || !same || !rare(world) {
        return;
    }
    world.truth.act("a station put back from a backup");
    world.tell(format!("machine {slot} is put back"));
    world.machines[slot].disk = disk;
    world.network.forget(slot);
    let (dice, bug) = (&mut world.dice, world.bug);
    world.machines[slot].open(now, dice, bug);
}

/// The folder alone, on another machine, or the machine whole, with all that tells it from others.
fn copy_station(world: &mut World, slot: usize, now: UtcMillis) {
    if world.machines[slot].lost || world.machines.len() > super::world::STATIONS + 1 || !rare(world) {
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
    let (dice, bug) = (&mut world.dice, world.bug);
    copy.open(now, dice, bug);
    world.machines.push(copy);
}

fn lose_station(world: &mut World, slot: usize) {
    if rare(world) {
        world.machines[slot].lost = true;
        world.tell(format!("machine {slot} is lost for ever"));
    }
}

fn write_off(world: &mut World, slot: usize) {
    if !world.server_up || !rare(world) {
        return;
    }
    let device = world.machines[slot].device();
    let how = if world.dice.chance(50) { GivenUp::Lost } else { GivenUp::Stolen };
    world.truth.act("a write-off");
    let (now, bug) = (world.now, world.bug);
    let units = world.server.write_off(device, how, now, &mut world.dice, bug);
    world.tell(format!("{units} units of device {device} are written off"));
}

fn revoke(world: &mut World, slot: usize) {
    if !world.server_up || !rare(world) {
        return;
    }
    let device = world.machines[slot].device();
    world.server.revoke(device);
    world.tell(format!("device {device} is switched off"));
}

fn cut_quota(world: &mut World) {
    if !world.server_up {
        return;
    }
    let quota = if world.dice.chance(60) { HALL_QUOTA } else { BOX_QUOTA };
    let most = if quota == HALL_QUOTA { 40 } else { 12 };
    let wanted = 4 + i64::try_from(world.dice.below(most)).unwrap_or(0);
    let (now, bug) = (world.now, world.bug);
    world.server.resize(quota, wanted, now, &mut world.dice, bug);
    world.tell(format!("quota {quota} is to be {wanted}"));
}

/// The organizer changes or ends a product.
pub fn edit_catalogue(world: &mut World) {
    if !world.server_up {
        return;
    }
    let item = 1 + i64::try_from(world.dice.below(12)).unwrap_or(0);
    // Ids are never used again: what was deleted stays so.
    let gone = world.server.items.get(&item).is_some_and(|(_, price)| price.is_none());
    if gone {
        return;
    }
    let price = world.dice.chance(60).then(|| 500 + i64::try_from(world.dice.below(1_000)).unwrap_or(0));
    let (now, bug) = (world.now, world.bug);
    world.server.edit(item, price, now, &mut world.dice, bug);
    world.tell(format!("product {item} now costs {price:?}"));
}

fn put_server_back(world: &mut World) {
    let Some(backup) = world.backups.last().cloned() else { return };
    if !rare(world) {
        return;
    }
    world.truth.act("the server put back");
    world.network.server_stops();
    // Orders of the web that the backup does not have are asked from the payment providers, not from stations.
    world.truth.web.clone_from(&backup.web);
    let bug = world.bug;
    world.server = backup.recovered(&mut world.dice, bug);
    let silent: Vec<_> =
        world.server.devices.iter().filter(|(_, d)| !d.unheard.is_empty()).map(|(id, _)| *id).collect();
    for device in silent {
        world.server.open_case(CaseKind::StationNotHeard, Some(device), None, None);
    }
    world.tell("the server is put back");
}
