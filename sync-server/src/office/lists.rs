//! Making and changing a check-in list.

use super::{
    desk::Desk,
    door_words::{self, DoorWords},
    form::{Errors, Typed},
    format,
    page::{self, Frame},
};
use crate::{
    app::Tx,
    catalog::edit::{self, EventFull, Refused},
    checkin::edit::{self as lists, ListFull, gates},
    http::Failure,
};
use askama::Template;
use axum::{extract::Path, response::Response};
use willcall_domain::{
    catalog::draft::{Wrong, moment_typed},
    checkin::list::{ListDraft, ShownTyped},
    id::{DateId, EventId, GateId, ItemId, ListId},
};

#[derive(Template)]
#[template(path = "office/list.html")]
struct Page {
    f: Frame,
    d: &'static DoorWords,
    title: &'static str,
    event: String,
    back: String,
    typed: Typed,
    errors: Errors,
    items: Vec<Choice>,
    dates: Vec<Choice>,
    gates: Vec<Choice>,
    /// Where its rule is edited, and whether it has one; not yet for a new list.
    rule: Option<(String, bool)>,
    /// Where its door list is, but for the form.
    door_list: Option<String>,
}

struct Choice {
    id: i64,
    name: String,
}

async fn form(
    desk: &Desk,
    tx: &mut Tx,
    event: &EventFull,
    list: Option<&ListFull>,
    typed: Typed,
    wrong: &[Wrong],
) -> Result<Page, Failure> {
    let items = edit::list_items(tx, event.event_id).await?;
    let tickets = items.into_iter().filter(|item| item.draft.admission);
    let zone = event.draft.zone.as_str();
    let date = |(id, name, starts_at): (DateId, String, _)| {
        let when = format::moment(starts_at, zone, desk.language);
        Choice { id: id.0, name: if name.is_empty() { when } else { format!("{name} · {when}") } }
    };
    let here = desk.url(format_args!("/events/{}", event.event_id));
    Ok(Page {
        f: desk.frame("events"),
        d: door_words::of(desk.language),
        dates: lists::dates(tx, event.event_id).await?.into_iter().map(date).collect(),
        gates: gates::all(tx).await?.into_iter().map(|gate| Choice { id: gate.gate_id.0, name: gate.name }).collect(),
        door_list: list.map(|list| format!("{here}/lists/{}/door-list", list.list_id)),
        rule: list.map(|list| (format!("{here}/lists/{}/rule", list.list_id), list.rules.is_some())),
        title: if list.is_none() { &desk.words.new_list } else { &desk.words.edit_list },
        event: event.draft.name.clone(),
        back: here,
        typed,
        errors: Errors::new(wrong, desk.words, desk.language),
        items: tickets.map(|item| Choice { id: item.item_id.0, name: item.draft.name }).collect(),
    })
}

fn read(typed: &Typed, zone: &str) -> Result<ListDraft, Vec<Wrong>> {
    let mut items = typed.numbers("items");
    items.sort_unstable();
    items.dedup();
    // A zone that is not known any more: what is typed is taken as UTC.
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let shown = ShownTyped { from: typed.text("shown_from"), until: typed.text("shown_until") }.read(&zone);
    let (shown_from, shown_until) = shown.as_ref().map_or((None, None), |shown| *shown);
    let mut gates = if typed.text("at") == "some" { typed.numbers("gates") } else { Vec::new() };
    gates.sort_unstable();
    let draft = ListDraft {
        name: typed.text("name").to_owned(),
        items: (typed.text("which") == "some").then(|| items.into_iter().map(ItemId).collect()),
        include_pending: typed.is("include_pending"),
        allow_multiple_entries: typed.is("allow_multiple_entries"),
        allow_entry_after_exit: typed.is("allow_entry_after_exit"),
        date_id: typed.numbers("date").first().map(|date| DateId(*date)),
        addon_match: typed.is("addon_match"),
        gates: gates.into_iter().map(GateId).collect(),
        shown_from,
        shown_until,
    };
    match (draft.checked(), shown) {
        (Ok(draft), Ok(_)) => Ok(draft),
        (Ok(_), Err(wrong)) => Err(wrong),
        (Err(wrong), shown) => Err(wrong.into_iter().chain(shown.err().unwrap_or_default()).collect()),
    }
}

fn stored(draft: &ListDraft, zone: &str) -> Typed {
    let at = |at: Option<_>| at.map(|at| moment_typed(at, zone)).unwrap_or_default();
    let which = if draft.items.is_some() { "some" } else { "all" };
    Typed::of([
        ("name", draft.name.clone()),
        ("which", which.to_owned()),
        ("date", draft.date_id.map(|date| date.to_string()).unwrap_or_default()),
        ("at", if draft.gates.is_empty() { "every" } else { "some" }.to_owned()),
        ("shown_from", at(draft.shown_from)),
        ("shown_until", at(draft.shown_until)),
    ])
    .with("gates", &draft.gates)
    .on("addon_match", draft.addon_match)
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
    let typed = stored(&ListDraft::all_tickets(""), &event.draft.zone);
    page::show(&form(&desk, &mut tx, &event, None, typed, &[]).await?)
}

/// `POST …/lists/new`.
///
/// # Errors
/// When there is no such event, this person may only look, or the database is away.
pub async fn create(desk: Desk, Path((_, event)): Path<(String, i64)>, typed: Typed) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    let made = match read(&typed, &event.draft.zone) {
        Ok(draft) => lists::create(&mut tx, event.event_id, &draft).await.map(|_| ()),
        Err(wrong) => Err(Refused::Fields(wrong)),
    };
    answer(&desk, tx, &event, None, typed, made).await
}

/// `GET …/lists/{list}`.
///
/// # Errors
/// When there is no such list, this person may only look, or the database is away.
pub async fn edit(desk: Desk, Path((_, event, list)): Path<(String, i64, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    let list = lists::find(&mut tx, event.event_id, ListId(list)).await?;
    let typed = stored(&list.draft, &event.draft.zone);
    page::show(&form(&desk, &mut tx, &event, Some(&list), typed, &[]).await?)
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
    let list = lists::find(&mut tx, event.event_id, ListId(list)).await?;
    let changed = match read(&typed, &event.draft.zone) {
        Ok(draft) => lists::update(&mut tx, event.event_id, list.list_id, &draft).await,
        Err(wrong) => Err(Refused::Fields(wrong)),
    };
    answer(&desk, tx, &event, Some(&list), typed, changed).await
}

async fn answer(
    desk: &Desk,
    mut tx: Tx,
    event: &EventFull,
    list: Option<&ListFull>,
    typed: Typed,
    done: Result<(), Refused>,
) -> Result<Response, Failure> {
    match done {
        Ok(()) => {
            tx.commit().await?;
            Ok(page::go(&desk.url(format_args!("/events/{}?done=saved", event.event_id))))
        }
        Err(Refused::Fields(wrong)) => page::show_refused(&form(desk, &mut tx, event, list, typed, &wrong).await?),
        Err(Refused::Failed(failure)) => Err(failure),
    }
}
