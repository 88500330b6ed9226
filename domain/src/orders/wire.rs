//! Positions as they travel to stations.

use super::OrderStatus;
use crate::{
    clock::UtcMillis,
    id::{EventId, ItemId, OrderId, PositionId},
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One ticket and what a gate must know of its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PositionRow {
    pub position_id: PositionId,
    pub order_id: OrderId,
    pub order_code: String,
    pub event_id: EventId,
    pub item_id: ItemId,
    pub order_status: OrderStatus,
    /// This position was cancelled while its order lives on.
    pub canceled: bool,
    pub blocked: bool,
    /// A code of a lower issue is revoked.
    pub issue: u8,
    /// Only where the station's role needs names.
    pub name: Option<String>,
    /// A plain secret, where the code is no signed one.
    pub plain: Option<String>,
    pub valid_from: Option<UtcMillis>,
    pub valid_until: Option<UtcMillis>,
    pub test: bool,
    #[ts(type = "number")]
    pub version: i64,
}
