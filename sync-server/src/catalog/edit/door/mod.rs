//! What a product asks of the door besides its name: to look, to wait for approval, to be exchanged, to be known freshly.

mod store;

use super::find_item;
use crate::{
    access::audit::{self, Changes, Deed, Record},
    app::Tx,
    http::Failure,
    sync::{Subject, note},
};
use willcall_domain::{
    checkin::wire::ItemDoor,
    id::{EventId, ItemId},
};

/// What a product asks of the door.
///
/// # Errors
/// When it is not there, or the database is away.
pub async fn of(tx: &mut Tx, event: EventId, item: ItemId) -> Result<ItemDoor, Failure> {
    find_item(tx, event, item).await?;
    Ok(store::door(tx, item).await?)
}

/// Sets what a product asks of the door. Orders that wait for approval go on waiting, those that do not never will.
///
/// # Errors
/// When it is not there, or the database is away.
pub async fn set(tx: &mut Tx, event: EventId, item: ItemId, door: &ItemDoor) -> Result<(), Failure> {
    let full = find_item(tx, event, item).await?;
    let before = store::door(tx, item).await?;
    if before == *door {
        return Ok(());
    }
    store::update(tx, item, door).await?;
    note(tx, Subject::Item(item, event)).await?;
    let changes = Changes::none()
        .field("attention", &before.attention, &door.attention)
        .field("needs_approval", &before.needs_approval, &door.needs_approval)
        .field("medium", &before.medium, &door.medium)
        .field("max_data_age", &before.max_data_age_min, &door.max_data_age_min)
        .field("look_if_unseen", &before.look_if_unseen, &door.look_if_unseen);
    audit::record(tx, Record::new(Deed::ItemChanged, Some(event), &full.draft.name, changes)).await?;
    tracing::info!(organizer = tx.organizer.0, item = item.0, "what a product asks of the door changed");
    Ok(())
}
