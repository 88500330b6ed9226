//! S3 and Σ: no more is sold than there is, and every unit is in one place.

use super::{Held, nothing_odd};
use crate::{server::Server, town::QUOTAS, world::World};
use std::collections::BTreeSet;
use willcall_domain::{
    id::{PositionId, QuotaId},
    leases::units::Units,
    sync::CaseKind,
};

/// Kinds that say aloud that more was sold than there is.
const BEYOND: [CaseKind; 3] = [CaseKind::Excess, CaseKind::WriteOffWrong, CaseKind::TicketSoldTwice];

/// The ledger holds; and where nobody did anything, what is in hands and what could still be sold is within size.
pub(super) fn within_size(world: &World) -> Held {
    world.server.ledger.check().map_err(|broken| format!("the ledger: {broken}"))?;
    if !world.truth.acts.is_empty() {
        return Ok(());
    }
    for quota in QUOTAS {
        let account = &world.server.ledger.quotas[&quota];
        let Some(size) = account.size else { continue };
        let in_hands = world.truth.in_hands(quota);
        if in_hands > size {
            return Err(format!(
                "{in_hands} tickets of quota {quota} are in hands, of {size}, and nobody did anything"
            ));
        }
        let could: i64 = world.machines.iter().filter(|m| !m.lost).map(|m| m.sellable(quota, world.bug)).sum();
        let free = account.free().unwrap_or(0);
        if in_hands + could + free > size {
            return Err(format!(
                "{in_hands} of quota {quota} in hands, {could} more could be sold by stations and {free} by the server, of {size}"
            ));
        }
    }
    Ok(())
}

/// What is beyond size is counted, with a case.
pub(super) fn excess_has_its_case(world: &World) -> Held {
    for (id, account) in &world.server.ledger.quotas {
        let Some(size) = account.size else { continue };
        let (used, excess) = (account.used(), account.excess);
        if used > size + excess {
            return Err(format!("{used} of quota {id} are out, of {size} and {excess} counted as excess"));
        }
        if excess > 0 && !world.server.has_case(&BEYOND, None, Some(*id)) {
            return Err(format!("{excess} of quota {id} are excess and no case says so"));
        }
        if excess > 0 && world.truth.acts.is_empty() {
            return Err(format!("{excess} of quota {id} are excess and nobody did anything"));
        }
    }
    // One blank sold twice by two copies of a till is two tickets in hands: one case each.
    let mut seen: BTreeSet<PositionId> = BTreeSet::new();
    let reported = |position| world.server.has_case(&[CaseKind::TicketSoldTwice], Some(position), None);
    for sale in world.truth.sales.iter().filter(|s| !s.voided && world.server.tickets.contains_key(&s.position)) {
        if seen.insert(sale.position) || reported(sale.position) {
            continue;
        }
        let alive = world.machines.iter().filter(|m| Some(m.device()) == sale.by && !m.lost).count() > 1;
        let revoked = sale.by.and_then(|by| world.server.devices.get(&by)).is_some_and(|d| d.revoked);
        if alive && !revoked && both_told(&world.server, sale.position) {
            return Err(format!("ticket {} was sold twice and no case says so", sale.position));
        }
    }
    Ok(())
}

fn both_told(server: &Server, position: PositionId) -> bool {
    let text = position.to_string();
    let entries = server.journals.values().flat_map(|j| j.entries.values());
    entries.filter(|(e, _)| e.kind == "sale" && e.body.contains(&text)).count() > 1
}

/// What the books call sold is the tickets there are; and where nothing odd happened, the tickets in hands, and each unit
/// lent is with its holder.
pub(super) fn exact(world: &World) -> Held {
    let server = &world.server;
    for (id, account) in &server.ledger.quotas {
        let counts = |t: &&crate::server::Ticket| server.counts(t) && crate::town::counted(t.article).contains(id);
        let known = i64::try_from(server.tickets.values().filter(counts).count()).unwrap_or(i64::MAX);
        if account.sold != known {
            return Err(format!("quota {id} counts {} as sold, and {known} are", account.sold));
        }
    }
    for (id, lease) in &server.ledger.leases {
        if let Some(why) = lease.broken() {
            return Err(format!("lease {id}: {why}"));
        }
    }
    if !nothing_odd(world) {
        return Ok(());
    }
    for quota in QUOTAS {
        let (sold, in_hands) = (server.ledger.quotas[&quota].sold, world.truth.in_hands(quota));
        if sold != in_hands {
            return Err(format!("{sold} of quota {quota} by the books, {in_hands} in hands"));
        }
        in_one_place(world, quota)?;
    }
    Ok(())
}

/// Units with stations: each of the ledger's is with its holder or on its way, and nowhere else; and nobody holds units
/// of an event it does not see.
fn in_one_place(world: &World, quota: QuotaId) -> Held {
    for lease in world.server.ledger.leases.values().filter(|l| l.quota_id == quota && l.accepted) {
        let holder = world.machines.iter().find(|m| m.device() == lease.holder);
        let held = holder.and_then(|m| m.disk.holdings.iter().find(|h| h.lease.lease_id == lease.lease_id));
        let here = held.map(|h| h.lease.free.clone()).unwrap_or_else(Units::none);
        if here != lease.outstanding() {
            return Err(format!(
                "of lease {} station {} has {here}, the server says {}\n{}",
                lease.lease_id,
                lease.holder,
                lease.outstanding(),
                super::journal::story(world, &lease.lease_id.to_string())
            ));
        }
        let elsewhere = holder.is_some_and(|m| !m.disk.events.contains(&crate::town::event_of_quota(quota)));
        if elsewhere && !here.is_empty() {
            return Err(format!(
                "station {} keeps {here} of quota {quota}, which it may not see any more",
                lease.holder
            ));
        }
    }
    Ok(())
}
