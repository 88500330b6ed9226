//! Gates of the organizer: which there are, what stands there, and making, renaming and removing them.

use super::{
    desk::Desk,
    door_words::{self, DoorWords},
    form::{Errors, Typed},
    page::{self, Frame},
};
use crate::{app::Tx, catalog::edit::Refused, checkin::edit::gates as edit, http::Failure};
use askama::Template;
use axum::{extract::Path, http::StatusCode, response::Response};
use willcall_domain::{catalog::draft::Wrong, id::GateId, problem::Code};

#[derive(Template)]
#[template(path = "office/gates.html")]
struct Page {
    f: Frame,
    d: &'static DoorWords,
    gates: Vec<Line>,
    typed: Typed,
    errors: Errors,
    /// A gate in use was to be removed.
    refused: bool,
}

struct Line {
    id: GateId,
    name: String,
    devices: String,
    lists: String,
}

async fn load(desk: &Desk, tx: &mut Tx, typed: Typed, wrong: &[Wrong], refused: bool) -> Result<Page, Failure> {
    let line = |gate: edit::GateFull| Line {
        id: gate.gate_id,
        name: gate.name,
        devices: gate.devices.join(", "),
        lists: gate.lists.join(", "),
    };
    Ok(Page {
        f: desk.frame("devices"),
        d: door_words::of(desk.language),
        gates: edit::all(tx).await?.into_iter().map(line).collect(),
        typed,
        errors: Errors::new(wrong, desk.words, desk.language),
        refused,
    })
}

/// `GET …/gates`.
///
/// # Errors
/// When the database is away.
pub async fn show(desk: Desk) -> Result<Response, Failure> {
    let mut tx = desk.begin().await?;
    page::show(&load(&desk, &mut tx, Typed::default(), &[], false).await?)
}

/// `POST …/gates`: makes one.
///
/// # Errors
/// When this person may only look, or the database is away.
pub async fn create(desk: Desk, typed: Typed) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let made = edit::create(&mut tx, typed.text("name")).await.map(|_| ());
    answer(&desk, tx, typed, made).await
}

/// `POST …/gates/{gate}`: names it otherwise.
///
/// # Errors
/// When there is no such gate, this person may only look, or the database is away.
pub async fn rename(desk: Desk, Path((_, gate)): Path<(String, i64)>, typed: Typed) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let renamed = edit::rename(&mut tx, GateId(gate), typed.text("name")).await;
    answer(&desk, tx, typed, renamed).await
}

/// `POST …/gates/{gate}/remove`.
///
/// # Errors
/// When there is no such gate, this person may only look, or the database is away.
pub async fn remove(desk: Desk, Path((_, gate)): Path<(String, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    match edit::remove(&mut tx, GateId(gate)).await {
        Err(failure) if failure.problem().code == Code::Conflict => {
            page::show_as(StatusCode::CONFLICT, &load(&desk, &mut tx, Typed::default(), &[], true).await?)
        }
        done => answer(&desk, tx, Typed::default(), done.map_err(Refused::from)).await,
    }
}

async fn answer(desk: &Desk, mut tx: Tx, typed: Typed, done: Result<(), Refused>) -> Result<Response, Failure> {
    match done {
        Ok(()) => {
            tx.commit().await?;
            Ok(page::go(&desk.url("/gates?done=saved")))
        }
        Err(Refused::Fields(wrong)) => page::show_refused(&load(desk, &mut tx, typed, &wrong, false).await?),
        Err(Refused::Failed(failure)) => Err(failure),
    }
}
