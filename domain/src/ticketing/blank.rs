//! Blanks: codes signed in advance for offline sales. The position ids of one grant and product are a range, so that
//! the journal and the void list name ranges and never codes.

use crate::id::PositionId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Bits of a position id that count within a range; the rest is the range's own.
const COUNTER_MASK: u128 = 0xffff_ffff;

/// The issue of every blank: its position is new.
pub const ISSUE: u8 = 1;

/// Why a range of blanks is void; the later, the stricter. One that lies in several ranges is void for the strictest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoidWhy {
    /// The till was written off as lost. Without a known sale: look, ask for the receipt.
    Lost,
    /// The till was written off as stolen. Without a known sale: refused.
    Stolen,
    /// Returned, unsold when its lease was closed, or of a voided sale: refused. So is what a newer version has another
    /// word for.
    #[default]
    #[serde(other)]
    Void,
}

impl VoidWhy {
    /// As stores keep it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Stolen => "stolen",
            Self::Void => "void",
        }
    }

    /// Reads what [`Self::as_str`] wrote; any other word is the strictest.
    #[must_use]
    pub fn of_word(word: &str) -> Self {
        match word {
            "lost" => Self::Lost,
            "stolen" => Self::Stolen,
            _ => Self::Void,
        }
    }
}

/// The first id of a new range: a fresh UUIDv7 whose last 32 bits are zero.
#[must_use]
pub fn base(born: PositionId) -> PositionId {
    PositionId(Uuid::from_u128(born.0.as_u128() & !COUNTER_MASK))
}

/// The `n`th id of the range.
#[must_use]
pub fn position(base: PositionId, n: u32) -> PositionId {
    PositionId(Uuid::from_u128((base.0.as_u128() & !COUNTER_MASK) | u128::from(n)))
}

/// Where `position` stands in the range of `base`; `None` when it is of another range.
#[must_use]
pub fn index(base: PositionId, position: PositionId) -> Option<u32> {
    let (base, id) = (base.0.as_u128(), position.0.as_u128());
    let n = u32::try_from(id & COUNTER_MASK).ok()?;
    (id & !COUNTER_MASK == base & !COUNTER_MASK).then_some(n)
}

/// How many blanks travel with `units` for each product: as many, and a tenth more (at least 5) for exchanges.
#[must_use]
pub fn count_for(units: u32) -> u32 {
    units.saturating_add((units / 10).max(5))
}

/// The most units whose blanks for each of so many articles are no more than `most` in all; at least 1, as units of a
/// series with very many dates are lent all the same, a few at a time.
#[must_use]
pub fn units_within(most: u32, articles: usize) -> u32 {
    let each = most / u32::try_from(articles).unwrap_or(u32::MAX).max(1);
    let above = each.saturating_sub(each / 12).saturating_add(1);
    (0..=above).rev().find(|units| count_for(*units) <= each).unwrap_or(0).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_units_are_lent_as_their_blanks_can_travel() {
        for (most, articles, units) in
            [(20_000, 1, 18_182), (20_000, 90, 202), (20_000, 3_000, 1), (60, 10, 1), (0, 7, 1)]
        {
            assert_eq!(units_within(most, articles), units, "{most} for {articles}");
        }
        for articles in 1..400 {
            let units = units_within(20_000, articles);
            let blanks = |units| u64::from(count_for(units)) * articles as u64;
            assert!(blanks(units) <= 20_000 || units == 1);
            assert!(blanks(units + 1) > 20_000, "one more would not fit: {articles}");
        }
    }

    fn id(n: u128) -> PositionId {
        PositionId(Uuid::from_u128(n))
    }

    const RANGE: u128 = 0x0192_aaaa_bbbb_7ccc_8ddd_eeee_0000_0000;

    #[test]
    fn a_range_begins_at_zero_and_counts_in_its_last_32_bits() {
        assert_eq!(base(id(RANGE + 0x1234_5678)), id(RANGE));
        for (n, expected) in [(0, RANGE), (1, RANGE + 1), (u32::MAX, RANGE + 0xffff_ffff)] {
            assert_eq!(position(id(RANGE), n), id(expected));
            assert_eq!(position(id(RANGE + 0x77), n), id(expected), "whatever of the range is named as its base");
            assert_eq!(index(id(RANGE), id(expected)), Some(n));
            assert_eq!(index(id(RANGE + 5), id(expected)), Some(n));
        }
    }

    #[test]
    fn a_position_of_another_range_stands_nowhere_in_this_one() {
        for other in [RANGE + 0x1_0000_0000, RANGE - 1, RANGE ^ (1 << 127), 0] {
            assert_eq!(index(id(RANGE), id(other)), None, "{other:x}");
        }
    }

    #[test]
    fn a_tenth_more_blanks_travel_than_units_and_at_least_five() {
        for (units, blanks) in [(0, 5), (1, 6), (50, 55), (59, 64), (60, 66), (1_000, 1_100), (u32::MAX, u32::MAX)] {
            assert_eq!(count_for(units), blanks, "{units}");
        }
    }

    #[test]
    fn a_word_that_nobody_knows_is_the_strictest() {
        for why in [VoidWhy::Lost, VoidWhy::Stolen, VoidWhy::Void] {
            assert_eq!(VoidWhy::of_word(why.as_str()), why);
            assert_eq!(serde_json::from_value::<VoidWhy>(serde_json::json!(why.as_str())).unwrap(), why);
        }
        assert_eq!(VoidWhy::of_word("mislaid"), VoidWhy::Void);
        assert_eq!(serde_json::from_str::<VoidWhy>("\"mislaid\"").unwrap(), VoidWhy::Void);
        assert!(VoidWhy::Void > VoidWhy::Stolen && VoidWhy::Stolen > VoidWhy::Lost);
    }
}
