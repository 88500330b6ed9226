//! Tells stations: each write they may see notes its subject here, in the same transaction. Rows are not copied into
//! the feed; a station is sent the row as it is when it asks.

use super::store;
use crate::http::problem::Failure;
use crate::{app::Tx, wake::Topics};
use willcall_domain::id::{
    BadgeId, CaseId, DateId, DeviceId, EventId, GateId, HandOverId, ItemId, LeaseId, ListId, MediumId, OperatorId,
    OrganizerId, PositionId, QuestionId, QuotaId, RequestId, RightId, ScanId, VoucherId,
};

/// What changed. The second field is the event whose stations must hear of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    Event(EventId),
    Item(ItemId, EventId),
    Date(DateId, EventId),
    Quota(QuotaId, EventId),
    List(ListId, EventId),
    /// A person who may sign in at devices.
    Operator(OperatorId),
    Gate(GateId),
    Question(QuestionId, EventId),
    Badge(BadgeId, EventId),
    Medium(MediumId, EventId),
    Key(EventId, u8),
    Position(PositionId, EventId),
    /// Only its station hears of it.
    Lease(LeaseId, EventId),
    /// Only its giver hears of it.
    HandOver(HandOverId, EventId),
    /// Only its holder hears of it.
    Right(RightId, EventId),
    /// Only its home hears of it, and what was its home.
    Voucher(VoucherId, EventId),
    /// By the lease they came with.
    VoidBlanks(LeaseId, EventId),
    Scan(ScanId, EventId),
    Device(DeviceId),
    /// What a device may see; its own row is noted beside.
    Scope(DeviceId),
    Organizer(OrganizerId),
    /// A case; without an event only its own station sees it.
    Case(CaseId, Option<EventId>),
    Erase(RequestId, EventId),
}

impl Subject {
    /// Whether it is sent ahead of what there may be much of: orders, and how many are left.
    fn is_urgent(self) -> bool {
        !matches!(self, Self::Position(..) | Self::Quota(..))
    }

    /// `(kind, id, event)` as stored.
    pub(super) fn parts(self) -> (&'static str, String, Option<EventId>) {
        match self {
            Self::Event(id) => ("event", id.to_string(), Some(id)),
            Self::Item(id, event) => ("item", id.to_string(), Some(event)),
            Self::Date(id, event) => ("date", id.to_string(), Some(event)),
            Self::Quota(id, event) => ("quota", id.to_string(), Some(event)),
            Self::List(id, event) => ("list", id.to_string(), Some(event)),
            Self::Operator(id) => ("operator", id.to_string(), None),
            Self::Gate(id) => ("gate", id.to_string(), None),
            Self::Question(id, event) => ("question", id.to_string(), Some(event)),
            Self::Badge(id, event) => ("badge", id.to_string(), Some(event)),
            Self::Medium(id, event) => ("medium", id.to_string(), Some(event)),
            Self::Key(event, number) => ("key", number.to_string(), Some(event)),
            Self::Position(id, event) => ("position", id.to_string(), Some(event)),
            Self::Lease(id, event) => ("lease", id.to_string(), Some(event)),
            Self::HandOver(id, event) => ("hand_over", id.to_string(), Some(event)),
            Self::Right(id, event) => ("right", id.to_string(), Some(event)),
            Self::Voucher(id, event) => ("voucher", id.to_string(), Some(event)),
            Self::VoidBlanks(id, event) => ("void_blanks", id.to_string(), Some(event)),
            Self::Scan(id, event) => ("scan", id.to_string(), Some(event)),
            Self::Device(id) => ("device", id.to_string(), None),
            Self::Scope(id) => ("scope", id.to_string(), None),
            Self::Organizer(id) => ("organizer", id.to_string(), None),
            Self::Case(id, event) => ("case", id.to_string(), event),
            Self::Erase(id, event) => ("erase", id.to_string(), Some(event)),
        }
    }
}

/// Notes that `subject` changed.
///
/// # Errors
/// When the database does not answer.
pub async fn note(tx: &mut Tx, subject: Subject) -> Result<(), Failure> {
    note_at(tx, subject, false, subject.is_urgent()).await
}

/// Notes that all of these changed, in one statement.
///
/// # Errors
/// When the database does not answer.
pub async fn note_all(tx: &mut Tx, subjects: &[Subject]) -> Result<(), Failure> {
    if subjects.is_empty() {
        return Ok(());
    }
    let changes: Vec<store::NewChange> = subjects
        .iter()
        .map(|subject| store::NewChange { subject: *subject, gone: false, urgent: subject.is_urgent() })
        .collect();
    store::insert_changes(tx, &changes).await?;
    tx.wakes(Topics::CHANGES);
    Ok(())
}

/// The same for what must not wait behind a thousand orders: a ticket that is good no longer.
///
/// # Errors
/// When the database does not answer.
pub async fn note_revoked(tx: &mut Tx, subject: Subject) -> Result<(), Failure> {
    note_at(tx, subject, false, true).await
}

/// Notes that `subject` is no longer: stations get a tombstone.
///
/// # Errors
/// When the database does not answer.
pub async fn note_gone(tx: &mut Tx, subject: Subject) -> Result<(), Failure> {
    note_at(tx, subject, true, true).await
}

async fn note_at(tx: &mut Tx, subject: Subject, gone: bool, urgent: bool) -> Result<(), Failure> {
    let now = tx.now();
    store::insert_change(tx, store::NewChange { subject, gone, urgent }, now).await?;
    tx.wakes(Topics::CHANGES);
    Ok(())
}
