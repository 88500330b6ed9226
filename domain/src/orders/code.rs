//! Order codes: read out over a counter, typed by tired people. 31 characters without look-alikes, the last one a
//! check character, so that one wrong or two swapped characters are noticed.

use crate::entropy::Entropy;

const CHARACTERS: &[u8; 31] = b"23456789ABCDEFGHJKLMNPQRSTUVWXY";
const RANDOM_LEN: usize = 6;

/// A web order's code: six random characters and the check character.
#[must_use]
pub fn random(entropy: &dyn Entropy) -> String {
    let mut body = String::with_capacity(RANDOM_LEN + 1);
    while body.len() < RANDOM_LEN {
        let [byte] = crate::entropy::bytes::<1>(entropy);
        // 248 = 8 · 31: bytes above would favour the first characters.
        if byte < 248 {
            body.push(char::from(CHARACTERS[usize::from(byte) % CHARACTERS.len()]));
        }
    }
    with_check(body)
}

/// An order code born at a station: its number, its counter, the check character. Never renamed by the server.
#[must_use]
pub fn of_station(station: crate::id::DeviceId, counter: u64) -> String {
    with_check(format!("{}-{}", in_alphabet(station.0.unsigned_abs()), in_alphabet(counter)))
}

/// Whether the check character is right.
#[must_use]
pub fn is_valid(code: &str) -> bool {
    let Some((at, last)) = code.char_indices().next_back() else { return false };
    check(&code[..at]) == Some(last)
}

fn in_alphabet(mut value: u64) -> String {
    let base = CHARACTERS.len() as u64;
    let mut digits = Vec::new();
    loop {
        digits.push(CHARACTERS[(value % base) as usize]);
        value /= base;
        if value == 0 {
            break;
        }
    }
    digits.iter().rev().map(|b| char::from(*b)).collect()
}

fn with_check(body: String) -> String {
    match check(&body) {
        Some(check) => body + check.encode_utf8(&mut [0; 4]),
        None => body,
    }
}

/// Weighted sum modulo 31, a prime: weights differ, so single errors and swaps of neighbours change it. A dash counts
/// as nothing.
fn check(body: &str) -> Option<char> {
    let mut sum = 0;
    for (weight, character) in body.chars().filter(|c| *c != '-').enumerate() {
        let value = CHARACTERS.iter().position(|c| char::from(*c) == character)?;
        sum += value * (weight % 30 + 1);
    }
    Some(char::from(CHARACTERS[sum % CHARACTERS.len()]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{entropy::SeededEntropy, id::DeviceId};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn one_wrong_character_is_noticed(seed: u64, at in 0usize..6, with in 0usize..31) {
            let code = random(&SeededEntropy::new(seed));
            prop_assert!(is_valid(&code));
            let mut changed: Vec<u8> = code.bytes().collect();
            changed[at] = CHARACTERS[with];
            let changed = String::from_utf8(changed).unwrap();
            prop_assert_eq!(is_valid(&changed), changed == code);
        }

        #[test]
        fn codes_of_one_station_never_repeat(a in 0u64..1_000_000, b in 0u64..1_000_000, s in 1i64..10_000, t in 1i64..10_000) {
            let same = (a, s) == (b, t);
            prop_assert_eq!(of_station(DeviceId(s), a) == of_station(DeviceId(t), b), same);
            prop_assert!(is_valid(&of_station(DeviceId(s), a)));
        }
    }
}
