//! Enrolment, and a station's account of itself.

use crate::{
    access::OrganizerRow,
    clock::UtcMillis,
    devices::disk::Room,
    id::{DeviceId, EventId, HistoryId, OrganizerId},
    sync::standing::StandingView,
};
use serde::{Deserialize, Deserializer, Serialize};
use ts_rs::TS;

/// What a device may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Scans.
    Door,
    /// Sells and scans.
    Till,
}

impl Role {
    #[must_use]
    pub fn sells(self) -> bool {
        matches!(self, Self::Till)
    }

    /// Whether a device of this role and with these rights is told people's names.
    #[must_use]
    pub fn sees_names(self, rights: &[Right]) -> bool {
        self.sells() || rights.contains(&Right::Names)
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Door => "door",
            Self::Till => "till",
        }
    }
}

/// What an organizer lets a device do besides its role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Scanning under a time that a person gives by hand.
    TimeByHand,
    /// Seeing names, and finding tickets by them, at a door. A till always does.
    Names,
    /// Undoing scans.
    Undo,
    /// Finding tickets by name or order code.
    Search,
    /// Letting somebody in whose order is not paid.
    AdmitUnpaid,
    /// Giving a wristband or another medium for a ticket.
    Exchange,
    /// Leaving a kiosk, changing settings and lists, signing others out.
    Supervise,
}

impl Right {
    /// Every right there is.
    pub const ALL: [Self; 7] =
        [Self::TimeByHand, Self::Names, Self::Undo, Self::Search, Self::AdmitUnpaid, Self::Exchange, Self::Supervise];

    /// The word that is stored and sent.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TimeByHand => "time_by_hand",
            Self::Names => "names",
            Self::Undo => "undo",
            Self::Search => "search",
            Self::AdmitUnpaid => "admit_unpaid",
            Self::Exchange => "exchange",
            Self::Supervise => "supervise",
        }
    }

    /// The right of a word; `None` for one that this version does not know.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.as_str() == word)
    }

    /// The rights among these words, each once, in the order of [`Self::ALL`].
    #[must_use]
    pub fn known<W: AsRef<str>>(words: &[W]) -> Vec<Self> {
        Self::ALL.into_iter().filter(|right| words.iter().any(|word| word.as_ref() == right.as_str())).collect()
    }
}

/// Reads rights as they travel: a word of a newer version is no error, and gives nothing.
///
/// # Errors
/// When it is no list of words.
pub fn known_rights<'de, D: Deserializer<'de>>(words: D) -> Result<Vec<Right>, D::Error> {
    Ok(Right::known(&Vec::<String>::deserialize(words)?))
}

/// `POST /api/station/v1/enrol`: spends the enrolment token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolRequest {
    pub token: String,
    /// The station's Ed25519 public key, hex.
    pub public_key: String,
    /// `willcall-station 0.1.0 linux`.
    pub software: String,
}

/// What a station keeps of its enrolment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolAnswer {
    pub organizer_id: OrganizerId,
    pub organizer_name: String,
    pub device_id: DeviceId,
    pub name: String,
    /// Where it stands; empty for none.
    pub gate: String,
    pub role: Role,
    /// The events it may see.
    pub events: Vec<EventId>,
    /// What it may do besides its role; words of a newer server are passed over.
    #[serde(default, deserialize_with = "known_rights")]
    pub rights: Vec<Right>,
    /// Who sells, as receipts name it; a server of the first version does not say.
    #[serde(default)]
    pub organizer: Option<OrganizerRow>,
    /// Bearer token for every later request; the server keeps only its hash.
    pub device_token: String,
    /// The server's Ed25519 public key, hex: pinned.
    pub server_key: String,
    pub history: HistoryId,
}

/// Who this station is, for screens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct EnrolmentView {
    pub organizer_name: String,
    pub device_id: DeviceId,
    pub name: String,
    pub gate: String,
    pub role: Role,
    pub server: String,
}

