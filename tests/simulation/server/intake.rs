//! Journals come in: each entry is checked, judged, kept as it came and applied by itself.

use super::{About, Arrival, Desk, Server};
use crate::{bugs::Bug, rows::Key};
use std::collections::BTreeSet;
use willcall_domain::{
    id::{CaseId, DeviceId},
    sync::{
        CaseKind, Entry, Fact, KeyHistory, Outcome,
        intake::{Judgement, Link, Standing},
        journal::bytes32,
    },
};

/// What became of the entries of one incarnation.
pub struct Taken {
    pub device: DeviceId,
    pub incarnation: u32,
    pub outcomes: Vec<(u64, Outcome)>,
}

impl Server {
    /// A page of one incarnation, from whoever carries it.
    pub fn push(&mut self, entries: &[Entry], at: &mut Desk<'_>) -> Option<Taken> {
        let first = entries.first()?;
        let name = (first.station, first.incarnation);
        let Some(device) = self.devices.get(&first.station) else {
            // Its enrolment was lost with the server's last hours: what it wrote waits with a case.
            let aside = |entry: &Entry, server: &mut Self, at: &mut Desk<'_>| (entry.seq, server.set_aside(entry, at));
            let outcomes = entries.iter().map(|entry| aside(entry, self, at)).collect();
            return Some(Taken { device: name.0, incarnation: name.1, outcomes });
        };
        let mut keys = device.keys.clone();
        let standing = device.standing.get(&first.incarnation).copied();
        let standing = standing.unwrap_or(if device.revoked { Standing::Revoked } else { Standing::InUse });
        // Keys that are named in the page itself sign what stands behind them in it.
        for entry in entries.iter().filter(|e| e.kind == "key_changed") {
            if entry.verify(key_of(&keys, entry, at.bug)).is_ok() {
                keys.change(entry).ok();
            }
        }
        let links: Vec<Link> = entries.iter().filter_map(link_of).collect();
        if standing != Standing::InUse {
            self.journals.entry(name).or_default().known.revoke(standing, links);
        }
        let mut outcomes = Vec::new();
        for entry in entries.iter().filter(|e| (e.station, e.incarnation) == name) {
            let sound = entry.verify(key_of(&keys, entry, at.bug)).is_ok();
            let outcome = if sound { self.take(entry, at)? } else { self.set_aside(entry, at) };
            outcomes.push((entry.seq, outcome));
        }
        self.vouched(name, at);
        Some(Taken { device: name.0, incarnation: name.1, outcomes })
    }

    fn take(&mut self, entry: &Entry, at: &mut Desk<'_>) -> Option<Outcome> {
        let link = link_of(entry)?;
        let name = (entry.station, entry.incarnation);
        let journal = self.journals.entry(name).or_default();
        let judged = journal.known.judge(&link);
        // The mistake: what has its number is taken for the same.
        let careless = at.bug == Some(Bug::CopiedStation) && link.seq <= journal.known.run();
        if judged == Judgement::Same && at.bug == Some(Bug::SentAgainAppliedAgain) && entry.kind == "payment" {
            return Some(self.apply(entry, at));
        }
        if judged == Judgement::Same || careless {
            let before = journal.entries.get(&(link.seq, link.hash));
            return Some(before.map_or(Outcome::Applied, |(_, outcome)| *outcome));
        }
        // Kept before it is applied: the first entry of a branch is what tells that there are two.
        journal.entries.insert((link.seq, link.hash), (entry.clone(), Outcome::Applied));
        let outcome = match judged {
            Judgement::AfterRevocation | Judgement::AfterClosed => {
                let closed = judged == Judgement::AfterClosed;
                let kind = if closed { CaseKind::AfterClosed } else { CaseKind::AfterRevocation };
                Outcome::Parked { case_id: self.open_once(kind, Some(name.0), About::default(), at) }
            }
            Judgement::Fork { .. } => {
                if let Some(device) = self.devices.get_mut(&name.0).filter(|d| !d.suspended) {
                    device.suspended = true;
                    self.open_case(CaseKind::Fork, Some(name.0), About::default(), at);
                }
                self.apply(entry, at)
            }
            Judgement::New | Judgement::Same | Judgement::Gap { .. } => self.apply(entry, at),
        };
        let journal = self.journals.entry(name).or_default();
        journal.known.learn(link);
        if matches!(entry.fact(), Some(Fact::Closed { .. })) {
            journal.known.close(link.seq);
        }
        journal.entries.insert((link.seq, link.hash), (entry.clone(), outcome));
        self.came_whole(entry, at);
        Some(outcome)
    }

