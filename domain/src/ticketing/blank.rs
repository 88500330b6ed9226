//! Blanks: codes signed in advance for offline sales. The position ids of one grant and product are a range, so that
//! the journal and the void list name ranges and never codes.

use crate::id::PositionId;
use uuid::Uuid;

/// Bits of a position id that count within a range; the rest is the range's own.
const COUNTER_MASK: u128 = 0xffff_ffff;

/// The issue of every blank: its position is new.
pub const ISSUE: u8 = 1;

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
