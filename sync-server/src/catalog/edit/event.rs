//! Making and changing an event.

use super::{Refused, store};
use crate::{
    app::{App, Tx},
    checkin, devices,
    http::Failure,
    sync::{Subject, note},
    ticketing,
};
use willcall_domain::{
    catalog::draft::{EventDraft, FieldError},
    checkin::list::ListDraft,
    id::EventId,
};

/// An event with all an organizer sees of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventFull {
    pub event_id: EventId,
    pub draft: EventDraft,
    pub version: i64,
}

/// Makes an event with the key that will sign its tickets and a check-in list called `list_name` that admits them all.
///
/// # Errors
/// When its address is taken, or the database is away.
pub async fn create(app: &App, tx: &mut Tx, draft: &EventDraft, list_name: &str) -> Result<EventId, Refused> {
    let Some(event) = store::insert_event(tx, draft).await? else {
        return Err(Refused::field("slug", FieldError::Taken));
    };
    note(tx, Subject::Event(event)).await?;
    ticketing::signer(tx, app, event).await?;
    checkin::edit::create(tx, event, &ListDraft::all_tickets(list_name)).await?;
    // Devices that see all events see one more.
    devices::edit::note_new_event(tx).await?;
    tracing::info!(organizer = tx.organizer.0, event = event.0, "event made");
    Ok(event)
}

/// Changes an event.
///
/// # Errors
/// When there is none, its address is taken, its currency may not change any more, or the database is away.
pub async fn update(tx: &mut Tx, event: EventId, draft: &EventDraft) -> Result<(), Refused> {
    let before = store::lock_event(tx, event).await?.ok_or_else(super::no_such_event)?;
    if before.draft.currency != draft.currency && store::has_prices(tx, event).await? {
        return Err(Refused::field("currency", FieldError::CurrencyInUse(before.draft.currency)));
    }
    if before.draft == *draft {
        return Ok(());
    }
    if !store::update_event(tx, event, draft).await? {
        return Err(Refused::field("slug", FieldError::Taken));
    }
    // One with dates lasts as long as they do, whatever was typed.
    super::date::keep_span(tx, event).await?;
    note(tx, Subject::Event(event)).await?;
    tracing::info!(organizer = tx.organizer.0, event = event.0, live = draft.live, "event changed");
    Ok(())
}

/// One event.
///
/// # Errors
/// When there is none, or the database is away.
pub async fn find(tx: &mut Tx, event: EventId) -> Result<EventFull, Failure> {
    store::event(tx, event).await?.ok_or_else(super::no_such_event)
}

/// All events of the organizer, the latest first.
///
/// # Errors
/// When the database is away.
pub async fn list(tx: &mut Tx) -> Result<Vec<EventFull>, Failure> {
    Ok(store::events(tx).await?)
}
