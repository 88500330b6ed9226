//! What stands beside the verdict: arrivals over time, heads by gate and product, and scans that let nobody in. Owns how
//! times become bars; not where the numbers come from.

use super::wire::{Direction, Reason, VerdictView};
use crate::{clock::UtcMillis, id::ListId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use ts_rs::TS;

/// The finest a bar may be, in minutes; what comes in is counted so.
pub const FINEST_MIN: u32 = 5;
/// The widths a bar may have, in minutes.
const WIDTHS_MIN: [u32; 6] = [FINEST_MIN, 10, 15, 30, 60, 240];
/// Most bars of a plot: more are no picture any more.
const MOST_BARS: i64 = 60;

/// How many went in and out in one span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Bar {
    /// When it begins.
    pub at: UtcMillis,
    #[ts(type = "number")]
    pub entries: u64,
    #[ts(type = "number")]
    pub exits: u64,
}

/// What one gate let in and out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct GateCount {
    pub gate: String,
    #[ts(type = "number")]
    pub entries: u64,
    #[ts(type = "number")]
    pub exits: u64,
    /// The last scan that was heard of it.
    pub last_at: UtcMillis,
    /// Whether it is this station.
    pub here: bool,
}

/// One product of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ProductCount {
    pub product: String,
    #[ts(type = "number")]
    pub expected: u64,
    #[ts(type = "number")]
    pub admitted: u64,
    #[ts(type = "number")]
    pub inside: u64,
}

/// How often one reason turned somebody away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ReasonCount {
    pub reason: Reason,
    #[ts(type = "number")]
    pub count: u64,
}

/// The door of one list in numbers, as far as scans are known here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ArrivalsView {
    pub list_id: ListId,
    /// Ascending, without a gap.
    pub bars: Vec<Bar>,
    /// How wide a bar is, in minutes.
    pub bar_min: u32,
    /// By name.
    pub gates: Vec<GateCount>,
    pub products: Vec<ProductCount>,
    /// The most frequent first.
    pub refusals: Vec<ReasonCount>,
    /// Let in within the last ten minutes.
    #[ts(type = "number")]
    pub lately: u64,
}

/// A scan that let nobody in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RefusedScan {
    pub verdict: VerdictView,
    /// What was read, where it is not known whose it is.
    pub code: Option<String>,
}

/// Bars of counts that were taken in spans of [`FINEST_MIN`]: as fine as fits a picture, and none left out between the
/// first and the last.
#[must_use]
pub fn bars(counted: &[(UtcMillis, Direction, u64)]) -> (Vec<Bar>, u32) {
    let (Some(first), Some(last)) = (counted.iter().map(|c| c.0).min(), counted.iter().map(|c| c.0).max()) else {
        return (Vec::new(), FINEST_MIN);
    };
    let fits = |min: &&u32| (last.0.saturating_sub(first.0)) / width_ms(**min) < MOST_BARS;
    let min = WIDTHS_MIN.iter().find(fits).copied().unwrap_or(WIDTHS_MIN[WIDTHS_MIN.len() - 1]);
    let width = width_ms(min);
    let mut sums: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
    for (at, direction, count) in counted {
        let (entries, exits) = sums.entry(at.0.div_euclid(width)).or_default();
        match direction {
            Direction::Entry => *entries += count,
            Direction::Exit => *exits += count,
        }
    }
    // One wrong clock must not make a plot of years: what lies further apart than fits stands without its gaps.
    let (from, to) = (first.0.div_euclid(width), last.0.div_euclid(width));
    let gapless = to - from < 2 * MOST_BARS;
    let bar = |n: i64| {
        let (entries, exits) = sums.get(&n).copied().unwrap_or_default();
        Bar { at: UtcMillis(n.saturating_mul(width)), entries, exits }
    };
    let bars = if gapless { (from..=to).map(bar).collect() } else { sums.keys().map(|n| bar(*n)).collect() };
    (bars, min)
}

fn width_ms(min: u32) -> i64 {
    i64::from(min) * 60_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIN: i64 = 60_000;

    fn entry(at_min: i64, count: u64) -> (UtcMillis, Direction, u64) {
        (UtcMillis(at_min * MIN), Direction::Entry, count)
    }

    #[test]
    fn bars_stand_side_by_side_without_a_gap_and_hold_both_directions() {
        let counted = [entry(100, 3), (UtcMillis(115 * MIN), Direction::Exit, 2), entry(115, 1)];
        let (bars, min) = bars(&counted);
        assert_eq!(min, 5);
        let read: Vec<_> = bars.iter().map(|bar| (bar.at.0 / MIN, bar.entries, bar.exits)).collect();
        assert_eq!(read, [(100, 3, 0), (105, 0, 0), (110, 0, 0), (115, 1, 2)]);
        assert_eq!(super::bars(&[]), (Vec::new(), FINEST_MIN));
    }

    #[test]
    fn a_long_evening_has_wider_bars_and_never_too_many() {
        for (hours, min) in [(4, 5), (8, 10), (14, 15), (24, 30), (48, 60), (200, 240)] {
            let (bars, width) = bars(&[entry(0, 1), entry(hours * 60 - 5, 1)]);
            assert_eq!(width, min, "{hours} h");
            assert!(bars.len() <= 60, "{hours} h: {} bars", bars.len());
        }
    }

    proptest! {
        #[test]
        fn nobody_is_lost_or_counted_twice_whatever_the_clocks_said(
            counted in prop::collection::vec((any::<i64>(), any::<bool>(), 0_u64..1000), 0..40)
        ) {
            let counted: Vec<_> = counted.iter().map(|(at, entry, n)| {
                (UtcMillis(*at), if *entry { Direction::Entry } else { Direction::Exit }, *n)
            }).collect();
            let (bars, _) = bars(&counted);
            let sum = |of: Direction| counted.iter().filter(|c| c.1 == of).map(|c| c.2).sum::<u64>();
            prop_assert_eq!(bars.iter().map(|b| b.entries).sum::<u64>(), sum(Direction::Entry));
            prop_assert_eq!(bars.iter().map(|b| b.exits).sum::<u64>(), sum(Direction::Exit));
            prop_assert!(bars.len() <= 160);
        }
    }
}
