//! Event keys: several per event, numbered; each active, retired or compromised.

use crate::id::{EventId, OrganizerId};
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What codes of a key are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum KeyStatus {
    /// Signs and verifies.
    Active,
    /// Verifies.
    Retired,
    /// Its codes admit only positions the station knows; else *look*.
    Compromised,
}

/// A parsed public key, kept for the life of the process.
#[derive(Debug, Clone)]
pub struct EventKey {
    pub organizer_id: OrganizerId,
    pub event_id: EventId,
    pub number: u8,
    pub key: VerifyingKey,
    pub status: KeyStatus,
}

impl EventKey {
    /// Parses a key as it travels.
    ///
    /// # Errors
    /// When the text is not 32 bytes of hex or no point of the curve.
    pub fn parse(row: &super::KeyRow) -> Result<Self, KeyError> {
        Ok(Self {
            organizer_id: row.organizer_id,
            event_id: row.event_id,
            number: row.number,
            key: public_key(&row.public)?,
            status: row.status,
        })
    }
}

/// Why a key could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("a public key is 32 bytes, written as 64 hexadecimal digits")]
    Length,
    #[error("these 32 bytes are no Ed25519 public key")]
    Point,
}

/// Reads a hex Ed25519 public key.
///
/// # Errors
/// When the text is not 32 bytes of hex or no point of the curve.
pub fn public_key(hex_text: &str) -> Result<VerifyingKey, KeyError> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(hex_text, &mut bytes).map_err(|_| KeyError::Length)?;
    VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::Point)
}
