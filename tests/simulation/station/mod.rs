//! A station as a plain value: what is on its disk, what is kept outside it, and what it does by itself. Every decision is
//! the domain's.

mod clock;
mod counter;
mod gate;
mod hand;
mod hear;
mod lives;
mod rights;
mod units;

pub use counter::{Counter, Wish, money};
pub use gate::Door;
pub use hear::{Heard, Kept};
pub use rights::HeldHere;

use super::{
    bugs::Bug,
    dice::Dice,
    network::Cursor,
    rows::{Key, Scan},
    truth::Name,
};
use clock::Running;
use ed25519_dalek::SigningKey;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use willcall_domain::{
    clock::UtcMillis,
    devices::certificate::DeviceCertificate,
    entropy::SeededEntropy,
    id::{DeviceId, EntryId, EventId, HandOverId, HistoryId, QuotaId, RequestId, ScanId},
    leases::{
        RightSubject,
        holding::{HandOut, HeldLease},
        passing::Origin,
    },
    sync::{
        Draft, Entry, EntryRef, Fact, Outcome,
        journal::{FIRST, bytes32},
        standing::{Here, Life, Mark, Point, Resume},
    },
};

/// A lease with the life that took it in.
#[derive(Debug, Clone)]
pub struct Holding {
    pub device: DeviceId,
    pub incarnation: u32,
    /// The entry that took it over from another till.
    pub taken: Option<Name>,
    pub lease: HeldLease,
    /// What proves whose units these are.
    pub origin: Origin,
    /// Version of the newest word of the server about it.
    pub told: (usize, i64),
}

/// What lies on the disk: copied, put back, or lost as a whole.
#[derive(Debug, Clone)]
pub struct Disk {
    pub device: DeviceId,
    pub life: Life,
    /// Of this device, and of those this machine was before.
    pub journal: BTreeMap<Name, Entry>,
    pub outcomes: BTreeMap<Name, Outcome>,
    pub holdings: Vec<Holding>,
    pub asked: BTreeMap<QuotaId, RequestId>,
    pub rights: Vec<HeldHere>,
    pub rights_asked: BTreeMap<RightSubject, RequestId>,
    /// Hand-overs of this station by id, as they left.
    pub given: BTreeMap<HandOverId, HandOut>,
    pub uses: BTreeMap<ScanId, Scan>,
    pub rows: BTreeMap<Key, Kept>,
    /// What it may see, by its own row, and what of that is all here.
    pub events: BTreeSet<EventId>,
    pub here: BTreeSet<EventId>,
    pub histories: Vec<HistoryId>,
    pub cursor: Option<Cursor>,
    pub certificate: Option<DeviceCertificate>,
    pub resume: Option<Resume>,
    pub was_marked: bool,
    /// When it last was caught up, by the wall: for the next run.
    pub caught_up_at: Option<i64>,
    /// Server time minus the wall, as last measured.
    pub offset_ms: Option<i64>,
}

impl Disk {
    fn new(device: DeviceId, events: BTreeSet<EventId>) -> Self {
        Self {
            device,
            life: Life::new(1),
            journal: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            holdings: Vec::new(),
            asked: BTreeMap::new(),
            rights: Vec::new(),
            rights_asked: BTreeMap::new(),
            given: BTreeMap::new(),
            uses: BTreeMap::new(),
            rows: BTreeMap::new(),
            events,
            here: BTreeSet::new(),
            histories: Vec::new(),
            cursor: None,
            certificate: None,
            resume: None,
            was_marked: false,
            caught_up_at: None,
            offset_ms: None,
        }
    }

    pub fn waiting(&self) -> impl Iterator<Item = &Entry> {
        self.journal.iter().filter(|(name, _)| !self.outcomes.contains_key(*name)).map(|(_, entry)| entry)
    }

    pub fn tail(&self, incarnation: u32) -> Option<&Entry> {
        let of = (self.device, incarnation, 0)..=(self.device, incarnation, u64::MAX);
        self.journal.range(of).next_back().map(|(_, entry)| entry)
    }

    fn here(&self, point: &Point) -> Here {
        match self.journal.get(&(self.device, point.incarnation, point.seq)) {
            None => Here::Lacking,
            Some(entry) if entry.hash == point.hash => Here::Reached,
            Some(_) => Here::Other,
        }
    }

    /// The number of a history; what a server confirmed in another one is sent again, and all is downloaded again.
    pub fn meet(&mut self, history: HistoryId) -> usize {
        self.histories.iter().position(|h| *h == history).unwrap_or_else(|| {
            self.outcomes.clear();
            self.histories.push(history);
            self.histories.len() - 1
        })
    }

