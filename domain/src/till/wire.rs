//! What crosses a border about the till.

use crate::{
    checkin::wire::Delivery,
    clock::UtcMillis,
    devices::disk::Room,
    id::{EventId, ItemId, OrderId, PositionId, RequestId},
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
}

/// One event at the till.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TillEvent {
    pub event_id: EventId,
    pub name: String,
    pub zone: String,
    pub starts_at: UtcMillis,
    pub products: Vec<TillProduct>,
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
