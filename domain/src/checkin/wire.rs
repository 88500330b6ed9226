//! What crosses a border about check-in: lists, scans, and the verdict as a screen shows it.

use crate::{
    clock::UtcMillis,
    id::{DeviceId, EventId, ItemId, ListId, PositionId, ScanId},
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A check-in list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ListRow {
    pub list_id: ListId,
    pub event_id: EventId,
    pub name: String,
    /// The items admitted; `None` is all.
    pub items: Option<Vec<ItemId>>,
    /// Whether tickets of unpaid orders may be admitted by right.
    pub include_pending: bool,
    pub allow_multiple_entries: bool,
    pub allow_entry_after_exit: bool,
    /// When and where entry is allowed, in the rule language (docs/API.md); `None` is no rule.
    #[ts(type = "unknown")]
    pub rules: Option<serde_json::Value>,
    #[ts(type = "number")]
    pub version: i64,
}

/// Into the house or out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Entry,
    Exit,
}

/// How a verdict looks and sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Green: come in (or go out).
    Admitted,
    /// Blue/purple: admitted, but look first (ID, note, sale not seen).
    Look,
    /// Amber: already used.
    Used,
    /// Red: refused, with a reason.
    Refused,
}

/// Why not, or why to look. The field's reason codes where there is one (see `docs/API.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No code of ours, or forged.
    Invalid,
    /// Signed by a key this station does not have yet.
    UnknownKey,
    Canceled,
    Blocked,
    Revoked,
    Unapproved,
    InvalidTime,
    /// The product is not on this list.
    Product,
    /// A ticket of another event than the list's.
    WrongEvent,
    /// A ticket for another date than the list's.
    WrongDate,
    Unpaid,
    Rules,
    Ambiguous,
    AlreadyRedeemed,
    /// The blank of a returned unit or voided sale.
    Void,
    /// Sold at a till whose journal has not come here.
    SoldElsewhere,
    /// The rule or the data behind it cannot be evaluated.
    Error,
}

/// What staff must know although the ticket is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// The signature is good; the order has not been seen here.
    SignatureOnly,
    /// Sold offline; the sale has not been seen here.
    SaleNotSeen,
    /// Of a till that was given up as lost, and the sale has not been seen here: only with the receipt.
    AskForReceipt,
    /// A test ticket.
    Test,
    LookAtId,
    /// The order is not paid; admitted by right.
    Unpaid,
    /// The clock is too uncertain to say on which side of a limit this is.
    TimeUncertain,
    /// The station doubts that its data is the newest: the ticket may have been used by what it has lost.
    StationInDoubt,
}

/// One scan as stations and server exchange and list it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ScanRow {
    pub scan_id: ScanId,
    pub event_id: EventId,
    pub list_id: ListId,
    /// The position, where the code told it.
    pub position_id: Option<PositionId>,
    /// SHA-256 of the signed payload, hex, where the position is not told by the code.
    pub payload_hash: Option<String>,
    pub station: DeviceId,
    pub incarnation: u32,
    #[ts(type = "number")]
    pub seq: u64,
    /// Name of gate or station, for people.
    pub gate: String,
    pub direction: Direction,
    pub class: Class,
    pub reason: Option<Reason>,
    /// Ticket time, as well as the station knew it.
    pub at: UtcMillis,
    /// How far `at` may be wrong, in milliseconds; -1 where the station's clock was never compared, or where a version
    /// that did not say so wrote it.
    #[serde(default = "never_measured")]
    #[ts(type = "number")]
    pub uncertainty_ms: i64,
    pub undone: bool,
    /// The last use of this ticket the station knew of each station when it decided.
    pub saw: Vec<SawRef>,
}

fn never_measured() -> i64 {
    -1
}

/// Names one journal entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
pub struct SawRef {
    pub station: DeviceId,
    pub incarnation: u32,
    #[ts(type = "number")]
    pub seq: u64,
}

/// An earlier use, as shown beside *already used*.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct UseView {
    pub at: UtcMillis,
    pub gate: String,
    pub direction: Direction,
}

/// Where a fact is by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Recorded here; the server has not confirmed it.
    Here,
    /// The server has it.
    Sent,
    /// The server has it and opened a case or refused it.
    Refused,
    /// Nowhere: the disk did not take it. Kept in memory and recorded as soon as there is room; gone if the program ends
    /// before.
    NotRecorded,
}

/// A question put to the door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ScanRequest {
    /// As read; never trimmed.
    pub code: String,
    pub list_id: ListId,
    pub direction: Direction,
    /// A time given by hand; needs the right to.
    #[serde(default)]
    pub at: Option<UtcMillis>,
}

/// A scan is to be as if it never was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct UndoRequest {
    pub scan_id: ScanId,
    /// Why, for whoever asks later; kept beside the journal.
    pub reason: String,
}

/// A verdict as the door shows it; the words are the screen's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct VerdictView {
    pub scan_id: ScanId,
    pub class: Class,
    pub reason: Option<Reason>,
    pub marks: Vec<Mark>,
    pub direction: Direction,
    pub event_id: EventId,
    pub list_id: ListId,
    pub product: Option<String>,
    pub name: Option<String>,
    pub order_code: Option<String>,
    pub position_id: Option<PositionId>,
    /// A sentence of the organizer for this product; empty for none.
    pub checkin_text: String,
    /// The first use, where the reason is *already redeemed*.
    pub first_use: Option<UseView>,
    /// The instant from which or until which it would have been valid.
    pub valid_from: Option<UtcMillis>,
    pub valid_until: Option<UtcMillis>,
    /// The name of the event the ticket is for, where it is another one.
    pub other_event: Option<String>,
    pub at: UtcMillis,
    pub gate: String,
    pub delivery: Delivery,
    pub undone: bool,
    /// Whether this station may undo this scan.
    #[serde(default)]
    pub may_undo: bool,
    /// How far the station's time may be wrong here, in milliseconds, where that decided something.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub uncertainty_ms: Option<i64>,
    /// Age of the station's data at this verdict in seconds; `None` when never synced.
    #[ts(type = "number | null")]
    pub data_age_s: Option<u64>,
}

/// The counters of one list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ListView {
    pub list_id: ListId,
    pub name: String,
    #[ts(type = "number")]
    pub inside: i64,
    #[ts(type = "number")]
    pub admitted: i64,
    /// Tickets this list could admit.
    #[ts(type = "number")]
    pub expected: i64,
}

/// One event at the door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct DoorEvent {
    pub event_id: EventId,
    pub name: String,
    pub zone: String,
    pub starts_at: UtcMillis,
    pub lists: Vec<ListView>,
}

/// All the door screen shows besides the verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct DoorView {
    pub events: Vec<DoorEvent>,
    /// Newest first.
    pub recent: Vec<VerdictView>,
}

/// A ticket found by name or order code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct FoundTicket {
    pub position_id: PositionId,
    pub order_code: String,
    pub name: Option<String>,
    pub product: String,
    pub event_name: String,
    /// Whether the last counted scan is an entry.
    pub inside: bool,
    /// The canonical code, to be scanned in place of the paper.
    pub code: String,
}
