//! Starting, doubting, another key, another enrolment.

use super::{Disk, Station};
use crate::{bugs::Bug, dice::Dice};
use ed25519_dalek::SigningKey;
use std::{collections::BTreeSet, sync::Arc};
use willcall_domain::{
    id::{DeviceId, EventId},
    sync::{
        Fact,
        fact::ClosedReason,
        key_history::key_changed,
        standing::{Doubt, DoubtKind, Frozen, Life, Mark, Opening, at_open},
    },
};

impl Station {
    /// The journal of a new enrolment begins.
    pub fn begin(&mut self, now: i64, dice: &mut Dice) {
        self.append(Fact::Opened { software: "simulation".into() }, Vec::new(), now, dice);
    }

    /// The program starts: is this disk the newest?
    pub fn open(&mut self, now: i64, dice: &mut Dice, bug: Option<Bug>) {
        self.up = true;
        self.start_clocks(now);
        let marks: Vec<Mark> = self.mark.iter().cloned().collect();
        let opening = Opening {
            station: self.disk.device,
            machine: &self.machine,
            was_marked: self.disk.was_marked,
            marks: &marks,
        };
        let trusting = bug == Some(Bug::CopiedStation) || bug == Some(Bug::RestoreWithoutIncarnation);
        if let Some(doubt) = at_open(&opening, |point| self.disk.here(point)).filter(|_| !trusting) {
            let past = marks.iter().map(|m| m.at.incarnation).max().unwrap_or(0);
            let frozen: Vec<Frozen> = marks.into_iter().flat_map(|m| m.frozen).collect();
            self.doubt(doubt, past + 1, &frozen, now, dice);
        }
    }

    /// Doubts itself from now on; what it must record goes into a new incarnation.
    fn doubt(&mut self, doubt: Doubt, next: u32, frozen: &[Frozen], now: i64, dice: &mut Dice) {
        self.disk.life.doubt(doubt, next, frozen);
        self.disk.resume = None;
        self.begin(now, dice);
    }

    /// The server takes it for a copy.
    pub fn taken_for_copy(&mut self, newest: u32, now: i64, dice: &mut Dice) {
        if !self.doubts() {
            let next = newest.max(self.disk.life.incarnation) + 1;
            self.doubt(Doubt::of(DoubtKind::TakenForCopy), next, &[], now, dice);
        }
    }

    /// The old key names the new one, which agrees; what comes after is signed by the new one.
    pub fn change_key(&mut self, next: SigningKey, now: i64, dice: &mut Dice) -> bool {
        if self.doubts() || self.disk_full {
            return false;
        }
        let incarnation = self.disk.life.incarnation;
        let seq = self.disk.tail(incarnation).map_or(0, |last| last.seq) + 1;
        self.append(key_changed(self.disk.device, incarnation, seq, &next), Vec::new(), now, dice);
        self.key = Arc::new(next);
        true
    }

    /// Another enrolment: the old journal gives everything back and ends, and the new one begins. What the disk knows
    /// stays.
    pub fn enrol(&mut self, device: DeviceId, key: SigningKey, events: BTreeSet<EventId>, now: i64, dice: &mut Dice) {
        let life = self.disk.life.clone();
        let mine = |holding: &&mut super::Holding| {
            holding.device == self.disk.device && holding.incarnation == life.incarnation
        };
        let back = self.disk.holdings.iter_mut().filter(mine).flat_map(|h| super::units::unsold(&h.lease)).collect();
        self.write_back(back, now, dice);
        self.append(Fact::Closed { reason: ClosedReason::Reenrolled }, Vec::new(), now, dice);
        let fresh = Disk::new(device, events);
        let before = std::mem::replace(&mut self.disk, fresh);
        // A right of the enrolment before is over with it; its leases are closed.
        self.disk = Disk {
            journal: before.journal,
            outcomes: before.outcomes,
            given: before.given,
            uses: before.uses,
            rows: before.rows,
            histories: before.histories,
            offset_ms: before.offset_ms,
            life: Life::new(1),
            ..self.disk.clone()
        };
        self.key = Arc::new(key);
        self.backups.clear();
        self.begin(now, dice);
    }
}
