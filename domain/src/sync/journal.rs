//! The journal: append-only, hash-chained, each entry signed by its station.
//!
//! ```text
//! hash = SHA-256( "willcall journal 1\0" ‖ station 8 ‖ incarnation 4 ‖ seq 8 ‖ id 16 ‖ kind (2 + n)
//!                 ‖ wall 8 ‖ offset 8 ‖ uncertainty 8 ‖ boot 16 ‖ monotonic 8
//!                 ‖ saw (4 + n · (station 8 ‖ incarnation 4 ‖ seq 8)) ‖ body (4 + n) ‖ private hash 32 ‖ previous 32 )
//! signature = Ed25519( "willcall journal signature 1\0" ‖ hash )          all numbers big-endian
//! private hash = SHA-256( "willcall private 1\0" ‖ salt 16 ‖ data ), or zeros where there is none
//! ```
//! The body is hashed as the bytes it was written with, so no second encoding can disagree. Personal data is never in
//! the body but beside the entry as [`Private`]; erasing it together with its salt leaves the chain whole.

use crate::{
    checkin::wire::SawRef,
    clock::UtcMillis,
    entropy::Entropy,
    id::{CaseId, DeviceId, EntryId, HistoryId},
};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Names one entry of one station.
pub type EntryRef = SawRef;

/// When a fact happened, as the station's clocks said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct At {
    /// The station's wall clock, or the time given by hand.
    pub wall: UtcMillis,
    /// Server time minus wall clock, in milliseconds, as last measured.
    pub offset_ms: i64,
    /// How far the offset may be wrong; -1 when it was never measured.
    pub uncertainty_ms: i64,
    /// One unbroken run of the program.
    pub boot: Uuid,
    /// Milliseconds since that run began.
    pub monotonic_ms: u64,
}

impl At {
    /// The server's time when it happened, as well as the station knew it.
    #[must_use]
    pub fn ticket_time(&self) -> UtcMillis {
        UtcMillis(self.wall.0.saturating_add(self.offset_ms))
    }
}

/// What is in an entry but never in its chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Private {
    /// 16 random bytes, hex.
    pub salt: String,
    pub data: String,
}

impl Private {
    #[must_use]
    pub fn new(data: String, entropy: &dyn Entropy) -> Self {
        Self { salt: hex::encode(crate::entropy::bytes::<16>(entropy)), data }
    }

    /// The hash that the entry carries.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"willcall private 1\0");
        hash.update(hex::decode(&self.salt).unwrap_or_default());
        hash.update(self.data.as_bytes());
        hash.finalize().into()
    }
}

/// One entry, as stored and as it travels. Hashes and signature are hex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub station: DeviceId,
    pub incarnation: u32,
    /// From 1, without gaps, within one incarnation.
    pub seq: u64,
    pub id: EntryId,
    /// The tag of the body's [`super::Fact`].
    pub kind: String,
    pub at: At,
    pub saw: Vec<EntryRef>,
    /// JSON of a [`super::Fact`], the very bytes that are hashed.
    pub body: String,
    pub private_hash: String,
    pub prev_hash: String,
    pub hash: String,
    pub signature: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private: Option<Private>,
}

/// The hash before the first entry.
pub const FIRST: [u8; 32] = [0; 32];

/// What a station knows of a new entry before it is chained and signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub station: DeviceId,
    pub incarnation: u32,
    pub seq: u64,
    pub id: EntryId,
    pub at: At,
    pub saw: Vec<EntryRef>,
    pub fact: super::Fact,
    pub private: Option<Private>,
}

/// Why an entry or a run of entries is not what it claims.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    #[error("entry {0}: its hash is not that of its content")]
    Hash(u64),
    #[error("entry {0}: not signed by this station")]
    Signature(u64),
    #[error("entry {0} does not follow the one before it")]
    Broken(u64),
    #[error("entry {0}: its private part is not the one that was written")]
    Private(u64),
    #[error("entry {0} cannot be read: {1}")]
    Unreadable(u64, String),
}

