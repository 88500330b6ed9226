//! What the scans of one ticket on one list say together. They are a grow-only set: nothing here depends on the order in
//! which they came, and each answer follows from the set anew.
//!
//! Order is causal first. A scan *knew* another when it comes later in the same journal, or when its `saw` names that one
//! or a later entry of its journal. In a journal that was forked, a number at or behind the split names two entries and
//! says nothing about what was known. Clocks decide only between scans of which neither came of the other, and as
//! intervals: where these overlap, both orders are possible.
//!
//! A **double** is two entries, neither of which knew the other, with no exit between them on a list that lets people in
//! again after one. It is *certain* where every possible order has one, *possible* where some does.

mod order;

pub use order::{in_order, knew};

use super::wire::{Class, Direction, ListRow, SawRef, ScanRow};
use crate::{
    clock::UtcMillis,
    id::{DeviceId, ScanId},
};
use order::Order;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};

/// One scan that counts: admitted, or let out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    pub scan_id: ScanId,
    /// Where it stands in its station's journal.
    pub entry: SawRef,
    /// The last use its station knew of each station when it decided.
    pub saw: Vec<SawRef>,
    pub direction: Direction,
    /// Ticket time, as well as its station knew it.
    pub at: UtcMillis,
    /// How far `at` may be wrong, in milliseconds; negative where the clock was never compared: then it says nothing.
    pub uncertainty_ms: i64,
    pub undone: bool,
}

impl Use {
    /// A scan as a use; `None` where it let nobody in or out.
    #[must_use]
    pub fn of(row: &ScanRow) -> Option<Self> {
        matches!(row.class, Class::Admitted | Class::Look).then(|| Self {
            scan_id: row.scan_id,
            entry: SawRef { station: row.station, incarnation: row.incarnation, seq: row.seq },
            saw: row.saw.clone(),
            direction: row.direction,
            at: row.at,
            uncertainty_ms: row.uncertainty_ms,
            undone: row.undone,
        })
    }

    /// The earliest and the latest instant at which it may have been.
    #[must_use]
    pub fn span(&self) -> (i64, i64) {
        if self.uncertainty_ms < 0 {
            return (i64::MIN, i64::MAX);
        }
        (self.at.0.saturating_sub(self.uncertainty_ms), self.at.0.saturating_add(self.uncertainty_ms))
    }

    fn enters(&self) -> bool {
        self.direction == Direction::Entry
    }
}

/// By station and incarnation, the first number under which its journal has two entries.
pub type Splits = BTreeMap<(DeviceId, u32), u64>;

/// What a list allows of one ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    pub multiple_entries: bool,
    pub entry_after_exit: bool,
}

impl From<&ListRow> for Allowed {
    fn from(list: &ListRow) -> Self {
        Self { multiple_entries: list.allow_multiple_entries, entry_after_exit: list.allow_entry_after_exit }
    }
}

/// How sure it is that somebody entered once too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// In some of the possible orders.
    Possible,
    /// In every possible order.
    Certain,
}

impl Certainty {
    /// The word that is stored and sent.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Certain => "certain",
        }
    }
}

/// Entries of one ticket that did not know each other and are more than its list allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Double {
    /// In their most probable order.
    pub scans: Vec<ScanId>,
    pub certainty: Certainty,
}

/// Where the ticket is by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State<'u> {
    /// The first entry that counts.
    pub first_entry: Option<&'u Use>,
    /// Whether the last scan that counts is an entry.
    pub inside: bool,
    /// Whether there is a last one, and it is an exit.
    pub outside: bool,
}

/// The state of a ticket, as if what was undone never was.
#[must_use]
pub fn state<'u>(uses: impl IntoIterator<Item = &'u Use>, splits: &Splits) -> State<'u> {
    let counted: Vec<&Use> = uses.into_iter().filter(|u| !u.undone).collect();
    let order = in_order(&counted, splits);
    let nth = |at: &usize| counted[*at];
    let last = order.last().map(nth);
    State {
        first_entry: order.iter().map(nth).find(|u| u.enters()),
        inside: last.is_some_and(Use::enters),
        outside: last.is_some_and(|u| !u.enters()),
    }
}

impl State<'_> {
    /// Whether one more entry, which knows all of these, is within what the list allows.
    #[must_use]
    pub fn admits(&self, allowed: Allowed) -> bool {
        allowed.multiple_entries || self.first_entry.is_none() || (allowed.entry_after_exit && self.outside)
    }
}

