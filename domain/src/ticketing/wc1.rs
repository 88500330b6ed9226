//! `wc1`, the default code: 102 signed bytes, 153 characters of QR alphanumeric mode, 41 modules at level M.
//!
//! ```text
//! payload (38 bytes): version 1 | key number 1 | position 16 | issue 1 | flags 1 | item 4 | variation 4 | date 4
//!                     | valid from 3 | until 3            all numbers big-endian; variation and date 0 = none
//! signature (64 bytes): Ed25519 (RFC 8032) over "willcall ticket 1\0" ‖ organizer id 8 ‖ event id 8 ‖ payload
//! ```
//! Validity in quarter hours since 2020-01-01 UTC, from rounded down, until up, 0 = none. Organizer and event are
//! signed but not carried: a code of another event does not verify.

use super::alphabet;
use crate::{
    clock::UtcMillis,
    id::{EventId, ItemId, OrganizerId, PositionId},
};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

pub const PAYLOAD_LEN: usize = 38;
pub const CODE_LEN: usize = PAYLOAD_LEN + 64;
/// Length of the text.
pub const TEXT_LEN: usize = CODE_LEN / 2 * 3;
const VERSION: u8 = 1;
const QUARTER_HOUR_MS: i64 = 15 * 60 * 1000;
/// 2020-01-01T00:00:00Z.
const EPOCH_MS: i64 = 1_577_836_800_000;
const LAST_QUARTER: i64 = 0x00ff_ffff;

/// What the flags byte says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags {
    pub test: bool,
    /// Signed in advance for an offline sale.
    pub blank: bool,
    pub look_at_id: bool,
}

impl Flags {
    fn byte(self) -> u8 {
        u8::from(self.test) | u8::from(self.blank) << 1 | u8::from(self.look_at_id) << 2
    }

    fn read(byte: u8) -> Option<Self> {
        (byte < 8).then_some(Self { test: byte & 1 != 0, blank: byte & 2 != 0, look_at_id: byte & 4 != 0 })
    }
}

/// What a code says: *what* is admitted and *when*. Not whether it is paid, revoked or used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claims {
    pub key_number: u8,
    pub position_id: PositionId,
    /// Rises with each re-issue; a lower one is refused where a higher is known.
    pub issue: u8,
    pub flags: Flags,
    pub item_id: ItemId,
    /// 0 is none.
    pub variation: u32,
    /// 0 is none.
    pub date: u32,
    pub valid_from: Option<UtcMillis>,
    pub valid_until: Option<UtcMillis>,
}

/// Why a code cannot be written in this format; such a ticket prints a plain secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the item's number {0} does not fit 32 bits")]
pub struct TooWide(pub ItemId);

/// A code as read: the claims are not to be believed before [`Wc1::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wc1 {
    pub payload: [u8; PAYLOAD_LEN],
    pub signature: [u8; 64],
    pub claims: Claims,
}

impl Wc1 {
    /// Reads the canonical text; `None` when it is anything else.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let bytes: [u8; CODE_LEN] = alphabet::decode(text)?;
        let (payload, signature) = (bytes[..PAYLOAD_LEN].try_into().ok()?, bytes[PAYLOAD_LEN..].try_into().ok()?);
        Some(Self { payload, signature, claims: Claims::read(&payload)? })
    }

    /// Whether `key` signed this for `organizer` and `event`.
    #[must_use]
    pub fn verify(&self, key: &VerifyingKey, organizer: OrganizerId, event: EventId) -> bool {
        let message = signed_message(organizer, event, &self.payload);
        key.verify_strict(&message, &Signature::from_bytes(&self.signature)).is_ok()
    }
}

/// Signs `claims`. The same claims and key always give the same text.
///
/// # Errors
/// When the item's number does not fit.
pub fn sign(claims: &Claims, organizer: OrganizerId, event: EventId, key: &SigningKey) -> Result<String, TooWide> {
    let payload = claims.payload()?;
    let signature = key.sign(&signed_message(organizer, event, &payload));
    let mut bytes = [0; CODE_LEN];
    bytes[..PAYLOAD_LEN].copy_from_slice(&payload);
    bytes[PAYLOAD_LEN..].copy_from_slice(&signature.to_bytes());
    Ok(alphabet::encode(&bytes))
}

fn signed_message(organizer: OrganizerId, event: EventId, payload: &[u8; PAYLOAD_LEN]) -> [u8; 18 + 16 + PAYLOAD_LEN] {
    let mut message = [0; 18 + 16 + PAYLOAD_LEN];
    message[..18].copy_from_slice(b"willcall ticket 1\0");
    message[18..26].copy_from_slice(&organizer.0.to_be_bytes());
    message[26..34].copy_from_slice(&event.0.to_be_bytes());
    message[34..].copy_from_slice(payload);
    message
}

impl Claims {
    fn payload(&self) -> Result<[u8; PAYLOAD_LEN], TooWide> {
        let item = u32::try_from(self.item_id.0).map_err(|_| TooWide(self.item_id))?;
        let mut out = [0; PAYLOAD_LEN];
        out[0] = VERSION;
        out[1] = self.key_number;
        out[2..18].copy_from_slice(self.position_id.0.as_bytes());
        out[18] = self.issue;
        out[19] = self.flags.byte();
        out[20..24].copy_from_slice(&item.to_be_bytes());
        out[24..28].copy_from_slice(&self.variation.to_be_bytes());
        out[28..32].copy_from_slice(&self.date.to_be_bytes());
        out[32..35].copy_from_slice(&quarters(self.valid_from, false));
        out[35..38].copy_from_slice(&quarters(self.valid_until, true));
        Ok(out)
    }

