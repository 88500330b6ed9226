//! The account of one quota: how many there are, and in whose hands.

use serde::{Deserialize, Serialize};

/// Why a quota cannot be made as small as wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{sold} are sold, so it cannot be less than {least}")]
pub struct BelowSold {
    pub sold: i64,
    /// The smallest size that can be.
    pub least: i64,
}

/// Fewer are free than wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{free} are free")]
pub struct TooFew {
    pub free: i64,
}

/// A quota in numbers. `sold + leased + unheard ≤ size + excess` at every instant; `leased` is what stations hold
/// unsold plus what is on its way between two of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct QuotaAccount {
    /// `None` is unlimited.
    pub size: Option<i64>,
    /// The smaller size that is wanted and cannot be yet, because units are with stations: nothing is granted or sold
    /// above it, and `size` falls to it as units come back.
    pub target: Option<i64>,
    /// Sold, on the web and from leases, pending orders included.
    pub sold: i64,
    /// Units outstanding at stations, those in flight included.
    pub leased: i64,
    /// Units given by one station and not yet taken by the other; a part of `leased`.
    pub in_flight: i64,
    /// Held back for stations that were not heard of since the server was put back to an earlier instant: they may hold as
    /// many without our knowing. 0 otherwise.
    #[serde(default)]
    pub unheard: i64,
    /// Sold or held beyond `size` at this moment; each was told by a case when it came.
    pub excess: i64,
}

impl QuotaAccount {
    /// A quota nothing was sold of.
    #[must_use]
    pub fn new(size: Option<i64>) -> Self {
        Self { size, ..Self::default() }
    }

    /// Units in somebody's hands.
    #[must_use]
    pub fn used(&self) -> i64 {
        self.sold.saturating_add(self.leased).saturating_add(self.unheard)
    }

    /// Up to where may be sold and granted; `None` is without end.
    #[must_use]
    pub fn limit(&self) -> Option<i64> {
        self.size.map(|size| self.target.map_or(size, |target| target.min(size)))
    }

    /// Units nobody holds and that may be sold or granted; `None` is without end.
    #[must_use]
    pub fn free(&self) -> Option<i64> {
        self.limit().map(|limit| limit.saturating_sub(self.used()).max(0))
    }

    /// Units that must come back for the target to be reached; 0 without one.
    #[must_use]
    pub fn to_come_back(&self) -> i64 {
        self.target.map_or(0, |target| self.used().saturating_sub(target).max(0))
    }

    /// A sale that asks the server: takes `wanted` free units.
    ///
    /// # Errors
    /// When fewer are free; nothing is taken then.
    pub fn sell(&mut self, wanted: i64) -> Result<(), TooFew> {
        self.has_free(wanted)?;
        self.sold += wanted;
        Ok(())
    }

    /// A sale that happened and that no lease covers: sold is sold. Answers whether it is one more than there are.
    pub fn sell_uncovered(&mut self) -> bool {
        self.sold += 1;
        self.allow()
    }

    /// Sold units are free again: cancelled, run out, voided. More than are sold cannot be.
    pub fn unsell(&mut self, count: i64) {
        self.sold = self.sold.saturating_sub(count).max(0);
        self.settle();
    }

    /// The sale of a lent unit is about to be undone whose position does not count here: its product has left the quota
    /// since. It is counted first, as undoing takes it off.
    pub fn count_before_undoing(&mut self) {
        self.sold += 1;
    }

    /// Holds up to `wanted` free units back for stations not heard of; answers how many it could.
    pub fn hold_back(&mut self, wanted: i64) -> i64 {
        let held = self.free().unwrap_or(wanted).min(wanted).max(0);
        self.unheard += held;
        held
    }

    /// What was held back is free again.
    pub fn let_go(&mut self, count: i64) {
        self.unheard = self.unheard.saturating_sub(count).max(0);
        self.settle();
    }

    /// Sets the size an organizer wants. Where units with stations stand in the way, it becomes the target and the size
    /// falls to it as they come back.
    ///
    /// # Errors
    /// When more is sold already than would fit, whatever comes back.
    pub fn resize(&mut self, wanted: Option<i64>) -> Result<(), BelowSold> {
        let Some(wanted) = wanted else {
            (self.size, self.target, self.excess) = (None, None, 0);
            return Ok(());
        };
        let least = self.sold.saturating_sub(self.excess).max(0);
        if wanted < least {
            return Err(BelowSold { sold: self.sold, least });
        }
        // What is out and not sold beyond keeps its place until it comes back.
        let kept = self.used().saturating_sub(self.excess);
        self.size = Some(wanted.max(kept));
        self.target = (wanted < kept).then_some(wanted);
        self.settle();
        Ok(())
    }

    /// Units are lent. Only [`super::grant`] and its like call this, having checked what is free.
    pub(super) fn lend(&mut self, count: i64) {
        self.leased += count;
    }

    /// Lent units are free again.
    pub(super) fn unlend(&mut self, count: i64) {
        self.leased = self.leased.saturating_sub(count).max(0);
        self.settle();
    }

    pub(super) fn has_free(&self, wanted: i64) -> Result<(), TooFew> {
        match self.free() {
            Some(free) if wanted > free => Err(TooFew { free }),
            Some(_) | None => Ok(()),
        }
    }

    /// Raises `excess` to what is in somebody's hands beyond size; answers whether it rose.
    pub(super) fn allow(&mut self) -> bool {
        let beyond = self.size.map_or(0, |size| self.used().saturating_sub(size).max(0));
        let rose = beyond > self.excess;
        self.excess = self.excess.max(beyond);
        rose
    }

