//! What the server says, merged under what is here: an older row never replaces a newer, and no row removes an own fact.

use super::Station;
use crate::{
    bugs::Bug,
    network::Cursor,
    rows::{Key, Line, Row, Value},
};
use std::collections::BTreeSet;
use willcall_domain::{
    id::{DeviceId, EventId, HistoryId},
    leases::ledger::HandOverState,
};

/// A row as it is kept, with the history and the version it is of.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    pub at: (usize, i64),
    pub event: Option<EventId>,
    pub to: Option<DeviceId>,
    pub value: Option<Value>,
}

/// Lines of the feed, or of a snapshot.
#[derive(Debug)]
pub struct Heard {
    pub history: HistoryId,
    pub lines: Vec<Line>,
    /// Where the feed is read on; `None` for a part.
    pub next: Option<i64>,
    /// All there is of these events: what it lacks of its history is no longer.
    pub whole: Option<BTreeSet<EventId>>,
}

impl Station {
    /// Takes lines in; nothing of a server that was replaced by another since.
    pub fn hear(&mut self, heard: Heard, bug: Option<Bug>) {
        let known = self.disk.histories.contains(&heard.history);
        if known && !self.disk.is_newest(heard.history) {
            return;
        }
        let epoch = self.disk.meet(heard.history);
        let fresh = self.is_fresh(heard.history, heard.next);
        if heard.whole.is_some() && heard.next.is_some() {
            if !fresh {
                // Of before what was read since: one download at a time, and this one was given up.
                return;
            }
            self.drop_others(epoch, &heard.lines);
        }
        for line in heard.lines {
            self.take_in(line, epoch, bug);
        }
        if let Some(events) = heard.whole {
            self.disk.here.extend(events);
        }
        if let Some(next) = heard.next.filter(|_| fresh) {
            self.disk.cursor = Some((heard.history, next));
        }
        self.narrow(bug);
    }

    /// Whether the feed has not been read beyond this: what came since is newer.
    fn is_fresh(&self, history: HistoryId, next: Option<i64>) -> bool {
        self.disk.cursor.is_none_or(|(h, at): Cursor| h != history || next.is_some_and(|next| next >= at))
    }

    fn take_in(&mut self, line: Line, epoch: usize, bug: Option<Bug>) {
        if line.event().is_some_and(|event| !self.disk.events.contains(&event)) {
            return;
        }
        match line {
            Line::Row(row) => self.put(row, epoch, bug),
            Line::Scan(scan) => {
                let undone = scan.of.undone;
                self.disk.uses.entry(scan.of.scan_id).or_insert(scan).of.undone |= undone;
            }
        }
    }

    fn put(&mut self, row: Row, epoch: usize, bug: Option<Bug>) {
        let at = (epoch, row.version);
        let lost = |kept: &Kept| bug == Some(Bug::LostDeletion) && kept.value.is_none();
        if self.disk.rows.get(&row.key).is_some_and(|kept| at <= kept.at && !lost(kept)) {
            return;
        }
        match (&row.key, &row.value) {
            (Key::Device(me), Some(Value::Device { events })) if *me == self.disk.device => {
                self.disk.events.clone_from(events);
            }
            (_, Some(Value::Lease(lease))) => self.lease_told(lease, epoch),
            (_, Some(Value::Right(right))) => self.right_told(right, epoch),
            (Key::HandOver(id), Some(Value::HandOver { state: HandOverState::Declined })) => self.declined(*id),
            _ => {}
        }
        self.disk.rows.insert(row.key, Kept { at, event: row.event, to: row.to, value: row.value });
    }

    /// Rows of this very history that a whole download does not have are no longer. What an earlier one had is nobody's
    /// to delete.
    fn drop_others(&mut self, epoch: usize, lines: &[Line]) {
        let named = |line: &Line| if let Line::Row(row) = line { Some(row.key) } else { None };
        let keys: BTreeSet<Key> = lines.iter().filter_map(named).collect();
        self.disk.rows.retain(|key, kept| kept.at.0 != epoch || keys.contains(key));
    }

    /// Lets go of what it may not see any more, never of facts of its own.
    fn narrow(&mut self, bug: Option<Bug>) {
        let gone: BTreeSet<EventId> = self.disk.here.difference(&self.disk.events).copied().collect();
        if gone.is_empty() {
            return;
        }
        let is_gone = |event: &Option<EventId>| event.is_some_and(|event| gone.contains(&event));
        let own: BTreeSet<DeviceId> = self.disk.journal.keys().map(|(device, _, _)| *device).collect();
        let takes_own = bug == Some(Bug::ScopeTakesOwnFacts);
        self.disk.rows.retain(|_, kept| !is_gone(&kept.event));
        self.disk
            .uses
            .retain(|_, scan| !gone.contains(&scan.event) || (own.contains(&scan.of.entry.station) && !takes_own));
        self.disk.here.retain(|event| !gone.contains(event));
    }

    /// Events of which not all is here yet.
    pub fn missing(&self, bug: Option<Bug>) -> BTreeSet<EventId> {
        if bug == Some(Bug::MovedWithoutSnapshot) || self.disk.cursor.is_none() {
            return BTreeSet::new();
        }
        self.disk.events.difference(&self.disk.here).copied().collect()
    }

    /// Tickets an earlier history had and the present one has not brought again.
    pub fn left_behind(&self) -> Vec<Row> {
        let newest = self.disk.histories.len().saturating_sub(1);
        let behind = self
            .disk
            .rows
            .iter()
            .filter(|(key, kept)| matches!(key, Key::Position(_)) && kept.at.0 < newest && kept.value.is_some());
        let row = |(key, kept): (&Key, &Kept)| Row {
            key: *key,
            event: kept.event,
            to: kept.to,
            version: kept.at.1,
            value: kept.value.clone(),
        };
        behind.map(row).collect()
    }
}
