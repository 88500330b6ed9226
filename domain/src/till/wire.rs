//! What crosses a border about the till.

use crate::{
    catalog::{Article, choose::Choice},
    checkin::wire::Delivery,
    clock::UtcMillis,
    devices::disk::Room,
    id::{DateId, EventId, ItemId, OrderId, PositionId, RequestId, VariationId},
    money::Money,
    sync::{fact::Paper, standing::DoubtKind},
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One product on the till's grid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TillProduct {
    pub item_id: ItemId,
    pub name: String,
    pub category: String,
    pub price: Money,
    /// How many can be sold here without a link; `None` is unlimited.
    #[ts(type = "number | null")]
    pub here: Option<i64>,
    /// How many are left in all as far as this station knows; `None` is unlimited.
    #[ts(type = "number | null")]
    pub in_all: Option<i64>,
    /// The forms it is sold in; where there are some, one is chosen.
    pub variations: Vec<TillVariation>,
    /// The products it is sold together with, never without one of them; empty is by itself.
    pub addon_to: Vec<ItemId>,
}

/// One form of a product at the till.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TillVariation {
    pub variation_id: VariationId,
    pub name: String,
    pub price: Money,
}

/// One date of an event at the till.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TillDate {
    pub date_id: DateId,
    /// What it is called beside its time; empty for nothing.
    pub name: String,
    pub starts_at: UtcMillis,
    /// The products sold for it, and what is left of each.
    pub left: Vec<TillLeft>,
}

/// What is left of a product for one date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TillLeft {
    pub item_id: ItemId,
    /// As [`TillProduct::here`].
    #[ts(type = "number | null")]
    pub here: Option<i64>,
    /// As [`TillProduct::in_all`].
    #[ts(type = "number | null")]
    pub in_all: Option<i64>,
}

/// One event at the till.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TillEvent {
    pub event_id: EventId,
    pub name: String,
    pub zone: String,
    pub starts_at: UtcMillis,
    /// Whether tills may sell for it; else nothing is sold and no money may be taken.
    pub till_sales: bool,
    /// What is left of a product of an event with dates stands in the dates.
    pub products: Vec<TillProduct>,
    /// The dates that are sold, the earliest first; empty where it takes place once.
    pub dates: Vec<TillDate>,
}

/// All the till screen shows besides the cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TillView {
    /// What the disk has room for: where it is not *enough*, nothing is sold and no money may be taken.
    pub room: Room,
    /// Why this station doubts that its data is the newest; then nothing is sold either.
    pub doubt: Option<DoubtKind>,
    pub events: Vec<TillEvent>,
    /// Newest first.
    pub sales: Vec<SaleView>,
}

/// One line of a cart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SellLine {
    pub item_id: ItemId,
    /// 1 to 500.
    pub quantity: u32,
    /// Where the product is sold in variations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub variation_id: Option<VariationId>,
    /// Where the event has dates; an add-on's is that of what it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub date_id: Option<DateId>,
    /// The line, counted from 0, that an add-on is sold together with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub addon_to: Option<u32>,
}

impl SellLine {
    /// A line that belongs to no other.
    #[must_use]
    pub fn of(article: impl Into<Article>, quantity: u32) -> Self {
        let Article { item_id, variation_id, date_id } = article.into();
        Self { item_id, quantity, variation_id, date_id, addon_to: None }
    }

    /// As the catalogue's rules read it.
    #[must_use]
    pub fn choice(&self) -> Choice {
        let article = Article { item_id: self.item_id, variation_id: self.variation_id, date_id: self.date_id };
        Choice { article, quantity: self.quantity, addon_to: self.addon_to }
    }
}

/// How the till is paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Tender {
    /// Cash handed over, in minor units of the event's currency.
    Cash {
        #[ts(type = "number")]
        given_minor: i64,
    },
}

/// A sale asked of the station. The same `request_id` again answers the same sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SellRequest {
    pub request_id: RequestId,
    pub event_id: EventId,
    pub lines: Vec<SellLine>,
    /// Codes of single-use vouchers, as typed; each gives its price to the position it takes most off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<String>>")]
    pub vouchers: Vec<String>,
    pub tender: Tender,
}

/// One sold position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SoldPosition {
    pub position_id: PositionId,
    pub item_id: ItemId,
    #[serde(default)]
    pub variation_id: Option<VariationId>,
    #[serde(default)]
    pub date_id: Option<DateId>,
    /// The position it was sold together with.
    #[serde(default)]
    pub addon_to: Option<PositionId>,
    /// The product, its variation, and the voucher that gave its price.
    pub name: String,
    pub price: Money,
    pub tax_rate_bp: u32,
    /// The ticket's code; `None` where the product admits nobody.
    pub code: Option<String>,
    /// Undone: the ticket is refused, the money went back.
    #[serde(default)]
    pub voided: bool,
}

/// A sale as shown, printed and reprinted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SaleView {
    pub order_id: OrderId,
    pub order_code: String,
    pub receipt_number: String,
    pub event_id: EventId,
    pub event_name: String,
    pub positions: Vec<SoldPosition>,
    pub total: Money,
    pub given: Money,
    pub change: Money,
    pub at: UtcMillis,
    pub delivery: Delivery,
    /// How often its tickets left the printer.
    #[serde(default)]
    pub printed: u32,
    /// What of it was undone, oldest first.
    #[serde(default)]
    pub voids: Vec<VoidView>,
}

/// Positions of a sale that were undone together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct VoidView {
    pub positions: Vec<PositionId>,
    /// What was given back, below zero; zero where nothing was.
    pub total: Money,
    /// As people read it; empty where nothing was given back.
    pub receipt_number: String,
    /// Its number alone, to print it.
    #[ts(type = "number | null")]
    pub receipt: Option<u64>,
    pub paper: Paper,
    pub at: UtcMillis,
    pub delivery: Delivery,
}

/// What became of the printed tickets of a sale that is undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum VoidPaper {
    /// No code was printed or shown to anybody. Refused where the journal says that tickets were printed.
    NotPrinted,
    /// This person took the paper back.
    TakenBack { by: String },
    /// They are out there: the server frees the units.
    Out,
}

/// Asks to undo a sale of this till, or positions of it. The same `request_id` again answers the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct VoidRequest {
    pub request_id: RequestId,
    pub order_id: OrderId,
    /// Empty is all that are not undone yet.
    pub positions: Vec<PositionId>,
    /// For the record; kept beside the entry. 1 to 200 characters.
    pub reason: String,
    pub paper: VoidPaper,
}
