//! How long changes are kept: not beyond where a snapshot is cheaper, and not much beyond where all have read.

/// Farther behind than this, a station takes a snapshot instead of the changes it missed.
pub const FAR_BEHIND: i64 = 50_000;
/// Kept though all have read them: a station that was put back from its backup is where it was then.
pub const KEPT: i64 = 5_000;

/// Up to which position changes may be let go of: of a feed that ends at `head`, where the slowest station in use has
/// read up to `slowest`, or has not said. Never below 0, never above `head`.
#[must_use]
pub fn prunable(head: i64, slowest: Option<i64>) -> i64 {
    let read = slowest.map_or(0, |slowest| slowest.min(head.saturating_sub(KEPT)));
    read.max(head.saturating_sub(FAR_BEHIND)).clamp(0, head.max(0))
}

/// Whether a station that has read up to `after` needs a snapshot: its changes are not there any more, are too many, or
/// it has read what the server never said.
#[must_use]
pub fn needs_snapshot(after: i64, pruned: i64, head: i64) -> bool {
    after < pruned || after > head || head.saturating_sub(after) > FAR_BEHIND
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_all_have_read_goes_but_for_the_newest_and_what_is_far_behind_goes_whoever_waits_for_it() {
        for (head, slowest, upto) in [
            (0, None, 0),
            (4_999, Some(4_999), 0),
            (20_000, Some(20_000), 15_000),
            (20_000, Some(9_000), 9_000),
            (20_000, None, 0),
            (60_000, None, 10_000),
            (60_000, Some(3), 10_000),
            (60_000, Some(58_000), 55_000),
            (60_000, Some(i64::MAX), 55_000),
            (60_000, Some(-1), 10_000),
        ] {
            assert_eq!(prunable(head, slowest), upto, "{head} {slowest:?}");
        }
    }

    proptest! {
        #[test]
        fn nobody_is_told_of_a_part_only(head in 0_i64..200_000, slowest in proptest::option::of(0_i64..200_000), after in 0_i64..200_000) {
            let pruned = prunable(head, slowest);
            prop_assert!(needs_snapshot(after, pruned, head) || (after >= pruned && after <= head));
            // Who keeps up is never sent back to a snapshot.
            let all_read = slowest.is_some_and(|slowest| slowest <= after);
            prop_assert!(!(all_read && after <= head && head - after <= FAR_BEHIND && needs_snapshot(after, pruned, head)));
        }
    }
}
