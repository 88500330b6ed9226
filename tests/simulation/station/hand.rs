//! Units from till to till, with what proves them and no server between.

use super::{Holding, Station};
use crate::{bugs::Bug, dice::Dice};
use ed25519_dalek::SigningKey;
use willcall_domain::{
    clock::UtcMillis,
    entropy::SeededEntropy,
    id::{DeviceId, HandOverId},
    leases::{
        holding::HeldLease,
        passing::{Origin, Proof, check_proof},
    },
    sync::{Entry, Fact},
};

impl Station {
    /// Offers units to another till; answers what travels.
    pub fn give(&mut self, to: DeviceId, now: i64, dice: &mut Dice, bug: Option<Bug>) -> Option<Proof> {
        if self.disk_full || !self.sells || self.doubts() {
            return None;
        }
        let certificate = self.disk.certificate.clone()?;
        let id = HandOverId::born(UtcMillis(now), &SeededEntropy::new(dice.throw()));
        let me = self.disk.device;
        let in_force = self.disk.life.in_force();
        let (outcomes, events) = (&self.disk.outcomes, &self.disk.events);
        let mut ours: Vec<&mut Holding> = self
            .disk
            .holdings
            .iter_mut()
            .filter(|h| h.device == me && in_force.contains(&h.incarnation) && events.contains(&h.lease.event_id))
            .collect();
        for h in &mut ours {
            // Units taken over are handed on once the server knows whose they are: else a chain of tills would arrive link
            // by link in any order, and nobody could say which link is real.
            h.lease.confirmed = false;
            if h.taken.is_none_or(|entry| outcomes.contains_key(&entry)) {
                h.lease.confirm();
            }
        }
        let holding = ours.into_iter().max_by_key(|h| h.lease.can_give())?;
        let units = holding.lease.can_give().min(2);
        let out = holding.lease.offer(me, to, id, units).ok()?;
        let origin = holding.origin.clone();
        if bug != Some(Bug::HandOverDoubles) {
            holding.lease.hand_out(&out);
        }
        let fact = out.fact();
        self.disk.given.insert(id, out);
        let name = self.append(fact, Vec::new(), now, dice);
        let given = serde_json::to_string(&self.disk.journal[&name]).expect("an entry can be written");
        Some(Proof { given, certificate, origin })
    }

    /// Takes what another till gave, or says no for good; answers whether anything was written.
    pub fn receive(
        &mut self,
        proof: &Proof,
        yes: bool,
        server: &SigningKey,
        now: i64,
        dice: &mut Dice,
        bug: Option<Bug>,
    ) -> bool {
        let Ok(passed) = check_proof(proof, &server.verifying_key()) else { return false };
        let out = passed.out.clone();
        let answers = |e: &Entry| {
            (e.kind == "hand_over_taken" || e.kind == "hand_over_declined")
                && e.body.contains(&out.hand_over_id.to_string())
        };
        let answered = self.disk.journal.values().any(answers);
        if out.to != self.disk.device || answered || self.disk_full || self.doubts() {
            return false;
        }
        // An entry that is lost may have taken them in; what was given after this life began cannot have been.
        if !self.disk.life.frozen.is_empty() {
            let begun = self.disk.journal.get(&(self.disk.device, self.disk.life.incarnation, 1)).map(|e| e.at);
            if !begun.is_some_and(|begun| passed.is_surely_after(&begun)) {
                return false;
            }
        }
        let given = proof.given.clone();
        if !yes {
            self.append(Fact::HandOverDeclined { hand_over_id: out.hand_over_id, given }, Vec::new(), now, dice);
            return true;
        }
        if !self.disk.events.contains(&out.event_id) {
            return false;
        }
        let fact = Fact::HandOverTaken {
            hand_over_id: out.hand_over_id,
            quota_id: out.quota_id,
            event_id: out.event_id,
            units: out.units.count(),
            given,
        };
        let name = self.append(fact, Vec::new(), now, dice);
        if bug != Some(Bug::HandOverLoses) {
            self.disk.holdings.push(Holding {
                device: self.disk.device,
                incarnation: name.1,
                taken: Some(name),
                lease: HeldLease::taken(&out),
                origin: Origin::HandOver { proof: Box::new(proof.clone()) },
                told: (0, 0),
            });
        }
        true
    }

    /// The receiver said no, the server tells.
    pub(super) fn declined(&mut self, id: HandOverId) {
        let Some(out) = self.disk.given.remove(&id) else { return };
        for holding in self.disk.holdings.iter_mut().filter(|h| h.lease.lease_id == out.lease_id) {
            holding.lease.declined(&out);
        }
    }
}
