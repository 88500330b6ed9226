//! `sig1`, the signed code that existing scanners read, byte for byte.
//!
//! ```text
//! text = reverse( base64( 1 | n (2, big-endian) | m (2) | payload (n) | signature (m = 64) ) )
//! payload = protobuf: 1 seed string | 2 item | 3 variation | 4 date | 5 valid from (s) | 6 valid until (s)
//! ```
//! Fields 2–4 are absent when 0, fields 5 and 6 always written. Only the canonical spelling is accepted: a code that
//! is not byte-equal to its own re-encoding is refused, so one ticket has one text.

use crate::{
    clock::UtcMillis,
    id::{ItemId, PositionId},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

/// Existing scanners read the payload's length wrongly from 256 bytes on.
const PAYLOAD_MAX: usize = 255;
const SIGNATURE_LEN: usize = 64;

/// What a `sig1` code says. The event is known only by which key verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sig1Claims {
    pub seed: String,
    pub item_id: ItemId,
    /// 0 is none.
    pub variation: i64,
    /// 0 is none.
    pub date: i64,
    pub valid_from: Option<UtcMillis>,
    pub valid_until: Option<UtcMillis>,
}

/// A code as read; not to be believed before [`Sig1::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sig1 {
    pub payload: Vec<u8>,
    pub signature: [u8; SIGNATURE_LEN],
    pub claims: Sig1Claims,
}

impl Sig1 {
    /// Reads the canonical text; `None` when it is anything else.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        if !(100..=460).contains(&text.len()) || !text.is_ascii() {
            return None;
        }
        let forward: String = text.chars().rev().collect();
        let raw = STANDARD.decode(&forward).ok()?;
        let (&version, rest) = raw.split_first()?;
        let (n, rest) = rest.split_first_chunk::<2>()?;
        let (m, rest) = rest.split_first_chunk::<2>()?;
        let (n, m) = (usize::from(u16::from_be_bytes(*n)), usize::from(u16::from_be_bytes(*m)));
        if version != 1 || n > PAYLOAD_MAX || m != SIGNATURE_LEN || rest.len() != n + m {
            return None;
        }
        let (payload, signature) = rest.split_at(n);
        let claims = Sig1Claims::read(payload)?;
        let read = Self { payload: payload.to_vec(), signature: signature.try_into().ok()?, claims };
        (read.claims.payload() == payload && assemble(&read.payload, &read.signature) == text).then_some(read)
    }

    /// Whether `key` signed this.
    #[must_use]
    pub fn verify(&self, key: &VerifyingKey) -> bool {
        key.verify_strict(&self.payload, &Signature::from_bytes(&self.signature)).is_ok()
    }
}

/// Signs `claims`.
#[must_use]
pub fn sign(claims: &Sig1Claims, key: &SigningKey) -> String {
    let payload = claims.payload();
    assemble(&payload, &key.sign(&payload).to_bytes())
}

/// The seed of a position's code: nine letters and digits that follow from position and issue, so that a station that
/// knows the position can find it by its code, and nobody can guess one from another.
#[must_use]
pub fn seed(position: PositionId, issue: u8) -> String {
    const CHARACTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut hash = Sha256::new();
    hash.update(b"willcall sig1 seed 1\0");
    hash.update(position.0.as_bytes());
    hash.update([issue]);
    hash.finalize().iter().take(9).map(|b| char::from(CHARACTERS[usize::from(b % 32)])).collect()
}

fn assemble(payload: &[u8], signature: &[u8; SIGNATURE_LEN]) -> String {
    let mut raw = Vec::with_capacity(5 + payload.len() + SIGNATURE_LEN);
    raw.push(1);
    raw.extend_from_slice(&u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes());
    raw.extend_from_slice(&[0, SIGNATURE_LEN as u8]);
    raw.extend_from_slice(payload);
    raw.extend_from_slice(signature);
    STANDARD.encode(raw).chars().rev().collect()
}

impl Sig1Claims {
    fn payload(&self) -> Vec<u8> {
        let mut out = vec![0x0a];
        put_varint(&mut out, self.seed.len() as u64);
        out.extend_from_slice(self.seed.as_bytes());
        for (tag, value) in [(0x10, self.item_id.0), (0x18, self.variation), (0x20, self.date)] {
            if value != 0 {
                out.push(tag);
                put_varint(&mut out, value.cast_unsigned());
            }
        }
        for (tag, at) in [(0x28, self.valid_from), (0x30, self.valid_until)] {
            out.push(tag);
            put_varint(&mut out, at.map_or(0, |t| t.0.div_euclid(1000)).cast_unsigned());
        }
        out
    }

