//! Tells one ticket held before the camera from the same ticket shown again: pure, with the time given.

use std::collections::VecDeque;

/// A code counts again after it was out of sight so long: milliseconds.
const APART_MS: u64 = 3_000;
/// More codes than this are not before a camera within [`APART_MS`].
const REMEMBERED: usize = 64;

/// The codes seen lately.
#[derive(Debug, Default)]
pub struct Gate(VecDeque<Sight>);

#[derive(Debug)]
struct Sight {
    code: String,
    scene: u64,
    told_at: u64,
    seen_at: u64,
}

impl Gate {
    /// Whether `code`, seen at `now` (monotonic milliseconds), is a new reading: it was out of sight for three seconds,
    /// or the source knows that something else is before it (`scene`) and the last reading is three seconds ago.
    pub fn lets_through(&mut self, code: &str, scene: u64, now: u64) -> bool {
        self.0.retain(|sight| now.saturating_sub(sight.seen_at) < APART_MS);
        let Some(sight) = self.0.iter_mut().find(|sight| sight.code == code) else {
            self.0.truncate(REMEMBERED - 1);
            self.0.push_front(Sight { code: code.to_owned(), scene, told_at: now, seen_at: now });
            return true;
        };
        sight.seen_at = now;
        let again = sight.scene != scene && now.saturating_sub(sight.told_at) >= APART_MS;
        if again {
            (sight.scene, sight.told_at) = (scene, now);
        }
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_held_before_the_camera_is_one_reading_however_long() {
        let mut gate = Gate::default();
        let readings = (0..600_u64).filter(|i| gate.lets_through("A", 0, i * 100)).count();
        assert_eq!(readings, 1);
    }

    #[test]
    fn the_same_ticket_counts_again_after_three_seconds_out_of_sight() {
        let mut gate = Gate::default();
        assert!(gate.lets_through("A", 0, 0));
        assert!(gate.lets_through("B", 0, 100), "another ticket is another reading");
        assert!(!gate.lets_through("A", 0, 2_000));
        assert!(!gate.lets_through("A", 0, 4_999), "out of sight for less than three seconds");
        assert!(gate.lets_through("A", 0, 8_000));
    }

    #[test]
    fn the_same_code_in_a_new_picture_counts_but_not_within_three_seconds() {
        let mut gate = Gate::default();
        assert!(gate.lets_through("A", 1, 0));
        assert!(!gate.lets_through("A", 2, 1_000));
        assert!(!gate.lets_through("A", 2, 2_900));
        assert!(gate.lets_through("A", 2, 3_000), "the new picture is still shown");
        assert!(!gate.lets_through("A", 2, 9_000 - 3_001), "and is one reading");
    }

    #[test]
    fn what_is_remembered_does_not_grow() {
        let mut gate = Gate::default();
        for code in 0..1_000 {
            assert!(gate.lets_through(&code.to_string(), 0, 1));
        }
        assert_eq!(gate.0.len(), REMEMBERED);
    }
}
