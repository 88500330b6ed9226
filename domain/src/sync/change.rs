//! The change feed: what the server tells stations, in one gap-free order per organizer.

use crate::{
    catalog::{EventRow, ItemRow, QuotaRow},
    checkin::wire::{ListRow, ScanRow},
    devices::wire::Role,
    id::{EventId, HistoryId, ItemId, LeaseId, PositionId},
    orders::PositionRow,
    ticketing::KeyRow,
};
use serde::{Deserialize, Serialize};

/// How far a station has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    pub history: HistoryId,
    /// The last position read; 0 before the first.
    pub position: i64,
}

/// One row as it is now. Rows carry a version; one never replaces another of a higher version. Scans are a grow-only
/// set and have none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "row", content = "data", rename_all = "snake_case")]
pub enum Row {
    Event(EventRow),
    Item(ItemRow),
    Quota(QuotaRow),
    List(ListRow),
    Key(KeyRow),
    Position(PositionRow),
    Scan(ScanRow),
    /// Blanks that will never be a ticket again.
    VoidBlanks(VoidBlanks),
    /// What this device is called and may do.
    Device(DeviceRow),
    /// A row that is no longer: a tombstone.
    Gone(Gone),
    /// A kind this version does not know: passed over, the cursor moves on.
    #[serde(other)]
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
}

/// This device, as the organizer has set it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRow {
    pub device_id: crate::id::DeviceId,
    pub name: String,
    pub gate: String,
    pub role: Role,
    pub events: Vec<EventId>,
    pub revoked: bool,
    pub version: i64,
}

/// Names a row that was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    /// `event`, `item`, `quota`, `list`, `position`.
    pub kind: String,
    pub id: String,
    pub version: i64,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub position: i64,
    #[serde(flatten)]
    pub row: Row,
}

/// `GET /api/station/v1/changes`. Also each line of a snapshot after its first.
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
}

/// First line of a snapshot; the rows follow, one JSON a line, then a [`SnapshotEnd`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotStart {
    pub history: HistoryId,
    /// The position all rows are of.
    pub position: i64,
}

/// Last line of a snapshot: without it, it was cut off and nothing of it is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotEnd {
    pub rows: u64,
}
