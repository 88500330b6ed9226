//! Making and changing the variations of a product. They are a part of it: stations hear of the product. One is never
//! removed, as tickets may be of it: it is switched off.

use super::{Refused, store};
use crate::{
    access::audit::{self, Changes, Deed, Record},
    app::Tx,
    http::Failure,
    sync::{Subject, note},
};
use willcall_domain::{
    catalog::{VariationRow, draft::VariationDraft},
    id::{EventId, ItemId, VariationId},
};

/// Makes a variation.
///
/// # Errors
/// When the product is not there, or the database is away.
pub async fn create(tx: &mut Tx, event: EventId, item: ItemId, draft: &VariationDraft) -> Result<VariationId, Refused> {
    let product = super::find_item(tx, event, item).await?.draft.name;
    let variation = store::insert_variation(tx, item, draft).await?;
    changed(tx, event, item).await?;
    let changes = Changes::none().fact("variation", draft.name.as_str());
    audit::record(tx, Record::new(Deed::VariationMade, Some(event), product, changes)).await?;
    tracing::info!(organizer = tx.organizer.0, item = item.0, variation = variation.0, "variation made");
    Ok(variation)
}

/// Changes a variation.
///
/// # Errors
/// When it is not there, or the database is away.
pub async fn update(
    tx: &mut Tx,
    event: EventId,
    (item, variation): (ItemId, VariationId),
    draft: &VariationDraft,
) -> Result<(), Refused> {
    let product = super::find_item(tx, event, item).await?.draft.name;
    let before = find(tx, event, item, variation).await?;
    if !store::update_variation(tx, (item, variation), draft).await? {
        return Err(no_such().into());
    }
    changed(tx, event, item).await?;
    let changes = Changes::none()
        .field("name", &before.name, &draft.name)
        .field("price", &before.price, &draft.price)
        .field("rank", &before.rank, &draft.rank)
        .field("active", &before.active, &draft.active)
        .field("checkin_text", &before.checkin_text, &draft.checkin_text);
    let subject = format!("{product}, {}", draft.name);
    audit::record(tx, Record::new(Deed::VariationChanged, Some(event), subject, changes)).await?;
    tracing::info!(organizer = tx.organizer.0, variation = variation.0, active = draft.active, "variation changed");
    Ok(())
}

async fn changed(tx: &mut Tx, event: EventId, item: ItemId) -> Result<(), Failure> {
    store::raise_item(tx, item).await?;
    note(tx, Subject::Item(item, event)).await
}

/// One variation of a product.
///
/// # Errors
/// When there is none, or the database is away.
pub async fn find(tx: &mut Tx, event: EventId, item: ItemId, variation: VariationId) -> Result<VariationRow, Failure> {
    let product = super::find_item(tx, event, item).await?;
    product.variations.into_iter().find(|v| v.variation_id == variation).ok_or_else(no_such)
}

fn no_such() -> Failure {
    super::not_found("There is no such variation of this product.")
}
