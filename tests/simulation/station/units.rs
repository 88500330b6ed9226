//! Units of this station: granted, recalled, given back.

use super::{Holding, Station};
use crate::{bugs::Bug, dice::Dice};
use ed25519_dalek::SigningKey;
use uuid::Uuid;
use willcall_domain::{
    id::{LeaseId, QuotaId},
    leases::{
        Grant, GrantBody, LeaseRow, LeaseState, check_grant,
        holding::{GiveBack, HeldLease, surplus},
        passing::Origin,
    },
    sync::Fact,
};

/// All that is unsold of a lease, with the blanks that were kept for exchanges. Nothing of one that is no longer open.
pub(super) fn unsold(lease: &HeldLease) -> Vec<GiveBack> {
    if lease.state != LeaseState::Open {
        return Vec::new();
    }
    let mut left = lease.clone();
    let mut out = left.beyond(0);
    out.iter().for_each(|gone| left.give_back(gone));
    out.extend(left.retired());
    out
}

impl Station {
    /// Leases it may use now, in the order they were taken in.
    pub fn usable(&self, bug: Option<Bug>) -> impl Iterator<Item = &Holding> {
        self.disk.holdings.iter().filter(move |h| self.in_force(h.device, h.incarnation, bug))
    }

    /// Units of a quota it would sell.
    pub fn sellable(&self, quota: QuotaId, bug: Option<Bug>) -> i64 {
        self.usable(bug).filter(|h| h.lease.quota_id == quota).map(|h| h.lease.sellable().total()).sum()
    }

    /// A grant arrives, for the first time or again.
    pub fn granted(&mut self, grant: &Grant, server: &SigningKey, now: i64, dice: &mut Dice, bug: Option<Bug>) {
        let Ok(body) = check_grant(grant, &server.verifying_key(), self.disk.device) else { return };
        self.disk.asked.remove(&body.quota_id);
        let known = self.disk.holdings.iter().any(|h| h.lease.lease_id == body.lease_id);
        let again = bug == Some(Bug::GrantAppliedTwice);
        if (known && !again) || self.doubts() || self.disk_full {
            return;
        }
        let body = if known {
            GrantBody { lease_id: LeaseId(Uuid::from_u128(u128::from(dice.throw()))), ..body }
        } else {
            body
        };
        let fact = Fact::LeaseAccepted {
            lease_id: body.lease_id,
            quota_id: body.quota_id,
            event_id: body.event_id,
            units: body.units,
            grant: grant.body.clone(),
            grant_signature: grant.signature.clone(),
        };
        self.append(fact, Vec::new(), now, dice);
        self.disk.holdings.push(Holding {
            device: self.disk.device,
            incarnation: self.disk.life.incarnation,
            taken: None,
            lease: HeldLease::granted(&body),
            origin: Origin::Grant { body: grant.body.clone(), signature: grant.signature.clone() },
            told: (0, 0),
        });
    }

    /// The server's word on a lease: recall, write-off.
    pub(super) fn lease_told(&mut self, row: &LeaseRow, epoch: usize) {
        for holding in self.disk.holdings.iter_mut().filter(|h| h.lease.lease_id == row.lease_id) {
            if (epoch, row.version) > holding.told {
                holding.told = (epoch, row.version);
                holding.lease.told(row);
            }
        }
    }

    /// Gives back what is recalled, and what is of events it does not see any more.
    pub fn give_back_what_is_due(&mut self, now: i64, dice: &mut Dice, bug: Option<Bug>) {
        if self.disk_full {
            return;
        }
        let due = |h: &Holding| {
            let elsewhere = !self.disk.events.contains(&h.lease.event_id) && bug != Some(Bug::MovedWithUnits);
            if elsewhere { unsold(&h.lease) } else { h.lease.recalled() }
        };
        let back: Vec<GiveBack> = self.usable(None).flat_map(due).collect();
        self.write_back(back, now, dice);
    }

    /// Idle units go back, newest lease first.
    pub fn give_idle_back(&mut self, quota: QuotaId, keep: u32, now: i64, dice: &mut Dice) {
        if self.disk_full || self.doubts() {
            return;
        }
        let held: Vec<HeldLease> = self.usable(None).map(|h| h.lease.clone()).collect();
        self.write_back(surplus(&held, quota, keep), now, dice);
    }

    pub(super) fn write_back(&mut self, back: Vec<GiveBack>, now: i64, dice: &mut Dice) {
        for gone in back {
            for holding in self.disk.holdings.iter_mut().filter(|h| h.lease.lease_id == gone.lease_id) {
                holding.lease.give_back(&gone);
            }
            let fact = Fact::LeaseReturned {
                lease_id: gone.lease_id,
                quota_id: gone.quota_id,
                event_id: gone.event_id,
                from: gone.units.from,
                units: gone.units.count(),
                blanks: gone.blanks.clone(),
            };
            self.append(fact, Vec::new(), now, dice);
        }
    }
}
