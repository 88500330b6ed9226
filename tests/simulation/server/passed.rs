//! Units that a journal says were taken in, given back, or passed from till to till.

use super::{About, Arrival, Desk, Server};
use crate::rows::Key;
use willcall_domain::{
    id::{DeviceId, LeaseId},
    leases::{
        LeaseState,
        holding::HandOut,
        ledger::{LeaseAccount, Offer, restore},
        prove_grant,
        units::Units,
    },
    sync::{CaseKind, Entry, Fact, Outcome, change::VoidWhy},
};

impl Server {
    pub(super) fn units_moved(&mut self, at: &mut Arrival<'_, '_>, entry: &Entry, fact: &Fact) -> Outcome {
        match fact {
            Fact::LeaseAccepted { lease_id, .. } => {
                let outcome = self.accepted(at, fact);
                if self.ledger.leases.contains_key(lease_id) {
                    self.taken_in.insert(*lease_id, entry.incarnation);
                }
                outcome
            }
            Fact::LeaseReturned { lease_id, from, units, blanks, .. } => {
                let Ok((quota, lease)) = self.ledger.lease(at.by, *lease_id) else {
                    return self.parked(at, CaseKind::UnknownLease, About::default());
                };
                let gone = willcall_domain::leases::units::UnitRange::of(*from, *units);
                lease.give_back(quota, &Units::from(gone));
                self.lose_blanks(*lease_id, blanks, Some(VoidWhy::Void), at.desk);
                self.tell_lease(*lease_id, at.desk);
                Outcome::Applied
            }
            Fact::HandOverGiven { .. } => self.given(at, fact),
            Fact::HandOverTaken { given, .. } => self.taken(at, entry, given),
            Fact::HandOverDeclined { given, .. } => self.declined(at, given),
            _ => Outcome::Applied,
        }
    }

    fn accepted(&mut self, at: &mut Arrival<'_, '_>, fact: &Fact) -> Outcome {
        let Fact::LeaseAccepted { lease_id, quota_id, units, grant, grant_signature, .. } = fact else {
            return Outcome::Applied;
        };
        if let Some(lease) = self.ledger.leases.get_mut(lease_id) {
            lease.accept();
            return Outcome::Applied;
        }
        // A grant of ours that was lost with a restore: proven by its signature.
        let proven = prove_grant(grant, grant_signature, &self.key.verifying_key(), at.by).ok();
        let Some(body) = proven.filter(|b| b.lease_id == *lease_id && b.units == *units && b.quota_id == *quota_id)
        else {
            return self.parked(at, CaseKind::UnknownLease, About::default());
        };
        // Its units come out of what was held back for the station.
        let held = self.devices.get_mut(&at.by).and_then(|d| d.unheard.as_mut()).and_then(|u| u.get_mut(quota_id));
        let Some(quota) = self.ledger.quotas.get_mut(quota_id) else { return Outcome::Applied };
        if let Some(held) = held {
            let freed = (*held).min(i64::from(*units));
            *held -= freed;
            quota.let_go(freed);
        }
        let mut told = LeaseAccount::new(*quota_id, *lease_id, at.by, *units);
        told.accept();
        let beyond = restore(quota, &told);
        self.ledger.leases.insert(*lease_id, told);
        self.add_blanks(*lease_id, &body.blanks);
        self.tell_lease(*lease_id, at.desk);
        let about = About { quota: Some(*quota_id), ..About::default() };
        if beyond { self.noticed(at, CaseKind::Excess, about) } else { Outcome::Applied }
    }

    fn given(&mut self, at: &mut Arrival<'_, '_>, fact: &Fact) -> Outcome {
        let Some(out) = HandOut::of(fact) else { return Outcome::Applied };
        let offer = offer_of(&out);
        if self.ledger.give(at.by, out.lease_id, &offer).is_err() {
            return self.parked(at, CaseKind::UnknownLease, About::default());
        }
        self.lose_blanks(out.lease_id, &out.blanks, None, at.desk);
        self.tell_lease(out.lease_id, at.desk);
        self.note(Key::HandOver(out.hand_over_id), at.desk);
        Outcome::Applied
    }

