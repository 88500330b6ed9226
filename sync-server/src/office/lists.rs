//! Making and changing a check-in list.

use super::{
    desk::Desk,
    form::{Errors, Typed},
    page::{self, Frame},
};
use crate::{
    app::Tx,
    catalog::edit::{self, EventFull, Refused},
    checkin::edit as lists,
    http::Failure,
};
use askama::Template;
use axum::{extract::Path, response::Response};
use willcall_domain::{
    catalog::draft::Wrong,
    checkin::list::ListDraft,
    id::{EventId, ItemId, ListId},
};

#[derive(Template)]
#[template(path = "office/list.html")]
struct Page {
    f: Frame,
    title: &'static str,
    event: String,
    back: String,
    typed: Typed,
    errors: Errors,
    items: Vec<Choice>,
}

struct Choice {
    id: i64,
    name: String,
}

async fn form(
    desk: &Desk,
    tx: &mut Tx,
    event: &EventFull,
    new: bool,
    typed: Typed,
    wrong: &[Wrong],
) -> Result<Page, Failure> {
    let items = edit::list_items(tx, event.event_id).await?;
    let tickets = items.into_iter().filter(|item| item.draft.admission);
    Ok(Page {
        f: desk.frame("events"),
        title: if new { &desk.words.new_list } else { &desk.words.edit_list },
        event: event.draft.name.clone(),
        back: desk.url(format_args!("/events/{}", event.event_id)),
        typed,
        errors: Errors::new(wrong, desk.words, desk.language),
        items: tickets.map(|item| Choice { id: item.item_id.0, name: item.draft.name }).collect(),
    })
}

fn read(typed: &Typed) -> Result<ListDraft, Vec<Wrong>> {
    let mut items = typed.numbers("items");
    items.sort_unstable();
    items.dedup();
    ListDraft {
        name: typed.text("name").to_owned(),
        items: (typed.text("which") == "some").then(|| items.into_iter().map(ItemId).collect()),
        include_pending: typed.is("include_pending"),
        allow_multiple_entries: typed.is("allow_multiple_entries"),
        allow_entry_after_exit: typed.is("allow_entry_after_exit"),
    }
    .checked()
}

fn stored(draft: &ListDraft) -> Typed {
    let which = if draft.items.is_some() { "some" } else { "all" };
    Typed::of([("name", draft.name.clone()), ("which", which.to_owned())])
        .with("items", draft.items.iter().flatten())
        .on("include_pending", draft.include_pending)
        .on("allow_multiple_entries", draft.allow_multiple_entries)
        .on("allow_entry_after_exit", draft.allow_entry_after_exit)
}

/// `GET …/lists/new`.
///
/// # Errors
/// When there is no such event, this person may only look, or the database is away.
pub async fn new(desk: Desk, Path((_, event)): Path<(String, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    let typed = stored(&ListDraft::all_tickets(""));
    page::show(&form(&desk, &mut tx, &event, true, typed, &[]).await?)
}

/// `POST …/lists/new`.
///
/// # Errors
/// When there is no such event, this person may only look, or the database is away.
pub async fn create(desk: Desk, Path((_, event)): Path<(String, i64)>, typed: Typed) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    let made = match read(&typed) {
        Ok(draft) => lists::create(&mut tx, event.event_id, &draft).await.map(|_| ()),
        Err(wrong) => Err(Refused::Fields(wrong)),
    };
    answer(&desk, tx, &event, true, typed, made).await
}

/// `GET …/lists/{list}`.
///
/// # Errors
/// When there is no such list, this person may only look, or the database is away.
pub async fn edit(desk: Desk, Path((_, event, list)): Path<(String, i64, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    let list = lists::find(&mut tx, event.event_id, ListId(list)).await?;
    page::show(&form(&desk, &mut tx, &event, false, stored(&list.draft), &[]).await?)
}

/// `POST …/lists/{list}`.
///
/// # Errors
/// When there is no such list, this person may only look, or the database is away.
pub async fn update(
    desk: Desk,
    Path((_, event, list)): Path<(String, i64, i64)>,
    typed: Typed,
) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    let changed = match read(&typed) {
        Ok(draft) => lists::update(&mut tx, event.event_id, ListId(list), &draft).await,
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
            Ok(page::go(&desk.url(format_args!("/events/{}?done=saved", event.event_id))))
        }
        Err(Refused::Fields(wrong)) => page::show_refused(&form(desk, &mut tx, event, new, typed, &wrong).await?),
        Err(Refused::Failed(failure)) => Err(failure),
    }
}
