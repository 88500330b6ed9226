//! The promises, as what can be checked of the whole world.

use super::{
    station::{BOX_QUOTA, HALL_QUOTA},
    truth::Admission,
    world::World,
};
use std::collections::{BTreeMap, BTreeSet};
use willcall_domain::{
    id::{DeviceId, PaymentId, PositionId, QuotaId},
    sync::{CaseKind, Entry, Fact, Outcome},
};

/// Kinds that say aloud that more was sold than there is.
const BEYOND: [CaseKind; 3] = [CaseKind::Excess, CaseKind::WriteOffWrong, CaseKind::TicketSoldTwice];

/// What holds at every instant.
///
/// # Errors
/// Names what does not.
pub fn at_every_step(world: &World) -> Result<(), String> {
    world.server.ledger.check().map_err(|broken| format!("the ledger: {broken}"))?;
    super::rights::held_once(world)?;
    for quota in [HALL_QUOTA, BOX_QUOTA] {
        let account = &world.server.ledger.quotas[&quota];
        let Some(size) = account.size else { continue };
        let in_hands = world.truth.in_hands(quota);
        if world.truth.acts.is_empty() && in_hands > size {
            return Err(format!(
                "S3: {in_hands} tickets of quota {quota} are in hands, of {size}, and nobody did anything"
            ));
        }
        if world.truth.acts.is_empty() {
            let could: i64 = world.machines.iter().filter(|m| !m.lost).map(|m| m.sellable(quota, world.bug)).sum();
            let free = account.free().unwrap_or(0);
            if in_hands + could + free > size {
                return Err(format!(
                    "S3: {in_hands} of quota {quota} in hands, {could} more could be sold by stations and {free} by the server, of {size}"
                ));
            }
        }
    }
    Ok(())
}

/// What holds when everybody has told everything.
///
/// # Errors
/// Names what does not.
pub fn after_quiet(world: &World) -> Result<(), String> {
    at_every_step(world)?;
    nothing_stranded(world)?;
    applied_once(world)?;
    units_exact(world)?;
    super::rights::counted(world)?;
    excess_has_its_case(world)?;
    doubles_listed(world)?;
    no_name_twice(world)?;
    nobody_honest_is_doubted(world)?;
    replicas_equal(world)
}

/// Where nobody copied, put back or gave up anything, lost and late messages make nobody a copy.
fn nobody_honest_is_doubted(world: &World) -> Result<(), String> {
    if !world.truth.acts.is_empty() {
        return Ok(());
    }
    let doubted = world.machines.iter().enumerate().find(|(_, m)| !m.lost && m.disk.life.doubt.is_some());
    doubted.map_or(Ok(()), |(slot, m)| Err(format!("an honest machine {slot} is doubted: {:?}", m.disk.life.doubt)))
}

/// S2, S5: each fact of a disk that lives is applied or parked with a case.
fn nothing_stranded(world: &World) -> Result<(), String> {
    for (slot, station) in world.machines.iter().enumerate().filter(|(_, m)| !m.lost) {
        for entry in station.disk.journal.values() {
            let kept = world.server.journals.get(&(entry.station, entry.incarnation));
            let here = kept.and_then(|j| j.entries.values().find(|(e, _)| e.hash == entry.hash));
            let Some((_, outcome)) = here else {
                return Err(format!(
                    "S5: entry {} {}.{} of machine {slot} never arrived",
                    entry.kind, entry.incarnation, entry.seq
                ));
            };
            let cases = &world.server.cases;
            let parked = matches!(outcome, Outcome::Parked { .. });
            if parked && !cases.iter().any(|c| c.device == Some(entry.station)) {
                return Err(format!("S5: a parked {} of machine {slot} has no case", entry.kind));
            }
        }
        if !station.disk.waiting().is_empty() && station.lives() {
            return Err(format!("S5: {} facts still wait at machine {slot}", station.disk.waiting().len()));
        }
    }
    Ok(())
}

