//! Tells stations: each write they may see notes its subject here, in the same transaction. Rows are not copied into
//! the feed; a station is sent the row as it is when it asks.

use super::store;
use crate::http::problem::Failure;
use crate::{app::Tx, wake::Topics};
use willcall_domain::id::{DeviceId, EventId, ItemId, ListId, PositionId, QuotaId, ScanId};

/// What changed. The second field is the event whose stations must hear of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    Event(EventId),
    Item(ItemId, EventId),
    Quota(QuotaId, EventId),
    List(ListId, EventId),
    Key(EventId, u8),
    Position(PositionId, EventId),
    Scan(ScanId, EventId),
    Device(DeviceId),
}

impl Subject {
    /// `(kind, id, event)` as stored.
    pub(super) fn parts(self) -> (&'static str, String, Option<EventId>) {
        match self {
            Self::Event(id) => ("event", id.to_string(), Some(id)),
            Self::Item(id, event) => ("item", id.to_string(), Some(event)),
            Self::Quota(id, event) => ("quota", id.to_string(), Some(event)),
            Self::List(id, event) => ("list", id.to_string(), Some(event)),
            Self::Key(event, number) => ("key", number.to_string(), Some(event)),
            Self::Position(id, event) => ("position", id.to_string(), Some(event)),
            Self::Scan(id, event) => ("scan", id.to_string(), Some(event)),
            Self::Device(id) => ("device", id.to_string(), None),
        }
    }
}

/// Notes that `subject` changed.
///
/// # Errors
/// When the database does not answer.
pub async fn note(tx: &mut Tx, subject: Subject) -> Result<(), Failure> {
    note_at(tx, subject, false).await
}

/// Notes that `subject` is no longer: stations get a tombstone.
///
/// # Errors
/// When the database does not answer.
pub async fn note_gone(tx: &mut Tx, subject: Subject) -> Result<(), Failure> {
    note_at(tx, subject, true).await
}

async fn note_at(tx: &mut Tx, subject: Subject, gone: bool) -> Result<(), Failure> {
    let now = tx.now();
    store::insert_change(tx, subject, gone, now).await?;
    tx.wakes(Topics::CHANGES);
    Ok(())
}
