//! Rights of this station: to spend a voucher, to change a web order.

use super::Station;
use crate::{bugs::Bug, dice::Dice};
use ed25519_dalek::SigningKey;
use willcall_domain::{
    clock::UtcMillis,
    id::{DeviceId, EventId, OrderId, VoucherId},
    leases::{HeldRight, OrderTerms, RightGrant, RightRow, RightSubject, check_right},
    orders::OrderStatus,
    sync::Fact,
};

/// A right on a station's disk.
#[derive(Debug, Clone)]
pub struct HeldHere {
    pub device: DeviceId,
    pub incarnation: u32,
    pub right: HeldRight,
    /// The order as this station has left it.
    now: Option<(OrderStatus, i64)>,
    /// Version of the newest word of the server about it.
    told: (usize, i64),
}

impl Station {
    fn rights_in_force(&self, bug: Option<Bug>) -> Vec<HeldRight> {
        let held = self.disk.rights.iter().filter(|h| self.in_force(h.device, h.incarnation, bug));
        held.map(|h| h.right.clone()).collect()
    }

    pub fn may_use(&self, subject: RightSubject, bug: Option<Bug>) -> bool {
        self.rights_in_force(bug).iter().any(|right| right.subject == subject && right.may_use().is_ok())
    }

    /// Whether it may spend this voucher now; takes it as spent.
    pub(super) fn spend(&mut self, voucher_id: VoucherId, bug: Option<Bug>) -> bool {
        let subject = RightSubject::Voucher { voucher_id };
        if HeldRight::use_one(&mut self.rights_in_force(bug), subject).is_err() {
            return false;
        }
        for holding in self.disk.rights.iter_mut().filter(|h| h.right.subject == subject) {
            holding.right.over = true;
        }
        true
    }

    /// The event, the terms and the present state of an order that may be changed here.
    pub(super) fn order_here(
        &self,
        order_id: OrderId,
        bug: Option<Bug>,
    ) -> Option<(EventId, OrderTerms, (OrderStatus, i64))> {
        let subject = RightSubject::Order { order_id };
        let held = self.disk.rights.iter().filter(|h| self.in_force(h.device, h.incarnation, bug));
        let held = held.rev().find(|h| h.right.subject == subject && h.right.may_use().is_ok())?;
        let terms = held.right.order.clone()?;
        let now = held.now.unwrap_or((terms.status, terms.paid.minor));
        Some((held.right.event_id, terms, now))
    }

    pub(super) fn order_is_now(&mut self, order_id: OrderId, now: (OrderStatus, i64)) {
        let subject = RightSubject::Order { order_id };
        self.disk.rights.iter_mut().filter(|h| h.right.subject == subject).for_each(|h| h.now = Some(now));
    }

    /// A right arrives, for the first time or again.
    pub fn right_granted(&mut self, grant: &RightGrant, server: &SigningKey, now: i64, dice: &mut Dice) {
        let Ok(body) = check_right(grant, &server.verifying_key(), self.disk.device) else { return };
        self.disk.rights_asked.remove(&body.subject);
        let known = self.disk.rights.iter().any(|h| h.right.right_id == body.right_id);
        if known || self.doubts() || self.disk_full {
            return;
        }
        let fact = Fact::RightTaken {
            right_id: body.right_id,
            event_id: body.event_id,
            subject: body.subject,
            grant: grant.body.clone(),
            grant_signature: grant.signature.clone(),
        };
        self.append(fact, Vec::new(), now, dice);
        self.disk.rights.push(HeldHere {
            device: self.disk.device,
            incarnation: self.disk.life.incarnation,
            right: HeldRight::granted(&body, UtcMillis(now)),
            now: None,
            told: (0, 0),
        });
    }

    /// The server's word on a right: recall, write-off.
    pub(super) fn right_told(&mut self, row: &RightRow, epoch: usize) {
        for holding in self.disk.rights.iter_mut().filter(|h| h.right.right_id == row.right_id) {
            if (epoch, row.version) > holding.told {
                holding.told = (epoch, row.version);
                holding.right.told(row);
            }
        }
    }

    /// What is recalled, of events it does not see any more, or not used until `idle_at`, goes back.
    pub fn give_rights_back(&mut self, idle_at: i64, now: i64, dice: &mut Dice) {
        if self.disk_full || self.doubts() {
            return;
        }
        let in_force = self.disk.life.in_force();
        let (me, events) = (self.disk.device, self.disk.events.clone());
        let due = |h: &&mut HeldHere| {
            let elsewhere = h.right.may_use().is_ok() && !events.contains(&h.right.event_id);
            let mine = h.device == me && in_force.contains(&h.incarnation);
            mine && (elsewhere || h.right.is_due_back(None, UtcMillis(idle_at)))
        };
        let mut gone = Vec::new();
        for holding in self.disk.rights.iter_mut().filter(due) {
            holding.right.over = true;
            gone.push((holding.right.right_id, holding.right.event_id, holding.right.subject));
        }
        for (right_id, event_id, subject) in gone {
            self.append(Fact::RightReleased { right_id, event_id, subject }, Vec::new(), now, dice);
        }
    }
}
