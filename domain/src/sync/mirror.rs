//! A journal in a file, as a mirror on another medium keeps it and as it is carried to the server by another station.
//! Whoever finds it can read nothing of it: the station itself can, and the server.
//!
//! ```text
//! file   = "willcall mirror 2\n" ‖ sealing key 32 ‖ key of the file, sealed to it 80, then records
//!        | "willcall mirror 1\n", then records: before the station knew what to seal with
//! record = length 4, big-endian ‖ nonce 24 ‖ XChaCha20-Poly1305( JSON of an entry )
//! key    = SHA-256( "willcall mirror key 2\0" ‖ key of the station's database ‖ sealing key )
//!        | SHA-256( "willcall mirror key 1\0" ‖ key of the station's database )
//! ```
//! So an organizer's server opens files of that organizer's journals and no others of the same machine. A record that was
//! cut off ends its file.

use super::{
    journal::Entry,
    sealing::{SealingError, SealingKey, SealingSecret},
};
use crate::{
    entropy::{self, Entropy},
    id::DeviceId,
};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce, aead::Aead};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// How a file begins that only its station can read.
pub const FIRST: &[u8] = b"willcall mirror 1\n";
/// How a file begins that the server can read too.
pub const SECOND: &[u8] = b"willcall mirror 2\n";
const PURPOSE: &[u8] = b"mirror key";
/// Sealing key, encapsulated key, key, tag.
const SEALED: usize = 32 + 32 + 32 + 16;
const NONCE: usize = 24;
/// No entry is larger; a length above it is no length.
const LONGEST: u32 = 16 << 20;

/// Why a file, or an entry, cannot be written or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MirrorError {
    #[error("this is no journal of a station")]
    NoMirror,
    #[error("only the station that wrote it can read it: it had never heard from its server")]
    OnlyItsStation,
    #[error(transparent)]
    Sealing(#[from] SealingError),
    #[error("an entry cannot be sealed")]
    Entry,
}

/// What the keys of a station's files are made from.
#[derive(Clone)]
pub struct MirrorKey(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for MirrorKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MirrorKey(…)")
    }
}

impl MirrorKey {
    /// Of the station whose database has this key.
    #[must_use]
    pub fn of(database: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*database))
    }

    /// The key of files that are sealed to this key; of the first form without one.
    #[must_use]
    pub fn file(&self, to: Option<&SealingKey>) -> FileKey {
        let mut hash = Sha256::new();
        hash.update(if to.is_some() { b"willcall mirror key 2\0" } else { b"willcall mirror key 1\0" });
        hash.update(*self.0);
        if let Some(to) = to {
            hash.update(to.to_bytes());
        }
        FileKey(Zeroizing::new(hash.finalize().into()))
    }

    /// Every entry that can be read of a file's bytes; what was cut off or is not this station's is passed over.
    #[must_use]
    pub fn read(&self, file: &[u8]) -> Vec<Entry> {
        split(file).map(|parts| self.file(parts.sealed_to().as_ref()).read(&parts)).unwrap_or_default()
    }
}

/// What seals and opens the records of one file.
#[derive(Clone, PartialEq, Eq)]
pub struct FileKey(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for FileKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FileKey(…)")
    }
}

