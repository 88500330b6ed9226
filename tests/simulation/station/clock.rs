//! What time it is at a station, and how old its data is. The wall clock may be off by hours and jump; the monotonic one
//! counts from the start of the program.

use super::Station;
use crate::bugs::Bug;
use uuid::Uuid;
use willcall_domain::{clock::UtcMillis, sync::At};

/// How far a remembered offset may be wrong after a restart.
const AFTER_RESTART_MS: i64 = 600_000;

/// What is known while the program runs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Running {
    /// True time of the start; only differences of it are looked at.
    since: i64,
    /// Server time at an instant of the monotonic clock.
    anchor: Option<(i64, i64)>,
    /// Caught up to the head at this instant of the monotonic clock.
    caught_up: Option<i64>,
    boot: u128,
    /// Questions asked, and when the last was.
    asked: (u64, i64),
}

/// How old the data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age {
    pub ms: i64,
    /// A lower bound, measured by the wall across a restart.
    pub at_least: bool,
}

impl Station {
    pub fn wall(&self, now: i64) -> i64 {
        now + self.skew_ms
    }

    fn monotonic(&self, now: i64) -> i64 {
        now - self.running.since
    }

    /// The program starts.
    pub(super) fn start_clocks(&mut self, now: i64) {
        let boot = self.running.boot + 1;
        self.running = Running { since: now, boot, ..Running::default() };
    }

    pub(super) fn reading(&self, now: i64) -> At {
        let (wall, monotonic) = (self.wall(now), self.monotonic(now));
        let (offset_ms, uncertainty_ms) = match (self.running.anchor, self.disk.offset_ms) {
            (Some((server, at)), _) => (server + monotonic - at - wall, 50),
            (None, Some(remembered)) => (remembered, AFTER_RESTART_MS),
            (None, None) => (0, -1),
        };
        let boot = Uuid::from_u128(self.running.boot);
        At { wall: UtcMillis(wall), offset_ms, uncertainty_ms, boot, monotonic_ms: monotonic.unsigned_abs() }
    }

    /// One more question; its number.
    pub fn asks(&mut self, now: i64) -> u64 {
        self.running.asked = (self.running.asked.0 + 1, now);
        self.running.asked.0
    }

    /// Whether it may ask: one question follows the other, in time too.
    pub fn may_ask(&self, now: i64) -> bool {
        self.running.asked.1 < now
    }

    pub fn waits_for(&self, question: u64) -> bool {
        self.running.asked.0 == question
    }

    /// A contact compared the clocks.
    pub fn compared(&mut self, server: i64, now: i64) {
        self.running.anchor = Some((server, self.monotonic(now)));
        self.disk.offset_ms = Some(server - self.wall(now));
    }

    /// What it asked for at `asked`, true time, reached to the end of the feed.
    pub fn caught_up(&mut self, asked: i64) {
        let at = self.monotonic(asked);
        if self.running.caught_up.is_none_or(|before| at > before) {
            self.running.caught_up = Some(at);
            self.disk.caught_up_at = Some(self.wall(asked));
        }
    }

    /// As it is shown beside each verdict and each sale.
    pub fn age(&self, now: i64, bug: Option<Bug>) -> Option<Age> {
        let by_wall = |at: i64| Age { ms: (self.wall(now) - at).max(0), at_least: true };
        match (self.running.caught_up, self.disk.caught_up_at) {
            (Some(_), Some(at)) if bug == Some(Bug::AgeByWallClock) => Some(Age { at_least: false, ..by_wall(at) }),
            (Some(at), _) => Some(Age { ms: self.monotonic(now) - at, at_least: false }),
            (None, at) => at.map(by_wall),
        }
    }
}
