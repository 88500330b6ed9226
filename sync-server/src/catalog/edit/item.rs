//! Making and changing a product. A price is of the moment: what was sold keeps the price it was sold at.

use super::{Refused, store};
use crate::{
    app::Tx,
    http::Failure,
    sync::{Subject, note},
};
use willcall_domain::{
    catalog::draft::ItemDraft,
    id::{EventId, ItemId},
};

/// A product with all an organizer sees of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemFull {
    pub item_id: ItemId,
    pub event_id: EventId,
    pub draft: ItemDraft,
    /// Positions of orders that hold their places.
    pub sold: i64,
    /// How many quotas it counts in; sold nowhere while that is none.
    pub quotas: i64,
    pub version: i64,
}

/// Makes a product.
///
/// # Errors
/// When the event is not there, or the database is away.
pub async fn create(tx: &mut Tx, event: EventId, draft: &ItemDraft) -> Result<ItemId, Refused> {
    super::find_event(tx, event).await?;
    let item = store::insert_item(tx, event, draft).await?;
    note(tx, Subject::Item(item, event)).await?;
    tracing::info!(organizer = tx.organizer.0, event = event.0, item = item.0, "product made");
    Ok(item)
}

/// Changes a product.
///
/// # Errors
/// When it is not there, or the database is away.
pub async fn update(tx: &mut Tx, event: EventId, item: ItemId, draft: &ItemDraft) -> Result<(), Refused> {
    let before = find(tx, event, item).await?;
    if before.draft == *draft {
        return Ok(());
    }
    store::update_item(tx, event, item, draft).await?;
    note(tx, Subject::Item(item, event)).await?;
    tracing::info!(organizer = tx.organizer.0, item = item.0, active = draft.active, "product changed");
    Ok(())
}

/// One product of an event.
///
/// # Errors
/// When there is none, or the database is away.
pub async fn find(tx: &mut Tx, event: EventId, item: ItemId) -> Result<ItemFull, Failure> {
    let found = store::items(tx, event, Some(item)).await?.pop();
    found.ok_or_else(|| super::not_found("There is no such product in this event."))
}

/// The products of an event, in their order.
///
/// # Errors
/// When the database is away.
pub async fn list(tx: &mut Tx, event: EventId) -> Result<Vec<ItemFull>, Failure> {
    Ok(store::items(tx, event, None).await?)
}