impl FileKey {
    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&chacha20poly1305::Key::from(*self.0))
    }

    /// The beginning of a file of this key.
    ///
    /// # Errors
    /// When nothing can be sealed to the server's key.
    pub fn head(&self, to: Option<&SealingKey>, entropy: &dyn Entropy) -> Result<Vec<u8>, MirrorError> {
        let Some(to) = to else { return Ok(FIRST.to_vec()) };
        let sealed = to.seal(&*self.0, PURPOSE, entropy)?;
        Ok([SECOND, &to.to_bytes(), &sealed].concat())
    }

    /// One record.
    ///
    /// # Errors
    /// When the entry is larger than any may be.
    pub fn seal(&self, entry: &Entry, entropy: &dyn Entropy) -> Result<Vec<u8>, MirrorError> {
        let nonce = entropy::bytes::<NONCE>(entropy);
        let text = Zeroizing::new(serde_json::to_vec(entry).map_err(|_| MirrorError::Entry)?);
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), text.as_slice()).map_err(|_| MirrorError::Entry)?;
        let length = u32::try_from(NONCE + sealed.len()).ok().filter(|length| *length <= LONGEST);
        Ok([length.ok_or(MirrorError::Entry)?.to_be_bytes().as_slice(), &nonce, &sealed].concat())
    }

    /// The text of one record, its length in front; `None` when it was not sealed with this key.
    #[must_use]
    pub fn open(&self, record: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = record.get(4..)?.split_at_checked(NONCE)?;
        let nonce: [u8; NONCE] = nonce.try_into().ok()?;
        self.cipher().decrypt(&XNonce::from(nonce), sealed).ok().map(Zeroizing::new)
    }

    /// Every entry that can be read.
    #[must_use]
    pub fn read(&self, parts: &Parts<'_>) -> Vec<Entry> {
        let one = |record: &&[u8]| serde_json::from_slice(&self.open(record)?).ok();
        parts.records.iter().filter_map(one).collect()
    }
}

/// A file taken apart; nothing of it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts<'a> {
    /// The whole beginning, as it stands in the file.
    pub head: &'a [u8],
    /// Each with its length in front.
    pub records: Vec<&'a [u8]>,
    /// Bytes at the end that are no whole record.
    pub cut_off: usize,
}

impl Parts<'_> {
    /// What its key is sealed to; `None` in a file of the first form.
    #[must_use]
    pub fn sealed_to(&self) -> Option<SealingKey> {
        let key = self.head.strip_prefix(SECOND)?.first_chunk::<32>()?;
        SealingKey::from_bytes(key).ok()
    }

    /// The key of the file, opened by the server.
    ///
    /// # Errors
    /// When it is one of the first form, or of another server or organizer.
    pub fn open_key(&self, secret: &SealingSecret) -> Result<FileKey, MirrorError> {
        let sealed = self.head.strip_prefix(SECOND).and_then(|rest| rest.get(32..));
        let opened = secret.open(sealed.ok_or(MirrorError::OnlyItsStation)?, PURPOSE)?;
        let key = <[u8; 32]>::try_from(opened.as_slice()).map_err(|_| SealingError::Sealed)?;
        Ok(FileKey(Zeroizing::new(key)))
    }
}

/// Takes a file apart.
///
/// # Errors
/// When it is no mirror.
pub fn split(file: &[u8]) -> Result<Parts<'_>, MirrorError> {
    let begins = if file.starts_with(FIRST) {
        FIRST.len()
    } else if file.starts_with(SECOND) {
        SECOND.len() + SEALED
    } else {
        return Err(MirrorError::NoMirror);
    };
    let (head, mut rest) = file.split_at_checked(begins).ok_or(MirrorError::NoMirror)?;
    let mut records = Vec::new();
    while let Some(length) = rest.first_chunk::<4>() {
        let length = u32::from_be_bytes(*length);
        let whole = (length as usize).saturating_add(4);
        let Some((record, next)) = rest.split_at_checked(whole).filter(|_| length <= LONGEST) else { break };
        records.push(record);
        rest = next;
    }
    Ok(Parts { head, records, cut_off: rest.len() })
}

/// What became of a file somebody carried to the server (`POST /api/station/v1/journal/carried`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedAnswer {
    pub journals: Vec<CarriedJournal>,
    /// Records the server could not open: damaged, or not sealed with the key of the file.
    pub unreadable: u64,
}

