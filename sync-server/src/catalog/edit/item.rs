//! Making and changing a product. A price is of the moment: what was sold keeps the price it was sold at.

use super::{Refused, store};
use crate::{
    app::Tx,
    http::Failure,
    sync::{Subject, note},
};
use willcall_domain::{
    catalog::{
        VariationRow,
        draft::{FieldError, ItemDraft},
    },
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
    /// In the order of screens, switched off ones too.
    pub variations: Vec<VariationRow>,
}

/// Makes a product.
///
/// # Errors
/// When the event is not there, or the database is away.
pub async fn create(tx: &mut Tx, event: EventId, draft: &ItemDraft) -> Result<ItemId, Refused> {
    super::find_event(tx, event).await?;
    check_addons(tx, event, None, draft).await?;
    let item = store::insert_item(tx, event, draft).await?;
    store::set_addon_to(tx, item, &draft.addon_to).await?;
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
    if before.draft.addon_to != draft.addon_to {
        check_addons(tx, event, Some(item), draft).await?;
        store::set_addon_to(tx, item, &draft.addon_to).await?;
    }
    store::update_item(tx, event, item, draft).await?;
    note(tx, Subject::Item(item, event)).await?;
    tracing::info!(organizer = tx.organizer.0, item = item.0, active = draft.active, "product changed");
    Ok(())
}

/// What is sold only with others is sold with products of the same event that stand for themselves.
async fn check_addons(tx: &mut Tx, event: EventId, item: Option<ItemId>, draft: &ItemDraft) -> Result<(), Refused> {
    if draft.addon_to.is_empty() {
        return Ok(());
    }
    if store::foreign_items(tx, event, &draft.addon_to).await? > 0 {
        return Err(super::not_found("There is no such product in this event.").into());
    }
    let itself = item.is_some_and(|item| draft.addon_to.contains(&item));
    if itself || store::would_chain(tx, item, &draft.addon_to).await? {
        return Err(Refused::field("addon_to", FieldError::AddonChain));
    }
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
