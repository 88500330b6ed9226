//! Positions as they travel to stations.

use super::OrderStatus;
use crate::{
    catalog::Article,
    checkin::wire::PositionDoor,
    clock::UtcMillis,
    id::{DateId, EventId, ItemId, OrderId, PositionId, VariationId},
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What a position was sold for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SoldAt {
    /// Gross, in minor units of the event's currency.
    #[ts(type = "number")]
    pub price_minor: i64,
    /// In hundredths of a percent.
    pub tax_rate_bp: u32,
}

/// One ticket and what a gate must know of its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PositionRow {
    pub position_id: PositionId,
    pub order_id: OrderId,
    pub order_code: String,
    pub event_id: EventId,
    pub item_id: ItemId,
    #[serde(default)]
    pub variation_id: Option<VariationId>,
    #[serde(default)]
    pub date_id: Option<DateId>,
    /// The position it was sold together with.
    #[serde(default)]
    pub addon_to: Option<PositionId>,
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
    /// What the door must know besides.
    #[serde(default, skip_serializing_if = "PositionDoor::is_plain")]
    pub door: PositionDoor,
    /// A server that was put back takes the sale in again for what it cost then; `None` where nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub sold_at: Option<SoldAt>,
    #[ts(type = "number")]
    pub version: i64,
}

impl PositionRow {
    /// What it is of.
    #[must_use]
    pub fn article(&self) -> Article {
        Article { item_id: self.item_id, variation_id: self.variation_id, date_id: self.date_id }
    }
}
