//! Making and changing a quota.

use super::{
    desk::Desk,
    door_words::{self, DoorWords},
    form::{Errors, Typed},
    format,
    page::{self, Frame},
    words::fill,
};
use crate::{
    app::Tx,
    catalog::edit::{self, DateFull, EventFull, ItemFull, QuotaFull, Refused},
    http::Failure,
};
use askama::Template;
use axum::{extract::Path, response::Response};
use willcall_domain::{
    catalog::draft::{self, QuotaDraft, Wrong},
    id::{DateId, EventId, ItemId, QuotaId},
};

#[derive(Template)]
#[template(path = "office/quota.html")]
struct Page {
    f: Frame,
    title: &'static str,
    /// What is sold and lent; empty for a new one.
    facts: String,
    event: String,
    back: String,
    typed: Typed,
    errors: Errors,
    items: Vec<Choice>,
    d: &'static DoorWords,
    /// Empty where the event takes place once.
    dates: Vec<Choice>,
}

struct Choice {
    id: i64,
    name: String,
    hint: String,
}

async fn form(
    desk: &Desk,
    tx: &mut Tx,
    event: &EventFull,
    quota: Option<&QuotaFull>,
    typed: Typed,
    errors: Errors,
) -> Result<Page, Failure> {
    let items = edit::list_items(tx, event.event_id).await?;
    let dates = edit::list_dates(tx, event.event_id).await?;
    Ok(Page {
        f: desk.frame("events"),
        title: if quota.is_some() { &desk.words.edit_quota } else { &desk.words.new_quota },
        facts: quota.map(|q| facts(desk, q)).unwrap_or_default(),
        event: event.draft.name.clone(),
        back: desk.url(format_args!("/events/{}", event.event_id)),
        typed,
        errors,
        items: items.iter().map(|item| choice(desk, item)).collect(),
        d: door_words::of(desk.language),
        dates: dates.iter().map(|date| of_date(desk, event, date)).collect(),
    })
}

fn facts(desk: &Desk, quota: &QuotaFull) -> String {
    let count = |n| format::count(n, desk.language);
    let mut facts = fill(&desk.words.quota_facts, &[&count(quota.sold), &count(quota.leased)]);
    if quota.excess > 0 {
        facts = format!("{facts} · {}", fill(&desk.words.excess_facts, &[&count(quota.excess)]));
    }
    facts
}

fn of_date(desk: &Desk, event: &EventFull, date: &DateFull) -> Choice {
    Choice {
        id: date.date_id.0,
        name: format::moment(date.draft.starts_at, &event.draft.zone, desk.language),
        hint: date.draft.name.clone(),
    }
}

/// What was typed of a quota.
fn read(typed: &Typed) -> Result<QuotaDraft, Vec<Wrong>> {
    let date_id = typed.numbers("date").first().copied().map(DateId);
    Ok(QuotaDraft { date_id, ..draft::quota(typed.text("name"), typed.text("size"))? })
}

fn choice(desk: &Desk, item: &ItemFull) -> Choice {
    let homeless = if item.quotas == 0 { format!(" · {}", desk.words.in_no_quota_hint) } else { String::new() };
    Choice {
        id: item.item_id.0,
        name: item.draft.name.clone(),
        hint: format!("{}{homeless}", desk.language.money(item.draft.price)),
    }
}

/// `GET …/quotas/new`: with the products that are in none yet.
///
/// # Errors
/// When there is no such event, this person may only look, or the database is away.
pub async fn new(desk: Desk, Path((_, event)): Path<(String, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    let items = edit::list_items(&mut tx, event.event_id).await?;
    let homeless = items.iter().filter(|item| item.quotas == 0).map(|item| item.item_id);
    let typed = Typed::default().with("items", homeless);
    page::show(&form(&desk, &mut tx, &event, None, typed, Errors::default()).await?)
}

/// `POST …/quotas/new`.
///
/// # Errors
/// When there is no such event, this person may only look, or the database is away.
pub async fn create(desk: Desk, Path((_, event)): Path<(String, i64)>, typed: Typed) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    let made = match read(&typed) {
        Ok(draft) => edit::create_quota(&mut tx, event.event_id, &draft, &items(&typed)).await.map(|_| ()),
        Err(wrong) => Err(Refused::Fields(wrong)),
    };
    answer(&desk, tx, &event, None, typed, made).await
}

/// `GET …/quotas/{quota}`.
///
/// # Errors
/// When there is no such quota, this person may only look, or the database is away.
pub async fn edit(desk: Desk, Path((_, event, quota)): Path<(String, i64, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    let quota = edit::find_quota(&mut tx, event.event_id, QuotaId(quota)).await?;
    let size = quota.wanted().map(|size| size.to_string()).unwrap_or_default();
    let typed = Typed::of([("name", quota.name.clone()), ("size", size)])
        .with("items", &quota.items)
        .with("date", quota.date_id);
    page::show(&form(&desk, &mut tx, &event, Some(&quota), typed, Errors::default()).await?)
}

/// `POST …/quotas/{quota}`.
///
/// # Errors
/// When there is no such quota, this person may only look, or the database is away.
pub async fn update(
    desk: Desk,
    Path((_, event, quota)): Path<(String, i64, i64)>,
    typed: Typed,
) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    let quota = edit::find_quota(&mut tx, event.event_id, QuotaId(quota)).await?;
    let changed = match read(&typed) {
        Ok(draft) => edit::update_quota(&mut tx, event.event_id, quota.quota_id, &draft, &items(&typed)).await,
        Err(wrong) => Err(Refused::Fields(wrong)),
    };
    answer(&desk, tx, &event, Some(&quota), typed, changed).await
}

fn items(typed: &Typed) -> Vec<ItemId> {
    typed.numbers("items").into_iter().map(ItemId).collect()
}

async fn answer(
    desk: &Desk,
    tx: Tx,
    event: &EventFull,
    quota: Option<&QuotaFull>,
    typed: Typed,
    done: Result<(), Refused>,
) -> Result<Response, Failure> {
    match done {
        Ok(()) => {
            tx.commit().await?;
            Ok(page::go(&desk.url(format_args!("/events/{}?done=saved", event.event_id))))
        }
        Err(Refused::Fields(wrong)) => {
            // What was tried is undone before the page is read, or it would show it.
            tx.rollback().await?;
            let mut tx = desk.begin().await?;
            let errors = Errors::new(&wrong, desk.words, desk.language);
            page::show_refused(&form(desk, &mut tx, event, quota, typed, errors).await?)
        }
        Err(Refused::Failed(failure)) => Err(failure),
    }
}
