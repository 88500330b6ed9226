//! Intake: what an entry is, against what is known of its journal. Each entry is judged by itself, so that none holds up
//! another, and in whatever order and by whichever way it comes. The signature is checked before; here stands what the
//! numbers and hashes say.
//!
//! | judged | kept | its fact |
//! | --- | --- | --- |
//! | [`Judgement::Same`] | was | answered as before |
//! | [`Judgement::New`] | yes | applied |
//! | [`Judgement::Gap`] | yes | applied; one case names the hole, and is closed when the hole is filled |
//! | [`Judgement::Fork`] | yes, beside the other | applied; one case names both branches, the device is suspended |
//! | [`Judgement::AfterRevocation`] | yes | not applied: one case for all of an incarnation |
//! | [`Judgement::AfterClosed`] | yes | not applied: one case for all of an incarnation |
//!
//! What comes behind a hole is applied and not held back: its signature is good, a scan that is not counted lets a second
//! person in, and what refers to something in the hole parks by itself.

use std::collections::{BTreeMap, BTreeSet};

/// SHA-256 of an entry.
pub type Hash = [u8; 32];

/// What the chain says of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Link {
    /// From 1.
    pub seq: u64,
    pub hash: Hash,
    /// Hash of the entry before; zeros before the first.
    pub prev: Hash,
}

/// The last entry that was known of an incarnation when its device was switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub seq: u64,
    pub hash: Hash,
}

/// Whether a device may still write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    #[default]
    InUse,
    /// Switched off, with nothing known of this incarnation.
    Revoked,
    /// Switched off when its journal was known up to here.
    RevokedAt(Limit),
}

/// What is known of one incarnation of a journal.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Stored entries by number; two under one number are a fork. May be a part of the journal: then it holds at least the
    /// numbers that will be judged and their neighbours.
    links: BTreeMap<u64, Vec<Link>>,
    /// Numbers of which only a damaged copy is here, set aside: no hole, as it is a case of its own.
    set_aside: BTreeSet<u64>,
    /// Nothing is missing up to here.
    run: u64,
    /// The highest number known.
    highest: u64,
    /// The number of the entry that closed the incarnation.
    closed: Option<u64>,
    standing: Standing,
    /// Entries that lead up to the limit of a revoked device.
    vouched: BTreeSet<Hash>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// Stored under this name with this content.
    Same,
    /// Follows what is known.
    New,
    /// The first behind a hole: numbers from `from` to the one before this are not known.
    Gap { from: u64 },
    /// Another entry has its name, or a neighbour was signed as a neighbour of another.
    Fork { other: Hash },
    /// Written after the device was switched off, or not known to have been written before.
    AfterRevocation,
    /// Written after the incarnation was closed for good.
    AfterClosed,
}

impl Known {
    /// Knowing up to where nothing is missing and which number is the highest; the links follow by [`Self::learn`].
    #[must_use]
    pub fn of(run: u64, highest: u64, closed: Option<u64>) -> Self {
        Self { run, highest: highest.max(run), closed, ..Self::default() }
    }

    /// Notes a stored entry.
    pub fn learn(&mut self, link: Link) {
        self.highest = self.highest.max(link.seq);
        let here = self.links.entry(link.seq).or_default();
        if !here.iter().any(|l| l.hash == link.hash) {
            here.push(link);
        }
        self.advance();
    }

    /// Notes that a damaged copy of this number was set aside.
    pub fn set_aside(&mut self, seq: u64) {
        self.set_aside.insert(seq);
        self.advance();
    }

    /// Notes that the incarnation ends with this number.
    pub fn close(&mut self, seq: u64) {
        self.closed = Some(self.closed.map_or(seq, |closed| closed.min(seq)));
    }

    /// Notes that the device was switched off. `offered` are entries that are offered now or wait: those that lead to the
    /// limit, hash by hash, were written before it.
    pub fn revoke(&mut self, standing: Standing, offered: impl IntoIterator<Item = Link>) {
        self.standing = standing;
        self.vouched = match standing {
            Standing::InUse | Standing::Revoked => BTreeSet::new(),
            Standing::RevokedAt(limit) => {
                leading_to(limit, offered.into_iter().chain(self.links.values().flatten().copied()))
            }
        };
    }

