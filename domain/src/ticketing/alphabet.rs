//! The 41 characters of `wc1`: base45 (RFC 9285) without blank, `+`, `/` and `:`, so that no code begins or ends with
//! a blank that a scanner or a field trims away. 41³ ≥ 2¹⁶, so the length is the same: three characters for two bytes.

const CHARACTERS: &[u8; 41] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ$%*-.";
const BASE: u32 = 41;

/// Writes whole pairs of bytes; an odd last byte is not part of any format here and is left to the caller to avoid.
pub(super) fn encode(bytes: &[u8]) -> String {
    debug_assert!(bytes.len().is_multiple_of(2), "formats have an even length");
    let mut out = String::with_capacity(bytes.len() / 2 * 3);
    for pair in bytes.chunks_exact(2) {
        let mut value = u32::from(pair[0]) << 8 | u32::from(pair[1]);
        for _ in 0..3 {
            out.push(char::from(CHARACTERS[(value % BASE) as usize]));
            value /= BASE;
        }
    }
    out
}

/// Reads exactly `N` bytes; `None` for another length, a foreign character, or a value of 2¹⁶ and more. So each byte
/// string has one spelling.
pub(super) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != N / 2 * 3 {
        return None;
    }
    let mut out = [0; N];
    for (triple, pair) in text.as_bytes().chunks_exact(3).zip(out.chunks_exact_mut(2)) {
        let value = digit(triple[0])? + digit(triple[1])? * BASE + digit(triple[2])? * BASE * BASE;
        pair.copy_from_slice(&u16::try_from(value).ok()?.to_be_bytes());
    }
    Some(out)
}

fn digit(character: u8) -> Option<u32> {
    Some(match character {
        b'0'..=b'9' => u32::from(character - b'0'),
        b'A'..=b'Z' => u32::from(character - b'A') + 10,
        b'$' => 36,
        b'%' => 37,
        b'*' => 38,
        b'-' => 39,
        b'.' => 40,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_of_two_to_the_sixteenth_and_more_are_refused() {
        assert_eq!(decode::<2>(&encode(&[0xff, 0xff])), Some([0xff, 0xff]));
        assert_eq!(decode::<2>("..."), None, "41³ - 1 is above 65,535");
        assert_eq!(decode::<2>("000 "), None);
        assert_eq!(decode::<2>("00a"), None, "lower case is foreign");
    }

    proptest! {
        #[test]
        fn every_byte_string_has_exactly_one_spelling(bytes: [u8; 6], text in "[0-9A-Z$%*.-]{9}") {
            prop_assert_eq!(decode::<6>(&encode(&bytes)), Some(bytes));
            if let Some(read) = decode::<6>(&text) {
                prop_assert_eq!(encode(&read), text);
            }
        }
    }
}
