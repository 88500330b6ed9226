//! One event: what it sells, how many, and who is let in.

use super::{
    desk::Desk,
    door_words::{self, DoorWords},
    format,
    page::{self, Frame},
};
use crate::{
    catalog::edit::{self, DateFull, ItemFull, QuotaFull},
    checkin::edit::{self as lists, ListFull},
    http::Failure,
};
use askama::Template;
use axum::{extract::Path, response::Response};
use willcall_domain::id::{EventId, ItemId};

#[derive(Template)]
#[template(path = "office/event.html")]
struct Page {
    f: Frame,
    name: String,
    event: EventId,
    when: String,
    location: String,
    live: bool,
    shop: String,
    here: String,
    items: Vec<ItemLine>,
    quotas: Vec<QuotaLine>,
    lists: Vec<ListLine>,
    d: &'static DoorWords,
    /// How many dates there are.
    dates: String,
}

struct ItemLine {
    name: String,
    category: String,
    price: String,
    rate: String,
    sold: String,
    href: String,
    active: bool,
    /// In no quota.
    homeless: bool,
}

struct QuotaLine {
    name: String,
    items: String,
    size: String,
    sold: String,
    leased: String,
    free: String,
    /// Sold and lent, in percent of the size.
    full: Option<i64>,
    href: String,
}

struct ListLine {
    name: String,
    items: String,
    rules: String,
    admitted: String,
    href: String,
}

/// `GET /office/{organizer}/events/{event}`.
///
/// # Errors
/// When there is no such event, or the database is away.
pub async fn show(desk: Desk, Path((_, event)): Path<(String, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    let items = edit::list_items(&mut tx, event.event_id).await?;
    let quotas = edit::list_quotas(&mut tx, event.event_id).await?;
    let lists = lists::all(&mut tx, event.event_id).await?;
    let dates = edit::list_dates(&mut tx, event.event_id).await?;
    let d = door_words::of(desk.language);
    let here = desk.url(format_args!("/events/{}", event.event_id));
    let page = Page {
        f: desk.frame("events"),
        event: event.event_id,
        when: format::moment(event.draft.starts_at, &event.draft.zone, desk.language),
        shop: format!("/{}/{}", desk.slug, event.draft.slug),
        items: items.iter().map(|i| item_line(&desk, i, &here)).collect(),
        quotas: quotas.iter().map(|q| quota_line(&desk, q, (&items, &dates, &event.draft.zone), &here)).collect(),
        d,
        dates: match dates.len() {
            0 => d.t("dates").to_owned(),
            n => format!("{} ({n})", d.t("dates")),
        },
        lists: lists.iter().map(|l| list_line(&desk, l, &items, &here)).collect(),
        name: event.draft.name,
        location: event.draft.location,
        live: event.draft.live,
        here,
    };
    page::show(&page)
}

fn item_line(desk: &Desk, item: &ItemFull, here: &str) -> ItemLine {
    ItemLine {
        name: item.draft.name.clone(),
        category: item.draft.category.clone(),
        price: desk.language.money(item.draft.price),
        rate: desk.language.rate(item.draft.tax_rate_bp),
        sold: format::count(item.sold, desk.language),
        href: format!("{here}/products/{}", item.item_id),
        active: item.draft.active,
        homeless: item.quotas == 0,
    }
}

fn quota_line(
    desk: &Desk,
    quota: &QuotaFull,
    (items, dates, zone): (&[ItemFull], &[DateFull], &str),
    here: &str,
) -> QuotaLine {
    let date = edit::date_of_quota(dates, quota).map(|d| format::moment(d.draft.starts_at, zone, desk.language));
    let count = |n| format::count(n, desk.language);
    let or_unlimited = |n: Option<i64>| n.map_or_else(|| desk.words.unlimited.clone(), count);
    QuotaLine {
        name: date.map_or_else(|| quota.name.clone(), |date| format!("{}, {date}", quota.name)),
        items: names(items, &quota.items),
        size: or_unlimited(quota.size),
        sold: count(quota.sold),
        leased: count(quota.leased),
        free: or_unlimited(quota.free()),
        full: quota.size.and_then(|size| format::percent(quota.sold + quota.leased, size)),
        href: format!("{here}/quotas/{}", quota.quota_id),
    }
}

fn list_line(desk: &Desk, list: &ListFull, items: &[ItemFull], here: &str) -> ListLine {
    let (words, draft) = (desk.words, &list.draft);
    let entries = match (draft.allow_multiple_entries, draft.allow_entry_after_exit) {
        (true, _) => &words.rule_multiple,
        (false, true) => &words.rule_reentry,
        (false, false) => &words.rule_no_reentry,
    };
    let pending = if draft.include_pending { format!(" · {}", words.rule_pending) } else { String::new() };
    ListLine {
        name: draft.name.clone(),
        items: draft.items.as_ref().map_or_else(|| words.all_products.clone(), |of| names(items, of)),
        rules: format!("{entries}{pending}"),
        admitted: format::count(list.admitted, desk.language),
        href: format!("{here}/lists/{}", list.list_id),
    }
}

fn names(items: &[ItemFull], of: &[ItemId]) -> String {
    let names: Vec<&str> = items.iter().filter(|i| of.contains(&i.item_id)).map(|i| i.draft.name.as_str()).collect();
    if names.is_empty() { "–".to_owned() } else { names.join(", ") }
}
