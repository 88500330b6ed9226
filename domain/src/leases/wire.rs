//! Leases as they travel.

use crate::{
    clock::UtcMillis,
    id::{DeviceId, EventId, ItemId, LeaseId, OrganizerId, PositionId, QuotaId, RequestId},
};
use serde::{Deserialize, Serialize};

/// `POST /api/station/v1/leases`: asks for units. The same `request_id` again answers the same grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRequest {
    pub request_id: RequestId,
    pub quota_id: QuotaId,
    /// 1 to 10,000.
    pub wanted: u32,
}

/// The ids of blanks that came with a grant: `base` and the next `count - 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlankRange {
    pub item_id: ItemId,
    pub base: PositionId,
    pub count: u32,
}

/// What the server signs: names ranges of blanks, never their codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantBody {
    pub lease_id: LeaseId,
    pub request_id: RequestId,
    pub organizer_id: OrganizerId,
    pub event_id: EventId,
    pub quota_id: QuotaId,
    pub station: DeviceId,
    /// Units lent, numbered from 0.
    pub units: u32,
    pub blanks: Vec<BlankRange>,
    pub granted_at: UtcMillis,
}

/// The codes of one range, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlankCodes {
    pub item_id: ItemId,
    pub codes: Vec<String>,
}

/// A grant: the signed body exactly as signed, and beside it the codes, each signed by the event key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// JSON of a [`GrantBody`], the very bytes that are signed.
    pub body: String,
    /// Ed25519 by the server's key over `"willcall grant 1\0"` ‖ body, hex.
    pub signature: String,
    pub codes: Vec<BlankCodes>,
}
