//! The tables a station may see, as rows: each with a name, a version and what it says, or that it is no longer. Stations
//! keep all of them in one way, so that "equal" is said of every table at once.

use std::collections::{BTreeMap, BTreeSet};
use willcall_domain::{
    catalog::Article,
    checkin::merge::Use,
    id::{CaseId, DeviceId, EventId, HandOverId, ItemId, LeaseId, OrderId, PositionId, QuotaId, RightId},
    leases::{LeaseRow, RightRow, ledger::HandOverState, units::Units},
    orders::OrderStatus,
    sync::{CaseKind, change::VoidWhy},
};

/// Names a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Device(DeviceId),
    /// Something of the catalogue an organizer edits: an event, a product, a list.
    Catalogue(i64),
    Quota(QuotaId),
    Position(PositionId),
    Lease(LeaseId),
    HandOver(HandOverId),
    Right(RightId),
    Case(CaseId),
    /// By the lease whose they are, and what they are blanks of.
    VoidBlanks(LeaseId, ItemId, i64),
}

impl Key {
    pub fn void(lease: LeaseId, article: Article) -> Self {
        Self::VoidBlanks(lease, article.item_id, article.date_id.map_or(0, |date| date.0))
    }
}

/// What a row says.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Device { events: BTreeSet<EventId> },
    Catalogue { price: i64 },
    Quota { size: Option<i64>, free: Option<i64>, leased: i64 },
    Position { order: OrderId, article: Article, canceled: bool, status: OrderStatus },
    Lease(LeaseRow),
    HandOver { state: HandOverState },
    Right(RightRow),
    Case { kind: CaseKind, device: Option<DeviceId>, closed: bool },
    VoidBlanks { base: PositionId, numbers: BTreeMap<VoidWhy, Units> },
}

/// One row as it is now; without a value it is a tombstone.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub key: Key,
    /// Only stations of this event see it; `None` is all.
    pub event: Option<EventId>,
    /// Only this station sees it.
    pub to: Option<DeviceId>,
    pub version: i64,
    pub value: Option<Value>,
}

/// A scan, of which there are no versions: a set that grows.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    pub position: PositionId,
    pub event: EventId,
    pub of: Use,
}

/// What the feed brings.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    Row(Row),
    Scan(Scan),
}

impl Line {
    pub fn event(&self) -> Option<EventId> {
        match self {
            Self::Row(row) => row.event,
            Self::Scan(scan) => Some(scan.event),
        }
    }
}
