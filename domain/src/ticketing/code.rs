//! From the text a scanner gives to what it says and whether that is true.

use super::{
    EventKey, KeyStatus,
    sig1::Sig1,
    wc1::{Flags, Wc1},
};
use crate::{
    clock::UtcMillis,
    id::{EventId, ItemId, PositionId},
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
    pub date: i64,
    pub valid_from: Option<UtcMillis>,
    pub valid_until: Option<UtcMillis>,
    /// SHA-256 of the signed payload: what revocation and, without a position, use is keyed by.
    pub payload_hash: [u8; 32],
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
                date: code.claims.date,
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
        date: i64::from(code.claims.date),
        valid_from: code.claims.valid_from,
        valid_until: code.claims.valid_until,
        payload_hash: Sha256::digest(code.payload).into(),
    })
}