/// S4: money is what the applied entries say, each counted once.
fn applied_once(world: &World) -> Result<(), String> {
    let mut money: BTreeMap<PaymentId, i64> = BTreeMap::new();
    for (entry, outcome) in world.server.journals.values().flat_map(|j| j.entries.values()) {
        let applied = matches!(outcome, Outcome::Applied | Outcome::AppliedWithCase { .. });
        match entry.fact().filter(|_| applied) {
            Some(Fact::Payment { payment_id, amount, .. }) => _ = money.insert(payment_id, amount.minor),
            Some(Fact::Refund { refund_id, amount, .. }) => _ = money.insert(refund_id, -amount.minor),
            _ => {}
        }
    }
    if money == world.server.paid { Ok(()) } else { Err("S4: the server's money is not what its journals say".into()) }
}

/// Σ of units per quota: what the ledger calls sold is the tickets there are.
fn units_exact(world: &World) -> Result<(), String> {
    for (id, account) in &world.server.ledger.quotas {
        let tills = world.server.tickets.values().filter(|t| !t.voided && t.quotas.contains(id)).count();
        let known = i64::try_from(tills).unwrap_or(i64::MAX) + world.server.web.get(id).copied().unwrap_or(0);
        if account.sold != known {
            return Err(format!("Σ: quota {id} counts {} as sold, and {known} are", account.sold));
        }
    }
    for (id, lease) in &world.server.ledger.leases {
        if let Some(why) = lease.broken() {
            return Err(format!("Σ: lease {id}: {why}"));
        }
    }
    let all_known = world.machines.iter().all(|m| !m.lost);
    let nothing_odd = world.truth.acts.is_empty() && world.server.devices.values().all(|d| !d.revoked);
    if all_known && nothing_odd {
        for quota in [HALL_QUOTA, BOX_QUOTA] {
            let sold = world.server.ledger.quotas[&quota].sold;
            if sold != world.truth.in_hands(quota) {
                return Err(format!(
                    "Σ: {sold} of quota {quota} by the books, {} in hands",
                    world.truth.in_hands(quota)
                ));
            }
            in_one_place(world, quota)?;
        }
    }
    Ok(())
}

/// Units with stations: each of the ledger's is with its holder or on its way, and nowhere else.
fn in_one_place(world: &World, quota: QuotaId) -> Result<(), String> {
    for lease in world.server.ledger.leases.values().filter(|l| l.quota_id == quota && l.accepted) {
        let holder = world.machines.iter().find(|m| m.device() == lease.holder);
        let held = holder.and_then(|m| m.disk.holdings.iter().find(|h| h.lease.lease_id == lease.lease_id));
        let here = held.map(|h| h.lease.free.clone()).unwrap_or_default();
        if here != lease.outstanding() {
            return Err(format!(
                "Σ: of lease {} station {} has {here}, the server says {}\n{}",
                lease.lease_id,
                lease.holder,
                lease.outstanding(),
                story(world, &lease.lease_id.to_string())
            ));
        }
    }
    Ok(())
}

/// S3: what is beyond size is counted, with a case.
fn excess_has_its_case(world: &World) -> Result<(), String> {
    for (id, account) in &world.server.ledger.quotas {
        let Some(size) = account.size else { continue };
        if account.used() > size + account.excess {
            return Err(format!(
                "S3: {} of quota {id} are out, of {size} and {} counted as excess",
                account.used(),
                account.excess
            ));
        }
        if account.excess > 0 && !world.server.has_case(&BEYOND, None, Some(*id)) {
            return Err(format!("S3: {} of quota {id} are excess and no case says so", account.excess));
        }
        if account.excess > 0 && world.truth.acts.is_empty() {
            return Err(format!("S3: {} of quota {id} are excess and nobody did anything", account.excess));
        }
    }
    // One blank sold twice by two copies of a till is two tickets in hands: one case each.
    let mut seen: BTreeSet<PositionId> = BTreeSet::new();
    let reported = |position| world.server.has_case(&[CaseKind::TicketSoldTwice], Some(position), None);
    for sale in world.truth.sales.iter().filter(|s| !s.voided && told(world, s.position)) {
        if !seen.insert(sale.position) && !reported(sale.position) {
            let alive = world.machines.iter().filter(|m| m.device() == sale.by && !m.lost).count() > 1;
            let revoked = world.server.devices.get(&sale.by).is_some_and(|d| d.revoked);
            if alive && !revoked && both_told(world, sale.position) {
                return Err(format!("S3: ticket {} was sold twice and no case says so", sale.position));
            }
        }
    }
    Ok(())
}

