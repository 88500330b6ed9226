//! Questions of an event: which there are, making and changing one.

use super::{
    desk::Desk,
    door_words::{self, DoorWords},
    form::{Errors, Typed},
    page::{self, Frame},
};
use crate::{
    app::Tx,
    catalog::edit::{self as catalog, EventFull, Refused},
    checkin::edit::questions::{self as edit, QuestionFull},
    http::Failure,
};
use askama::Template;
use axum::{extract::Path, response::Response};
use willcall_domain::{
    catalog::draft::Wrong,
    checkin::question::{QuestionDraft, QuestionKind, QuestionTyped},
    id::{EventId, ItemId, QuestionId},
};

#[derive(Template)]
#[template(path = "office/questions.html")]
struct Page {
    f: Frame,
    d: &'static DoorWords,
    event: String,
    back: String,
    here: String,
    questions: Vec<Line>,
}

struct Line {
    text: String,
    kind: &'static str,
    items: String,
    href: String,
    required: bool,
    asked: bool,
    active: bool,
}

#[derive(Template)]
#[template(path = "office/question.html")]
struct FormPage {
    f: Frame,
    d: &'static DoorWords,
    new: bool,
    event: String,
    event_href: String,
    back: String,
    typed: Typed,
    errors: Errors,
    kinds: [&'static str; 9],
    items: Vec<Choice>,
}

struct Choice {
    id: i64,
    name: String,
}

fn here(desk: &Desk, event: EventId) -> String {
    desk.url(format_args!("/events/{event}/questions"))
}

/// `GET …/questions`.
///
/// # Errors
/// When there is no such event, or the database is away.
pub async fn show(desk: Desk, Path((_, event)): Path<(String, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin().await?;
    let event = catalog::find_event(&mut tx, EventId(event)).await?;
    let items = catalog::list_items(&mut tx, event.event_id).await?;
    let words = door_words::of(desk.language);
    let here = here(&desk, event.event_id);
    let line = |question: QuestionFull| {
        let of = items.iter().filter(|item| question.draft.items.contains(&item.item_id));
        Line {
            kind: words.of("kind", question.draft.kind.as_str()),
            items: of.map(|item| item.draft.name.as_str()).collect::<Vec<_>>().join(", "),
            href: format!("{here}/{}", question.question_id),
            required: question.draft.required,
            asked: question.draft.ask_at_checkin,
            active: question.draft.active,
            text: question.draft.text,
        }
    };
    let questions = edit::all(&mut tx, event.event_id).await?.into_iter().map(line).collect();
    page::show(&Page {
        f: desk.frame("events"),
        d: words,
        back: desk.url(format_args!("/events/{}", event.event_id)),
        event: event.draft.name,
        here: here.clone(),
        questions,
    })
}

async fn form(
    desk: &Desk,
    tx: &mut Tx,
    event: &EventFull,
    new: bool,
    typed: Typed,
    wrong: &[Wrong],
) -> Result<FormPage, Failure> {
    let items = catalog::list_items(tx, event.event_id).await?;
    let tickets = items.into_iter().filter(|item| item.draft.admission);
    Ok(FormPage {
        f: desk.frame("events"),
        d: door_words::of(desk.language),
        new,
        event: event.draft.name.clone(),
        event_href: desk.url(format_args!("/events/{}", event.event_id)),
        back: here(desk, event.event_id),
        typed,
        errors: Errors::new(wrong, desk.words, desk.language),
        kinds: QuestionKind::ALL.map(QuestionKind::as_str),
        items: tickets.map(|item| Choice { id: item.item_id.0, name: item.draft.name }).collect(),
    })
}

fn read(typed: &Typed) -> Result<QuestionDraft, Vec<Wrong>> {
    QuestionTyped {
        text: typed.text("text"),
        help: typed.text("help"),
        kind: typed.text("kind"),
        required: typed.is("required"),
        ask_at_checkin: typed.is("ask_at_checkin"),
        items: typed.numbers("items").into_iter().map(ItemId).collect(),
        options: typed.text("options"),
        rank: typed.text("rank"),
        active: typed.is("active"),
    }
    .read()
}

fn stored(draft: &QuestionDraft) -> Typed {
    Typed::of([
        ("text", draft.text.clone()),
        ("help", draft.help.clone()),
        ("kind", draft.kind.as_str().to_owned()),
        ("options", draft.options.join("\n")),
        ("rank", draft.rank.to_string()),
    ])
    .with("items", &draft.items)
    .on("required", draft.required)
    .on("ask_at_checkin", draft.ask_at_checkin)
    .on("active", draft.active)
}

/// `GET …/questions/new`: behind the last, for every ticket.
///
/// # Errors
/// When there is no such event, this person may only look, or the database is away.
pub async fn new(desk: Desk, Path((_, event)): Path<(String, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = catalog::find_event(&mut tx, EventId(event)).await?;
    let last = edit::all(&mut tx, event.event_id).await?.pop();
    let rank = last.map_or(10, |last| last.draft.rank.saturating_add(10));
    let tickets = catalog::list_items(&mut tx, event.event_id).await?;
    let typed = Typed::of([("kind", QuestionKind::YesNo.as_str().to_owned()), ("rank", rank.to_string())])
        .with("items", tickets.iter().filter(|item| item.draft.admission).map(|item| item.item_id))
        .on("ask_at_checkin", true)
        .on("active", true);
    page::show(&form(&desk, &mut tx, &event, true, typed, &[]).await?)
}

/// `POST …/questions/new`.
///
/// # Errors
/// When there is no such event, this person may only look, or the database is away.
pub async fn create(desk: Desk, Path((_, event)): Path<(String, i64)>, typed: Typed) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = catalog::find_event(&mut tx, EventId(event)).await?;
    let made = match read(&typed) {
        Ok(draft) => edit::create(&mut tx, event.event_id, &draft).await.map(|_| ()),
        Err(wrong) => Err(Refused::Fields(wrong)),
    };
    answer(&desk, tx, &event, true, typed, made).await
}

/// `GET …/questions/{question}`.
///
/// # Errors
/// When there is no such question, this person may only look, or the database is away.
pub async fn edit(desk: Desk, Path((_, event, question)): Path<(String, i64, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = catalog::find_event(&mut tx, EventId(event)).await?;
    let question = edit::find(&mut tx, event.event_id, QuestionId(question)).await?;
    page::show(&form(&desk, &mut tx, &event, false, stored(&question.draft), &[]).await?)
}

/// `POST …/questions/{question}`.
///
/// # Errors
/// When there is no such question, this person may only look, or the database is away.
pub async fn update(
    desk: Desk,
    Path((_, event, question)): Path<(String, i64, i64)>,
    typed: Typed,
) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = catalog::find_event(&mut tx, EventId(event)).await?;
    let changed = match read(&typed) {
        Ok(draft) => edit::update(&mut tx, event.event_id, QuestionId(question), &draft).await,
        Err(wrong) => Err(Refused::Fields(wrong)),
    };
    answer(&desk, tx, &event, false, typed, changed).await
}

async fn answer(
    desk: &Desk,
    mut tx: Tx,
    event: &EventFull,
    new: bool,
    typed: Typed,
    done: Result<(), Refused>,
) -> Result<Response, Failure> {
    match done {
        Ok(()) => {
            tx.commit().await?;
            Ok(page::go(&format!("{}?done=saved", here(desk, event.event_id))))
        }
        Err(Refused::Fields(wrong)) => page::show_refused(&form(desk, &mut tx, event, new, typed, &wrong).await?),
        Err(Refused::Failed(failure)) => Err(failure),
    }
}
