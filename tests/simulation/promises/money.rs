//! Money is neither made nor lost.

use super::Held;
use crate::world::World;
use std::collections::BTreeMap;
use willcall_domain::{
    id::PaymentId,
    sync::{CaseKind, Outcome},
};

/// Every coin that changed hands at a machine whose disk lives, or in the shop, is in the books or has a case; and the
/// books have no other.
pub(super) fn neither_made_nor_lost(world: &World) -> Held {
    let coins: BTreeMap<PaymentId, i64> = world.truth.coins.iter().map(|c| (c.payment, c.minor)).collect();
    for (payment, (order, minor)) in &world.server.payments {
        if coins.get(payment) != Some(minor) {
            return Err(format!("the books have {minor} for order {order}, which nobody paid"));
        }
    }
    let unheard: Vec<_> =
        world.truth.coins.iter().filter(|c| !world.server.payments.contains_key(&c.payment)).collect();
    if unheard.is_empty() {
        return Ok(());
    }
    let waits = |payment: PaymentId| {
        let text = payment.to_string();
        let journals = world.server.journals.values().flat_map(|j| j.entries.values());
        let parked = journals.filter(|(_, o)| matches!(o, Outcome::Parked { .. })).map(|(e, _)| e);
        let aside = world.server.aside.values().map(|(e, _)| e);
        parked.chain(aside).any(|e| e.body.contains(&text))
    };
    for coin in unheard {
        let told = match coin.slot {
            // The shop's were lost with the server's last hours: the providers were asked, and a person was told.
            None => world.server.has_case(&[CaseKind::UnknownOrder], None, None),
            Some(slot) => {
                let station = &world.machines[slot];
                let text = coin.payment.to_string();
                let on_disk = station.disk.journal.values().any(|e| e.body.contains(&text));
                station.lost || !on_disk || waits(coin.payment)
            }
        };
        if !told {
            return Err(format!("{} changed hands at {:?} and nobody knows of it", coin.minor, coin.slot));
        }
    }
    Ok(())
}