    /// Whether the server is of the newest history that is known here.
    pub fn is_newest(&self, history: HistoryId) -> bool {
        self.histories.last().is_none_or(|newest| *newest == history)
    }
}

/// How a line to the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    pub up: bool,
    pub down: bool,
    pub slow: bool,
}

impl Line {
    pub const GOOD: Self = Self { up: true, down: true, slow: false };

    /// Whether it seems to its station that there is a server.
    pub fn is_whole(self) -> bool {
        self.up && self.down
    }
}

/// One station.
#[derive(Debug, Clone)]
pub struct Station {
    pub disk: Disk,
    /// In the keychain.
    pub key: Arc<SigningKey>,
    /// Outside the database; a machine that is cloned whole takes it along.
    pub mark: Option<Mark>,
    pub machine: String,
    pub backups: Vec<Disk>,
    pub sells: bool,
    pub up: bool,
    /// For ever, with its disk.
    pub lost: bool,
    pub disk_full: bool,
    /// Scans that can be recorded on a full disk.
    pub ballast: u32,
    pub line: Line,
    /// The wall clock minus the true time.
    pub skew_ms: i64,
    pub running: Running,
}

impl Station {
    pub fn new(device: DeviceId, key: SigningKey, sells: bool, skew_ms: i64, events: BTreeSet<EventId>) -> Self {
        Self {
            disk: Disk::new(device, events),
            key: Arc::new(key),
            mark: None,
            machine: format!("machine {device}"),
            backups: Vec::new(),
            sells,
            up: true,
            lost: false,
            disk_full: false,
            ballast: 5,
            line: Line::GOOD,
            skew_ms,
            running: Running::default(),
        }
    }

    pub fn device(&self) -> DeviceId {
        self.disk.device
    }

    /// Whether it does anything at all.
    pub fn lives(&self) -> bool {
        self.up && !self.lost
    }

    pub fn doubts(&self) -> bool {
        self.disk.life.doubt.is_some()
    }

    /// Writes one fact: on the disk when this returns, and marked outside it.
    pub fn append(&mut self, fact: Fact, saw: Vec<EntryRef>, now: i64, dice: &mut Dice) -> Name {
        let incarnation = self.disk.life.incarnation;
        let (last, prev) =
            self.disk.tail(incarnation).map_or((0, FIRST), |entry| (entry.seq, bytes32(&entry.hash).unwrap_or(FIRST)));
        let entropy = SeededEntropy::new(dice.throw());
        let at = self.reading(now);
        let draft = Draft {
            station: self.disk.device,
            incarnation,
            seq: last + 1,
            id: EntryId::born(UtcMillis(now), &entropy),
            at,
            saw,
            fact,
            private: None,
        };
        let entry = draft.seal(&prev, &self.key).expect("a fact can be written");
        let name = (entry.station, incarnation, entry.seq);
        let at = Point { incarnation, seq: entry.seq, hash: entry.hash.clone() };
        self.disk.journal.insert(name, entry);
        self.set_mark(at);
        name
    }

    fn set_mark(&mut self, at: Point) {
        let before = self.mark.take().filter(|m| m.station == self.disk.device);
        let earlier = before.map_or(Vec::new(), |m| {
            let mut earlier = m.earlier;
            if m.at.incarnation != at.incarnation && self.disk.life.proven.contains(&m.at.incarnation) {
                earlier.push(m.at);
            }
            earlier
        });
        self.mark = Some(Mark {
            station: self.disk.device,
            machine: self.machine.clone(),
            at,
            earlier,
            frozen: self.disk.life.frozen.clone(),
            resume: self.disk.resume.clone(),
        });
        self.disk.was_marked = true;
    }

    /// Whether what was taken in by this device in this life may be used.
    fn in_force(&self, device: DeviceId, incarnation: u32, bug: Option<Bug>) -> bool {
        let trusting = bug == Some(Bug::CopiedStation);
        device == self.disk.device && (trusting || self.disk.life.in_force().contains(&incarnation))
    }

    /// What the server answered to a page.
    pub fn answered(&mut self, device: DeviceId, incarnation: u32, outcomes: &[(u64, Outcome)], bug: Option<Bug>) {
        for (seq, outcome) in outcomes {
            let name = (device, incarnation, *seq);
            let Some(entry) = self.disk.journal.get(&name) else { continue };
            if bug == Some(Bug::ForgetsOwnScans) && entry.kind == "scan" {
                self.disk.uses.remove(&ScanId(entry.id.0));
            }
            self.disk.outcomes.insert(name, *outcome);
        }
    }
}
