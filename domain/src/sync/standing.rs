//! Whether a station is still the one it takes itself for. A database can be copied, put back from a backup or lose its
//! end; a station that went on as if nothing had happened would sell the same units again and write two entries under
//! one number.
//!
//! So the end of the journal is **marked** outside the database. A station whose database does not reach its mark, is on
//! another machine than its mark says, or is told so by the server, **doubts** itself: it opens a new incarnation for
//! what it must record, scans, marked, and sells nothing. If everything up to the mark turns up, what it held before is
//! in force again; else it goes on with new leases at the next contact, and what it held before stays **frozen** until
//! the entries turn up or a person writes it off. Incarnation numbers only rise, so nothing is ever written twice under
//! one name by a station that doubts.
//!
//! Not here: where marks lie, who gives entries back, and how the server recognises a station ([`super::recognise`]).

use crate::{clock::UtcMillis, id::DeviceId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use ts_rs::TS;

/// One entry of a journal, and so all before it in its incarnation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Point {
    pub incarnation: u32,
    pub seq: u64,
    /// Hash of that entry, hex.
    pub hash: String,
}

/// How far a journal had come, as kept outside its database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub station: DeviceId,
    /// See [`machine_digest`].
    pub machine: String,
    /// The newest entry of the incarnation that is written in.
    #[serde(flatten)]
    pub at: Point,
    /// Where earlier incarnations ended that are in force still.
    #[serde(default)]
    pub earlier: Vec<Point>,
    /// Earlier incarnations that are not in force, which a database put back may not know.
    #[serde(default)]
    pub frozen: Vec<Frozen>,
    /// The newest token of a contact, which a database put back does not have.
    #[serde(default)]
    pub resume: Option<Resume>,
}

/// A token of a contact, with its number among those this station was handed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    pub n: u64,
    pub token: String,
}

/// Tells one machine from another and says nothing else. `id` is the system's own identifier.
#[must_use]
pub fn machine_digest(id: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"willcall machine 1\0");
    hash.update(id.trim().as_bytes());
    hex::encode(&hash.finalize()[..16])
}

/// Why a station doubts itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum DoubtKind {
    /// The database ends before the mark: it was put back, or lost its end.
    Behind,
    /// The database has another entry where the mark is: two went on from one.
    Parted,
    /// The mark was made on another machine.
    OtherMachine,
    /// There was a mark, and there is none.
    MarkMissing,
    /// The server has entries of this incarnation that are not here.
    Surpassed,
    /// The server takes this station for a copy.
    TakenForCopy,
}

/// A doubt, and what would end it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    pub kind: DoubtKind,
    /// The points that must be reached for what was held before to be in force again; empty where nothing can prove it.
    pub until: Vec<Point>,
}

impl Doubt {
    /// One that nothing but a new incarnation ends.
    #[must_use]
    pub fn of(kind: DoubtKind) -> Self {
        Self { kind, until: Vec::new() }
    }
}

/// What a database has at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Here {
    /// This very entry, or it was dropped behind a checkpoint that is here.
    Reached,
    /// Nothing there, or not everything before it.
    Lacking,
    /// Another entry.
    Other,
}

/// What is looked at when a station opens its database.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    pub station: DeviceId,
    /// This machine's digest.
    pub machine: &'a str,
    /// Whether the end of this station's journal was ever marked.
    pub was_marked: bool,
    /// Every mark that was found, of whichever station.
    pub marks: &'a [Mark],
}

/// Whether the database that was opened is the station's newest. Marks of other stations, such as an earlier enrolment
/// of this machine, say nothing.
#[must_use]
pub fn at_open(opening: &Opening<'_>, here: impl Fn(&Point) -> Here) -> Option<Doubt> {
    let marks: Vec<&Mark> = opening.marks.iter().filter(|m| m.station == opening.station).collect();
    let Some(furthest) = marks.iter().max_by_key(|m| (m.at.incarnation, m.at.seq)) else {
        return opening.was_marked.then(|| Doubt::of(DoubtKind::MarkMissing));
    };
    if furthest.machine != opening.machine {
        return Some(Doubt::of(DoubtKind::OtherMachine));
    }
    let mut until: Vec<Point> = Vec::new();
    for point in marks.iter().flat_map(|m| m.earlier.iter().chain([&m.at])) {
        match here(point) {
            Here::Reached => {}
            Here::Other => return Some(Doubt::of(DoubtKind::Parted)),
            Here::Lacking => until.push(point.clone()),
        }
    }
    until.sort();
    until.dedup();
    if until.is_empty() { None } else { Some(Doubt { kind: DoubtKind::Behind, until }) }
}

