//! Wristbands and the like, as staff see them: which there are, giving one to a ticket at a desk, switching one off.

mod store;

pub use store::MediumFull;

use crate::{
    access::audit::{self, Changes, Deed, Record},
    app::Tx,
    catalog::edit::Refused,
    http::Failure,
    sync::{Subject, note, note_revoked},
};
use willcall_domain::{
    catalog::draft::FieldError,
    checkin::medium::{self, MAX_IDENTIFIER, MediumKind},
    id::{EventId, MediumId, PositionId},
    problem::{Code, Problem},
};

/// Media of an event, the newest first; of one order or identifier where something is searched.
///
/// # Errors
/// When the database is away.
pub async fn found(tx: &mut Tx, event: EventId, search: &str, limit: i64) -> Result<Vec<MediumFull>, Failure> {
    let search = search.trim();
    Ok(store::media(tx, event, search, &medium::hash(search), limit).await?)
}

/// Gives a medium to a ticket: the only one of an order, or the one with this number in it.
///
/// # Errors
/// The field that is not right; when the event is not there, or the database is away.
pub async fn assign(
    tx: &mut Tx,
    event: EventId,
    (identifier, kind): (&str, MediumKind),
    order_code: &str,
    nth: Option<usize>,
) -> Result<MediumId, Refused> {
    if identifier.is_empty() {
        return Err(Refused::field("identifier", FieldError::Empty));
    }
    if identifier.chars().count() > MAX_IDENTIFIER {
        return Err(Refused::field("identifier", FieldError::TooLong { max: MAX_IDENTIFIER }));
    }
    let tickets = store::tickets(tx, event, order_code.trim()).await?;
    let position = match (tickets.as_slice(), nth) {
        ([only], None) => *only,
        (all, Some(nth)) => *all
            .get(nth.wrapping_sub(1))
            .ok_or_else(|| Refused::field("nth", FieldError::Number { min: 1, max: count(all.len()) }))?,
        ([], None) => return Err(Refused::field("order", FieldError::Choice)),
        (all, None) => return Err(Refused::field("nth", FieldError::Number { min: 1, max: count(all.len()) })),
    };
    let hash = medium::hash(identifier);
    if store::is_in_use(tx, event, &hash).await? {
        return Err(Refused::field("identifier", FieldError::Taken));
    }
    let id = MediumId::born(tx.now(), tx.entropy());
    store::insert(tx, id, event, (identifier, kind, &hash), position).await?;
    note(tx, Subject::Medium(id, event)).await?;
    let changes = Changes::none().fact("position", position.to_string());
    audit::record(tx, Record::new(Deed::MediumMade, Some(event), order_code.trim(), changes)).await?;
    tracing::info!(organizer = tx.organizer.0, event = event.0, medium = %id, "medium given to a ticket");
    Ok(id)
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Switches a medium off, or on again. That it is off travels ahead of everything else.
///
/// # Errors
/// When there is no such medium, it is so already, another of its number is in use, or the database is away.
pub async fn set_active(tx: &mut Tx, event: EventId, id: MediumId, active: bool) -> Result<(), Failure> {
    let Some(hash) = store::hash_of(tx, event, id).await? else {
        return Err(Problem::new(Code::NotFound, "There is no such wristband in this event.").into());
    };
    if active && store::is_in_use(tx, event, &hash).await? {
        return Err(Problem::new(Code::Conflict, "Another wristband of this number is in use.").into());
    }
    if !store::set_active(tx, event, id, active).await? {
        return Err(Problem::new(Code::Conflict, "Somebody was faster.").into());
    }
    let subject = Subject::Medium(id, event);
    if active {
        note(tx, subject).await?
    } else {
        note_revoked(tx, subject).await?
    }
    let changes = Changes::none().field("active", &!active, &active);
    audit::record(tx, Record::new(Deed::MediumChanged, Some(event), id, changes)).await?;
    tracing::info!(organizer = tx.organizer.0, event = event.0, medium = %id, active, "medium switched");
    Ok(())
}

/// Tickets of an order, for whoever must say which.
///
/// # Errors
/// When the database is away.
pub async fn tickets(tx: &mut Tx, event: EventId, order_code: &str) -> Result<Vec<PositionId>, Failure> {
    Ok(store::tickets(tx, event, order_code).await?)
}
