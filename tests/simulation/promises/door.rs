//! S6 and S7: one ticket, one admission; and where gates did not know each other, a list.

use super::{Held, journal::story};
use crate::{truth::Admission, world::World};
use willcall_domain::{
    id::DeviceId,
    sync::{CaseKind, Outcome},
};

/// S6, as far as one gate goes: it lets nobody in whom its own journal says it has let in.
pub(super) fn nobody_twice_at_one_gate(world: &World) -> Held {
    // A disk put back has lost what it knew, and says so by a new life.
    let again = world.truth.admitted.iter().find(|(_, all)| all.last().is_some_and(|last| last.own_before > 0));
    match again {
        Some((position, all)) => {
            let slots: Vec<usize> = all.iter().map(|a| a.slot).collect();
            Err(format!("ticket {position} was let in twice by one gate: machines {slots:?}"))
        }
        None => Ok(()),
    }
}

/// S7: who came in more often than once, at stations whose journals have met, is listed.
pub(super) fn doubles_listed(world: &World) -> Held {
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
            let times = gates.len();
            return Err(format!("ticket {position} entered {times} times at {gates:?} and is on no list\n{told}"));
        }
        let here = admissions.iter().filter(|admission| arrived(admission)).count();
        let lost = world.machines.iter().any(|m| m.lost);
        if here < 2 && !parked && !lost && world.truth.acts.is_empty() {
            return Err(format!("ticket {position} entered {} times and the server knows of {here}", gates.len()));
        }
    }
    Ok(())
}
