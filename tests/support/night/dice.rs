//! Decisions drawn from a seed.

use std::time::Duration;
use uuid::Uuid;
use willcall_domain::entropy::{self, SeededEntropy};

/// A stream of decisions; the same for the same seed and player.
#[derive(Debug)]
pub(super) struct Dice(SeededEntropy);

impl Dice {
    /// One stream for each who decides.
    pub(super) fn of(seed: u64, player: u64) -> Self {
        Self(SeededEntropy::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (player << 40)))
    }

    /// One of 0 to `of` - 1.
    pub(super) fn below(&self, of: u64) -> u64 {
        u64::from_le_bytes(entropy::bytes(&self.0)) % of.max(1)
    }

    /// Whether it happens, so often of a hundred times.
    pub(super) fn percent(&self, often: u64) -> bool {
        self.below(100) < often
    }

    /// A time between these, in milliseconds.
    pub(super) fn between(&self, least_ms: u64, most_ms: u64) -> Duration {
        Duration::from_millis(least_ms + self.below(most_ms.saturating_sub(least_ms) + 1))
    }

    /// One of them, where there is one.
    pub(super) fn pick<'a, T>(&self, of: &'a [T]) -> Option<&'a T> {
        of.get(usize::try_from(self.below(of.len() as u64)).unwrap_or(0))
    }

    /// A name for a request.
    pub(super) fn uuid(&self) -> Uuid {
        uuid::Builder::from_random_bytes(entropy::bytes(&self.0)).into_uuid()
    }
}
