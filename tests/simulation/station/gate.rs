//! At the door: scans, and undoing them.

use super::Station;
use crate::{
    dice::Dice,
    rows::{Key, Scan, Value},
    town::{self, LIST_ALLOWS},
    truth::{Admission, Truth},
};
use std::collections::BTreeSet;
use willcall_domain::{
    checkin::{
        merge::{Splits, Use, state},
        wire::{Class, Direction},
    },
    id::{EventId, PositionId, ScanId},
    sync::{EntryRef, Fact, change::VoidWhy},
    ticketing::blank,
};

/// Who scans, and when.
pub struct Door<'a> {
    pub slot: usize,
    pub now: i64,
    pub dice: &'a mut Dice,
    pub truth: &'a mut Truth,
}

impl Station {
    /// Whether it has the list of this event.
    pub fn has_list(&self, event: EventId) -> bool {
        self.disk.events.contains(&event)
    }

    /// Whether a verdict can be recorded: a full disk has ballast for some.
    pub fn can_record_a_scan(&self) -> bool {
        !self.disk_full || self.ballast > 0
    }

    /// What is known to speak against a ticket, besides its uses.
    fn is_void(&self, position: PositionId) -> bool {
        if let Some(kept) = self.disk.rows.get(&Key::Position(position)) {
            return match &kept.value {
                Some(Value::Position { canceled, status, .. }) => *canceled || !status.holds_places(),
                _ => true,
            };
        }
        self.disk.rows.values().any(|kept| match &kept.value {
            Some(Value::VoidBlanks { base, numbers }) => {
                let nth = blank::index(*base, position);
                let strictest = numbers.iter().rev().find(|(_, units)| nth.is_some_and(|n| units.contains(n)));
                strictest.is_some_and(|(why, _)| *why != VoidWhy::Lost)
            }
            _ => false,
        })
    }

    /// A ticket at the gate: admitted unless it is void or a use of it is known here. Answers whether there was a verdict.
    pub fn scan(&mut self, position: PositionId, event: EventId, at: &mut Door<'_>) -> bool {
        if self.disk_full {
            if self.ballast == 0 {
                return false;
            }
            self.ballast -= 1;
        }
        let uses = self.disk.uses.values().filter(|seen| seen.position == position);
        let known: Vec<Use> = uses.map(|seen| seen.of.clone()).collect();
        let unused = state(&known, &Splits::new()).admits(LIST_ALLOWS);
        let class = match (self.is_void(position), unused) {
            (true, _) => Class::Refused,
            (false, true) => Class::Admitted,
            (false, false) => Class::Used,
        };
        let saw = newest_of_each(&known.iter().map(|of| of.entry).collect::<Vec<_>>());
        let fact = Fact::Scan {
            event_id: event,
            list_id: town::list(event),
            position_id: Some(position),
            payload_hash: None,
            direction: Direction::Entry,
            class,
            reason: None,
            time_by_hand: None,
        };
        let name = self.append(fact, saw.clone(), at.now, at.dice);
        at.truth.confirm(at.slot, "a verdict", Some(name));
        if class == Class::Admitted {
            self.let_in(position, event, (&known, saw), name, at);
        }
        true
    }

    fn let_in(
        &mut self,
        position: PositionId,
        event: EventId,
        (known, saw): (&[Use], Vec<EntryRef>),
        name: crate::truth::Name,
        at: &mut Door<'_>,
    ) {
        let entry = &self.disk.journal[&name];
        let scan = ScanId(entry.id.0);
        let of = Use {
            scan_id: scan,
            entry: entry.reference(),
            saw,
            direction: Direction::Entry,
            at: entry.at.ticket_time(),
            uncertainty_ms: entry.at.uncertainty_ms,
            undone: false,
        };
        // By its own journal, whatever became of the rest: what it let in before and has not undone.
        let body = position.to_string();
        let own_before = self.disk.journal.values().filter(|e| {
            let undone = self.disk.uses.get(&ScanId(e.id.0)).is_some_and(|seen| seen.of.undone);
            e.kind == "scan" && e.id.0 != scan.0 && !undone && e.body.contains(&body) && is_admission(&e.body)
        });
        let own_before = own_before.count();
        self.disk.uses.insert(scan, Scan { position, event, of });
        let knew = known.iter().map(|of| of.scan_id).collect();
        let by = self.device();
        at.truth.admitted(position, Admission { slot: at.slot, by, scan, knew, own_before });
    }

    /// Undoes one of the scans it knows, of whichever station.
    pub fn undo(&mut self, nth: usize, at: &mut Door<'_>) -> bool {
        let counted = self.disk.uses.iter().filter(|(_, s)| !s.of.undone && self.has_list(s.event));
        let counted: Vec<(ScanId, EventId)> = counted.map(|(id, seen)| (*id, seen.event)).collect();
        let Some((scan_id, event_id)) = counted.get(nth % counted.len().max(1)).copied().filter(|_| !self.disk_full)
        else {
            return false;
        };
        let fact = Fact::ScanUndone { scan_id, event_id, list_id: town::list(event_id) };
        let name = self.append(fact, Vec::new(), at.now, at.dice);
        at.truth.confirm(at.slot, "an undone scan", Some(name));
        if let Some(seen) = self.disk.uses.get_mut(&scan_id) {
            seen.of.undone = true;
        }
        true
    }
}

fn is_admission(body: &str) -> bool {
    body.contains("\"class\":\"admitted\"")
}

fn newest_of_each(known: &[EntryRef]) -> Vec<EntryRef> {
    let names: BTreeSet<_> = known.iter().map(|r| (r.station, r.incarnation)).collect();
    let newest = |name| known.iter().filter(|r| (r.station, r.incarnation) == name).max_by_key(|r| r.seq).copied();
    names.into_iter().filter_map(newest).collect()
}
