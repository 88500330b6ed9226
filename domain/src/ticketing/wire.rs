//! Keys as they travel to stations.

use crate::id::{EventId, OrganizerId};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Which signed format an event prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum CodeFormat {
    Wc1,
    Sig1,
}

impl CodeFormat {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wc1 => "wc1",
            Self::Sig1 => "sig1",
        }
    }
}

impl std::str::FromStr for CodeFormat {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "wc1" => Ok(Self::Wc1),
            "sig1" => Ok(Self::Sig1),
            other => Err(format!("{other:?} is no ticket code format; wc1 and sig1 are")),
        }
    }
}

/// The public half of an event key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct KeyRow {
    pub organizer_id: OrganizerId,
    pub event_id: EventId,
    /// Number of the key within its event, carried by `wc1` codes.
    pub number: u8,
    /// 32 bytes, hex.
    pub public: String,
    pub status: super::KeyStatus,
    #[ts(type = "number")]
    pub version: i64,
}
