//! Check-in lists as an organizer makes and changes them. A list's rules in the rule language are kept as they are.

mod store;

use crate::{
    app::Tx,
    catalog::edit::Refused,
    http::Failure,
    sync::{Subject, note},
};
use willcall_domain::{
    checkin::list::ListDraft,
    id::{EventId, ListId},
    problem::{Code, Problem},
};

/// A list with all an organizer sees of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListFull {
    pub list_id: ListId,
    pub event_id: EventId,
    pub draft: ListDraft,
    /// Entries that count.
    pub admitted: i64,
}

/// Makes a list.
///
/// # Errors
/// When a product is not of this event, or the database is away.
pub async fn create(tx: &mut Tx, event: EventId, draft: &ListDraft) -> Result<ListId, Refused> {
    own_products(tx, event, draft).await?;
    let list = store::insert(tx, event, draft).await?;
    store::set_items(tx, list, draft.items.as_deref().unwrap_or_default()).await?;
    note(tx, Subject::List(list, event)).await?;
    tracing::info!(organizer = tx.organizer.0, event = event.0, list = list.0, "check-in list made");
    Ok(list)
}

/// Changes a list. What it admitted stays admitted.
///
/// # Errors
/// When it is not there, a product is not of this event, or the database is away.
pub async fn update(tx: &mut Tx, event: EventId, list: ListId, draft: &ListDraft) -> Result<(), Refused> {
    own_products(tx, event, draft).await?;
    if find(tx, event, list).await?.draft == *draft {
        return Ok(());
    }
    store::update(tx, list, draft).await?;
    store::set_items(tx, list, draft.items.as_deref().unwrap_or_default()).await?;
    note(tx, Subject::List(list, event)).await?;
    tracing::info!(organizer = tx.organizer.0, list = list.0, "check-in list changed");
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

async fn own_products(tx: &mut Tx, event: EventId, draft: &ListDraft) -> Result<(), Failure> {
    match &draft.items {
        Some(items) if store::foreign_items(tx, event, items).await? > 0 => {
            Err(Problem::new(Code::NotFound, "There is no such product in this event.").into())
        }
        Some(_) | None => Ok(()),
    }
}
