//! The day at a glance: money, sales, doors, and what is coming up.

use super::{
    desk::Desk,
    format,
    page::{self, Frame},
    plot::{Counted, Plot},
    store::{self, Admitted, EventGlance, GateRow, Sold},
    words::fill,
};
use crate::{app::Tx, http::Failure, sync::backups};
use askama::Template;
use axum::{extract::Query, response::Response};
use serde::Deserialize;
use std::collections::BTreeMap;
use willcall_domain::{clock::UtcMillis, id::EventId, money::Money};

const DAYS: i32 = 14;
const QUARTER_MS: i64 = 900_000;
/// Quarter hours of an hour, and the fewest that are drawn.
const HOUR: i64 = 4;
const FEWEST: i64 = 16;

#[derive(Template)]
#[template(path = "office/dashboard.html")]
struct Page {
    f: Frame,
    day: String,
    zone: String,
    choices: Vec<Choice>,
    /// That nobody finishes backups; empty where somebody does.
    unsaved: String,
    tiles: Vec<Tile>,
    sales: Plot,
    door: Plot,
    events: Vec<EventLine>,
    gates: Vec<GateLine>,
}

struct Choice {
    name: String,
    href: String,
    chosen: bool,
}

struct Tile {
    label: &'static str,
    value: String,
    lines: Vec<String>,
    href: String,
}

struct EventLine {
    name: String,
    when: String,
    href: String,
    sold: String,
    /// How full its fullest quota is, in percent.
    full: Option<i64>,
}

struct GateLine {
    name: String,
    entries: String,
    exits: String,
    refused: String,
    last: String,
}

/// What the address may say.
#[derive(Debug, Deserialize)]
pub struct Asked {
    event: Option<i64>,
}

/// What the numbers are of.
struct Scope {
    event: Option<EventId>,
    zone: String,
    now: UtcMillis,
    today: UtcMillis,
    tomorrow: UtcMillis,
}

/// `GET /office/{organizer}`.
///
/// # Errors
/// When the database is away.
pub async fn show(desk: Desk, Query(asked): Query<Asked>) -> Result<Response, Failure> {
    let mut tx = desk.app.begin_snapshot(desk.caller.organizer).await?;
    let now = tx.now();
    let events = store::events_near(&mut tx, now, 8).await?;
    let chosen = events.iter().find(|e| Some(e.event_id) == asked.event);
    // Without a choice the day is that of the next event: whoever looks is most likely there.
    let zone = chosen.or(events.first()).map_or_else(|| "UTC".to_owned(), |e| e.zone.clone());
    let scope = Scope {
        event: chosen.map(|e| EventId(e.event_id)),
        now,
        today: format::day_start(now, &zone, 0),
        tomorrow: format::day_start(now, &zone, 1),
        zone,
    };
    let sales = sales(&desk, &mut tx, &scope).await?;
    let gates = store::gates(&mut tx, scope.event, scope.today, scope.tomorrow).await?;
    let admitted = store::admitted(&mut tx, scope.event, scope.today, scope.tomorrow).await?;
    let late = backups::late_days(&desk.app, backups::unsaved_of(&mut tx).await?);
    let unsaved = late.map(|days| fill(&desk.words.no_backup, &[&days.to_string()])).unwrap_or_default();
    let tiles = tiles(&desk, &mut tx, &scope, &sales, &gates).await?;
    let page = Page {
        f: desk.frame("overview"),
        day: format::day(now, &scope.zone, desk.language),
        zone: if events.is_empty() { String::new() } else { scope.zone.clone() },
        choices: choices(&desk, &events, scope.event),
        unsaved,
        tiles,
        sales: sales.plot,
        door: door(&desk, &scope, &admitted),
        events: events.iter().filter(|e| !e.over).map(|e| event_line(&desk, e)).collect(),
        gates: gates.iter().map(|g| gate_line(&desk, g, &scope.zone)).collect(),
    };
    page::show(&page)
}

fn choices(desk: &Desk, events: &[EventGlance], chosen: Option<EventId>) -> Vec<Choice> {
    let all = Choice { name: desk.words.all_events.clone(), href: desk.url(""), chosen: chosen.is_none() };
    let each = events.iter().map(|e| Choice {
        name: e.name.clone(),
        href: desk.url(format_args!("?event={}", e.event_id)),
        chosen: chosen == Some(EventId(e.event_id)),
    });
    std::iter::once(all).chain(each).collect()
}

async fn tiles(
    desk: &Desk,
    tx: &mut Tx,
    scope: &Scope,
    sales: &Sales,
    gates: &[GateRow],
) -> Result<Vec<Tile>, Failure> {
    let (words, language) = (desk.words, desk.language);
    let of_event = scope.event.map(|e| format!("event={e}")).unwrap_or_default();
    let orders = desk.url(format_args!("/orders?{of_event}"));
    let received = store::received(tx, scope.event, scope.today, scope.tomorrow).await?;
    let (mut web, mut till, mut both) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for row in &received {
        *if row.till { &mut till } else { &mut web }.entry(row.currency.as_str()).or_insert(0) += row.minor;
        *both.entry(row.currency.as_str()).or_insert(0) += row.minor;
    }
    let placed = store::orders_placed(tx, scope.event, scope.today, scope.tomorrow).await?;
    let pending = store::pending(tx, scope.event).await?;
    let owed = pending.iter().map(|p| (p.currency.as_str(), p.minor)).collect();
    let waiting = pending.iter().map(|p| p.orders).sum();
    let (entries, refused) = gates.iter().fold((0, 0), |(e, r), gate| (e + gate.entries, r + gate.refused));
    Ok(vec![
        Tile {
            label: &words.tile_money,
            value: sums(desk, &both),
            lines: vec![fill(&words.tile_web, &[&sums(desk, &web)]), fill(&words.tile_till, &[&sums(desk, &till)])],
            href: orders.clone(),
        },
        Tile {
            label: &words.tile_sold,
            value: format::count(sales.web_today + sales.till_today, language),
            lines: vec![
                fill(&words.tile_orders, &[&format::count(placed, language)]),
                format!(
                    "{} · {}",
                    fill(&words.tile_web, &[&format::count(sales.web_today, language)]),
                    fill(&words.tile_till, &[&format::count(sales.till_today, language)])
                ),
            ],
            href: orders,
        },
        Tile {
            label: &words.tile_admitted,
            value: format::count(entries, language),
            lines: vec![fill(&words.tile_turned_away, &[&format::count(refused, language)])],
            href: desk.url("/devices"),
        },
        Tile {
            label: &words.tile_pending,
            value: sums(desk, &owed),
            lines: vec![fill(&words.tile_orders, &[&format::count(waiting, language)])],
            href: desk.url(format_args!("/orders?status=pending&{of_event}")),
        },
    ])
}

