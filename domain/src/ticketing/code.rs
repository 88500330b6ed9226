//! From the text a scanner gives to what it says and whether that is true.

use super::{
    EventKey, KeyStatus,
    sig1::Sig1,
    wc1::{Flags, Wc1},
};
use crate::{
    catalog::Article,
    clock::UtcMillis,
    id::{DateId, EventId, ItemId, PositionId, VariationId},
};
use sha2::{Digest, Sha256};

/// A code as read. Nothing of it is to be believed before [`verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    Wc1(Wc1),
    Sig1(Sig1),
    /// A secret that only the database knows, or no code at all.
    Plain(String),
}

/// Reads a text. Never trims it: a code has one spelling.
#[must_use]
pub fn read(text: &str) -> Code {
    if let Some(code) = Wc1::read(text) {
        return Code::Wc1(code);
    }
    if let Some(code) = Sig1::read(text) {
        return Code::Sig1(code);
    }
    Code::Plain(text.to_owned())
}

/// What a verified code says, in either format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    pub event_id: EventId,
    pub key_status: KeyStatus,
    /// Carried by `wc1`; of a `sig1` code it is known only to who knows the position.
    pub position_id: Option<PositionId>,
    /// The `sig1` seed.
    pub seed: Option<String>,
    pub issue: u8,
    pub flags: Flags,
    pub item_id: ItemId,
    pub variation_id: Option<VariationId>,
    pub date_id: Option<DateId>,
    pub valid_from: Option<UtcMillis>,
    pub valid_until: Option<UtcMillis>,
    /// SHA-256 of the signed payload: what revocation and, without a position, use is keyed by.
    pub payload_hash: [u8; 32],
}

impl Signed {
    /// What it is a ticket of.
    #[must_use]
    pub fn article(&self) -> Article {
        Article { item_id: self.item_id, variation_id: self.variation_id, date_id: self.date_id }
    }
}

/// In a code, 0 is none.
fn named(number: i64) -> Option<i64> {
    (number != 0).then_some(number)
}

/// What the keys at hand say of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// Signed by a key of one of the events.
    Good(Signed),
    /// Our format, and no key of that number here: data may be too old.
    UnknownKey,
    /// Our format, and no key at hand signed it: another event's, or forged.
    Forged,
    /// No signed format.
    Plain(String),
}

/// Checks `code` against every key that could have signed it.
#[must_use]
pub fn verify(code: Code, keys: &[EventKey]) -> Verification {
    match code {
        Code::Plain(text) => Verification::Plain(text),
        Code::Wc1(code) => verify_wc1(&code, keys),
        Code::Sig1(code) => keys.iter().find(|k| code.verify(&k.key)).map_or(Verification::Forged, |key| {
            Verification::Good(Signed {
                event_id: key.event_id,
                key_status: key.status,
                position_id: None,
                issue: 0,
                flags: Flags::default(),
                item_id: code.claims.item_id,
                variation_id: named(code.claims.variation).map(VariationId),
                date_id: named(code.claims.date).map(DateId),
                valid_from: code.claims.valid_from,
                valid_until: code.claims.valid_until,
                payload_hash: Sha256::digest(&code.payload).into(),
                seed: Some(code.claims.seed),
            })
        }),
    }
}

fn verify_wc1(code: &Wc1, keys: &[EventKey]) -> Verification {
    let number = code.claims.key_number;
    let mut of_that_number = keys.iter().filter(|k| k.number == number).peekable();
    if of_that_number.peek().is_none() {
        return Verification::UnknownKey;
    }
    let Some(key) = of_that_number.find(|k| code.verify(&k.key, k.organizer_id, k.event_id)) else {
        return Verification::Forged;
    };
    Verification::Good(Signed {
        event_id: key.event_id,
        key_status: key.status,
        position_id: Some(code.claims.position_id),
        seed: None,
        issue: code.claims.issue,
        flags: code.claims.flags,
        item_id: code.claims.item_id,
        variation_id: named(i64::from(code.claims.variation)).map(VariationId),
        date_id: named(i64::from(code.claims.date)).map(DateId),
        valid_from: code.claims.valid_from,
        valid_until: code.claims.valid_until,
        payload_hash: Sha256::digest(code.payload).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            sig1::{self, Sig1Claims},
            wc1::{self, Claims},
        },
        *,
    };
    use crate::id::OrganizerId;
    use ed25519_dalek::SigningKey;

    fn signing() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    fn key(event: i64, number: u8, seed: u8) -> EventKey {
        EventKey {
            organizer_id: OrganizerId(1),
            event_id: EventId(event),
            number,
            key: SigningKey::from_bytes(&[seed; 32]).verifying_key(),
            status: KeyStatus::Active,
        }
    }

    fn of_wc1(variation: u32, date: u32) -> String {
        let claims = Claims {
            key_number: 3,
            position_id: PositionId(uuid::Uuid::from_u128(0x0192_aaaa_bbbb_7ccc_8ddd_eeee_ffff_0001)),
            issue: 2,
            flags: Flags::default(),
            item_id: ItemId(7),
            variation,
            date,
            valid_from: None,
            valid_until: None,
        };
        wc1::sign(&claims, OrganizerId(1), EventId(5), &signing()).unwrap()
    }

    fn of_sig1(variation: i64, date: i64) -> String {
        let seed = "abcdefgh2".to_owned();
        let claims = Sig1Claims { seed, item_id: ItemId(7), variation, date, valid_from: None, valid_until: None };
        sig1::sign(&claims, &signing())
    }

    #[test]
    fn a_code_of_either_format_says_what_it_is_a_ticket_of_and_zero_is_none() {
        let keys = [key(4, 3, 9), key(5, 3, 7)];
        for (text, variation, date) in [
            (of_wc1(0, 0), None, None),
            (of_wc1(8, 0), Some(8), None),
            (of_wc1(0, 9), None, Some(9)),
            (of_sig1(0, 0), None, None),
            (of_sig1(8, 0), Some(8), None),
            (of_sig1(0, 9), None, Some(9)),
        ] {
            let Verification::Good(signed) = verify(read(&text), &keys) else { panic!("{text} is good") };
            assert_eq!(signed.event_id, EventId(5), "the event whose key signed it");
            let expected =
                Article { item_id: ItemId(7), variation_id: variation.map(VariationId), date_id: date.map(DateId) };
            assert_eq!(signed.article(), expected, "{text}");
        }
    }

    #[test]
    fn a_key_that_is_not_here_is_told_from_a_key_that_did_not_sign() {
        let wc1 = read(&of_wc1(0, 0));
        assert_eq!(verify(wc1.clone(), &[]), Verification::UnknownKey);
        assert_eq!(verify(wc1.clone(), &[key(5, 2, 7)]), Verification::UnknownKey, "of another number");
        assert_eq!(verify(wc1.clone(), &[key(5, 3, 9)]), Verification::Forged);
        assert_eq!(verify(wc1, &[key(6, 3, 7)]), Verification::Forged, "signed for another event");
        // What does not name its key is forged where no key signed it.
        let sig1 = read(&of_sig1(0, 0));
        assert_eq!(verify(sig1.clone(), &[]), Verification::Forged);
        assert_eq!(verify(sig1, &[key(5, 3, 9)]), Verification::Forged);
        assert_eq!(verify(read("HELLO"), &[key(5, 3, 7)]), Verification::Plain("HELLO".to_owned()));
    }
}