impl Draft {
    /// Chains and signs.
    ///
    /// # Errors
    /// When the fact cannot be written as JSON, which its types do not allow.
    pub fn seal(self, prev: &[u8; 32], key: &SigningKey) -> Result<Entry, ChainError> {
        let body = serde_json::to_string(&self.fact).map_err(|e| ChainError::Unreadable(self.seq, e.to_string()))?;
        let mut entry = Entry {
            station: self.station,
            incarnation: self.incarnation,
            seq: self.seq,
            id: self.id,
            kind: self.fact.kind().to_owned(),
            at: self.at,
            saw: self.saw,
            body,
            private_hash: hex::encode(self.private.as_ref().map_or(FIRST, Private::hash)),
            prev_hash: hex::encode(prev),
            hash: String::new(),
            signature: String::new(),
            private: self.private,
        };
        let hash = entry.content_hash()?;
        entry.hash = hex::encode(hash);
        entry.signature = hex::encode(key.sign(&signed_message(&hash)).to_bytes());
        Ok(entry)
    }
}

impl Entry {
    /// Names this entry.
    #[must_use]
    pub fn reference(&self) -> EntryRef {
        EntryRef { station: self.station, incarnation: self.incarnation, seq: self.seq }
    }

    /// The hash of the content as it is.
    ///
    /// # Errors
    /// When a hash in it is no 32 bytes of hex.
    pub fn content_hash(&self) -> Result<[u8; 32], ChainError> {
        let mut hash = Sha256::new();
        hash.update(b"willcall journal 1\0");
        hash.update(self.station.0.to_be_bytes());
        hash.update(self.incarnation.to_be_bytes());
        hash.update(self.seq.to_be_bytes());
        hash.update(self.id.0.as_bytes());
        hash.update(u16::try_from(self.kind.len()).unwrap_or(u16::MAX).to_be_bytes());
        hash.update(self.kind.as_bytes());
        hash.update(self.at.wall.0.to_be_bytes());
        hash.update(self.at.offset_ms.to_be_bytes());
        hash.update(self.at.uncertainty_ms.to_be_bytes());
        hash.update(self.at.boot.as_bytes());
        hash.update(self.at.monotonic_ms.to_be_bytes());
        hash.update(u32::try_from(self.saw.len()).unwrap_or(u32::MAX).to_be_bytes());
        for saw in &self.saw {
            hash.update(saw.station.0.to_be_bytes());
            hash.update(saw.incarnation.to_be_bytes());
            hash.update(saw.seq.to_be_bytes());
        }
        hash.update(u32::try_from(self.body.len()).unwrap_or(u32::MAX).to_be_bytes());
        hash.update(self.body.as_bytes());
        hash.update(bytes32(&self.private_hash).ok_or(ChainError::Hash(self.seq))?);
        hash.update(bytes32(&self.prev_hash).ok_or(ChainError::Hash(self.seq))?);
        Ok(hash.finalize().into())
    }

    /// Checks hash, signature and, where it travels along, the private part.
    ///
    /// # Errors
    /// Names what does not hold.
    pub fn verify(&self, key: &VerifyingKey) -> Result<(), ChainError> {
        let hash = self.content_hash()?;
        if hex::encode(hash) != self.hash {
            return Err(ChainError::Hash(self.seq));
        }
        let mut signature = [0; 64];
        hex::decode_to_slice(&self.signature, &mut signature).map_err(|_| ChainError::Signature(self.seq))?;
        key.verify_strict(&signed_message(&hash), &Signature::from_bytes(&signature))
            .map_err(|_| ChainError::Signature(self.seq))?;
        match &self.private {
            Some(private) if hex::encode(private.hash()) != self.private_hash => Err(ChainError::Private(self.seq)),
            _ => Ok(()),
        }
    }

    /// Checks that this entry follows the one named by `seq` and `hash` of the same incarnation.
    ///
    /// # Errors
    /// When it does not.
    pub fn follows(&self, last_seq: u64, last_hash: &[u8; 32]) -> Result<(), ChainError> {
        let next = self.seq == last_seq + 1 && self.prev_hash == hex::encode(last_hash);
        if next { Ok(()) } else { Err(ChainError::Broken(self.seq)) }
    }

    /// The fact in the body; `None` for a kind this version does not know, or whose body it cannot read.
    #[must_use]
    pub fn fact(&self) -> Option<super::Fact> {
        serde_json::from_str(&self.body).ok().filter(|fact: &super::Fact| fact.kind() == self.kind)
    }
}

/// 32 bytes from hex.
#[must_use]
pub fn bytes32(text: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    hex::decode_to_slice(text, &mut out).ok().map(|()| out)
}

