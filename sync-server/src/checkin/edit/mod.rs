//! Check-in lists and gates as an organizer makes and changes them.

pub mod gates;
pub mod media;
pub mod questions;
mod store;

use crate::{
    access::audit::{self, Changes, Deed, Record},
    app::Tx,
    catalog::edit::Refused,
    http::Failure,
    sync::{Subject, note},
};
use willcall_domain::{
    checkin::list::ListDraft,
    clock::UtcMillis,
    id::{DateId, EventId, ItemId, ListId},
    problem::{Code, Problem},
};

/// A list with all an organizer sees of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListFull {
    pub list_id: ListId,
    pub event_id: EventId,
    pub draft: ListDraft,
    /// When and where entry is allowed, in the rule language; `None` is no rule.
    pub rules: Option<serde_json::Value>,
    /// Entries that count.
    pub admitted: i64,
}

/// Makes a list.
///
/// # Errors
/// When a product is not of this event, or the database is away.
pub async fn create(tx: &mut Tx, event: EventId, draft: &ListDraft) -> Result<ListId, Refused> {
    own_things(tx, event, draft).await?;
    let list = store::insert(tx, event, draft).await?;
    store::set_items(tx, list, draft.items.as_deref().unwrap_or_default()).await?;
    store::set_gates(tx, list, &draft.gates).await?;
    note(tx, Subject::List(list, event)).await?;
    audit::record(tx, Record::new(Deed::ListMade, Some(event), &draft.name, Changes::none())).await?;
    tracing::info!(organizer = tx.organizer.0, event = event.0, list = list.0, "check-in list made");
    Ok(list)
}

/// Changes a list. What it admitted stays admitted.
///
/// # Errors
/// When it is not there, a product is not of this event, or the database is away.
pub async fn update(tx: &mut Tx, event: EventId, list: ListId, draft: &ListDraft) -> Result<(), Refused> {
    own_things(tx, event, draft).await?;
    let before = find(tx, event, list).await?.draft;
    if before == *draft {
        return Ok(());
    }
    store::update(tx, list, draft).await?;
    store::set_items(tx, list, draft.items.as_deref().unwrap_or_default()).await?;
    store::set_gates(tx, list, &draft.gates).await?;
    note(tx, Subject::List(list, event)).await?;
    audit::record(tx, Record::new(Deed::ListChanged, Some(event), &draft.name, changes(&before, draft))).await?;
    tracing::info!(organizer = tx.organizer.0, list = list.0, "check-in list changed");
    Ok(())
}

fn changes(before: &ListDraft, after: &ListDraft) -> Changes {
    Changes::none()
        .field("name", &before.name, &after.name)
        .field("items", &before.items, &after.items)
        .field("date", &before.date_id, &after.date_id)
        .field("include_pending", &before.include_pending, &after.include_pending)
        .field("allow_multiple_entries", &before.allow_multiple_entries, &after.allow_multiple_entries)
        .field("allow_entry_after_exit", &before.allow_entry_after_exit, &after.allow_entry_after_exit)
        .field("addon_match", &before.addon_match, &after.addon_match)
        .field("gates", &before.gates, &after.gates)
        .field("shown_from", &before.shown_from, &after.shown_from)
        .field("shown_until", &before.shown_until, &after.shown_until)
}

/// Gives a list this rule, or takes it away. Whether it can be read is the caller's to ask first.
///
/// # Errors
/// When the list is not there, or the database is away.
pub async fn set_rule(
    tx: &mut Tx,
    event: EventId,
    list: ListId,
    rule: Option<&serde_json::Value>,
) -> Result<(), Failure> {
    let before = find(tx, event, list).await?;
    if before.rules.as_ref() == rule {
        return Ok(());
    }
    store::set_rule(tx, list, rule).await?;
    note(tx, Subject::List(list, event)).await?;
    let changes = Changes::none().field("rule", &before.rules.as_ref(), &rule);
    audit::record(tx, Record::new(Deed::RuleChanged, Some(event), &before.draft.name, changes)).await?;
    tracing::info!(organizer = tx.organizer.0, list = list.0, "rule of a check-in list changed");
    Ok(())
}

/// One list of an event.
///
/// # Errors
/// When there is none, or the database is away.
pub async fn find(tx: &mut Tx, event: EventId, list: ListId) -> Result<ListFull, Failure> {
    let found = store::lists(tx, event, Some(list)).await?.pop();
    found.ok_or_else(|| Problem::new(Code::NotFound, "There is no such check-in list in this event.").into())
}

/// The lists of an event.
///
/// # Errors
/// When the database is away.
pub async fn all(tx: &mut Tx, event: EventId) -> Result<Vec<ListFull>, Failure> {
    Ok(store::lists(tx, event, None).await?)
}

/// Dates of an event, to choose from: number, name, when it begins. Of an event without dates, none.
///
/// # Errors
/// When the database is away.
pub async fn dates(tx: &mut Tx, event: EventId) -> Result<Vec<(DateId, String, UtcMillis)>, Failure> {
    Ok(store::dates(tx, event).await?)
}

/// Refuses products of another event.
async fn own_items(tx: &mut Tx, event: EventId, items: &[ItemId]) -> Result<(), Failure> {
    if store::foreign_items(tx, event, items).await? > 0 {
        return Err(Problem::new(Code::NotFound, "There is no such product in this event.").into());
    }
    Ok(())
}

/// Refuses what is of another event or organizer.
async fn own_things(tx: &mut Tx, event: EventId, draft: &ListDraft) -> Result<(), Failure> {
    own_items(tx, event, draft.items.as_deref().unwrap_or_default()).await?;
    if store::foreign_gates(tx, &draft.gates).await? > 0 {
        return Err(Problem::new(Code::NotFound, "There is no such gate.").into());
    }
    let Some(date) = draft.date_id else { return Ok(()) };
    if store::dates(tx, event).await?.iter().any(|(id, ..)| *id == date) {
        return Ok(());
    }
    Err(Problem::new(Code::NotFound, "There is no such date in this event.").into())
}