    pub(super) fn apply(&mut self, entry: &Entry, at: &mut Desk<'_>) -> Outcome {
        self.apply_fact(entry, &mut Arrival { by: entry.station, desk: at })
    }

    /// What is no entry of the station it names is kept with a case, and stands in nobody's way.
    fn set_aside(&mut self, entry: &Entry, at: &mut Desk<'_>) -> Outcome {
        if let Some((_, case_id)) = self.aside.get(&entry.hash) {
            return Outcome::Parked { case_id: *case_id };
        }
        let case_id = self.open_once(CaseKind::BadEntry, Some(entry.station), About::default(), at);
        self.aside.insert(entry.hash.clone(), (entry.clone(), case_id));
        Outcome::Parked { case_id }
    }

    /// What was set aside is an entry of its station after all; its case is closed with the last of them.
    fn came_whole(&mut self, entry: &Entry, at: &mut Desk<'_>) {
        let Some((_, case_id)) = self.aside.remove(&entry.hash) else { return };
        if self.aside.values().all(|(_, of)| *of != case_id) {
            self.close_case(case_id, at);
        }
    }

    /// Entries that waited because nobody vouched that they were written before the device was switched off, and for
    /// which a later one vouches now.
    fn vouched(&mut self, name: (DeviceId, u32), at: &mut Desk<'_>) {
        let Some(journal) = self.journals.get(&name) else { return };
        let late = |outcome: &Outcome| match outcome {
            Outcome::Parked { case_id } => {
                self.cases.get(case_id).is_some_and(|case| case.kind == CaseKind::AfterRevocation)
            }
            Outcome::Applied | Outcome::AppliedWithCase { .. } => false,
        };
        let waiting = journal.entries.values().filter(|(e, o)| late(o) && journal.known.is_vouched(&e.hash));
        let waiting: Vec<Entry> = waiting.map(|(entry, _)| entry.clone()).collect();
        for entry in waiting {
            self.try_again(&entry, at);
        }
    }

    /// A person tries everything again that waits for something; answers whether anything could be applied.
    pub fn retry_all(&mut self, at: &mut Desk<'_>) -> bool {
        let mut any = false;
        for (entry, _) in std::mem::take(&mut self.aside).into_values() {
            let device = self.devices.get(&entry.station);
            let sound = device.is_some_and(|d| entry.verify(key_of(&d.keys, &entry, at.bug)).is_ok());
            if sound {
                any |= self.take(&entry, at).is_some();
            } else {
                self.set_aside(&entry, at);
            }
        }
        let parked = |(entry, outcome): &(Entry, Outcome)| match outcome {
            Outcome::Parked { case_id } => {
                let kind = self.cases.get(case_id).map(|case| case.kind);
                // What was written after the end stays left out.
                let over = matches!(kind, Some(CaseKind::AfterRevocation | CaseKind::AfterClosed));
                (!over).then(|| entry.clone())
            }
            Outcome::Applied | Outcome::AppliedWithCase { .. } => None,
        };
        let waiting: Vec<Entry> = self.journals.values().flat_map(|j| j.entries.values()).filter_map(parked).collect();
        // An order is what waits, with all that refers to it.
        self.parked_orders.clear();
        for entry in waiting {
            any |= self.try_again(&entry, at);
        }
        any
    }

    fn try_again(&mut self, entry: &Entry, at: &mut Desk<'_>) -> bool {
        let before: BTreeSet<CaseId> = self.cases.keys().copied().collect();
        let outcome = self.apply(entry, at);
        if let Outcome::Parked { case_id } = outcome {
            // It waits with the case it had.
            if !before.contains(&case_id) {
                self.cases.remove(&case_id);
                self.versions.remove(&Key::Case(case_id));
            }
            return false;
        }
        let key = link_of(entry).map(|link| (link.seq, link.hash));
        let journal = self.journals.entry((entry.station, entry.incarnation)).or_default();
        if let Some((_, kept)) = key.and_then(|key| journal.entries.get_mut(&key)) {
            *kept = outcome;
        }
        true
    }
}

/// The key an entry is checked with.
pub(super) fn key_of<'k>(keys: &'k KeyHistory, entry: &Entry, bug: Option<Bug>) -> &'k ed25519_dalek::VerifyingKey {
    if bug == Some(Bug::KeyNotFollowed) { keys.at(0, 0) } else { keys.at(entry.incarnation, entry.seq) }
}

fn link_of(entry: &Entry) -> Option<Link> {
    Some(Link { seq: entry.seq, hash: bytes32(&entry.hash)?, prev: bytes32(&entry.prev_hash)? })
}