    fn read(payload: &[u8]) -> Option<Self> {
        let mut rest = payload.strip_prefix(&[0x0a])?;
        let length = usize::try_from(take_varint(&mut rest)?).ok()?;
        let (seed, mut rest) = rest.split_at_checked(length)?;
        let optional = |tag: u8, rest: &mut &[u8]| match rest.split_first() {
            Some((&first, after)) if first == tag => {
                *rest = after;
                take_varint(rest).map(u64::cast_signed)
            }
            _ => Some(0),
        };
        let (item, variation, date) =
            (optional(0x10, &mut rest)?, optional(0x18, &mut rest)?, optional(0x20, &mut rest)?);
        let (from, until) = (optional(0x28, &mut rest)?, optional(0x30, &mut rest)?);
        let instant = |s: i64| (s > 0).then(|| UtcMillis(s.saturating_mul(1000)));
        rest.is_empty().then_some(Self {
            seed: String::from_utf8(seed.to_vec()).ok()?,
            item_id: ItemId(item),
            variation,
            date,
            valid_from: instant(from),
            valid_until: instant(until),
        })
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_varint(from: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = from.split_first()?;
        *from = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Codes made by the reference implementation of the format with this throw-away key.
    const EXAMPLES: &[(&str, i64, i64, i64, i64, i64, &str)] = &[
        (
            "willcall1",
            7,
            0,
            0,
            0,
            0,
            "=QgQrbxxaCU2mcXi8304I5yzanSvAGZWtG+okcV78b/TCt3VgePmjDdKCGpzEV49NrPZ2ipCBTDthHaX6v7UgzBAwAAKHARMsxWYjxGbpdXCKAEARAQA",
        ),
        (
            "willcall2",
            12,
            34,
            0,
            0,
            0,
            "==AB9RiezC8bB1yRlOT0gyzy6cTDAL3ae4OmLcbDQXUzb3/bwDNhiX9fyAT2Rm4IpW/j+2u0jWOXsMbMhUrtJO3OAADAoICGMAhMsxWYjxGbpdXCKAEATAQA",
        ),
        (
            "willcall3",
            12,
            34,
            56,
            1_767_225_600,
            1_767_312_000,
            "=AQxW1F7PltNrJiv+5ZgnpvxG0oM0ps2NRj3IUPrZG7NgAnNPeBOlvS1PdvdcyZll/6tpnL0vSYnaHdqTerR5wrBKzdlACjBKbt8AiCOgICGMAxMsxWYjxGbpdXCKAEAdAQA",
        ),
        (
            "willcall4",
            1_099_511_627_781,
            0,
            3,
            0,
            1_767_312_000,
            "==wCHVL0p5Vady3Z3RQveYZIV5N/N1x8tdS/MBq1KSpcfYyH9ZL+clLZvYURUHeAizc25hlNper9HK29iQOdIk8mGoM3VCIMAgyAgACgACIgFCBNsxWYjxGbpdXCKAEAcAQA",
        ),
    ];

    fn key() -> SigningKey {
        SigningKey::from_bytes(&std::array::from_fn(|i| i as u8 + 1))
    }

    fn claims(example: &(&str, i64, i64, i64, i64, i64, &str)) -> Sig1Claims {
        let at = |s: i64| (s > 0).then_some(UtcMillis(s * 1000));
        Sig1Claims {
            seed: example.0.to_owned(),
            item_id: ItemId(example.1),
            variation: example.2,
            date: example.3,
            valid_from: at(example.4),
            valid_until: at(example.5),
        }
    }

    #[test]
    fn the_examples_of_the_format_are_reproduced_byte_for_byte() {
        for example in EXAMPLES {
            assert_eq!(sign(&claims(example), &key()), example.6, "{}", example.0);
            let read = Sig1::read(example.6).unwrap();
            assert_eq!(read.claims, claims(example));
            assert!(read.verify(&key().verifying_key()));
        }
    }

    #[test]
    fn a_payload_that_is_spelt_otherwise_is_refused_though_its_signature_is_good() {
        // Signed by the right key: a field that says 0 in place of none, and a number in more bytes than it takes.
        let seed = [&[0x0a, 3][..], b"abc"].concat();
        let (zero, long) = (&[0x10, 7, 0x18, 0, 0x28, 0, 0x30, 0][..], &[0x10, 0x87, 0, 0x28, 0, 0x30, 0][..]);
        for fields in [&[0x10, 7, 0x28, 0, 0x30, 0][..], zero, long] {
            let payload = [&seed[..], fields].concat();
            let text = assemble(&payload, &key().sign(&payload).to_bytes());
            assert_eq!(Sig1::read(&text).is_some(), fields.len() == 6, "{fields:?}");
        }
    }

    #[test]
    fn the_seed_of_a_position_never_changes_and_each_issue_has_its_own() {
        let position = PositionId(uuid::Uuid::from_u128(0x0192_aaaa_bbbb_7ccc_8ddd_eeee_ffff_0001));
        assert_eq!((seed(position, 1).as_str(), seed(position, 2).as_str()), ("8wyn4tffn", "fyk684ahz"));
    }

    #[test]
    fn added_characters_and_trailing_bytes_are_refused() {
        let text = EXAMPLES[0].6;
        for changed in [format!("{text}A"), format!("!{text}"), format!(" {text}"), text[1..].to_owned()] {
            assert_eq!(Sig1::read(&changed), None, "{changed}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic_and_only_in_its_canonical_form(text in "[A-Za-z0-9+/=!* ]{0,300}") {
            if let Some(read) = Sig1::read(&text) {
                prop_assert_eq!(assemble(&read.payload, &read.signature), text);
            }
        }

        #[test]
        fn no_single_changed_character_verifies(at in 0usize..116, with in "[A-Za-z0-9+/=]") {
            let text = EXAMPLES[0].6;
            let at = at.min(text.len() - 1);
            let mut changed = text.to_owned();
            changed.replace_range(at..=at, &with);
            let verifies = Sig1::read(&changed).is_some_and(|c| c.verify(&key().verifying_key()));
            prop_assert_eq!(verifies, changed == text);
        }
    }
}