/// The doubles among the uses of one ticket on one list. An entry that was undone stays in them: its list shows it,
/// marked. An exit that was undone lets nobody in again.
#[must_use]
pub fn doubles(uses: &[Use], allowed: Allowed, splits: &Splits) -> Vec<Double> {
    if allowed.multiple_entries {
        return Vec::new();
    }
    let uses: Vec<&Use> = uses.iter().filter(|u| u.enters() || !u.undone).collect();
    let entries: Vec<usize> = (0..uses.len()).filter(|at| uses[*at].enters()).collect();
    if entries.len() < 2 {
        return Vec::new();
    }
    let order = Order::of(&uses, splits);
    let exits: Vec<usize> = (0..uses.len()).filter(|at| allowed.entry_after_exit && !uses[*at].enters()).collect();
    let found = Found { order, exits };
    let mut groups = Groups::new(uses.len());
    let mut pairs = Vec::new();
    for (nth, one) in entries.iter().enumerate() {
        for other in &entries[nth + 1..] {
            if found.may_be_double(*one, *other) {
                groups.join(*one, *other);
                pairs.push((*one, *other));
            }
        }
    }
    let probable = in_order(&uses, splits);
    let mut by_group: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for at in &probable {
        by_group.entry(groups.of(*at)).or_default().push(*at);
    }
    let mut doubles: Vec<(usize, Double)> = Vec::new();
    for members in by_group.into_values().filter(|members| members.len() > 1) {
        let of_group: Vec<(usize, usize)> = pairs.iter().copied().filter(|(one, _)| members.contains(one)).collect();
        let certainty = if found.is_certain(&members, &of_group) { Certainty::Certain } else { Certainty::Possible };
        let place = probable.iter().position(|at| Some(at) == members.first()).unwrap_or(0);
        doubles.push((place, Double { scans: members.iter().map(|at| uses[*at].scan_id).collect(), certainty }));
    }
    doubles.sort_by_key(|(place, _)| *place);
    doubles.into_iter().map(|(_, double)| double).collect()
}

/// What is known of the order, and which exits let people in again.
struct Found {
    order: Order,
    exits: Vec<usize>,
}

/// Most situations that are looked at to find an order without a double.
const MOST_LOOKED_AT: usize = 20_000;

impl Found {
    /// Whether some possible order has these entries with no exit between them.
    fn may_be_double(&self, one: usize, other: usize) -> bool {
        let order = &self.order;
        let surely_between = |exit: usize| {
            (order.before(one, exit) && order.before(exit, other))
                || (order.before(other, exit) && order.before(exit, one))
        };
        order.strangers(one, other) && !self.exits.iter().any(|exit| surely_between(*exit))
    }

    /// Whether some possible order has this exit between them.
    fn may_be_between(&self, exit: usize, one: usize, other: usize) -> bool {
        let fits = |first: usize, last: usize| {
            !self.order.before(exit, first) && !self.order.before(last, exit) && !self.order.before(last, first)
        };
        fits(one, other) || fits(other, one)
    }

    /// Whether every possible order has a double among these entries, whose doubtful pairs are `pairs`.
    fn is_certain(&self, entries: &[usize], pairs: &[(usize, usize)]) -> bool {
        let exits: Vec<usize> = self
            .exits
            .iter()
            .copied()
            .filter(|exit| pairs.iter().any(|(one, other)| self.may_be_between(*exit, *one, *other)))
            .collect();
        let alone = |(one, other): &(usize, usize)| !exits.iter().any(|exit| self.may_be_between(*exit, *one, *other));
        if pairs.iter().any(alone) {
            return true;
        }
        // Each pair can be parted; whether all of them can at once, only looking tells.
        self.all_can_be_parted(entries, &exits, pairs) == Some(false)
    }

    /// Looks for an order in which an exit parts every pair; `None` where there are too many to look at.
    fn all_can_be_parted(&self, entries: &[usize], exits: &[usize], pairs: &[(usize, usize)]) -> Option<bool> {
        let all: Vec<usize> = entries.iter().chain(exits).copied().collect();
        if all.len() > 64 {
            return None;
        }
        let bit = |at: usize| all.iter().position(|one| *one == at).map_or(0, |place| 1_u64 << place);
        let before: Vec<u64> = all
            .iter()
            .map(|at| all.iter().filter(|other| self.order.before(**other, *at)).map(|other| bit(*other)).sum())
            .collect();
        let rivals: Vec<u64> = all
            .iter()
            .map(|at| {
                let of = |(one, other): &(usize, usize)| match (one == at, other == at) {
                    (true, _) => bit(*other),
                    (_, true) => bit(*one),
                    (false, false) => 0,
                };
                pairs.iter().map(of).fold(0, std::ops::BitOr::bitor)
            })
            .collect();
        let done = all.iter().map(|at| bit(*at)).fold(0, std::ops::BitOr::bitor);
        // What was placed, and what of it since the last exit.
        let (mut looked, mut next) = (HashSet::new(), vec![(0_u64, 0_u64)]);
        while let Some((placed, since)) = next.pop() {
            if placed == done {
                return Some(true);
            }
            if looked.len() >= MOST_LOOKED_AT {
                return None;
            }
            if !looked.insert((placed, since)) {
                continue;
            }
            for place in 0..all.len() {
                let me = 1_u64 << place;
                if placed & me != 0 || before[place] & !placed != 0 {
                    continue;
                }
                if place >= entries.len() {
                    next.push((placed | me, 0));
                } else if rivals[place] & since == 0 {
                    next.push((placed | me, since | me));
                }
            }
        }
        Some(false)
    }
}

/// Which belong together.
struct Groups(Vec<usize>);

impl Groups {
    fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    fn of(&self, mut at: usize) -> usize {
        while self.0[at] != at {
            at = self.0[at];
        }
        at
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.of(one), self.of(other));
        self.0[one.max(other)] = one.min(other);
    }
}

#[cfg(test)]
mod tests;