/// Amounts of several currencies beside each other; never added.
fn sums(desk: &Desk, of: &BTreeMap<&str, i64>) -> String {
    let told: Vec<String> = of
        .iter()
        .filter(|(_, minor)| **minor != 0)
        .filter_map(|(currency, minor)| Some(desk.language.money(Money::new(*minor, currency.parse().ok()?))))
        .collect();
    if told.is_empty() { desk.words.tile_nothing.clone() } else { told.join(" + ") }
}

struct Sales {
    plot: Plot,
    web_today: i64,
    till_today: i64,
}

async fn sales(desk: &Desk, tx: &mut Tx, scope: &Scope) -> Result<Sales, Failure> {
    let days: Vec<UtcMillis> = (1 - DAYS..=1).map(|d| format::day_start(scope.now, &scope.zone, d)).collect();
    let sold = store::sold(tx, scope.event, &days).await?;
    let count = |day: usize, till: bool| -> i64 {
        let of_day = |s: &&Sold| usize::try_from(s.day).ok() == Some(day) && s.till == till;
        sold.iter().filter(of_day).map(|s| s.positions).sum()
    };
    let mut counts = Vec::new();
    let mut labels = Vec::new();
    for (nth, day) in days.iter().take(days.len() - 1).enumerate() {
        let (web, till) = (count(nth, false), count(nth, true));
        let weekday = format::weekday(*day, &scope.zone, desk.language);
        let of_month = day.in_zone(&scope.zone).day();
        labels.push(of_month.to_string());
        let title = fill(&desk.words.plot_sold, &[&weekday, &of_month, &web, &till]);
        counts.push(Counted { a: web, b: till, title });
    }
    let all: i64 = counts.iter().map(|c| c.a + c.b).sum();
    let most = counts.iter().map(|c| c.a + c.b).max().unwrap_or(0);
    let (web_today, till_today) = counts.last().map_or((0, 0), |c| (c.a, c.b));
    let summary = fill(&desk.words.plot_sold_all, &[&all, &most]);
    Ok(Sales { plot: Plot::new(counts, labels, summary, &desk.words.no_sales_14), web_today, till_today })
}

/// Whole hours from the first entry to the last, at least four.
fn door(desk: &Desk, scope: &Scope, admitted: &[Admitted]) -> Plot {
    let (Some(first), Some(last)) = (admitted.first(), admitted.last()) else {
        return Plot::new(Vec::new(), Vec::new(), String::new(), &desk.words.no_scans_today);
    };
    let from = first.quarter.div_euclid(HOUR) * HOUR;
    let until = ((last.quarter.div_euclid(HOUR) + 1) * HOUR).max(from + FEWEST);
    let people = |quarter| admitted.iter().filter(|a| a.quarter == quarter).map(|a| a.people).sum::<i64>();
    let time = |quarter: i64| format::clock(UtcMillis(quarter * QUARTER_MS), &scope.zone);
    let counts: Vec<Counted> = (from..until)
        .map(|q| {
            let people = people(q);
            Counted { a: people, b: 0, title: fill(&desk.words.plot_admitted, &[&time(q), &people]) }
        })
        .collect();
    // As many labels as stand beside each other.
    let step = if until - from > 12 * HOUR { 3 * HOUR } else { HOUR };
    let labels = (from..until).step_by(usize::try_from(step).unwrap_or(4)).map(time).collect();
    let (all, most) = counts.iter().fold((0, 0), |(all, most), c| (all + c.a, c.a.max(most)));
    Plot::new(counts, labels, fill(&desk.words.plot_admitted_all, &[&all, &most]), &desk.words.no_scans_today)
}

fn event_line(desk: &Desk, event: &EventGlance) -> EventLine {
    let count = |n| format::count(n, desk.language);
    EventLine {
        name: event.name.clone(),
        when: format::moment(UtcMillis(event.starts_at), &event.zone, desk.language),
        href: desk.url(format_args!("/events/{}", event.event_id)),
        sold: fill(&desk.words.event_sold, &[&count(event.sold), &count(event.admitted)]),
        full: event.fullest_taken.zip(event.fullest_size).and_then(|(taken, size)| format::percent(taken, size)),
    }
}

fn gate_line(desk: &Desk, gate: &GateRow, zone: &str) -> GateLine {
    let count = |n| format::count(n, desk.language);
    GateLine {
        name: gate.gate.clone(),
        entries: count(gate.entries),
        exits: count(gate.exits),
        refused: count(gate.refused),
        last: format::clock(UtcMillis(gate.last_at), zone),
    }
}