    fn taken(&mut self, at: &mut Arrival<'_, '_>, entry: &Entry, given: &str) -> Outcome {
        let Some((from, out)) = self.inside(given, at) else {
            return self.parked(at, CaseKind::BadEntry, About::default());
        };
        let taken_as = LeaseId(out.hand_over_id.0);
        let known = self.ledger.leases.contains_key(&taken_as);
        let Ok(void) = self.ledger.take(from, out.lease_id, &offer_of(&out)) else {
            return self.parked(at, CaseKind::UnknownLease, About::default());
        };
        if !known {
            self.lose_blanks(out.lease_id, &out.blanks, None, at.desk);
            self.add_blanks(taken_as, &out.blanks);
            self.taken_in.insert(taken_as, entry.incarnation);
        }
        for key in [Key::HandOver(out.hand_over_id), Key::Lease(out.lease_id)] {
            self.note(key, at.desk);
        }
        self.tell_lease(taken_as, at.desk);
        if void.is_empty() {
            return Outcome::Applied;
        }
        let lost = self.ledger.leases.get(&taken_as).is_some_and(LeaseAccount::given_up);
        let kind = if lost { CaseKind::WriteOffWrong } else { CaseKind::UnknownLease };
        self.noticed(at, kind, About { quota: Some(out.quota_id), ..About::default() })
    }

    fn declined(&mut self, at: &mut Arrival<'_, '_>, given: &str) -> Outcome {
        let Some((from, out)) = self.inside(given, at) else {
            return self.parked(at, CaseKind::BadEntry, About::default());
        };
        match self.ledger.decline(from, out.lease_id, &offer_of(&out)) {
            Err(_) => return self.parked(at, CaseKind::UnknownLease, About::default()),
            Ok(Err(_)) => return self.noticed(at, CaseKind::UnknownLease, About::default()),
            Ok(Ok(_)) => {}
        }
        if let Some(giver) = self.ledger.leases.get(&out.lease_id).filter(|l| l.state == LeaseState::Open) {
            let lease = giver.lease_id;
            for range in &out.blanks {
                if let Some(blanks) = self.blanks.get_mut(&(lease, range.article)) {
                    blanks.left.add(&Units::from(range.numbers()).without(&all_void(blanks)));
                }
            }
        }
        self.note(Key::HandOver(out.hand_over_id), at.desk);
        self.tell_lease(out.lease_id, at.desk);
        Outcome::Applied
    }

    /// The giver's signed offer inside the receiver's entry.
    fn inside(&self, given: &str, at: &Arrival<'_, '_>) -> Option<(DeviceId, HandOut)> {
        let given: Entry = serde_json::from_str(given).ok()?;
        let keys = &self.devices.get(&given.station)?.keys;
        given.verify(super::intake::key_of(keys, &given, at.desk.bug)).ok()?;
        let out = HandOut::of(&given.fact()?)?;
        (out.to == at.by).then_some((given.station, out))
    }

    /// The journal of a life has ended: what it took in, and what it was never seen to take in, goes back.
    pub(super) fn close_leases(&mut self, device: DeviceId, incarnation: u32, at: &mut Desk<'_>) {
        let of_life = |id: &LeaseId| self.taken_in.get(id).is_none_or(|of| *of == incarnation);
        let open = self.ledger.leases.values().filter(|l| l.holder == device && l.state == LeaseState::Open);
        let ids: Vec<LeaseId> = open.map(|l| l.lease_id).filter(of_life).collect();
        for id in ids {
            if let Ok((quota, lease)) = self.ledger.lease(device, id) {
                lease.close(quota);
            }
            self.void_left(id, VoidWhy::Void, at);
            self.tell_lease(id, at);
        }
    }
}

fn all_void(blanks: &super::Blanks) -> Units {
    blanks.void.values().fold(Units::none(), |all, more| all.with(more))
}

fn offer_of(out: &HandOut) -> Offer {
    Offer { hand_over_id: out.hand_over_id, units: out.units, to: out.to }
}
