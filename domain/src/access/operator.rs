//! People at devices: who signs in by PIN, and what he then may. Not here: how a PIN is hashed and compared, which takes
//! long on purpose, and staff of the office.

use crate::{
    devices::wire::{Right, known_rights},
    id::OperatorId,
};
use serde::{Deserialize, Serialize};

/// Fewest digits of a PIN.
pub const SHORTEST_PIN: usize = 4;
/// Most digits of a PIN.
pub const LONGEST_PIN: usize = 12;

/// One person at doors and tills of an organizer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorRow {
    pub operator_id: OperatorId,
    /// As the screen greets them.
    pub name: String,
    /// Argon2id, as a PHC string; empty where no PIN was given: then nobody signs in as this one.
    pub pin: String,
    /// Rights of a device that are guarded there and may be used while this one is signed in.
    #[serde(default, deserialize_with = "known_rights")]
    pub rights: Vec<Right>,
    pub active: bool,
    pub version: i64,
}

/// Whether a text can be a PIN: 4 to 12 digits.
#[must_use]
pub fn valid_pin(text: &str) -> bool {
    (SHORTEST_PIN..=LONGEST_PIN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Wrong PINs in a row that cost no time.
const FREE_TRIES: u32 = 3;
/// After the first that costs: milliseconds. Each further one costs twice as much.
const FIRST_WAIT_MS: u64 = 5_000;
/// The longest wait, in milliseconds: ten thousand PINs take a month.
const LONGEST_WAIT_MS: u64 = 300_000;

/// How long after the last of `wrong` PINs in a row the next is looked at, in milliseconds.
#[must_use]
pub fn wait_ms(wrong: u32) -> u64 {
    if wrong < FREE_TRIES {
        return 0;
    }
    let doubled = 1_u64.checked_shl(wrong - FREE_TRIES).and_then(|times| FIRST_WAIT_MS.checked_mul(times));
    doubled.unwrap_or(LONGEST_WAIT_MS).min(LONGEST_WAIT_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_wrong_pins_are_free_and_then_each_costs_twice_as_much_up_to_five_minutes() {
        let waits: Vec<u64> = [0, 2, 3, 4, 8, 9, 63, 64, 200, u32::MAX].map(wait_ms).into();
        assert_eq!(waits, [0, 0, 5_000, 10_000, 160_000, 300_000, 300_000, 300_000, 300_000, 300_000]);
    }

    #[test]
    fn a_pin_is_four_to_twelve_digits_and_nothing_else() {
        for (text, valid) in [
            ("1234", true),
            ("123456789012", true),
            ("123", false),
            ("1234567890123", false),
            ("12a4", false),
            ("١٢٣٤", false),
            ("", false),
            (" 1234", false),
        ] {
            assert_eq!(valid_pin(text), valid, "{text:?}");
        }
    }
}