/// Where the key of the station's database and its device key are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum KeyStore {
    /// The system's keychain.
    Keychain,
    /// A file that only its owner may read.
    File,
}

/// The link to the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LinkView {
    /// Whether the last contact succeeded: a fresh nonce answered under the pinned server key.
    pub connected: bool,
    pub last_contact_at: Option<UtcMillis>,
    /// Why not, in words for a person. When connected: what the server refuses all the same, mostly nothing.
    pub detail: String,
    /// Answers since the program started that were not used: not the server's, cut off, or nonsense.
    #[serde(default)]
    #[ts(type = "number")]
    pub refused: u64,
}

/// The disk the station lives on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct DiskView {
    pub room: Room,
    /// Bytes this program may still take; `None` where the system does not say.
    #[ts(type = "number | null")]
    pub free_bytes: Option<u64>,
    /// Bytes of the ballast that is thrown off for scans when the disk is full; 0 while there is none.
    #[ts(type = "number")]
    pub ballast_bytes: u64,
    /// Bytes to be freed until sales go on; 0 while they may.
    #[ts(type = "number")]
    pub short_bytes: u64,
    #[ts(type = "number")]
    pub database_bytes: u64,
    /// Bytes of the database's log of writes; bounded.
    #[ts(type = "number")]
    pub log_bytes: u64,
    /// Scans that were decided and that the disk did not take: they exist in memory only.
    #[ts(type = "number")]
    pub not_recorded: u64,
}

/// `status`: what this station is and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct StatusView {
    pub software: String,
    pub protocol: u32,
    pub enrolment: Option<EnrolmentView>,
    pub link: LinkView,
    /// Seconds since this station last was caught up to the head; `None` when never.
    #[ts(type = "number | null")]
    pub data_age_s: Option<u64>,
    /// The age is a lower bound: the program restarted and has had no contact since.
    pub data_age_at_least: bool,
    /// Facts that exist only here.
    #[ts(type = "number")]
    pub waiting: u64,
    #[ts(type = "number")]
    pub journal_length: u64,
    pub incarnation: u32,
    #[ts(type = "number")]
    pub tickets: u64,
    pub key_store: KeyStore,
    /// Server clock minus this clock, and how far that may be wrong.
    #[ts(type = "number | null")]
    pub clock_offset_ms: Option<i64>,
    #[ts(type = "number | null")]
    pub clock_uncertainty_ms: Option<i64>,
    /// Whether this clock is so far off that a person should set it; verdicts go by the server's time all the same.
    #[serde(default)]
    pub clock_far_off: bool,
    /// Set when a damaged database was set aside at the start: where it is and what was recovered.
    pub recovered: Option<String>,
    pub disk: DiskView,
    /// Whether this station doubts that its data is the newest.
    pub standing: StandingView,
    /// Cases of its events that a person must look at.
    #[serde(default)]
    #[ts(type = "number")]
    pub open_cases: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::change::DeviceRow;
    use serde_json::json;

    #[test]
    fn every_right_has_the_word_it_is_sent_by() {
        for right in Right::ALL {
            assert_eq!(json!(right), json!(right.as_str()));
            assert_eq!(Right::of_word(right.as_str()), Some(right));
        }
    }

    #[test]
    fn an_older_server_gives_no_rights_and_a_newer_one_none_that_are_not_known() {
        let row = |rights: Option<serde_json::Value>| -> Vec<Right> {
            let mut row = json!({
                "device_id": 1, "name": "Door", "gate": "", "role": "door", "events": [], "revoked": false, "version": 3
            });
            if let Some(rights) = rights {
                row["rights"] = rights;
            }
            serde_json::from_value::<DeviceRow>(row).unwrap().rights
        };
        assert_eq!(row(None), []);
        assert_eq!(row(Some(json!(["open_drawer", "time_by_hand", "time_by_hand"]))), [Right::TimeByHand]);
    }
}