fn signed_message(hash: &[u8; 32]) -> Vec<u8> {
    [b"willcall journal signature 1\0".as_slice(), hash].concat()
}

/// `POST /api/station/v1/journal`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushRequest {
    pub entries: Vec<Entry>,
}

/// `GET /api/station/v1/journal?incarnation=&after=`: a station's own entries, given back to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GiveBackAnswer {
    /// In order, from the first after the one named; empty where there are none.
    pub entries: Vec<Entry>,
}

/// What became of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    Applied,
    /// Applied, and a person should look at something.
    AppliedWithCase {
        case_id: CaseId,
    },
    /// Kept, not applied, until a person decides or a newer version knows it.
    Parked {
        case_id: CaseId,
    },
}

/// What became of each entry sent, by `seq`, and how far the journal is safe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushAnswer {
    pub outcomes: Vec<(u64, Outcome)>,
    /// All entries up to here are committed on the server.
    pub acked: u64,
    /// All entries up to here are in a finished backup.
    pub safe: u64,
    /// The server's history when it answered: what one said that was put back since is no longer so. A server of an
    /// earlier version does not say.
    #[serde(default)]
    pub history: Option<HistoryId>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{entropy::SeededEntropy, sync::Fact};
    use proptest::prelude::*;

    fn entry(seq: u64, prev: &[u8; 32], key: &SigningKey) -> Entry {
        let entropy = SeededEntropy::new(seq);
        Draft {
            station: DeviceId(7),
            incarnation: 1,
            seq,
            id: EntryId::born(UtcMillis(1000), &entropy),
            at: At { wall: UtcMillis(1000), offset_ms: 3, uncertainty_ms: 5, boot: Uuid::nil(), monotonic_ms: 9 },
            saw: vec![EntryRef { station: DeviceId(2), incarnation: 1, seq: 4 }],
            fact: Fact::Opened { software: "test".into() },
            private: Some(Private::new("{\"name\":\"Ada\"}".into(), &entropy)),
        }
        .seal(prev, key)
        .unwrap()
    }

    #[test]
    fn a_sealed_entry_verifies_follows_and_gives_its_fact_back() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let first = entry(1, &FIRST, &key);
        let hash = bytes32(&first.hash).unwrap();
        let second = entry(2, &hash, &key);
        assert_eq!(first.verify(&key.verifying_key()), Ok(()));
        assert_eq!(second.follows(1, &hash), Ok(()));
        assert_eq!(second.follows(2, &hash), Err(ChainError::Broken(2)));
        assert_eq!(first.fact(), Some(Fact::Opened { software: "test".into() }));
        let other = SigningKey::from_bytes(&[2; 32]).verifying_key();
        assert_eq!(first.verify(&other), Err(ChainError::Signature(1)));
    }

    #[test]
    fn erasing_the_private_part_leaves_the_chain_whole_and_changing_it_does_not() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let sealed = entry(1, &FIRST, &key);
        let erased = Entry { private: None, ..sealed.clone() };
        assert_eq!(erased.verify(&key.verifying_key()), Ok(()));
        let mut changed = sealed;
        changed.private.as_mut().unwrap().data.push('x');
        assert_eq!(changed.verify(&key.verifying_key()), Err(ChainError::Private(1)));
    }

    #[test]
    fn a_body_of_an_unknown_kind_is_no_fact_and_no_error() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let strange =
            Entry { kind: "teleport".into(), body: "{\"kind\":\"teleport\"}".into(), ..entry(1, &FIRST, &key) };
        assert_eq!(strange.fact(), None);
    }

    proptest! {
        #[test]
        fn any_change_of_a_hashed_field_is_noticed(which in 0usize..8, by in 1u64..1000) {
            let key = SigningKey::from_bytes(&[1; 32]);
            let good = entry(1, &FIRST, &key);
            let mut bad = good.clone();
            match which {
                0 => bad.station.0 += i64::try_from(by).unwrap(),
                1 => bad.incarnation += u32::try_from(by).unwrap(),
                2 => bad.seq += by,
                3 => bad.at.wall.0 += i64::try_from(by).unwrap(),
                4 => bad.at.monotonic_ms += by,
                5 => bad.body.push(' '),
                6 => bad.saw.clear(),
                _ => bad.kind.push('x'),
            }
            prop_assert!(bad.verify(&key.verifying_key()).is_err());
        }
    }
}