    /// Whether a later entry vouches that this one was written before the device was switched off. `hash` in hex.
    #[must_use]
    pub fn is_vouched(&self, hash: &str) -> bool {
        super::journal::bytes32(hash).is_some_and(|hash| self.vouched.contains(&hash))
    }

    /// Up to where nothing is missing.
    #[must_use]
    pub fn run(&self) -> u64 {
        self.run
    }

    /// The highest number known.
    #[must_use]
    pub fn highest(&self) -> u64 {
        // What was set aside counts as there, and may be above all that is stored.
        self.highest.max(self.run)
    }

    fn advance(&mut self) {
        while self.links.contains_key(&(self.run + 1)) || self.set_aside.contains(&(self.run + 1)) {
            self.run += 1;
        }
    }

    fn knows(&self, seq: u64) -> bool {
        seq <= self.run || self.links.contains_key(&seq) || self.set_aside.contains(&seq)
    }

    /// What this entry is. It is not noted: [`Self::learn`] does that.
    #[must_use]
    pub fn judge(&self, link: &Link) -> Judgement {
        if self.at(link.seq).iter().any(|l| l.hash == link.hash) {
            return Judgement::Same;
        }
        let late = match self.standing {
            Standing::InUse => false,
            Standing::Revoked => true,
            Standing::RevokedAt(_) => !self.vouched.contains(&link.hash),
        };
        if late {
            return Judgement::AfterRevocation;
        }
        if let Some(other) = self.rival(link) {
            return Judgement::Fork { other };
        }
        if self.closed.is_some_and(|closed| link.seq > closed) {
            return Judgement::AfterClosed;
        }
        if link.seq <= 1 || self.knows(link.seq - 1) {
            return Judgement::New;
        }
        let last = self.links.range(..link.seq).next_back().map_or(0, |(seq, _)| *seq);
        let aside = self.set_aside.range(..link.seq).next_back().copied().unwrap_or(0);
        Judgement::Gap { from: last.max(aside).max(self.run) + 1 }
    }

    /// From which number on this entry, a fork, shows the journal to have two under one name.
    #[must_use]
    pub fn split_at(&self, link: &Link) -> u64 {
        // Where its own name is free and it follows nothing that is here, the branches parted before it.
        let parted_before = self.at(link.seq).is_empty() && !self.follows(link);
        if parted_before { link.seq.saturating_sub(1).max(1) } else { link.seq.max(1) }
    }

    /// Whether what is known under the number before it has the hash it names; so it is where nothing is known there.
    fn follows(&self, link: &Link) -> bool {
        let before = self.at(link.seq.saturating_sub(1));
        link.seq > 1 && (before.is_empty() || before.iter().any(|l| l.hash == link.prev))
    }

    fn at(&self, seq: u64) -> &[Link] {
        self.links.get(&seq).map_or(&[], Vec::as_slice)
    }

    /// What cannot both be true with `link` in one unbroken journal.
    fn rival(&self, link: &Link) -> Option<Hash> {
        if let Some(other) = self.at(link.seq).first() {
            return Some(other.hash);
        }
        if link.seq == 1 && link.prev != [0; 32] {
            return Some(link.prev);
        }
        let before = self.at(link.seq - 1);
        if let (Some(first), false) = (before.first(), before.iter().any(|l| l.hash == link.prev)) {
            return Some(first.hash);
        }
        let after = self.at(link.seq + 1);
        let foreign = !after.is_empty() && !after.iter().any(|l| l.prev == link.hash);
        after.first().filter(|_| foreign).map(|l| l.prev)
    }
}

