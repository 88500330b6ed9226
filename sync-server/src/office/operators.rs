//! People who sign in at devices: which there are, what they may, and a PIN for each.

use super::{
    desk::Desk,
    devices::{RightChoice, chosen, rights},
    door_words::{self, DoorWords},
    form::{Errors, Typed},
    page::{self, Frame},
};
use crate::{
    access::operators::{self as edit, OperatorFull, OperatorTyped},
    app::Tx,
    catalog::edit::Refused,
    http::Failure,
};
use askama::Template;
use axum::{extract::Path, response::Response};
use willcall_domain::{catalog::draft::Wrong, id::OperatorId};

#[derive(Template)]
#[template(path = "office/operators.html")]
struct Page {
    f: Frame,
    d: &'static DoorWords,
    operators: Vec<Line>,
}

struct Line {
    name: String,
    href: String,
    rights: String,
    active: bool,
    has_pin: bool,
}

#[derive(Template)]
#[template(path = "office/operator.html")]
struct FormPage {
    f: Frame,
    d: &'static DoorWords,
    new: bool,
    typed: Typed,
    errors: Errors,
    rights: Vec<RightChoice>,
}

/// `GET …/operators`.
///
/// # Errors
/// When the database is away.
pub async fn show(desk: Desk) -> Result<Response, Failure> {
    let mut tx = desk.begin().await?;
    let names = rights(&desk);
    let line = |operator: OperatorFull| Line {
        href: desk.url(format_args!("/operators/{}", operator.operator_id)),
        rights: names
            .iter()
            .filter(|choice| operator.rights.iter().any(|right| right.as_str() == choice.word))
            .map(|choice| choice.name)
            .collect::<Vec<_>>()
            .join(", "),
        name: operator.name,
        active: operator.active,
        has_pin: operator.has_pin,
    };
    let operators = edit::all(&mut tx).await?.into_iter().map(line).collect();
    page::show(&Page { f: desk.frame("devices"), d: door_words::of(desk.language), operators })
}

fn form(desk: &Desk, new: bool, mut typed: Typed, wrong: &[Wrong]) -> FormPage {
    // A PIN that was typed is not sent back.
    typed.forget("pin");
    FormPage {
        f: desk.frame("devices"),
        d: door_words::of(desk.language),
        new,
        typed,
        errors: Errors::new(wrong, desk.words, desk.language),
        rights: rights(desk),
    }
}

fn read(typed: &Typed) -> OperatorTyped<'_> {
    OperatorTyped {
        name: typed.text("name"),
        pin: typed.text("pin"),
        rights: chosen(typed, "rights"),
        active: typed.is("active"),
    }
}

/// `GET …/operators/new`.
///
/// # Errors
/// When this person may only look.
pub async fn new(desk: Desk) -> Result<Response, Failure> {
    desk.begin_change().await?;
    page::show(&form(&desk, true, Typed::default().on("active", true), &[]))
}

/// `POST …/operators/new`.
///
/// # Errors
/// When this person may only look, or the database is away.
pub async fn create(desk: Desk, typed: Typed) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let made = edit::create(&mut tx, &read(&typed)).await.map(|_| ());
    answer(&desk, tx, true, typed, made).await
}

/// `GET …/operators/{operator}`.
///
/// # Errors
/// When there is no such operator, this person may only look, or the database is away.
pub async fn edit(desk: Desk, Path((_, operator)): Path<(String, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let operator = edit::find(&mut tx, OperatorId(operator)).await?;
    let typed = Typed::of([("name", operator.name)])
        .with("rights", operator.rights.iter().map(|right| right.as_str()))
        .on("active", operator.active);
    page::show(&form(&desk, false, typed, &[]))
}

/// `POST …/operators/{operator}`.
///
/// # Errors
/// When there is no such operator, this person may only look, or the database is away.
pub async fn update(desk: Desk, Path((_, operator)): Path<(String, i64)>, typed: Typed) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let done = edit::update(&mut tx, OperatorId(operator), &read(&typed)).await;
    answer(&desk, tx, false, typed, done).await
}

async fn answer(desk: &Desk, tx: Tx, new: bool, typed: Typed, done: Result<(), Refused>) -> Result<Response, Failure> {
    match done {
        Ok(()) => {
            tx.commit().await?;
            Ok(page::go(&desk.url("/operators?done=saved")))
        }
        Err(Refused::Fields(wrong)) => page::show_refused(&form(desk, new, typed, &wrong)),
        Err(Refused::Failed(failure)) => Err(failure),
    }
}
