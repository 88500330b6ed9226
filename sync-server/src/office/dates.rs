//! The dates of an event: the list, one date, and making a whole series by a rule.

use super::{
    desk::Desk,
    door_words::{self, DoorWords},
    form::{Errors, Typed},
    format,
    page::{self, Frame},
};
use crate::{
    app::Tx,
    catalog::edit::{self, DateFull, EventFull, PlacesEach, Refused},
    http::Failure,
};
use askama::Template;
use axum::{extract::Path, http::StatusCode, response::Response};
use willcall_domain::{
    catalog::draft::{self, DateDraft, DateTyped, FieldError, Series, Wrong, moment_typed},
    id::{DateId, EventId, ItemId},
    problem::Code,
};

#[derive(Template)]
#[template(path = "office/dates.html")]
struct Page {
    f: Frame,
    d: &'static DoorWords,
    event: String,
    back: String,
    here: String,
    dates: Vec<Line>,
}

struct Line {
    name: String,
    when: String,
    doors: String,
    sold: String,
    places: String,
    active: bool,
    over: bool,
    /// No quota says how many there are.
    homeless: bool,
    href: String,
}

/// `GET …/dates`.
///
/// # Errors
/// When there is no such event, or the database is away.
pub async fn show(desk: Desk, Path((_, event)): Path<(String, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    let dates = edit::list_dates(&mut tx, event.event_id).await?;
    let back = desk.url(format_args!("/events/{}", event.event_id));
    page::show(&Page {
        f: desk.frame("events"),
        d: door_words::of(desk.language),
        here: format!("{back}/dates"),
        dates: dates.iter().map(|date| line(&desk, &event, date, &back)).collect(),
        event: event.draft.name,
        back,
    })
}

fn line(desk: &Desk, event: &EventFull, date: &DateFull, back: &str) -> Line {
    let zone = &event.draft.zone;
    let end = date.draft.ends_at.unwrap_or(date.draft.starts_at);
    Line {
        name: date.draft.name.clone(),
        when: format!(
            "{} {}",
            format::weekday(date.draft.starts_at, zone, desk.language),
            format::moment(date.draft.starts_at, zone, desk.language)
        ),
        doors: date.draft.admission_at.map(|at| format::clock(at, zone)).unwrap_or_default(),
        sold: format::count(date.sold, desk.language),
        places: date.places.map_or_else(|| "–".to_owned(), |places| format::count(places, desk.language)),
        active: date.draft.active,
        over: end < desk.app.now(),
        homeless: !date.counted,
        href: format!("{back}/dates/{}", date.date_id),
    }
}

#[derive(Template)]
#[template(path = "office/date.html")]
struct Form {
    f: Frame,
    d: &'static DoorWords,
    title: &'static str,
    event: String,
    back: String,
    typed: Typed,
    errors: Errors,
    /// A new one may be the first of a series, with places.
    is_new: bool,
    items: Vec<Choice>,
    /// It was to be removed and is in use.
    in_use: bool,
    /// Where it is removed; empty for a new one.
    remove: String,
}

struct Choice {
    id: i64,
    name: String,
}

async fn form(
    desk: &Desk,
    tx: &mut Tx,
    event: &EventFull,
    (date, in_use): (Option<DateId>, bool),
    (typed, wrong): (Typed, &[Wrong]),
) -> Result<Form, Failure> {
    let d = door_words::of(desk.language);
    let back = desk.url(format_args!("/events/{}/dates", event.event_id));
    let items = if date.is_none() { edit::list_items(tx, event.event_id).await? } else { Vec::new() };
    Ok(Form {
        f: desk.frame("events"),
        d,
        title: if date.is_some() { d.t("edit_date") } else { d.t("new_dates") },
        event: event.draft.name.clone(),
        typed,
        errors: Errors::new(wrong, desk.words, desk.language),
        is_new: date.is_none(),
        items: items.into_iter().map(|item| Choice { id: item.item_id.0, name: item.draft.name }).collect(),
        in_use,
        remove: date.map(|date| format!("{back}/{date}/remove")).unwrap_or_default(),
        back,
    })
}

fn read(typed: &Typed, zone: &str) -> Result<DateDraft, Vec<Wrong>> {
    DateTyped {
        name: typed.text("name"),
        starts_at: typed.text("starts_at"),
        ends_at: typed.text("ends_at"),
        admission_at: typed.text("admission_at"),
        active: typed.is("active"),
    }
    .read(zone)
}

fn stored(date: &DateDraft, zone: &str) -> Typed {
    let moment = |at| moment_typed(at, zone);
    Typed::of([
        ("name", date.name.clone()),
        ("starts_at", moment(date.starts_at)),
        ("ends_at", date.ends_at.map(moment).unwrap_or_default()),
        ("admission_at", date.admission_at.map(moment).unwrap_or_default()),
    ])
    .on("active", date.active)
}

/// `GET …/dates/new`: a week after the last one, or the event's own time.
///
/// # Errors
/// When there is no such event, this person may only look, or the database is away.
pub async fn new(desk: Desk, Path((_, event)): Path<(String, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    let zone = &event.draft.zone;
    let last = edit::list_dates(&mut tx, event.event_id).await?.pop();
    let first = match last {
        Some(last) => Series { every_days: 7, times: 2 }.dates(&last.draft, zone).pop(),
        None => None,
    };
    let first = first.unwrap_or_else(|| DateDraft {
        name: String::new(),
        starts_at: event.draft.starts_at,
        ends_at: event.draft.ends_at,
        admission_at: event.draft.admission_at,
        active: true,
    });
    let items = edit::list_items(&mut tx, event.event_id).await?;
    let tickets = items.iter().filter(|i| i.draft.admission).map(|i| i.item_id);
    let typed = stored(&DateDraft { name: String::new(), active: true, ..first }, zone)
        .with("every", ["7"])
        .with("times", ["1"])
        .with("quota_name", [door_words::of(desk.language).t("places")])
        .with("items", tickets);
    page::show(&form(&desk, &mut tx, &event, (None, false), (typed, &[])).await?)
}

/// `POST …/dates/new`: one, or a series, each with a quota of its own where places were typed.
///
/// # Errors
/// When there is no such event, this person may only look, or the database is away.
pub async fn create(desk: Desk, Path((_, event)): Path<(String, i64)>, typed: Typed) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    let made = make(&mut tx, &event, &typed).await;
    answer(&desk, tx, &event, None, typed, made).await
}

async fn make(tx: &mut Tx, event: &EventFull, typed: &Typed) -> Result<(), Refused> {
    let zone = &event.draft.zone;
    let mut wrong = Vec::new();
    let first = read(typed, zone).map_err(|fields| wrong.extend(fields));
    let series = Series::read(typed.text("every"), typed.text("times")).map_err(|fields| wrong.extend(fields));
    let items: Vec<ItemId> = typed.numbers("items").into_iter().map(ItemId).collect();
    // Without a size there are no places to be counted by date: quotas of every date may count them.
    let counted = !typed.text("size").trim().is_empty();
    let quota = match counted {
        true => draft::quota(typed.text("quota_name"), typed.text("size")).map(Some).map_err(|fields| {
            let beside = |(field, error)| (if field == "name" { "quota_name" } else { field }, error);
            wrong.extend(fields.into_iter().map(beside));
        }),
        false => Ok(None),
    };
    if counted && items.is_empty() {
        wrong.push(("items", FieldError::NoneChosen));
    }
    match (first, series, quota) {
        (Ok(first), Ok(series), Ok(quota)) if wrong.is_empty() => {
            let places = quota.as_ref().map(|quota| PlacesEach { quota, items: &items });
            edit::create_dates(tx, event.event_id, &series.dates(&first, zone), places).await.map(drop)
        }
        _ => Err(Refused::Fields(wrong)),
    }
}

/// `GET …/dates/{date}`.
///
/// # Errors
/// When there is no such date, this person may only look, or the database is away.
pub async fn edit(desk: Desk, Path((_, event, date)): Path<(String, i64, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    let date = edit::find_date(&mut tx, event.event_id, DateId(date)).await?;
    let typed = stored(&date.draft, &event.draft.zone);
    page::show(&form(&desk, &mut tx, &event, (Some(date.date_id), false), (typed, &[])).await?)
}

/// `POST …/dates/{date}`.
///
/// # Errors
/// When there is no such date, this person may only look, or the database is away.
pub async fn update(
    desk: Desk,
    Path((_, event, date)): Path<(String, i64, i64)>,
    typed: Typed,
) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    let date = edit::find_date(&mut tx, event.event_id, DateId(date)).await?.date_id;
    let changed = match read(&typed, &event.draft.zone) {
        Ok(draft) => edit::update_date(&mut tx, event.event_id, date, &draft).await,
        Err(wrong) => Err(Refused::Fields(wrong)),
    };
    answer(&desk, tx, &event, Some(date), typed, changed).await
}

/// `POST …/dates/{date}/remove`.
///
/// # Errors
/// When there is no such date, this person may only look, or the database is away.
pub async fn remove(desk: Desk, Path((_, event, date)): Path<(String, i64, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    match edit::remove_date(&mut tx, event.event_id, DateId(date)).await {
        Err(failure) if failure.problem().code == Code::Conflict => {
            let date = edit::find_date(&mut tx, event.event_id, DateId(date)).await?;
            let typed = stored(&date.draft, &event.draft.zone);
            let shown = form(&desk, &mut tx, &event, (Some(date.date_id), true), (typed, &[])).await?;
            page::show_as(StatusCode::CONFLICT, &shown)
        }
        done => answer(&desk, tx, &event, None, Typed::default(), done.map_err(Refused::from)).await,
    }
}

async fn answer(
    desk: &Desk,
    tx: Tx,
    event: &EventFull,
    date: Option<DateId>,
    typed: Typed,
    done: Result<(), Refused>,
) -> Result<Response, Failure> {
    match done {
        Ok(()) => {
            tx.commit().await?;
            Ok(page::go(&desk.url(format_args!("/events/{}/dates?done=saved", event.event_id))))
        }
        Err(Refused::Fields(wrong)) => {
            // What was tried is undone before the page is read, or it would show it.
            tx.rollback().await?;
            let mut tx = desk.begin().await?;
            page::show_refused(&form(desk, &mut tx, event, (date, false), (typed, &wrong)).await?)
        }
        Err(Refused::Failed(failure)) => Err(failure),
    }
}
