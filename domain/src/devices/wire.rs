//! Enrolment, and a station's account of itself.

use crate::{
    clock::UtcMillis,
    id::{DeviceId, EventId, HistoryId, OrganizerId},
};
use serde::{Deserialize, Serialize};
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

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Door => "door",
            Self::Till => "till",
        }
    }
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
    /// Why not, in words for a person; empty when connected.
    pub detail: String,
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
    /// Set when a damaged database was set aside at the start: where it is and what was recovered.
    pub recovered: Option<String>,
}