/// One station's part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedJournal {
    pub station: DeviceId,
    pub incarnation: u32,
    /// Entries that are applied now, whether they were before or not.
    pub applied: u64,
    pub with_case: u64,
    pub parked: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::UtcMillis,
        entropy::SeededEntropy,
        id::EntryId,
        sync::{At, Draft, Fact, Private, journal},
    };
    use ed25519_dalek::SigningKey;
    use uuid::Uuid;

    fn entry(seq: u64) -> Entry {
        let entropy = SeededEntropy::new(seq);
        Draft {
            station: DeviceId(7),
            incarnation: 1,
            seq,
            id: EntryId::born(UtcMillis(1), &entropy),
            at: At { wall: UtcMillis(1), offset_ms: 0, uncertainty_ms: 0, boot: Uuid::nil(), monotonic_ms: 0 },
            saw: vec![],
            fact: Fact::Opened { software: "test".into() },
            private: Some(Private::new(format!("Zoë Müller {seq}"), &entropy)),
        }
        .seal(&journal::FIRST, &SigningKey::from_bytes(&[1; 32]))
        .unwrap()
    }

    fn file(key: &MirrorKey, to: Option<&SealingKey>) -> Vec<u8> {
        let entropy = SeededEntropy::new(3);
        let key = key.file(to);
        let mut bytes = key.head(to, &entropy).unwrap();
        for seq in 1..=3 {
            bytes.extend(key.seal(&entry(seq), &entropy).unwrap());
        }
        bytes
    }

    #[test]
    fn the_station_and_the_server_read_it_and_nobody_else() {
        let (key, secret) = (MirrorKey::of(&[1; 32]), SealingSecret::of(&[9; 32]));
        let bytes = file(&key, Some(&secret.public()));
        let all = [entry(1), entry(2), entry(3)];
        assert_eq!(key.read(&bytes), all);
        assert_eq!(MirrorKey::of(&[2; 32]).read(&bytes), []);
        let parts = split(&bytes).unwrap();
        assert_eq!((parts.records.len(), parts.cut_off), (3, 0));
        assert_eq!(parts.open_key(&secret).unwrap().read(&parts), all);
        assert_eq!(parts.open_key(&SealingSecret::of(&[8; 32])), Err(SealingError::Sealed.into()));
        let other = SealingSecret::of(&[5; 32]).public();
        assert_eq!(parts.open_key(&secret).unwrap().read(&split(&file(&key, Some(&other))).unwrap()), []);
        assert!(!bytes.windows(4).any(|w| w == b"Zo\xc3\xab"), "nothing is readable");
    }

    #[test]
    fn a_file_from_before_the_first_contact_is_its_station_s_alone_and_says_so() {
        let key = MirrorKey::of(&[1; 32]);
        let bytes = file(&key, None);
        assert_eq!(key.read(&bytes).len(), 3);
        let parts = split(&bytes).unwrap();
        assert_eq!(parts.open_key(&SealingSecret::of(&[9; 32])), Err(MirrorError::OnlyItsStation));
    }

    #[test]
    fn what_was_cut_off_anywhere_gives_what_is_whole_and_what_is_no_mirror_is_refused() {
        let (key, secret) = (MirrorKey::of(&[1; 32]), SealingSecret::of(&[9; 32]));
        let bytes = file(&key, Some(&secret.public()));
        let mut read = Vec::new();
        for end in 0..bytes.len() {
            match split(&bytes[..end]) {
                Ok(parts) => {
                    assert!(bytes[..end].starts_with(parts.head));
                    read.push(key.read(&bytes[..end]).len());
                }
                Err(error) => assert_eq!(error, MirrorError::NoMirror),
            }
        }
        assert!(read.is_sorted() && read.first() == Some(&0) && read.last() == Some(&2));
        assert_eq!(split(b"PK\x03\x04"), Err(MirrorError::NoMirror));
        let mut lying = FIRST.to_vec();
        lying.extend(u32::MAX.to_be_bytes());
        assert_eq!(split(&lying).unwrap().cut_off, 4, "a length that is none");
    }
}
