//! A `sig1` seed as a number: nine characters of five bits, so that an index over a million of them stays small.

const CHARACTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// The number of a seed; `None` for a text that is no seed of ours.
#[must_use]
pub fn pack(seed: &str) -> Option<i64> {
    if seed.len() != 9 {
        return None;
    }
    seed.bytes().try_fold(0_i64, |packed, byte| {
        let digit = CHARACTERS.iter().position(|c| *c == byte)?;
        Some(packed << 5 | i64::try_from(digit).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;
    use willcall_domain::{id::PositionId, ticketing::sig1};

    #[test]
    fn every_seed_of_ours_packs_and_different_ones_differ() {
        let packed: std::collections::HashSet<i64> =
            (0..2000).map(|n| pack(&sig1::seed(PositionId(Uuid::from_u128(n)), 0)).expect("a seed of ours")).collect();
        assert_eq!(packed.len(), 2000);
        assert_eq!(pack("foreign"), None);
        assert_eq!(pack("ABCDEFGHI"), None);
    }
}