    fn read(payload: &[u8; PAYLOAD_LEN]) -> Option<Self> {
        if payload[0] != VERSION {
            return None;
        }
        let number = |at: usize| u32::from_be_bytes([payload[at], payload[at + 1], payload[at + 2], payload[at + 3]]);
        let position: [u8; 16] = payload[2..18].try_into().ok()?;
        Some(Self {
            key_number: payload[1],
            position_id: PositionId(uuid::Uuid::from_bytes(position)),
            issue: payload[18],
            flags: Flags::read(payload[19])?,
            item_id: ItemId(i64::from(number(20))),
            variation: number(24),
            date: number(28),
            valid_from: instant([payload[32], payload[33], payload[34]]),
            valid_until: instant([payload[35], payload[36], payload[37]]),
        })
    }
}

fn quarters(at: Option<UtcMillis>, up: bool) -> [u8; 3] {
    let Some(at) = at else { return [0; 3] };
    let since = at.0.saturating_sub(EPOCH_MS);
    let floor = since.div_euclid(QUARTER_HOUR_MS);
    let count = if up && since.rem_euclid(QUARTER_HOUR_MS) > 0 { floor + 1 } else { floor };
    // 0 says "none", so the first quarter of 2020 and all before is 1; nothing after the year 2498 can be said.
    let [_, a, b, c] = u32::try_from(count.clamp(1, LAST_QUARTER)).unwrap_or(1).to_be_bytes();
    [a, b, c]
}

fn instant(bytes: [u8; 3]) -> Option<UtcMillis> {
    let count = i64::from(u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]));
    (count != 0).then(|| UtcMillis(EPOCH_MS + count * QUARTER_HOUR_MS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn claims() -> Claims {
        Claims {
            key_number: 1,
            position_id: PositionId(Uuid::from_u128(0x0192_aaaa_bbbb_7ccc_8ddd_eeee_ffff_0001)),
            issue: 0,
            flags: Flags { blank: true, ..Flags::default() },
            item_id: ItemId(7),
            variation: 0,
            date: 0,
            valid_from: None,
            valid_until: Some(UtcMillis(EPOCH_MS + 1)),
        }
    }

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    #[test]
    fn a_code_is_153_characters_and_reads_back_what_was_signed() {
        let text = sign(&claims(), OrganizerId(1), EventId(2), &key(1)).unwrap();
        assert_eq!(text.len(), TEXT_LEN);
        assert_eq!(TEXT_LEN, 153, "one byte more would be four modules more");
        let read = Wc1::read(&text).unwrap();
        assert!(read.verify(&key(1).verifying_key(), OrganizerId(1), EventId(2)));
        let until = Some(UtcMillis(EPOCH_MS + QUARTER_HOUR_MS));
        assert_eq!(read.claims, Claims { valid_until: until, ..claims() }, "until is rounded up");
    }

    #[test]
    fn a_code_of_another_event_organizer_or_key_does_not_verify() {
        let read = Wc1::read(&sign(&claims(), OrganizerId(1), EventId(2), &key(1)).unwrap()).unwrap();
        assert!(!read.verify(&key(1).verifying_key(), OrganizerId(1), EventId(3)));
        assert!(!read.verify(&key(1).verifying_key(), OrganizerId(2), EventId(2)));
        assert!(!read.verify(&key(2).verifying_key(), OrganizerId(1), EventId(2)));
    }

    #[test]
    fn an_item_above_32_bits_is_refused_and_not_cut() {
        let wide = ItemId(i64::from(u32::MAX) + 1);
        let result = sign(&Claims { item_id: wide, ..claims() }, OrganizerId(1), EventId(2), &key(1));
        assert_eq!(result, Err(TooWide(wide)));
    }

    proptest! {
        #[test]
        fn no_changed_character_verifies(at in 0usize..TEXT_LEN, with in "[0-9A-Z$%*.-]") {
            let text = sign(&claims(), OrganizerId(1), EventId(2), &key(1)).unwrap();
            let mut changed = text.clone();
            changed.replace_range(at..=at, &with);
            let verifies = Wc1::read(&changed)
                .is_some_and(|c| c.verify(&key(1).verifying_key(), OrganizerId(1), EventId(2)));
            prop_assert_eq!(verifies, changed == text);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}") {
            let _ = Wc1::read(&text);
        }

        #[test]
        fn validity_never_shrinks(from in 0i64..4_000_000_000_000, long in 0i64..1_000_000_000) {
            let (from, until) = (UtcMillis(EPOCH_MS.max(from)), UtcMillis(EPOCH_MS.max(from) + long));
            let read_from = instant(quarters(Some(from), false)).unwrap();
            let read_until = instant(quarters(Some(until), true)).unwrap();
            prop_assert!(read_until >= until);
            prop_assert!(read_from <= from || from.0 < EPOCH_MS + QUARTER_HOUR_MS);
        }
    }
}
