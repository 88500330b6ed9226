//! All events of the organizer.

use super::{
    desk::Desk,
    format,
    page::{self, Frame},
};
use crate::{catalog::edit, http::Failure};
use askama::Template;
use axum::response::Response;

#[derive(Template)]
#[template(path = "office/events.html")]
struct Page {
    f: Frame,
    events: Vec<Line>,
}

struct Line {
    name: String,
    when: String,
    location: String,
    href: String,
    live: bool,
    over: bool,
}

/// `GET /office/{organizer}/events`.
///
/// # Errors
/// When the database is away.
pub async fn show(desk: Desk) -> Result<Response, Failure> {
    let mut tx = desk.begin().await?;
    let now = tx.now();
    let events = edit::list_events(&mut tx).await?;
    let line = |event: edit::EventFull| Line {
        when: format::moment(event.draft.starts_at, &event.draft.zone, desk.language),
        href: desk.url(format_args!("/events/{}", event.event_id)),
        over: event.draft.ends_at.unwrap_or(event.draft.starts_at) < now,
        name: event.draft.name,
        location: event.draft.location,
        live: event.draft.live,
    };
    page::show(&Page { f: desk.frame("events"), events: events.into_iter().map(line).collect() })
}
