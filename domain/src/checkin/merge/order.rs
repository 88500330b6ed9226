//! The partial order of the uses of one ticket: what came of what, then clocks.

use super::{Splits, Use};
use std::collections::BinaryHeap;

/// Whether `later` was decided with `earlier` known.
#[must_use]
pub fn knew(later: &Use, earlier: &Use, splits: &Splits) -> bool {
    let journal = (earlier.entry.station, earlier.entry.incarnation);
    if splits.get(&journal).is_some_and(|split| earlier.entry.seq >= *split) {
        return false;
    }
    let same = (later.entry.station, later.entry.incarnation) == journal;
    (same && later.entry.seq > earlier.entry.seq)
        || later.saw.iter().any(|s| (s.station, s.incarnation) == journal && s.seq >= earlier.entry.seq)
}

/// The uses in their most probable order: what is known of it first, then the clocks, then their names. Places in `uses`.
#[must_use]
pub fn in_order(uses: &[&Use], splits: &Splits) -> Vec<usize> {
    if uses.len() < 2 {
        return (0..uses.len()).collect();
    }
    let order = Order::of(uses, splits);
    let mut waits: Vec<usize> = (0..uses.len()).map(|at| order.before.count_into(at)).collect();
    let key = |at: usize| std::cmp::Reverse((uses[at].at, uses[at].entry, uses[at].scan_id, at));
    let mut ready: BinaryHeap<_> = (0..uses.len()).filter(|at| waits[*at] == 0).map(key).collect();
    let mut sorted = Vec::with_capacity(uses.len());
    while let Some(std::cmp::Reverse((_, _, _, at))) = ready.pop() {
        sorted.push(at);
        for (next, left) in waits.iter_mut().enumerate().filter(|(next, _)| order.before(at, *next)) {
            *left -= 1;
            if *left == 0 {
                ready.push(key(next));
            }
        }
    }
    sorted
}

/// What is known of the order of some uses.
pub(super) struct Order {
    knew: Relation,
    before: Relation,
}

impl Order {
    pub(super) fn of(uses: &[&Use], splits: &Splits) -> Self {
        let count = uses.len();
        let mut knew_of = Relation::new(count);
        for later in 0..count {
            for earlier in 0..count {
                if later != earlier && knew(uses[later], uses[earlier], splits) {
                    knew_of.set(earlier, later);
                }
            }
        }
        // Two that each claim to have known the other cannot both be right: neither counts.
        let knew_of = knew_of.without_circles(&Relation::new(count));
        let causal = knew_of.clone().closed();
        let mut clocks = Relation::new(count);
        for one in 0..count {
            for other in 0..count {
                let apart = one != other && !causal.has(one, other) && !causal.has(other, one);
                if apart && uses[one].span().1 < uses[other].span().0 {
                    clocks.set(one, other);
                }
            }
        }
        // Where clocks contradict what came of what, or each other by way of it, they say nothing.
        let clocks = clocks.without_circles(&causal);
        Self { before: clocks.and(&causal).closed(), knew: knew_of }
    }

    /// Whether every possible order has `one` before `other`.
    pub(super) fn before(&self, one: usize, other: usize) -> bool {
        self.before.has(one, other)
    }

    /// Whether neither knew the other.
    pub(super) fn strangers(&self, one: usize, other: usize) -> bool {
        !self.knew.has(one, other) && !self.knew.has(other, one)
    }
}

/// Pairs of places, as a matrix of bits.
#[derive(Clone)]
struct Relation {
    count: usize,
    rows: Vec<Vec<u64>>,
}

impl Relation {
    fn new(count: usize) -> Self {
        Self { count, rows: vec![vec![0; count.div_ceil(64)]; count] }
    }

    fn set(&mut self, from: usize, to: usize) {
        self.rows[from][to / 64] |= 1 << (to % 64);
    }

    fn has(&self, from: usize, to: usize) -> bool {
        self.rows[from][to / 64] & (1 << (to % 64)) != 0
    }

    /// How many lead to this one.
    fn count_into(&self, to: usize) -> usize {
        (0..self.count).filter(|from| self.has(*from, to)).count()
    }

    fn and(mut self, other: &Self) -> Self {
        for (mine, theirs) in self.rows.iter_mut().zip(&other.rows) {
            mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine |= theirs);
        }
        self
    }

    /// Whatever can be reached.
    fn closed(mut self) -> Self {
        for by in 0..self.count {
            let through = self.rows[by].clone();
            for from in 0..self.count {
                if self.has(from, by) {
                    self.rows[from].iter_mut().zip(&through).for_each(|(mine, theirs)| *mine |= theirs);
                }
            }
        }
        self
    }

    /// Without the pairs that, together with `also`, lead back to where they began.
    fn without_circles(&self, also: &Self) -> Self {
        let reach = self.clone().and(also).closed();
        let mut left = Self::new(self.count);
        for from in 0..self.count {
            for to in 0..self.count {
                if self.has(from, to) && !reach.has(to, from) {
                    left.set(from, to);
                }
            }
        }
        left
    }
}
