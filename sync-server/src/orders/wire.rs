//! What the shop's API takes and gives. No names and no e-mail addresses go back: answers are kept for a day so that
//! they can be given again.

use super::FullOrder;
use crate::catalog::{self, ShopEvent, ShopItem};
use serde::{Deserialize, Serialize};
use willcall_domain::{
    catalog::QuotaRow,
    clock::UtcMillis,
    id::{ItemId, OrderId, PositionId},
    money::Money,
    orders::OrderStatus,
    paper::Language,
    payments::Provider,
};

/// `POST /api/v1/{organizer}/events/{event}/orders`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderRequest {
    pub name: String,
    pub email: String,
    #[serde(default)]
    pub language: Language,
    /// Left out: free where nothing is owed, else bank transfer.
    #[serde(default)]
    pub payment: Option<Provider>,
    pub lines: Vec<LineRequest>,
}

/// So many of one product.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineRequest {
    pub item_id: ItemId,
    pub quantity: u32,
    /// A name for each unit; fewer leave the rest without.
    #[serde(default)]
    pub attendee_names: Vec<String>,
}

/// An order as it is told to whoever placed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderView {
    pub order_id: OrderId,
    pub code: String,
    pub status: OrderStatus,
    pub total: Money,
    pub placed_at: UtcMillis,
    /// When an unpaid order gives its places back.
    pub expires_at: Option<UtcMillis>,
    pub positions: Vec<PositionView>,
    /// The order page; whoever knows it has the tickets.
    pub url: String,
    /// The tickets as PDF, once they are paid.
    pub tickets_url: Option<String>,
}

/// One position of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PositionView {
    pub position_id: PositionId,
    pub item_id: ItemId,
    pub price: Money,
    pub tax_rate_bp: u32,
    pub canceled: bool,
}

impl OrderView {
    #[must_use]
    pub fn of(order: &FullOrder, url: String) -> Self {
        let position = |p: &super::FullPosition| PositionView {
            position_id: p.position_id,
            item_id: p.item_id,
            price: p.price,
            tax_rate_bp: p.tax_rate_bp,
            canceled: p.canceled,
        };
        Self {
            order_id: order.order_id,
            code: order.code.clone(),
            status: order.status,
            total: order.total,
            placed_at: order.placed_at,
            expires_at: order.expires_at,
            positions: order.positions.iter().map(position).collect(),
            tickets_url: (order.status == OrderStatus::Paid).then(|| format!("{url}/tickets.pdf")),
            url,
        }
    }
}

/// An event as the shop shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventView {
    pub slug: String,
    pub name: String,
    pub description: String,
    pub location: String,
    pub zone: String,
    pub currency: String,
    pub starts_at: UtcMillis,
    pub ends_at: Option<UtcMillis>,
    pub admission_at: Option<UtcMillis>,
    pub takes_bank_transfer: bool,
    pub items: Vec<ItemView>,
    pub url: String,
}

/// A product that is for sale or was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ItemView {
    pub item_id: ItemId,
    pub name: String,
    pub category: String,
    pub description: String,
    pub price: Money,
    pub tax_rate_bp: u32,
    pub admission: bool,
    /// How many can be had at this moment; `null` is no limit.
    pub available: Option<i64>,
}

impl EventView {
    #[must_use]
    pub fn of(event: ShopEvent, items: Vec<ShopItem>, quotas: &[QuotaRow], url: String) -> Self {
        let item = |i: ShopItem| ItemView {
            available: catalog::free_of(i.row.item_id, quotas),
            item_id: i.row.item_id,
            name: i.row.name,
            category: i.row.category,
            description: i.description,
            price: i.row.price,
            tax_rate_bp: i.row.tax_rate_bp,
            admission: i.row.admission,
        };
        Self {
            slug: event.slug,
            description: event.description,
            takes_bank_transfer: event.takes_bank_transfer,
            name: event.row.name,
            location: event.row.location,
            zone: event.row.zone,
            currency: event.row.currency.to_string(),
            starts_at: event.row.starts_at,
            ends_at: event.row.ends_at,
            admission_at: event.row.admission_at,
            items: items.into_iter().filter(|i| i.row.active).map(item).collect(),
            url,
        }
    }
}
