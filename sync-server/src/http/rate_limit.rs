//! How often one client may do what is costly or guessable. Token buckets in memory, per process.

use super::problem::Failure;
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, PoisonError},
};
use willcall_domain::problem::{Code, Problem};

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Passwords tried: 10 at once, then one every 6 seconds.
    SignIn,
    /// Enrolment tokens tried: 10 at once, then one every 6 seconds.
    Enrol,
    /// Orders placed: 40 at once, then one a second.
    Orders,
    /// What one station asks: 120 at once, then two a second. A gate needs less than one.
    Station,
}

impl Limit {
    /// (How many at once, milliseconds until one more.)
    fn pace(self) -> (u64, u64) {
        match self {
            Self::SignIn | Self::Enrol => (10, 6_000),
            Self::Orders => (40, 1_000),
            Self::Station => (120, 500),
        }
    }
}

/// Buckets beyond which idle ones are dropped.
const MOST: usize = 50_000;

/// All buckets.
#[derive(Debug)]
pub struct RateLimits {
    on: bool,
    hasher: RandomState,
    /// When the bucket will be full again, on the monotonic clock in milliseconds: all a bucket needs.
    full_at: Mutex<HashMap<(Limit, u64), u64>>,
}

impl RateLimits {
    /// No buckets yet; when not `on`, nothing is ever limited.
    #[must_use]
    pub fn new(on: bool) -> Self {
        Self { on, hasher: RandomState::new(), full_at: Mutex::default() }
    }

    /// Takes one token for `key` (an address, an e-mail) at `now_ms` of the monotonic clock.
    ///
    /// # Errors
    /// [`Code::TooManyRequests`] with the seconds to wait when there is none.
    pub fn check(&self, limit: Limit, key: &str, now_ms: u64) -> Result<(), Failure> {
        if !self.on {
            return Ok(());
        }
        let (burst, refill_ms) = limit.pace();
        let key = (limit, self.hasher.hash_one(key));
        let mut buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST {
            buckets.retain(|_, full_at| *full_at > now_ms);
        }
        let full_at = buckets.get(&key).copied().unwrap_or(0).max(now_ms) + refill_ms;
        let over_ms = full_at.saturating_sub(now_ms).saturating_sub(burst * refill_ms);
        if over_ms > 0 {
            let detail = "Please wait a moment before you try again.";
            return Err(Failure::retry_after(Problem::new(Code::TooManyRequests, detail), over_ms.div_ceil(1000)));
        }
        buckets.insert(key, full_at);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_at_once_then_one_every_six_seconds_for_each_client_by_itself() {
        let limits = RateLimits::new(true);
        let ask = |who, now| limits.check(Limit::SignIn, who, now).is_ok();
        assert!((0..10).all(|_| ask("a", 1_000)));
        assert!(!ask("a", 1_000));
        assert!(!ask("a", 6_999), "a refusal costs nothing, and one token takes six seconds");
        assert!(ask("a", 7_000));
        assert!(!ask("a", 7_000));
        assert!(ask("b", 7_000), "another client has its own bucket");
        assert!(limits.check(Limit::Orders, "a", 7_000).is_ok(), "another limit has its own bucket");
        assert!((0..10).all(|_| ask("a", 600_000)), "it fills up again");
    }
}
