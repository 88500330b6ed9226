//! The end of a journal whose device was switched off. What it wrote after the last entry that was known then waits for
//! a person, for a stolen key could write it as well. But a station that was enrolled anew gives back all it held and ends
//! its old journal; where that end hangs together, entry by entry, with what was known when it was switched off, nothing
//! can be missing between, and what it gives back is given back: it can sell none of it again, and the blanks are void.
//! So its units come home without being written off. What else it wrote waits all the same.

use super::{
    Fact,
    intake::{Hash, Limit, Link},
};
use std::collections::BTreeMap;

/// What an entry that waits does when it is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    /// Gives something up, of the station's own.
    GivesUp,
    /// Nothing that anybody could mind.
    Nothing,
    /// Ends the journal: all that it still holds goes back.
    Ends,
    /// A person decides.
    Acts,
}

fn does(fact: Option<&Fact>) -> Does {
    match fact {
        Some(Fact::LeaseReturned { .. } | Fact::RightReleased { .. }) => Does::GivesUp,
        Some(
            Fact::Opened { .. }
            | Fact::Print { .. }
            | Fact::Badge { .. }
            | Fact::Checkpoint { .. }
            | Fact::OperatorIn { .. }
            | Fact::OperatorOut { .. },
        ) => Does::Nothing,
        Some(Fact::Closed { .. }) => Does::Ends,
        Some(
            Fact::LeaseAccepted { .. }
            | Fact::Sale { .. }
            | Fact::Payment { .. }
            | Fact::Receipt { .. }
            | Fact::Scan { .. }
            | Fact::HandOverGiven { .. }
            | Fact::HandOverTaken { .. }
            | Fact::HandOverDeclined { .. }
            | Fact::RightTaken { .. }
            | Fact::Void { .. }
            | Fact::Refund { .. }
            | Fact::ScanUndone { .. }
            | Fact::CaseClosed { .. }
            | Fact::KeyChanged { .. }
            | Fact::Answers { .. }
            | Fact::Exchanged { .. },
        )
        | None => Does::Acts,
    }
}

/// Which of the entries that wait may be applied without a person, by hash, in the order they were written. `limit` is the
/// last entry known when the device was switched off; `None` where nothing was known of this incarnation.
///
/// None at all where a link between the limit and the end is missing or there are two of one name. The end itself only
/// where nothing waits between that a person must decide: the units of a sale that may yet be applied stay where they are.
#[must_use]
pub fn homecoming<'a>(limit: Option<Limit>, late: impl IntoIterator<Item = (Link, Option<&'a Fact>)>) -> Vec<Hash> {
    let mut after: BTreeMap<u64, Vec<(Link, Does)>> = BTreeMap::new();
    for (link, fact) in late {
        after.entry(link.seq).or_default().push((link, does(fact)));
    }
    let mut last = limit.unwrap_or(Limit { seq: 0, hash: [0; 32] });
    let (mut home, mut acts) = (Vec::new(), false);
    while let Some([(link, does)]) = after.get(&(last.seq + 1)).map(Vec::as_slice) {
        if link.prev != last.hash {
            return Vec::new();
        }
        last = Limit { seq: link.seq, hash: link.hash };
        match does {
            Does::GivesUp | Does::Nothing => home.push(link.hash),
            Does::Acts => acts = true,
            Does::Ends => {
                if !acts {
                    home.push(link.hash);
                }
                return home;
            }
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::{EventId, LeaseId, OrderId, PaymentId, QuotaId},
        money::{Currency, Money},
        sync::fact::ClosedReason,
    };
    use uuid::Uuid;

    fn hash(branch: u8, seq: u64) -> Hash {
        let mut hash = [0; 32];
        hash[0] = if seq == 0 { 0 } else { branch };
        hash[24..].copy_from_slice(&seq.to_be_bytes());
        hash
    }

    fn link(branch: u8, seq: u64) -> Link {
        Link { seq, hash: hash(branch, seq), prev: hash(branch, seq - 1) }
    }

    fn returned() -> Fact {
        Fact::LeaseReturned {
            lease_id: LeaseId(Uuid::nil()),
            quota_id: QuotaId(1),
            event_id: EventId(1),
            from: 0,
            units: 4,
            blanks: vec![],
        }
    }

    fn paid() -> Fact {
        let money = Money::new(100, Currency::EUR);
        let (payment_id, order_id) = (PaymentId(Uuid::nil()), OrderId(Uuid::nil()));
        Fact::Payment { payment_id, order_id, amount: money, given: money, change: Money::new(0, Currency::EUR) }
    }

    fn closed() -> Fact {
        Fact::Closed { reason: ClosedReason::Reenrolled }
    }

    /// What comes home of these facts, written from number 8 on, as numbers.
    fn home(facts: &[Fact], skip: &[u64]) -> Vec<u64> {
        let late =
            (8..).zip(facts).filter(|(seq, _)| !skip.contains(seq)).map(|(seq, fact)| (link(1, seq), Some(fact)));
        let limit = Some(Limit { seq: 7, hash: hash(1, 7) });
        homecoming(limit, late).iter().map(|hash| u64::from_be_bytes(hash[24..].try_into().unwrap())).collect()
    }

    #[test]
    fn what_a_whole_end_gives_back_comes_home() {
        assert_eq!(home(&[returned(), returned(), closed()], &[]), [8, 9, 10]);
        assert_eq!(home(&[closed()], &[]), [8]);
        assert_eq!(home(&[returned(), closed(), returned()], &[]), [8, 9], "what comes after the end is another case");
    }

    #[test]
    fn what_a_person_must_decide_waits_and_the_end_with_it() {
        assert_eq!(home(&[paid(), returned(), closed()], &[]), [9], "the end would give back the units of that sale");
    }

    #[test]
    fn nothing_is_certain_without_an_end_that_hangs_together_with_what_was_known() {
        assert_eq!(home(&[returned(), returned()], &[]), [0; 0], "no end yet");
        assert_eq!(home(&[returned(), returned(), closed()], &[9]), [0; 0], "one is missing");
        assert_eq!(home(&[returned(), closed()], &[8]), [0; 0], "the first is missing");
        let (back, end) = (returned(), closed());
        let of = |branch| [(link(branch, 8), Some(&back)), (link(branch, 9), Some(&end))];
        let limit = Some(Limit { seq: 7, hash: hash(1, 7) });
        assert_eq!(homecoming(limit, of(2)), [[0; 32]; 0], "it does not follow what was known");
        assert_eq!(homecoming(limit, of(1).into_iter().chain(of(2))), [[0; 32]; 0], "there are two");
    }

    #[test]
    fn a_life_of_which_nothing_was_known_comes_home_from_its_first_entry() {
        let (opened, end) = (Fact::Opened { software: "1".into() }, closed());
        let late = [(link(1, 1), Some(&opened)), (link(1, 2), Some(&end))];
        assert_eq!(homecoming(None, late), [hash(1, 1), hash(1, 2)]);
        assert_eq!(homecoming(None, [(link(1, 2), Some(&end))]), [[0; 32]; 0]);
    }
}