/// The entries that lead to `limit` hash by hash: whoever signed its content vouched for all before it.
#[must_use]
pub fn leading_to(limit: Limit, links: impl IntoIterator<Item = Link>) -> BTreeSet<Hash> {
    let by_hash: BTreeMap<Hash, Link> = links.into_iter().map(|l| (l.hash, l)).collect();
    let mut vouched = BTreeSet::new();
    let mut next = limit.hash;
    let mut seq = limit.seq;
    while let Some(link) = by_hash.get(&next).filter(|l| l.seq == seq) {
        vouched.insert(link.hash);
        next = link.prev;
        seq = seq.wrapping_sub(1);
    }
    // The entry behind a hole still says what its predecessor's hash was.
    if seq > 0 {
        vouched.insert(next);
    }
    vouched
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hash(branch: u8, seq: u64) -> Hash {
        let mut hash = [0; 32];
        if seq > 0 {
            hash[0] = branch;
            hash[24..].copy_from_slice(&seq.to_be_bytes());
        }
        hash
    }

    /// Entry `seq` of a branch that left the main one (1) after `split`.
    fn on(branch: u8, split: u64, seq: u64) -> Link {
        let of = |seq: u64| hash(if seq > split { branch } else { 1 }, seq);
        Link { seq, hash: of(seq), prev: of(seq - 1) }
    }

    fn main(seq: u64) -> Link {
        on(1, 0, seq)
    }

    fn knowing(seqs: impl IntoIterator<Item = u64>) -> Known {
        let mut known = Known::default();
        seqs.into_iter().for_each(|seq| known.learn(main(seq)));
        known
    }

    #[test]
    fn each_entry_is_judged_by_itself() {
        let known = knowing([1, 2, 3, 7, 8]);
        let table = [
            ("sent again", main(2), Judgement::Same),
            ("sent again behind a hole", main(7), Judgement::Same),
            ("the next", main(4), Judgement::New),
            ("it goes on behind a hole", main(9), Judgement::New),
            ("behind a hole within a hole", main(6), Judgement::Gap { from: 4 }),
            ("behind a new hole", main(11), Judgement::Gap { from: 9 }),
            ("another under a name", on(2, 1, 2), Judgement::Fork { other: hash(1, 2) }),
            ("the next of another branch", on(2, 2, 4), Judgement::Fork { other: hash(1, 3) }),
            ("the one before, of another branch", on(2, 5, 6), Judgement::Fork { other: hash(1, 6) }),
        ];
        for (what, link, judgement) in table {
            assert_eq!(known.judge(&link), judgement, "{what}");
        }
        assert_eq!((known.run(), known.highest()), (3, 8));
    }

    #[test]
    fn a_first_entry_that_names_one_before_it_is_no_first_entry() {
        let odd = Link { prev: hash(9, 9), ..main(1) };
        assert_eq!(Known::default().judge(&odd), Judgement::Fork { other: hash(9, 9) });
    }

    #[test]
    fn a_fork_tells_from_which_number_on_there_are_two() {
        let known = knowing(1..=5);
        for (what, link, split) in [
            ("another under a name", on(2, 3, 4), 4),
            ("the next of another branch", on(2, 3, 6), 5),
            ("its first entry", on(2, 0, 1), 1),
        ] {
            assert!(matches!(known.judge(&link), Judgement::Fork { .. }), "{what}");
            assert_eq!(known.split_at(&link), split, "{what}");
        }
        let behind_a_hole = knowing([1, 2, 5]);
        assert_eq!(behind_a_hole.split_at(&on(2, 3, 4)), 4, "what follows it follows another");
    }

    #[test]
    fn a_fork_goes_on_in_both_branches() {
        let mut known = knowing(1..=5);
        for seq in 4..=5 {
            assert!(matches!(known.judge(&on(2, 3, seq)), Judgement::Fork { .. }));
            known.learn(on(2, 3, seq));
        }
        assert_eq!(known.judge(&main(6)), Judgement::New);
        assert_eq!(known.judge(&on(2, 3, 6)), Judgement::New);
        known.learn(main(6));
        assert!(matches!(known.judge(&on(2, 3, 6)), Judgement::Fork { .. }), "its name is taken now");
    }

    #[test]
    fn a_number_whose_damaged_copy_was_set_aside_is_no_hole() {
        let mut known = knowing([1, 2]);
        known.set_aside(3);
        assert_eq!((known.run(), known.judge(&main(4))), (3, Judgement::New));
        assert_eq!(known.judge(&main(3)), Judgement::New, "the whole one is taken when it comes");
    }

    #[test]
    fn nothing_comes_after_the_end() {
        let mut known = knowing(1..=3);
        known.close(3);
        assert_eq!(known.judge(&main(4)), Judgement::AfterClosed);
        assert_eq!(known.judge(&main(3)), Judgement::Same);
    }

    #[test]
    fn after_a_revocation_only_what_leads_to_the_last_entry_known_is_taken() {
        let limit = Limit { seq: 6, hash: hash(1, 6) };
        let page = |branch: u8| (4..=7).map(move |seq| on(branch, 3, seq));
        let mut known = knowing(1..=3);
        known.revoke(Standing::RevokedAt(limit), page(1));
        let judged: Vec<Judgement> = page(1).map(|l| known.judge(&l)).collect();
        assert_eq!(judged[0], Judgement::New);
        assert_eq!(judged[3], Judgement::AfterRevocation);
        let mut stolen = knowing(1..=3);
        stolen.revoke(Standing::RevokedAt(limit), page(2));
        assert!(page(2).all(|l| stolen.judge(&l) == Judgement::AfterRevocation), "a stolen key may not backdate");
        let mut half = knowing(1..=3);
        half.revoke(Standing::RevokedAt(limit), [main(4), main(5)]);
        assert_eq!(half.judge(&main(4)), Judgement::AfterRevocation, "nobody vouches for it yet");
        let mut unheard = Known::default();
        unheard.revoke(Standing::Revoked, [main(1)]);
        assert_eq!(unheard.judge(&main(1)), Judgement::AfterRevocation);
    }

    proptest! {
        /// Whatever the order, and however often: nothing is a fork, nothing is taken twice, and in the end nothing is
        /// missing and each hole that was named is filled.
        #[test]
        fn one_journal_in_any_order_and_often_ends_whole(
            order in prop::collection::vec(1u64..=30, 0..120),
            aside in prop::collection::btree_set(1u64..=30, 0..3),
        ) {
            let mut known = Known::default();
            aside.iter().for_each(|seq| known.set_aside(*seq));
            let mut taken = BTreeSet::new();
            for seq in order.into_iter().chain(1..=30) {
                let judged = known.judge(&main(seq));
                match judged {
                    Judgement::Same => prop_assert!(taken.contains(&seq)),
                    Judgement::New | Judgement::Gap { .. } => prop_assert!(taken.insert(seq)),
                    Judgement::Fork { .. } | Judgement::AfterRevocation | Judgement::AfterClosed => {
                        prop_assert!(false, "{judged:?}");
                    }
                }
                if let Judgement::Gap { from } = judged {
                    prop_assert!(from < seq && (from..seq).all(|s| !taken.contains(&s) && !aside.contains(&s)));
                }
                known.learn(main(seq));
            }
            prop_assert_eq!(known.run(), 30);
        }

        /// Two branches, mixed in any order: none is lost, and at least one entry says that there are two.
        #[test]
        fn two_branches_in_any_order_are_both_taken_and_never_pass_as_one(
            split in 0u64..6, a in 1u64..6, b in 1u64..6, seed in any::<u64>(),
        ) {
            let mut all: Vec<Link> = (1..=split + a).map(|s| on(1, split, s)).collect();
            all.extend((split + 1..=split + b).map(|s| on(2, split, s)));
            all.sort_by_key(|l| { let mut x = seed ^ u64::from(l.hash[0]) << 40 ^ l.seq; x = x.wrapping_mul(0x9e37_79b9_7f4a_7c15); x ^ x >> 29 });
            let mut known = Known::default();
            let mut forks = 0;
            for link in &all {
                let judged = known.judge(link);
                prop_assert!(judged != Judgement::Same);
                forks += u32::from(matches!(judged, Judgement::Fork { .. }));
                known.learn(*link);
            }
            prop_assert!(forks > 0);
            prop_assert!(all.iter().all(|l| known.judge(l) == Judgement::Same));
        }
    }
}
