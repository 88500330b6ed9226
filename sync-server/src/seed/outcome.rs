//! What a seed made: printed once as JSON, secrets included, for whoever sets things up.

use serde::Serialize;
use std::collections::BTreeMap;
use willcall_domain::{
    clock::UtcMillis,
    id::{DeviceId, EventId, ItemId, ListId, OrganizerId, QuotaId},
};

/// Everything named in the file, whether it was made now or before.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Outcome {
    pub url: String,
    pub organizers: Vec<OrganizerOutcome>,
}

#[derive(Debug, Clone, Serialize)]
pub struct OrganizerOutcome {
    pub organizer_id: OrganizerId,
    pub slug: String,
    /// The shop.
    pub url: String,
    /// The back office.
    pub office_url: String,
    pub staff: Vec<StaffOutcome>,
    pub events: Vec<EventOutcome>,
    pub devices: Vec<DeviceOutcome>,
}

#[derive(Debug, Clone, Serialize)]
pub struct StaffOutcome {
    pub email: String,
    /// Only when it was made up now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct EventOutcome {
    pub event_id: EventId,
    pub slug: String,
    pub url: String,
    /// Ids by name.
    pub items: BTreeMap<String, ItemId>,
    pub quotas: BTreeMap<String, QuotaId>,
    pub lists: BTreeMap<String, ListId>,
    /// What its ticket codes verify under, by key number: PEM blocks, no secret.
    pub keys: BTreeMap<u8, String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct DeviceOutcome {
    pub device_id: DeviceId,
    pub name: String,
    /// Only when the device was made now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_expires_at: Option<UtcMillis>,
}
