//! The change feed: what the server tells stations, in one gap-free order per organizer.

use crate::{
    access::{OperatorRow, OrganizerRow},
    catalog::{DateRow, EventRow, ItemRow, QuotaRow, VoucherEffect},
    checkin::{
        medium::MediumRow,
        question::QuestionRow,
        wire::{GateRow, ListRow, SawRef, ScanRow},
    },
    clock::UtcMillis,
    devices::{
        DeviceSetup,
        wire::{Right, Role, known_rights},
    },
    id::{CaseId, DeviceId, EventId, HistoryId, ItemId, LeaseId, OrganizerId, PositionId, RequestId, VoucherId},
    leases::{HandOverRow, LeaseRow, RightRow},
    orders::PositionRow,
    ticketing::{BadgeRow, KeyRow},
};
use serde::{Deserialize, Serialize};

pub use crate::ticketing::blank::VoidWhy;

/// How far a station has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    pub history: HistoryId,
    /// The last position read; 0 before the first.
    pub position: i64,
}

/// One row as it is now. Rows carry a version; one never replaces another of a higher version. Scans are a grow-only
/// set and have none. How rows of other versions are read stands in `reading.rs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "row", content = "data", rename_all = "snake_case")]
pub enum Row {
    Event(EventRow),
    Item(ItemRow),
    /// A date of an event.
    Date(DateRow),
    Quota(QuotaRow),
    List(ListRow),
    Key(KeyRow),
    Position(PositionRow),
    Scan(ScanRow),
    /// Blanks that will never be a ticket again.
    VoidBlanks(VoidBlanks),
    /// What this device is called and may do.
    Device(DeviceRow),
    /// Who sells, as receipts name it.
    Organizer(OrganizerRow),
    /// A person who may sign in at devices.
    Operator(OperatorRow),
    /// A place where people are let in or out.
    Gate(GateRow),
    /// Something asked at the door.
    Question(QuestionRow),
    /// A wristband or the like that stands for a ticket.
    Medium(MediumRow),
    /// A card that is printed for guests.
    Badge(BadgeRow),
    /// A lease of this station, as the server has it: recall, write-off.
    Lease(LeaseRow),
    /// A hand-over this station gave, as the server has it.
    HandOver(HandOverRow),
    /// A right of this station.
    Right(RightRow),
    /// A single-use voucher a till may spend.
    Voucher(VoucherRow),
    /// Something a person of this event must look at.
    Case(CaseRow),
    /// Personal data to be erased, here too.
    Erase(EraseRow),
    /// A row that is no longer: a tombstone.
    Gone(Gone),
    /// A kind this version does not know: passed over, the cursor moves on.
    Unknown,
}

/// A range of blanks that was returned, voided or written off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoidBlanks {
    pub lease_id: LeaseId,
    pub event_id: EventId,
    pub item_id: ItemId,
    pub base: PositionId,
    /// First void one.
    pub from: u32,
    /// First that is not void any more.
    pub until: u32,
    #[serde(default)]
    pub why: VoidWhy,
}

/// A single-use voucher, as its home till is told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoucherRow {
    pub voucher_id: VoucherId,
    pub event_id: EventId,
    /// As printed; compared without case.
    pub code: String,
    /// The product it is for; `None` is any of the event.
    pub item_id: Option<ItemId>,
    pub effect: VoucherEffect,
    /// The till that holds its right from the start.
    pub home: Option<DeviceId>,
    pub spent: bool,
    pub active: bool,
    pub version: i64,
}

/// A case as stations see it; without personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseRow {
    pub case_id: CaseId,
    /// A word of [`super::case::CaseKind`]; a newer server may send others.
    pub kind: String,
    pub event_id: Option<EventId>,
    /// The station it is about.
    pub device_id: DeviceId,
    pub device_name: String,
    /// What to show: numbers, ids, order codes.
    pub detail: serde_json::Value,
    pub opened_at: UtcMillis,
    /// How and when it was closed.
    pub closed_at: Option<UtcMillis>,
    pub resolution: Option<String>,
    /// Whether entries wait with it, which can be applied again or left out.
    #[serde(default = "entries_wait")]
    pub waits: bool,
    /// Entries by which a station closed it in a way it cannot be closed in: they end nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<SawRef>,
    pub version: i64,
}

/// As it was taken before a server told.
fn entries_wait() -> bool {
    true
}

/// Personal data beside journal entries that everybody erases, with its salt. Signed by the server's key (see
/// [`super::erase`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EraseRow {
    pub erase_id: RequestId,
    /// JSON of an [`EraseBody`].
    pub body: String,
    /// Hex.
    pub signature: String,
}

/// What is to be erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EraseBody {
    pub organizer_id: OrganizerId,
    pub entries: Vec<super::EntryRef>,
    /// Positions whose name goes.
    pub positions: Vec<PositionId>,
    pub at: UtcMillis,
}

/// This device, as the organizer has set it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRow {
    pub device_id: crate::id::DeviceId,
    pub name: String,
    pub gate: String,
    pub role: Role,
    pub events: Vec<EventId>,
    /// What it may do besides its role; words of a newer server are passed over.
    #[serde(default, deserialize_with = "known_rights")]
    pub rights: Vec<Right>,
    #[serde(flatten)]
    pub setup: DeviceSetup,
    pub revoked: bool,
    pub version: i64,
}

/// Names a row that was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    /// `event`, `date`, `item`, `quota`, `list`, `position`.
    pub kind: String,
    pub id: String,
    pub version: i64,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub position: i64,
    #[serde(flatten)]
    pub row: Row,
}

/// `GET /api/station/v1/changes`: the whole answer, or a line of it where the answer is a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangesAnswer {
    pub history: HistoryId,
    pub changes: Vec<Change>,
    /// Where the next request continues; at least the last change's position, also when rows out of scope were
    /// passed over.
    pub next: i64,
    /// The newest position of the organizer; caught up when `next` equals it.
    pub head: i64,
    /// The cursor is of another history or too far back: take a snapshot.
    #[serde(default)]
    pub snapshot_needed: bool,
    /// All urgent changes up to here have been sent, also those after `next`; `None` where the server has no such lane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgent: Option<i64>,
    /// The server ends this stream on purpose: come back at a random instant within so many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_within_ms: Option<u64>,
}

/// First line of a snapshot; the rows follow, one JSON a line, then a [`SnapshotEnd`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotStart {
    pub history: HistoryId,
    /// The position all rows are of.
    pub position: i64,
    /// The events whose rows are all in it; a server of the first version does not say, and sends all of the device's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<EventId>>,
    /// Only those events were asked for: the cursor does not move, and no other row is missing from it.
    #[serde(default)]
    pub partial: bool,
    /// Whether names are in it, as the device's role and rights want; a server of the first version sends them to all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<bool>,
    /// The version of the protocol its rows are of; 0 is the first, which does not say.
    #[serde(default)]
    pub protocol: u32,
}

/// Last line of a snapshot: without it, it was cut off and nothing of it is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotEnd {
    pub rows: u64,
}
