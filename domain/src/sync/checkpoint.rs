//! Where a journal may be cut: what is before is safe on the server, long over, and nothing after refers to it.

use super::Fact;
use crate::id::{EventId, LeaseId};
use std::collections::BTreeMap;
use uuid::Uuid;

/// How long entries are kept after their event has ended, in milliseconds: 30 days.
pub const RETENTION_MS: i64 = 30 * 86_400_000;

/// One entry, as far as it matters for cutting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub seq: u64,
    /// Its event has ended, and the retention is over.
    pub old: bool,
    /// What it is about, and what entries of the same are about: an order, a lease, a right.
    pub about: Vec<Uuid>,
}

/// The highest number up to which a journal may be dropped; `None` when there is nothing to drop. `written` are the
/// entries that are here, ascending; `safe` is up to where the server has them in a finished backup; `open` are leases and
/// rights that are held still.
#[must_use]
pub fn cut(written: &[Written], safe: u64, open: &[Uuid]) -> Option<u64> {
    let mut last: BTreeMap<Uuid, u64> = BTreeMap::new();
    for entry in written {
        for about in &entry.about {
            last.insert(*about, entry.seq);
        }
    }
    for held in open {
        last.insert(*held, u64::MAX);
    }
    let (mut cut, mut reaches) = (None, 0);
    for entry in written {
        if !entry.old || entry.seq > safe {
            break;
        }
        // Whatever this entry is about must end before the cut.
        reaches = entry.about.iter().filter_map(|about| last.get(about)).copied().fold(reaches, u64::max);
        if reaches <= entry.seq {
            cut = Some(entry.seq);
        }
    }
    cut
}

/// What a fact is about, besides its event.
#[must_use]
pub fn about(fact: &Fact) -> Vec<Uuid> {
    let mut about: Vec<Uuid> = fact.order().map(|order| order.0).into_iter().collect();
    match fact {
        Fact::Sale { lines, .. } => about.extend(lines.iter().flat_map(|l| &l.units).map(|unit| unit.lease_id.0)),
        Fact::Void { back, freed, .. } => about.extend(back.iter().chain(freed).map(|unit| unit.lease_id.0)),
        Fact::LeaseAccepted { lease_id, .. } | Fact::LeaseReturned { lease_id, .. } => about.push(lease_id.0),
        Fact::HandOverGiven { hand_over_id, lease_id, .. } => about.extend([hand_over_id.0, lease_id.0]),
        Fact::HandOverTaken { hand_over_id, .. } | Fact::HandOverDeclined { hand_over_id, .. } => {
            about.push(hand_over_id.0);
        }
        Fact::RightTaken { right_id, .. } | Fact::RightReleased { right_id, .. } => about.push(right_id.0),
        Fact::ScanUndone { scan_id, .. } => about.push(scan_id.0),
        Fact::Opened { .. }
        | Fact::Payment { .. }
        | Fact::Receipt { .. }
        | Fact::Scan { .. }
        | Fact::Print { .. }
        | Fact::Refund { .. }
        | Fact::CaseClosed { .. }
        | Fact::OperatorIn { .. }
        | Fact::OperatorOut { .. }
        | Fact::Badge { .. }
        | Fact::Answers { .. }
        | Fact::Exchanged { .. }
        | Fact::KeyChanged { .. }
        | Fact::Checkpoint { .. }
        | Fact::Closed { .. } => {}
    }
    about
}

