//! Rows of the catalogue as they travel to stations. `version` rises with each write of the row on the server; a row
//! never replaces one of a higher version.

use crate::{
    checkin::wire::ItemDoor,
    clock::UtcMillis,
    id::{DateId, EventId, ItemId, QuotaId, VariationId},
    money::{Currency, Money},
    ticketing::CodeFormat,
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct EventRow {
    pub event_id: EventId,
    pub name: String,
    pub location: String,
    /// IANA name of the zone in which times are shown.
    pub zone: String,
    pub currency: Currency,
    pub starts_at: UtcMillis,
    pub ends_at: Option<UtcMillis>,
    pub admission_at: Option<UtcMillis>,
    pub code_format: CodeFormat,
    /// How long a till should be able to sell with nobody to ask, in minutes.
    #[serde(default = "an_hour")]
    pub planned_outage_min: u32,
    /// Whether tills may sell.
    #[serde(default = "yes")]
    pub till_sales: bool,
    #[ts(type = "number")]
    pub version: i64,
}

/// What servers mean that do not say.
fn an_hour() -> u32 {
    60
}

/// What servers mean that do not say.
fn yes() -> bool {
    true
}

/// One date of an event that takes place several times. An event that has some sells each position for one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct DateRow {
    pub date_id: DateId,
    pub event_id: EventId,
    /// What it is called beside its time; empty for nothing.
    pub name: String,
    pub starts_at: UtcMillis,
    pub ends_at: Option<UtcMillis>,
    pub admission_at: Option<UtcMillis>,
    /// Whether it is sold now.
    pub active: bool,
    #[ts(type = "number")]
    pub version: i64,
}

/// One form of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct VariationRow {
    pub variation_id: VariationId,
    pub name: String,
    /// Gross price; `None` is the product's.
    pub price: Option<Money>,
    /// Order on screens, ascending.
    pub rank: i32,
    /// Whether it is sold now.
    pub active: bool,
    /// A sentence shown to door staff when a ticket of it is scanned; empty for none.
    #[serde(default)]
    pub checkin_text: String,
}

/// One product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ItemRow {
    pub item_id: ItemId,
    pub event_id: EventId,
    pub name: String,
    /// Heading it stands under at the till and in the shop; empty for none.
    pub category: String,
    /// Gross price.
    pub price: Money,
    /// Tax rate in hundredths of a percent: 700 is 7 %.
    pub tax_rate_bp: u32,
    /// Order on screens, ascending.
    pub rank: i32,
    /// Whether it is sold now.
    pub active: bool,
    /// Whether a position of it is a ticket that admits somebody.
    pub admission: bool,
    /// Look at the holder's ID at the door.
    pub look_at_id: bool,
    /// A sentence shown to door staff when a ticket of this product is scanned; empty for none.
    pub checkin_text: String,
    /// Its forms; where it has some, each position is of one of them.
    #[serde(default)]
    pub variations: Vec<VariationRow>,
    /// The products it is sold together with, never without one of them; empty is by itself.
    #[serde(default)]
    pub addon_to: Vec<ItemId>,
    /// What it asks of the door besides.
    #[serde(default)]
    pub door: ItemDoor,
    #[ts(type = "number")]
    pub version: i64,
}

/// One quota and what is left of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct QuotaRow {
    pub quota_id: QuotaId,
    pub event_id: EventId,
    pub name: String,
    /// `None` is unlimited.
    #[ts(type = "number | null")]
    pub size: Option<i64>,
    /// The items that count in it.
    pub items: Vec<ItemId>,
    /// The date whose positions count in it; `None` is every date, or an event that has none.
    #[serde(default)]
    pub date_id: Option<DateId>,
    /// Units nobody holds: neither sold nor leased; `None` is unlimited.
    #[ts(type = "number | null")]
    pub free: Option<i64>,
    /// Units stations hold and have not sold, as far as the server knows.
    #[ts(type = "number")]
    pub outstanding: i64,
    #[ts(type = "number")]
    pub version: i64,
}
