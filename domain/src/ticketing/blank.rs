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