fn told(world: &World, position: PositionId) -> bool {
    world.server.tickets.contains_key(&position)
}

fn both_told(world: &World, position: PositionId) -> bool {
    let text = position.to_string();
    let entries = world.server.journals.values().flat_map(|j| j.entries.values());
    entries.filter(|(e, _)| e.kind == "sale" && e.body.contains(&text)).count() > 1
}

/// S4: a station that was put back knows it, and writes nothing under a number it has used.
fn no_name_twice(world: &World) -> Result<(), String> {
    let copied = world.truth.acts.contains(&"a station copied");
    let forked = world.server.journals.iter().find(|(_, journal)| journal.split().is_some());
    match forked.filter(|_| !copied) {
        Some(((station, incarnation), _)) => {
            Err(format!("S4: station {station} wrote two entries under one number in incarnation {incarnation}"))
        }
        None => Ok(()),
    }
}

/// S7: who came in more often than once, at stations whose journals have met, is listed.
fn doubles_listed(world: &World) -> Result<(), String> {
    for (position, admissions) in world.truth.admitted.iter().filter(|(_, all)| all.len() > 1) {
        let gates: Vec<DeviceId> = admissions.iter().map(|a| a.by).collect();
        let arrived = |admission: &Admission| world.server.scans.contains_key(&admission.scan);
        let strangers = admissions.iter().enumerate().any(|(nth, one)| {
            let others = admissions[nth + 1..].iter().filter(|other| arrived(one) && arrived(other));
            others.into_iter().any(|other| !one.knew.contains(&other.scan) && !other.knew.contains(&one.scan))
        });
        let parked = world.server.journals.values().flat_map(|j| j.entries.values()).any(|(e, o)| {
            e.kind == "scan" && matches!(o, Outcome::Parked { .. }) && e.body.contains(&position.to_string())
        });
        if strangers && !world.server.has_case(&[CaseKind::DoubleAdmission], Some(*position), None) {
            let told = story(world, &position.to_string());
            return Err(format!(
                "S7: ticket {position} entered {} times at {gates:?} and is on no list\n{told}",
                gates.len()
            ));
        }
        let here = admissions.iter().filter(|admission| arrived(admission)).count();
        let lost = world.machines.iter().any(|m| m.lost);
        if here < 2 && !parked && !lost && world.truth.acts.is_empty() {
            return Err(format!("S7: ticket {position} entered {} times and the server knows of {here}", gates.len()));
        }
    }
    Ok(())
}

/// S8 and convergence: every station that may talk has the server's rows, and every scan.
fn replicas_equal(world: &World) -> Result<(), String> {
    let wanted: BTreeMap<i64, Option<i64>> = world.server.items.iter().map(|(id, (_, price))| (*id, *price)).collect();
    for (slot, station) in world.machines.iter().enumerate().filter(|(_, m)| m.lives()) {
        let here: BTreeMap<i64, Option<i64>> =
            station.disk.rows.iter().filter(|(id, _)| wanted.contains_key(id)).map(|(id, (_, p))| (*id, *p)).collect();
        if here != wanted {
            return Err(format!("machine {slot} has products {here:?}, the server {wanted:?}"));
        }
        for (scan, (_, of)) in &world.server.scans {
            match station.disk.uses.get(scan) {
                None => return Err(format!("machine {slot} never heard of scan {scan}")),
                Some(seen) if of.undone && !seen.of.undone => {
                    return Err(format!("machine {slot} never heard that scan {scan} was undone"));
                }
                Some(_) => {}
            }
        }
    }
    Ok(())
}

/// Every entry that names `id`, with what became of it, for who reads a failure.
fn story(world: &World, id: &str) -> String {
    let entries = world.server.journals.values().flat_map(|j| j.entries.values()).filter(|(e, _)| e.body.contains(id));
    let line = |(e, o): &(Entry, Outcome)| {
        format!("  {} {}.{} {} {o:?} saw {:?} {}", e.station, e.incarnation, e.seq, &e.hash[..8], e.saw, e.body)
    };
    entries.map(line).collect::<Vec<_>>().join("\n")
}
