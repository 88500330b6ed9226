//! Making and changing an event.

use super::{
    desk::Desk,
    form::{Errors, Typed},
    page::{self, Frame},
};
use crate::{
    catalog::edit::{self, EventFull, Refused},
    http::Failure,
};
use askama::Template;
use axum::{extract::Path, response::Response};
use willcall_domain::{
    catalog::draft::{EventDraft, EventTyped, Wrong, moment_typed},
    id::EventId,
};

/// Offered; any other code of three letters may be typed.
const CURRENCIES: [&str; 14] =
    ["EUR", "CHF", "GBP", "USD", "DKK", "SEK", "NOK", "PLN", "CZK", "HUF", "RON", "CAD", "AUD", "JPY"];

#[derive(Template)]
#[template(path = "office/event_edit.html")]
struct Page {
    f: Frame,
    title: &'static str,
    /// Empty for a new one.
    name: String,
    back: String,
    typed: Typed,
    errors: Errors,
    slug_hint: &'static str,
    zones: Vec<String>,
    currencies: [&'static str; 14],
}

fn form(desk: &Desk, event: Option<&EventFull>, typed: Typed, wrong: &[Wrong]) -> Page {
    let back = event.map_or_else(|| "/events".to_owned(), |e| format!("/events/{}", e.event_id));
    Page {
        f: desk.frame("events"),
        title: if event.is_some() { &desk.words.edit_event } else { &desk.words.new_event },
        name: event.map(|e| e.draft.name.clone()).unwrap_or_default(),
        back: desk.url(back),
        typed,
        errors: Errors::new(wrong, desk.words, desk.language),
        slug_hint: &desk.words.slug_hint,
        zones: jiff::tz::db().available().map(|zone| zone.to_string()).filter(|zone| zone.contains('/')).collect(),
        currencies: CURRENCIES,
    }
}

fn read(typed: &Typed) -> Result<EventDraft, Vec<Wrong>> {
    EventTyped {
        name: typed.text("name"),
        slug: typed.text("slug"),
        description: typed.text("description"),
        location: typed.text("location"),
        zone: typed.text("zone"),
        currency: typed.text("currency"),
        starts_at: typed.text("starts_at"),
        ends_at: typed.text("ends_at"),
        admission_at: typed.text("admission_at"),
        code_format: typed.text("code_format"),
        live: typed.is("live"),
        takes_bank_transfer: typed.is("takes_bank_transfer"),
    }
    .read()
}

fn stored(event: &EventFull) -> Typed {
    let draft = &event.draft;
    let moment = |at| moment_typed(at, &draft.zone);
    Typed::of([
        ("name", draft.name.clone()),
        ("slug", draft.slug.clone()),
        ("description", draft.description.clone()),
        ("location", draft.location.clone()),
        ("zone", draft.zone.clone()),
        ("currency", draft.currency.code().to_owned()),
        ("starts_at", moment(draft.starts_at)),
        ("ends_at", draft.ends_at.map(moment).unwrap_or_default()),
        ("admission_at", draft.admission_at.map(moment).unwrap_or_default()),
        ("code_format", draft.code_format.as_str().to_owned()),
    ])
    .on("live", draft.live)
    .on("takes_bank_transfer", draft.takes_bank_transfer)
}

/// `GET …/events/new`: zone and currency are those of the latest event.
///
/// # Errors
/// When this person may only look, or the database is away.
pub async fn new(desk: Desk) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let latest = edit::list_events(&mut tx).await?.into_iter().next();
    let (zone, currency) = latest.map_or(("Europe/Berlin".to_owned(), "EUR".to_owned()), |event| {
        (event.draft.zone, event.draft.currency.code().to_owned())
    });
    let typed = Typed::of([("zone", zone), ("currency", currency), ("code_format", "wc1".to_owned())])
        .on("takes_bank_transfer", true);
    page::show(&form(&desk, None, typed, &[]))
}

/// `POST …/events/new`.
///
/// # Errors
/// When this person may only look, or the database is away. What cannot be used comes back as the form.
pub async fn create(desk: Desk, typed: Typed) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let made = match read(&typed) {
        Ok(draft) => edit::create_event(&desk.app, &mut tx, &draft, &desk.words.all_tickets).await,
        Err(wrong) => Err(Refused::Fields(wrong)),
    };
    match made {
        Ok(event) => {
            tx.commit().await?;
            Ok(page::go(&desk.url(format_args!("/events/{event}?done=event"))))
        }
        Err(Refused::Fields(wrong)) => page::show_refused(&form(&desk, None, typed, &wrong)),
        Err(Refused::Failed(failure)) => Err(failure),
    }
}

/// `GET …/events/{event}/edit`.
///
/// # Errors
/// When there is no such event, this person may only look, or the database is away.
pub async fn edit(desk: Desk, Path((_, event)): Path<(String, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    page::show(&form(&desk, Some(&event), stored(&event), &[]))
}

/// `POST …/events/{event}/edit`.
///
/// # Errors
/// When there is no such event, this person may only look, or the database is away.
pub async fn update(desk: Desk, Path((_, event)): Path<(String, i64)>, typed: Typed) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    let changed = match read(&typed) {
        Ok(draft) => edit::update_event(&mut tx, event.event_id, &draft).await,
        Err(wrong) => Err(Refused::Fields(wrong)),
    };
    match changed {
        Ok(()) => {
            tx.commit().await?;
            Ok(page::go(&desk.url(format_args!("/events/{}?done=saved", event.event_id))))
        }
        Err(Refused::Fields(wrong)) => page::show_refused(&form(&desk, Some(&event), typed, &wrong)),
        Err(Refused::Failed(failure)) => Err(failure),
    }
}
