//! The keys of one device, one after the other. An entry is checked with the key that held when it was written: a changed
//! key says so itself, in an entry signed by the old key, in which the new one signs too. So a journal can be checked
//! from its first entry on, by whoever has it and whenever it comes.

use super::{Entry, Fact, journal::bytes32};
use crate::id::DeviceId;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

const PREFIX: &[u8] = b"willcall key 1\0";

/// One key of a device, and after which entry it signs. The first holds from the beginning, `(0, 0)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldKey {
    pub key: VerifyingKey,
    /// Incarnation and number of the entry that named it.
    pub after: (u32, u64),
}

/// Why a change of keys is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("the new key is none")]
    Key,
    #[error("the new key has not signed its own entry")]
    Signature,
    #[error("a later change of keys is known already")]
    Late,
}

/// All keys of a device, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHistory {
    first: VerifyingKey,
    changes: Vec<HeldKey>,
}

impl KeyHistory {
    /// With the key of the enrolment.
    #[must_use]
    pub fn of(first: VerifyingKey) -> Self {
        Self { first, changes: Vec::new() }
    }

    /// The key that signs this entry.
    #[must_use]
    pub fn at(&self, incarnation: u32, seq: u64) -> &VerifyingKey {
        let held = self.changes.iter().rfind(|held| held.after < (incarnation, seq));
        held.map_or(&self.first, |held| &held.key)
    }

    /// The key that signs what is written next.
    #[must_use]
    pub fn newest(&self) -> &VerifyingKey {
        self.changes.last().map_or(&self.first, |held| &held.key)
    }

    /// The changes, ascending.
    #[must_use]
    pub fn changes(&self) -> &[HeldKey] {
        &self.changes
    }

    /// Adds a change that was checked before; one that is known is left as it is.
    pub fn add(&mut self, held: HeldKey) {
        if let Err(at) = self.changes.binary_search_by_key(&held.after, |h| h.after) {
            self.changes.insert(at, held);
        }
    }

    /// Takes a change of keys from its entry, whose own signature has been checked; `None` for any other entry.
    ///
    /// # Errors
    /// When the new key is none, has not signed, or keys changed later already: an old key names no new one any more.
    pub fn change(&mut self, entry: &Entry) -> Result<Option<HeldKey>, KeyError> {
        let Some(Fact::KeyChanged { new_key, signature }) = entry.fact() else { return Ok(None) };
        let after = (entry.incarnation, entry.seq);
        let bytes = bytes32(&new_key).ok_or(KeyError::Key)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::Key)?;
        let mut signed = [0; 64];
        hex::decode_to_slice(&signature, &mut signed).map_err(|_| KeyError::Signature)?;
        let message = message(entry.station, after, &bytes);
        key.verify_strict(&message, &Signature::from_bytes(&signed)).map_err(|_| KeyError::Signature)?;
        let held = HeldKey { key, after };
        match self.changes.last() {
            Some(last) if last.after > after && !self.changes.contains(&held) => return Err(KeyError::Late),
            Some(_) | None => self.add(held),
        }
        Ok(Some(held))
    }
}

/// What the new key signs in the entry of this name: that it knows which device it becomes the key of, and when.
fn message(station: DeviceId, (incarnation, seq): (u32, u64), new_key: &[u8; 32]) -> Vec<u8> {
    [PREFIX, &station.0.to_be_bytes(), &incarnation.to_be_bytes(), &seq.to_be_bytes(), new_key].concat()
}

/// The fact of a change of keys, as the entry of this name; the entry itself is signed by the old key.
#[must_use]
pub fn key_changed(station: DeviceId, incarnation: u32, seq: u64, new_key: &SigningKey) -> Fact {
    let public = new_key.verifying_key().to_bytes();
    let signature = new_key.sign(&message(station, (incarnation, seq), &public));
    Fact::KeyChanged { new_key: hex::encode(public), signature: hex::encode(signature.to_bytes()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::UtcMillis,
        entropy::SeededEntropy,
        id::EntryId,
        sync::{At, Draft, journal::FIRST},
    };
    use uuid::Uuid;

    fn entry(incarnation: u32, seq: u64, fact: Fact, key: &SigningKey) -> Entry {
        Draft {
            station: DeviceId(7),
            incarnation,
            seq,
            id: EntryId::born(UtcMillis(1), &SeededEntropy::new(seq)),
            at: At { wall: UtcMillis(1), offset_ms: 0, uncertainty_ms: 1, boot: Uuid::nil(), monotonic_ms: 1 },
            saw: vec![],
            fact,
            private: None,
        }
        .seal(&FIRST, key)
        .unwrap()
    }

    #[test]
    fn an_entry_is_checked_with_the_key_that_held_when_it_was_written() {
        let [old, new, newer] = [1, 2, 3].map(|n| SigningKey::from_bytes(&[n; 32]));
        let mut keys = KeyHistory::of(old.verifying_key());
        let change = entry(1, 5, key_changed(DeviceId(7), 1, 5, &new), &old);
        assert!(keys.change(&change).unwrap().is_some());
        assert!(keys.change(&entry(2, 3, key_changed(DeviceId(7), 2, 3, &newer), &new)).unwrap().is_some());
        for (name, key) in [((1, 5), &old), ((1, 6), &new), ((2, 3), &new), ((2, 4), &newer), ((9, 1), &newer)] {
            assert_eq!(keys.at(name.0, name.1), &key.verifying_key(), "{name:?}");
        }
        assert_eq!(keys.newest(), &newer.verifying_key());
        assert!(keys.change(&change).is_ok(), "sent again it changes nothing");
        assert_eq!(keys.changes().len(), 2);
    }

    #[test]
    fn a_key_that_has_not_signed_this_very_entry_is_not_taken() {
        let [old, new, newer] = [1, 2, 3].map(|n| SigningKey::from_bytes(&[n; 32]));
        let mut keys = KeyHistory::of(old.verifying_key());
        let elsewhere = entry(1, 6, key_changed(DeviceId(7), 1, 5, &new), &old);
        assert_eq!(keys.change(&elsewhere), Err(KeyError::Signature));
        let none = Fact::KeyChanged { new_key: "ff".into(), signature: String::new() };
        assert_eq!(keys.change(&entry(1, 5, none, &old)), Err(KeyError::Key));
        keys.change(&entry(1, 9, key_changed(DeviceId(7), 1, 9, &new), &old)).unwrap();
        let backdated = entry(1, 4, key_changed(DeviceId(7), 1, 4, &newer), &old);
        assert_eq!(keys.change(&backdated), Err(KeyError::Late));
        assert_eq!(keys.newest(), &new.verifying_key());
    }
}
