//! Wristbands and the like of an event: finding one, giving one to a ticket at a desk, switching one off.

use super::{
    desk::Desk,
    door_words::{self, DoorWords},
    form::{Errors, Typed},
    format,
    page::{self, Frame},
};
use crate::{
    app::Tx,
    catalog::edit::{self as catalog, EventFull, Refused},
    checkin::edit::media::{self as edit, MediumFull},
    http::Failure,
};
use askama::Template;
use axum::{
    extract::{Path, Query},
    http::StatusCode,
    response::Response,
};
use serde::Deserialize;
use willcall_domain::{
    catalog::draft::{FieldError, Wrong},
    checkin::medium::MediumKind,
    clock::UtcMillis,
    id::{EventId, MediumId},
    problem::{Code, Problem},
};

/// How many are shown.
const MOST: i64 = 200;

#[derive(Template)]
#[template(path = "office/media.html")]
struct Page {
    f: Frame,
    d: &'static DoorWords,
    event: String,
    back: String,
    here: String,
    search: String,
    media: Vec<Line>,
    typed: Typed,
    errors: Errors,
    kinds: [&'static str; 2],
    refused: bool,
}

struct Line {
    id: String,
    identifier: String,
    kind: &'static str,
    order: Option<(String, String)>,
    product: String,
    given: String,
    active: bool,
}

/// What the address may say.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    q: String,
}

async fn load(
    desk: &Desk,
    tx: &mut Tx,
    event: &EventFull,
    search: String,
    (typed, wrong): (Typed, &[Wrong]),
    refused: bool,
) -> Result<Page, Failure> {
    let words = door_words::of(desk.language);
    let found = edit::found(tx, event.event_id, &search, MOST).await?;
    let back = desk.url(format_args!("/events/{}", event.event_id));
    Ok(Page {
        f: desk.frame("events"),
        d: words,
        event: event.draft.name.clone(),
        here: format!("{back}/media"),
        back,
        search,
        media: found.into_iter().map(|one| line(desk, one, &event.draft.zone)).collect(),
        typed,
        errors: Errors::new(wrong, desk.words, desk.language),
        kinds: MediumKind::ALL.map(MediumKind::as_str),
        refused,
    })
}

fn line(desk: &Desk, medium: MediumFull, zone: &str) -> Line {
    let words = door_words::of(desk.language);
    let kind = if medium.kind == MediumKind::NfcUid.as_str() { MediumKind::NfcUid } else { MediumKind::Barcode };
    let at = medium.exchanged_at.map(|at| format::moment(UtcMillis(at), zone, desk.language)).unwrap_or_default();
    let place = medium.device.as_deref().unwrap_or(&desk.words.office);
    Line {
        id: medium.medium_id.to_string(),
        identifier: medium.identifier.unwrap_or_else(|| words.t("erased").to_owned()),
        kind: words.of("kind_of_medium", kind.as_str()),
        order: medium.order_code.map(|code| (desk.url(format_args!("/orders/{code}")), code)),
        product: medium.product.unwrap_or_default(),
        given: format!("{at} · {place}"),
        active: medium.active,
    }
}

/// `GET …/media`.
///
/// # Errors
/// When there is no such event, or the database is away.
pub async fn show(
    desk: Desk,
    Path((_, event)): Path<(String, i64)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let mut tx = desk.begin().await?;
    let event = catalog::find_event(&mut tx, EventId(event)).await?;
    page::show(&load(&desk, &mut tx, &event, asked.q, (Typed::default(), &[]), false).await?)
}

/// `POST …/media`: gives one to a ticket.
///
/// # Errors
/// When there is no such event, this person may only look, or the database is away.
pub async fn assign(desk: Desk, Path((_, event)): Path<(String, i64)>, typed: Typed) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = catalog::find_event(&mut tx, EventId(event)).await?;
    let nth = Some(typed.text("nth").trim()).filter(|nth| !nth.is_empty());
    let done = match (MediumKind::of_word(typed.text("kind")), nth.map(str::parse::<usize>).transpose()) {
        (None, _) => Err(Refused::field("kind", FieldError::Choice)),
        (_, Err(_)) => Err(Refused::field("nth", FieldError::Number { min: 1, max: 100 })),
        (Some(kind), Ok(nth)) => {
            let medium = (typed.text("identifier").trim(), kind);
            edit::assign(&mut tx, event.event_id, medium, typed.text("order"), nth).await
        }
    };
    match done {
        Ok(_) => {
            tx.commit().await?;
            Ok(page::go(&desk.url(format_args!("/events/{}/media?done=saved", event.event_id))))
        }
        Err(Refused::Fields(wrong)) => {
            page::show_refused(&load(&desk, &mut tx, &event, String::new(), (typed, &wrong), false).await?)
        }
        Err(Refused::Failed(failure)) => Err(failure),
    }
}

/// `POST …/media/{medium}/off`, and `…/on`.
///
/// # Errors
/// When there is no such medium, this person may only look, or the database is away.
pub async fn switch(
    desk: Desk,
    Path((_, event, medium, what)): Path<(String, i64, uuid::Uuid, String)>,
) -> Result<Response, Failure> {
    let active = match what.as_str() {
        "on" => true,
        "off" => false,
        _ => return Err(Problem::new(Code::NotFound, "There is no such page.").into()),
    };
    let mut tx = desk.begin_change().await?;
    let event = catalog::find_event(&mut tx, EventId(event)).await?;
    match edit::set_active(&mut tx, event.event_id, MediumId(medium), active).await {
        Ok(()) => {
            tx.commit().await?;
            Ok(page::go(&desk.url(format_args!("/events/{}/media?done=saved", event.event_id))))
        }
        Err(failure) if failure.problem().code == Code::Conflict => {
            let page = load(&desk, &mut tx, &event, String::new(), (Typed::default(), &[]), true).await?;
            page::show_as(StatusCode::CONFLICT, &page)
        }
        Err(failure) => Err(failure),
    }
}
