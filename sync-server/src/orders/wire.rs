//! What the shop's API takes and gives. No names and no e-mail addresses go back: answers are kept for a day so that
//! they can be given again.

use super::FullOrder;
use crate::catalog::{self, ShopEvent, ShopItem};
use serde::{Deserialize, Serialize};
use willcall_domain::{
    catalog::{Article, DateRow, QuotaRow, VariationRow, choose::Choice},
    clock::UtcMillis,
    id::{DateId, ItemId, OrderId, PositionId, VariationId},
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
    /// Where the product is sold in variations.
    #[serde(default)]
    pub variation_id: Option<VariationId>,
    /// Where the event has dates; an add-on's is that of what it belongs to.
    #[serde(default)]
    pub date_id: Option<DateId>,
    /// The line, counted from 0, that an add-on is sold together with: one to each of its units, in turn.
    #[serde(default)]
    pub addon_to: Option<u32>,
    /// A name for each unit; fewer leave the rest without.
    #[serde(default)]
    pub attendee_names: Vec<String>,
}

impl LineRequest {
    /// As the catalogue's rules read it.
    #[must_use]
    pub fn choice(&self) -> Choice {
        let article = Article { item_id: self.item_id, variation_id: self.variation_id, date_id: self.date_id };
        Choice { article, quantity: self.quantity, addon_to: self.addon_to }
    }
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
    pub variation_id: Option<VariationId>,
    pub date_id: Option<DateId>,
    /// The position it was sold together with.
    pub addon_to: Option<PositionId>,
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
            variation_id: p.variation_id,
            date_id: p.date_id,
            addon_to: p.addon_to,
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
    /// The dates that are for sale, the earliest first; empty where it takes place once.
    pub dates: Vec<DateView>,
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
    /// How many can be had at this moment; `null` is no limit. Of an event with dates it stands there.
    pub available: Option<i64>,
    /// The forms it is sold in; where there are some, one is chosen.
    pub variations: Vec<VariationView>,
    /// The products it is sold together with, never without one of them; empty is by itself.
    pub addon_to: Vec<ItemId>,
}

/// One form of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VariationView {
    pub variation_id: VariationId,
    pub name: String,
    pub price: Money,
}

/// One date of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DateView {
    pub date_id: DateId,
    pub name: String,
    pub starts_at: UtcMillis,
    pub ends_at: Option<UtcMillis>,
    pub admission_at: Option<UtcMillis>,
    /// The products sold for it.
    pub items: Vec<DateItemView>,
}

/// How many of a product can be had for one date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DateItemView {
    pub item_id: ItemId,
    /// `null` is no limit.
    pub available: Option<i64>,
}

impl VariationView {
    fn of(row: &VariationRow, of_product: Money) -> Self {
        Self { variation_id: row.variation_id, name: row.name.clone(), price: row.price_of(of_product) }
    }
}

impl DateView {
    fn of(row: DateRow, sold: &[ItemId], quotas: &[QuotaRow]) -> Self {
        let on = |item_id: &ItemId| Article { date_id: Some(row.date_id), ..(*item_id).into() };
        let counted = sold.iter().filter(|item| quotas.iter().any(|q| q.counts(on(item))));
        let items = counted.map(|item| DateItemView { item_id: *item, available: catalog::free_of(on(item), quotas) });
        Self {
            items: items.collect(),
            date_id: row.date_id,
            name: row.name,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            admission_at: row.admission_at,
        }
    }
}

impl EventView {
    #[must_use]
    pub fn of(
        event: ShopEvent,
        items: Vec<ShopItem>,
        (dates, quotas): (Vec<DateRow>, &[QuotaRow]),
        url: String,
    ) -> Self {
        let sold: Vec<ItemId> = items.iter().filter(|i| i.row.active).map(|i| i.row.item_id).collect();
        let dates = dates.into_iter().filter(|d| d.active).map(|d| DateView::of(d, &sold, quotas)).collect();
        let item = |i: ShopItem| ItemView {
            available: catalog::free_of(i.row.item_id.into(), quotas),
            variations: i.row.variations_on_sale().into_iter().map(|v| VariationView::of(v, i.row.price)).collect(),
            addon_to: i.row.addon_to,
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
            dates,
            url,
        }
    }
}