/// The event a fact belongs to, where it says.
#[must_use]
pub fn event(fact: &Fact) -> Option<EventId> {
    match fact {
        Fact::LeaseAccepted { event_id, .. }
        | Fact::Sale { event_id, .. }
        | Fact::Scan { event_id, .. }
        | Fact::LeaseReturned { event_id, .. }
        | Fact::HandOverGiven { event_id, .. }
        | Fact::HandOverTaken { event_id, .. }
        | Fact::RightTaken { event_id, .. }
        | Fact::RightReleased { event_id, .. }
        | Fact::Void { event_id, .. }
        | Fact::Badge { event_id, .. }
        | Fact::Answers { event_id, .. }
        | Fact::Exchanged { event_id, .. }
        | Fact::ScanUndone { event_id, .. } => Some(*event_id),
        Fact::Opened { .. }
        | Fact::Payment { .. }
        | Fact::Receipt { .. }
        | Fact::Print { .. }
        | Fact::HandOverDeclined { .. }
        | Fact::Refund { .. }
        | Fact::CaseClosed { .. }
        | Fact::OperatorIn { .. }
        | Fact::OperatorOut { .. }
        | Fact::KeyChanged { .. }
        | Fact::Checkpoint { .. }
        | Fact::Closed { .. } => None,
    }
}

/// Leases as things a fact may be about.
#[must_use]
pub fn leases(held: &[LeaseId]) -> Vec<Uuid> {
    held.iter().map(|lease| lease.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(seq: u64, old: bool, about: &[u128]) -> Written {
        Written { seq, old, about: about.iter().map(|n| Uuid::from_u128(*n)).collect() }
    }

    #[test]
    fn a_journal_is_cut_only_where_all_before_is_over_safe_and_left_alone() {
        type Case = (&'static str, Vec<Written>, u64, Vec<u128>, Option<u64>);
        let table: Vec<Case> = vec![
            ("nothing is here", vec![], 9, vec![], None),
            ("all is old and safe", vec![written(1, true, &[]), written(2, true, &[1])], 9, vec![], Some(2)),
            ("the rest is not safe", vec![written(1, true, &[]), written(2, true, &[])], 1, vec![], Some(1)),
            ("none is safe", vec![written(1, true, &[])], 0, vec![], None),
            (
                "the rest is not over",
                vec![written(1, true, &[]), written(2, false, &[]), written(3, true, &[])],
                9,
                vec![],
                Some(1),
            ),
            (
                "an order goes on",
                vec![written(1, true, &[]), written(2, true, &[7]), written(3, false, &[7])],
                9,
                vec![],
                Some(1),
            ),
            (
                "an order lies across another",
                vec![
                    written(1, true, &[7]),
                    written(2, true, &[8]),
                    written(3, true, &[7]),
                    written(4, true, &[8]),
                    written(5, false, &[]),
                ],
                9,
                vec![],
                Some(4),
            ),
            (
                "a lease is held still",
                vec![written(1, true, &[]), written(2, true, &[7]), written(3, true, &[])],
                9,
                vec![7],
                Some(1),
            ),
            ("after an earlier cut", vec![written(8, true, &[]), written(9, true, &[])], 9, vec![], Some(9)),
        ];
        for (case, written, safe, open, expected) in table {
            let open: Vec<Uuid> = open.into_iter().map(Uuid::from_u128).collect();
            assert_eq!(cut(&written, safe, &open), expected, "{case}");
        }
    }

    proptest! {
        #[test]
        fn nothing_after_a_cut_is_about_anything_before_it(
            entries in prop::collection::vec((any::<bool>(), prop::collection::vec(0u128..6, 0..3)), 0..40),
            safe in 0u64..45,
            open in prop::collection::vec(0u128..6, 0..2),
        ) {
            let all: Vec<Written> =
                entries.iter().zip(1..).map(|((young, about), seq)| written(seq, !young || seq % 3 > 0, about)).collect();
            let open: Vec<Uuid> = open.into_iter().map(Uuid::from_u128).collect();
            if let Some(at) = cut(&all, safe, &open) {
                prop_assert!(at <= safe);
                let (before, after): (Vec<_>, Vec<_>) = all.iter().partition(|w| w.seq <= at);
                for entry in before {
                    prop_assert!(entry.old);
                    for about in &entry.about {
                        prop_assert!(!open.contains(about), "held still");
                        prop_assert!(!after.iter().any(|later| later.about.contains(about)));
                    }
                }
            }
        }
    }
}
