//! The seed file: what it may say. Everything that has a usual value may be left out; a word nobody knows is an error.

use serde::Deserialize;
use willcall_domain::devices::Right;

/// A whole file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    #[serde(default, rename = "organizer")]
    pub organizers: Vec<OrganizerPlan>,
}

/// One organizer and all that is theirs; known by its slug.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrganizerPlan {
    pub slug: String,
    pub name: String,
    #[serde(default)]
    pub legal_name: String,
    /// Several lines.
    #[serde(default)]
    pub address: String,
    /// Value added tax number or tax number, as receipts carry it.
    #[serde(default)]
    pub tax_number: String,
    /// What a buyer who pays by transfer is told.
    #[serde(default)]
    pub bank_details: String,
    /// `#2f5d8a`.
    #[serde(default = "accent")]
    pub accent: String,
    #[serde(default)]
    pub staff: Vec<StaffPlan>,
    #[serde(default, rename = "event")]
    pub events: Vec<EventPlan>,
    #[serde(default, rename = "device")]
    pub devices: Vec<DevicePlan>,
}

/// Known by the e-mail.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaffPlan {
    pub email: String,
    pub name: String,
    /// `owner`, `manager` or `viewer`.
    #[serde(default = "owner")]
    pub role: String,
    /// Made up and printed where it is not given.
    pub password: Option<String>,
}

/// Known by its slug.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventPlan {
    pub slug: String,
    pub name: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub location: String,
    #[serde(default = "zone")]
    pub zone: String,
    #[serde(default = "currency")]
    pub currency: String,
    /// `2026-12-31 20:00` on the wall clock of the zone, or `+3d 20:00`: so many days after today.
    pub starts_at: String,
    #[serde(default)]
    pub ends_at: String,
    #[serde(default)]
    pub admission_at: String,
    #[serde(default = "yes")]
    pub live: bool,
    #[serde(default = "code_format")]
    pub code_format: String,
    #[serde(default = "yes")]
    pub takes_bank_transfer: bool,
    /// The check-in list that admits every ticket; each event has one.
    #[serde(default = "entrance")]
    pub entrance: String,
    /// Where it takes place several times.
    #[serde(default, rename = "date")]
    pub dates: Vec<DatePlan>,
    #[serde(default, rename = "item")]
    pub items: Vec<ItemPlan>,
    #[serde(default, rename = "quota")]
    pub quotas: Vec<QuotaPlan>,
    #[serde(default, rename = "list")]
    pub lists: Vec<ListPlan>,
}

/// Known by its name within the event.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemPlan {
    pub name: String,
    #[serde(default)]
    pub category: String,
    #[serde(default)]
    pub description: String,
    /// Gross, as people write it: `"12.50"`.
    pub price: String,
    /// Percent: `"7"`.
    #[serde(default)]
    pub tax_rate: String,
    #[serde(default = "yes")]
    pub active: bool,
    #[serde(default = "yes")]
    pub admission: bool,
    #[serde(default)]
    pub look_at_id: bool,
    #[serde(default)]
    pub checkin_text: String,
    #[serde(default, rename = "variation")]
    pub variations: Vec<VariationPlan>,
    /// Names of the products it is sold together with, which stand before it in the file; left out: by itself.
    #[serde(default)]
    pub addon_to: Vec<String>,
}

/// Known by its name within the product.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariationPlan {
    pub name: String,
    /// Left out: the product's.
    #[serde(default)]
    pub price: String,
    #[serde(default)]
    pub checkin_text: String,
}

/// One date or a series of them; known by when it starts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatePlan {
    #[serde(default)]
    pub name: String,
    /// As the event's.
    pub starts_at: String,
    #[serde(default)]
    pub ends_at: String,
    #[serde(default)]
    pub admission_at: String,
    /// How many dates in all.
    #[serde(default = "one")]
    pub times: i32,
    /// Days from one to the next.
    #[serde(default = "one")]
    pub every_days: i32,
}

/// Known by its name within the event.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaPlan {
    pub name: String,
    /// Left out: unlimited.
    pub size: Option<i64>,
    /// Names of products.
    pub items: Vec<String>,
    /// Whether each date of the event has one like this; else it counts all dates.
    #[serde(default)]
    pub each_date: bool,
}

/// Known by its name within the event.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListPlan {
    pub name: String,
    /// Names of products; left out: all.
    pub items: Option<Vec<String>>,
    #[serde(default)]
    pub include_pending: bool,
    #[serde(default)]
    pub allow_multiple_entries: bool,
    #[serde(default = "yes")]
    pub allow_entry_after_exit: bool,
}

/// Known by its name. A new one gets an enrolment token.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DevicePlan {
    pub name: String,
    #[serde(default)]
    pub gate: String,
    /// `door` or `till`.
    pub role: String,
    /// Slugs of the events it may see; left out: all, also those to come.
    pub events: Option<Vec<String>>,
    /// What it may do besides its role: `time_by_hand`; left out, it finds tickets by name and code.
    #[serde(default = "search")]
    pub rights: Vec<Right>,
}

fn accent() -> String {
    "#2f5d8a".to_owned()
}
fn owner() -> String {
    "owner".to_owned()
}
fn zone() -> String {
    "Europe/Berlin".to_owned()
}
fn currency() -> String {
    "EUR".to_owned()
}
fn code_format() -> String {
    "wc1".to_owned()
}
fn entrance() -> String {
    "Entrance".to_owned()
}
fn one() -> i32 {
    1
}
fn search() -> Vec<Right> {
    vec![Right::Search]
}
fn yes() -> bool {
    true
}