/// An earlier incarnation that is not in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    pub incarnation: u32,
    /// The points to be reached; empty where nothing can prove it.
    pub until: Vec<Point>,
}

/// A station's account of its own lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// The incarnation that is written in.
    pub incarnation: u32,
    /// Why it doubts itself; `None` when it does not.
    pub doubt: Option<Doubt>,
    /// The incarnation the doubt is about.
    #[serde(default)]
    pub doubted: u32,
    /// Earlier incarnations of which nothing is sold.
    pub frozen: Vec<Frozen>,
    /// Earlier incarnations that turned out to be complete: their leases and rights are in force.
    pub proven: Vec<u32>,
}

impl Life {
    /// A life that begins, or one from before lives were kept.
    #[must_use]
    pub fn new(incarnation: u32) -> Self {
        Self { incarnation, doubt: None, doubted: 0, frozen: Vec::new(), proven: Vec::new() }
    }

    /// The incarnations whose leases and rights may be used; none while it doubts.
    #[must_use]
    pub fn in_force(&self) -> Vec<u32> {
        if self.doubt.is_some() {
            return Vec::new();
        }
        self.proven.iter().copied().chain([self.incarnation]).collect()
    }

    /// Begins to doubt: what was in force is frozen, and a new incarnation, `next` or a higher one, is written in from
    /// now on. `before` is what the marks say was frozen already. Incarnations that only the marks know, because they
    /// were written after this disk was saved, are frozen too: a disk put back once more must not take them for whole.
    pub fn doubt(&mut self, doubt: Doubt, next: u32, before: &[Frozen]) {
        let known: Vec<Frozen> = self.frozen.drain(..).chain(before.iter().cloned()).collect();
        let in_force = self.proven.drain(..).chain([self.incarnation]);
        let named = known.iter().map(|f| f.incarnation).chain(doubt.until.iter().map(|p| p.incarnation));
        let all: BTreeSet<u32> = in_force.chain(named).collect();
        for incarnation in all {
            let reasons: Vec<&Frozen> = known.iter().filter(|f| f.incarnation == incarnation).collect();
            let provable = !doubt.until.is_empty() && reasons.iter().all(|f| !f.until.is_empty());
            let points: BTreeSet<&Point> = reasons.iter().flat_map(|f| &f.until).chain(&doubt.until).collect();
            let until = if provable { points.into_iter().cloned().collect() } else { Vec::new() };
            self.frozen.push(Frozen { incarnation, until });
        }
        self.doubted = self.incarnation;
        self.incarnation = next.max(self.incarnation.saturating_add(1));
        self.doubt = Some(doubt);
    }

    /// Looks whether everything that is missing has turned up; answers the incarnations that are in force again.
    pub fn look_again(&mut self, mut here: impl FnMut(&Point) -> Here) -> Vec<u32> {
        let mut reached = |until: &[Point]| !until.is_empty() && until.iter().all(|p| here(p) == Here::Reached);
        if self.doubt.as_ref().is_some_and(|d| reached(&d.until)) {
            self.doubt = None;
        }
        let (found, frozen): (Vec<Frozen>, Vec<Frozen>) = self.frozen.drain(..).partition(|f| reached(&f.until));
        self.frozen = frozen;
        let found: Vec<u32> = found.into_iter().map(|f| f.incarnation).collect();
        self.proven.extend(&found);
        self.proven.sort_unstable();
        found
    }

    /// A contact in which the server was told of the doubt and knows no better: the new incarnation goes on with leases
    /// of its own. Answers whether that is news.
    pub fn server_has_heard(&mut self) -> bool {
        self.doubt.take().is_some()
    }

    /// All that is missing, the oldest first.
    #[must_use]
    pub fn missing(&self) -> Vec<Point> {
        let mut all: Vec<Point> = self.frozen.iter().flat_map(|f| f.until.iter().cloned()).collect();
        all.sort();
        all.dedup();
        all
    }
}

/// How a station stands to itself, for screens.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct StandingView {
    /// Why this station doubts that it is itself: it scans, marked, and sells nothing. `None` when it does not.
    pub doubt: Option<DoubtKind>,
    pub since: Option<UtcMillis>,
    /// Entries up to the mark that are not here, as far as that can be counted.
    #[ts(type = "number")]
    pub missing: u64,
    /// The first runs of them: `incarnation 1: 118–120`.
    pub missing_entries: Vec<String>,
    /// Earlier incarnations whose leases are frozen.
    pub frozen: Vec<u32>,
}

#[cfg(test)]
mod tests;