    /// After units became free: what was beyond size goes first, then the size falls towards its target.
    pub(super) fn settle(&mut self) {
        let Some(size) = self.size else { return };
        self.excess = self.excess.min(self.used().saturating_sub(size).max(0));
        if let Some(target) = self.target {
            let size = size.min(self.used().saturating_sub(self.excess)).max(target);
            self.size = Some(size);
            if size <= target {
                self.target = None;
            }
        }
    }

    /// What of the promise does not hold; `None` when all does.
    #[must_use]
    pub fn broken(&self) -> Option<&'static str> {
        let least = [self.sold, self.leased, self.in_flight, self.unheard, self.excess].into_iter().min();
        if least < Some(0) {
            Some("a count is below zero")
        } else if self.in_flight > self.leased {
            Some("more is in flight than is lent")
        } else if self.size.is_some_and(|size| self.used() > size.saturating_add(self.excess)) {
            Some("more is out than there is")
        } else if self.target.is_some_and(|target| self.size.is_none_or(|size| target >= size)) {
            Some("the target is not below the size")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lent(size: i64, sold: i64, leased: i64) -> QuotaAccount {
        QuotaAccount { sold, leased, ..QuotaAccount::new(Some(size)) }
    }

    #[test]
    fn a_size_below_what_is_out_is_a_target_and_the_size_falls_as_units_come_back() {
        let mut quota = lent(500, 380, 60);
        quota.resize(Some(400)).unwrap();
        assert_eq!((quota.size, quota.target, quota.to_come_back()), (Some(440), Some(400), 40));
        assert_eq!(quota.free(), Some(0), "nothing is granted or sold above the target");
        assert_eq!(quota.sell(1), Err(TooFew { free: 0 }));
        quota.unlend(23);
        assert_eq!((quota.size, quota.target, quota.to_come_back()), (Some(417), Some(400), 17));
        quota.unlend(37);
        assert_eq!((quota.size, quota.target, quota.free()), (Some(400), None, Some(20)));
    }

    #[test]
    fn a_size_below_what_is_sold_is_refused_and_says_the_least() {
        let mut quota = lent(10, 8, 1);
        assert_eq!(quota.resize(Some(7)), Err(BelowSold { sold: 8, least: 8 }));
        assert_eq!(quota, lent(10, 8, 1), "what was refused changes nothing");
        quota.resize(Some(20)).unwrap();
        assert_eq!((quota.size, quota.target), (Some(20), None));
        quota.resize(None).unwrap();
        assert_eq!(quota.free(), None);
    }

    #[test]
    fn what_is_beyond_size_is_counted_and_goes_first_when_something_is_freed() {
        let mut quota = lent(10, 10, 0);
        assert!(quota.sell_uncovered());
        assert_eq!((quota.sold, quota.excess), (11, 1));
        quota.resize(Some(10)).unwrap();
        assert_eq!(quota.excess, 1, "the same size again changes nothing");
        quota.unsell(1);
        assert_eq!((quota.excess, quota.free()), (0, Some(0)));
        quota.unsell(1);
        assert!(!quota.sell_uncovered(), "one was free");
    }

    #[test]
    fn a_target_that_cancellations_alone_can_reach_waits_for_them() {
        let mut quota = QuotaAccount { excess: 2, ..lent(10, 12, 0) };
        quota.resize(Some(10)).unwrap();
        assert_eq!((quota.size, quota.excess), (Some(10), 2));
        quota.resize(Some(11)).unwrap();
        assert_eq!((quota.size, quota.excess), (Some(11), 1), "a larger size covers what was beyond");
    }

    #[derive(Debug, Clone)]
    enum Act {
        Sell(i64),
        Uncovered,
        Unsell(i64),
        HoldBack(i64),
        LetGo(i64),
        Resize(Option<i64>),
        Lend(i64),
        Unlend(i64),
    }

    fn acts() -> impl Strategy<Value = Act> {
        prop_oneof![
            (0i64..6).prop_map(Act::Sell),
            Just(Act::Uncovered),
            (0i64..6).prop_map(Act::Unsell),
            (0i64..6).prop_map(Act::HoldBack),
            (0i64..6).prop_map(Act::LetGo),
            prop::option::of(0i64..30).prop_map(Act::Resize),
            (0i64..6).prop_map(Act::Lend),
            (0i64..6).prop_map(Act::Unlend),
        ]
    }

    proptest! {
        #[test]
        fn no_act_breaks_the_promise_and_none_but_an_uncovered_sale_adds_excess(acts in prop::collection::vec(acts(), 0..60)) {
            let mut quota = QuotaAccount::new(Some(12));
            for act in acts {
                let before = quota;
                match act {
                    Act::Sell(n) => _ = quota.sell(n),
                    Act::Uncovered => {
                        let beyond = quota.sell_uncovered();
                        prop_assert_eq!(beyond, quota.excess > before.excess);
                    }
                    Act::Unsell(n) => quota.unsell(n),
                    Act::HoldBack(n) => _ = quota.hold_back(n),
                    Act::LetGo(n) => quota.let_go(n),
                    Act::Resize(to) => _ = quota.resize(to),
                    Act::Lend(n) => if quota.has_free(n).is_ok() { quota.lend(n) },
                    Act::Unlend(n) => quota.unlend(n),
                }
                prop_assert_eq!(quota.broken(), None, "{:?}", quota);
                if !matches!(act, Act::Uncovered) {
                    prop_assert!(quota.excess <= before.excess);
                }
            }
        }
    }
}
