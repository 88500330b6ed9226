//! Reusable media: a wristband, card or tag that stands for a ticket. Owns how one is named and what stations know of it;
//! use is the ticket's, whichever of the two is scanned.

use crate::{
    clock::UtcMillis,
    id::{EventId, MediumId, PositionId},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use ts_rs::TS;

/// Most characters of an identifier.
pub const MAX_IDENTIFIER: usize = 200;

/// How a medium is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum MediumKind {
    /// A printed code.
    Barcode,
    /// The number of an NFC chip, as its reader types it.
    NfcUid,
}

impl MediumKind {
    /// Every kind there is.
    pub const ALL: [Self; 2] = [Self::Barcode, Self::NfcUid];

    /// The word that is stored and sent.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Barcode => "barcode",
            Self::NfcUid => "nfc_uid",
        }
    }

    /// The kind of a word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Whether tickets of a product are exchanged for media.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum MediumUse {
    #[default]
    None,
    /// Ticket and medium enter alike.
    May,
    /// Only the medium enters.
    Must,
}

impl MediumUse {
    /// Every use there is.
    pub const ALL: [Self; 3] = [Self::None, Self::May, Self::Must];

    /// The word that is stored and sent.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::May => "may",
            Self::Must => "must",
        }
    }

    /// The use of a word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|of| of.as_str() == word)
    }
}

/// A medium as stations know it: not what is printed on it, only its digest. Several may have the same, where gates that
/// did not know each other gave it out twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct MediumRow {
    pub medium_id: MediumId,
    pub event_id: EventId,
    pub kind: MediumKind,
    /// [`hash`] of what a reader reads.
    pub identifier_hash: String,
    /// The ticket it stands for.
    pub position_id: Option<PositionId>,
    pub active: bool,
    /// The instant from which it stands for nothing any more.
    pub expires_at: Option<UtcMillis>,
    #[ts(type = "number")]
    pub version: i64,
}

impl MediumRow {
    /// Whether it stands for its ticket at this instant.
    #[must_use]
    pub fn holds(&self, now: UtcMillis) -> bool {
        self.active && self.expires_at.is_none_or(|end| now < end)
    }
}

/// SHA-256 of a medium's identifier, hex: what journals and stations name it by.
#[must_use]
pub fn hash(identifier: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"willcall medium 1\0");
    hash.update(identifier.as_bytes());
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn every_word_is_the_one_it_is_sent_by() {
        for kind in MediumKind::ALL {
            assert_eq!(serde_json::json!(kind), serde_json::json!(kind.as_str()));
            assert_eq!(MediumKind::of_word(kind.as_str()), Some(kind));
        }
        for of in MediumUse::ALL {
            assert_eq!(serde_json::json!(of), serde_json::json!(of.as_str()));
            assert_eq!(MediumUse::of_word(of.as_str()), Some(of));
        }
        assert_eq!((MediumKind::of_word("chip"), MediumUse::of_word("")), (None, None));
    }

    #[test]
    fn a_medium_holds_until_it_is_switched_off_or_its_time_is_over() {
        let row = |active, expires: Option<i64>| MediumRow {
            medium_id: MediumId(Uuid::nil()),
            event_id: EventId(1),
            kind: MediumKind::NfcUid,
            identifier_hash: hash("04A2"),
            position_id: None,
            active,
            expires_at: expires.map(UtcMillis),
            version: 1,
        };
        let now = UtcMillis(10);
        for (row, holds) in [
            (row(true, None), true),
            (row(false, None), false),
            (row(true, Some(11)), true),
            (row(true, Some(10)), false),
        ] {
            assert_eq!(row.holds(now), holds, "{row:?}");
        }
    }

    #[test]
    fn two_identifiers_have_two_hashes_and_none_is_the_bare_digest() {
        assert_ne!(hash("04A2"), hash("04a2"));
        assert_ne!(hash("04A2"), hex::encode(Sha256::digest("04A2")));
        assert_eq!(hash("").len(), 64);
    }
}
