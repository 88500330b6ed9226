//! The keys that sign an event's tickets: which signs, which signs next and who may not have it yet, and changing over.

use super::{
    desk::Desk,
    format,
    page::{self, Frame},
    words::{Words, fill},
};
use crate::{
    catalog::edit::{self, EventFull},
    http::Failure,
    ticketing::change_over::{self, KeyFull},
};
use askama::Template;
use axum::{Form, extract::Path, response::Response};
use serde::Deserialize;
use willcall_domain::{id::EventId, problem::Problem, ticketing::KeyStatus};

#[derive(Template)]
#[template(path = "office/keys.html")]
struct Page {
    f: Frame,
    event: String,
    back: String,
    keys: Vec<Line>,
}

struct Line {
    number: u8,
    says: &'static str,
    tone: &'static str,
    made: String,
    notes: Vec<String>,
    next: bool,
    retired: bool,
}

/// `GET /office/{organizer}/events/{event}/keys`.
///
/// # Errors
/// When there is no such event, or the database is away.
pub async fn show(desk: Desk, Path((_, event)): Path<(String, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    let keys = change_over::all(&mut tx, event.event_id).await?;
    page::show(&Page {
        f: desk.frame("events"),
        back: desk.url(format_args!("/events/{}", event.event_id)),
        keys: keys.iter().map(|key| line(&desk, &event, key)).collect(),
        event: event.draft.name,
    })
}

fn line(desk: &Desk, event: &EventFull, key: &KeyFull) -> Line {
    let words = desk.words;
    let (says, tone) = state(words, key);
    let mut notes = Vec::new();
    if key.next {
        notes.push(if key.backed_up { words.key_in_backup.clone() } else { words.key_in_no_backup.clone() });
        notes.push(if key.missing_at.is_empty() {
            words.key_everywhere.clone()
        } else {
            fill(&words.key_missing_at, &[&key.missing_at.join(", ")])
        });
    }
    Line {
        number: key.number,
        says,
        tone,
        made: format::moment(key.created_at, &event.draft.zone, desk.language),
        notes,
        next: key.next,
        retired: !key.next && key.status == KeyStatus::Retired,
    }
}

fn state(words: &'static Words, key: &KeyFull) -> (&'static str, &'static str) {
    match (key.next, key.status) {
        (true, _) => (&words.key_next, "look"),
        (false, KeyStatus::Active) => (&words.key_active, "good"),
        (false, KeyStatus::Retired) => (&words.key_retired, ""),
        (false, KeyStatus::Compromised) => (&words.key_compromised, "bad"),
    }
}

/// What is to be done with the keys.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Change {
    /// `change_over`, `emergency` or `compromised`.
    act: String,
    number: Option<u8>,
}

/// `POST …/events/{event}/keys`: the next key signs from now on, or one that signed is no secret any more.
///
/// # Errors
/// When there is no such event or key, the next one may not sign yet, this person may only look, or the database is away.
pub async fn change(
    desk: Desk,
    Path((_, event)): Path<(String, i64)>,
    Form(change): Form<Change>,
) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?.event_id;
    match (change.act.as_str(), change.number) {
        ("change_over", _) => change_over::change_over(&mut tx, &desk.app, event, false).await.map(drop)?,
        ("emergency", _) => change_over::change_over(&mut tx, &desk.app, event, true).await.map(drop)?,
        ("compromised", Some(number)) => change_over::set_compromised(&mut tx, event, number).await?,
        _ => return Err(Problem::field("act", "change_over, emergency or compromised").into()),
    }
    tx.commit().await?;
    Ok(page::go(&desk.url(format_args!("/events/{event}/keys?done=saved"))))
}
