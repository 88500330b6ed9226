//! What may happen once has one holder, and happens once where nobody did anything.

use super::{Held, nothing_odd};
use crate::{people::VOUCHERS, station::HeldHere, world::World};
use willcall_domain::{
    id::VoucherId,
    leases::{RightAccount, RightSubject},
    sync::CaseKind,
};

fn vouchers() -> impl Iterator<Item = VoucherId> {
    (1..=VOUCHERS).map(|n| VoucherId(i64::try_from(n).unwrap_or(0)))
}

pub(super) fn held_once(world: &World) -> Held {
    let rights = &world.server.rights;
    for (subject, guarded) in &rights.guarded {
        let of: Vec<RightAccount> = rights.all.values().filter(|r| r.subject == *subject).cloned().collect();
        guarded.check(&of).map_err(|broken| format!("rights of {subject:?}: {broken}"))?;
        if !world.truth.acts.is_empty() {
            continue;
        }
        let could = world.machines.iter().filter(|m| !m.lost && m.may_use(*subject, world.bug)).count();
        let happened = match subject {
            RightSubject::Voucher { voucher_id } => world.truth.spent(*voucher_id),
            RightSubject::Order { .. } => 0,
        };
        if happened + could > 1 {
            return Err(format!(
                "{subject:?} happened {happened} times, {could} stations may still do it, and nobody did anything"
            ));
        }
    }
    Ok(())
}

/// The books say what the applied sales say, each use too many has its case, an order nobody but its holder changed is
/// paid once and ended once, and what is held is with its holder.
pub(super) fn counted(world: &World) -> Held {
    let twice = world.server.cases.values().find(|c| matches!(c.kind, CaseKind::RightTwice | CaseKind::Overpaid));
    if let Some(case) = twice.filter(|_| world.truth.acts.is_empty()) {
        return Err(format!("{:?} about {:?}, and nobody did anything", case.kind, case.about));
    }
    for voucher in vouchers() {
        let known = world.server.tickets.values().filter(|t| !t.canceled && t.voucher == Some(voucher)).count();
        let guarded = world.server.rights.guarded.get(&RightSubject::Voucher { voucher_id: voucher });
        let guarded = guarded.cloned().unwrap_or_default();
        if guarded.uses as usize != known {
            return Err(format!("voucher {voucher} counts {} uses, and {known} are known", guarded.uses));
        }
        if guarded.excess > 0 && (twice.is_none() || world.truth.acts.is_empty()) {
            return Err(format!("voucher {voucher} was spent {} times too often", guarded.excess));
        }
    }
    with_its_holder(world)
}

fn with_its_holder(world: &World) -> Held {
    if !nothing_odd(world) {
        return Ok(());
    }
    for (subject, guarded) in &world.server.rights.guarded {
        let Some(holder) = guarded.holder.and_then(|id| world.server.rights.all.get(&id)) else { continue };
        // Also where the station doubts itself, or has: what is frozen or not taken a person decides about.
        let usable = |h: &HeldHere| h.right.subject == *subject && h.right.may_use().is_ok();
        let mut holds = world.machines.iter().filter(|m| m.device() == holder.holder);
        if !holds.any(|m| m.doubts() || m.disk.rights.iter().any(usable)) {
            return Err(format!("{subject:?} is with station {} by the books, and is not", holder.holder));
        }
    }
    Ok(())
}
