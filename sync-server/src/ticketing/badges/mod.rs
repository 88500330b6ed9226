//! Badges of an event as an organizer makes and changes them.

mod store;

pub use store::BadgeFull;

use crate::{
    access::audit::{self, Changes, Deed, Record},
    app::Tx,
    http::Failure,
    sync::{Subject, note},
};
use willcall_domain::{
    id::{BadgeId, EventId},
    problem::{Code, Problem},
};

/// The badges of an event, the oldest first.
///
/// # Errors
/// When the database is away.
pub async fn all(tx: &mut Tx, event: EventId) -> Result<Vec<BadgeFull>, Failure> {
    Ok(store::badges(tx, event, None).await?)
}

/// One badge of an event.
///
/// # Errors
/// When there is none, or the database is away.
pub async fn find(tx: &mut Tx, event: EventId, badge: BadgeId) -> Result<BadgeFull, Failure> {
    let found = store::badges(tx, event, Some(badge)).await?.pop();
    found.ok_or_else(|| Problem::new(Code::NotFound, "There is no such badge in this event.").into())
}

/// Keeps a badge: a new one where it has no number yet. Whether its layout can be printed is the caller's to ask first.
///
/// # Errors
/// When it or one of its products is not of this event, or the database is away.
pub async fn keep(tx: &mut Tx, event: EventId, badge: Option<BadgeId>, wanted: &BadgeFull) -> Result<BadgeId, Failure> {
    if store::foreign_items(tx, event, &wanted.items).await? > 0 {
        return Err(Problem::new(Code::NotFound, "There is no such product in this event.").into());
    }
    let (id, record) = match badge {
        None => {
            let id = store::insert(tx, event, wanted).await?;
            (id, Record::new(Deed::BadgeMade, Some(event), &wanted.name, Changes::none()))
        }
        Some(id) => {
            let before = find(tx, event, id).await?;
            let changes = Changes::none()
                .field("name", &before.name, &wanted.name)
                .field("items", &before.items, &wanted.items)
                .field("layout", &before.layout, &wanted.layout);
            if changes.is_empty() {
                return Ok(id);
            }
            store::update(tx, id, wanted).await?;
            (id, Record::new(Deed::BadgeChanged, Some(event), &wanted.name, changes))
        }
    };
    store::set_items(tx, id, &wanted.items).await?;
    note(tx, Subject::Badge(id, event)).await?;
    audit::record(tx, record).await?;
    tracing::info!(organizer = tx.organizer.0, event = event.0, badge = id.0, "badge kept");
    Ok(id)
}
