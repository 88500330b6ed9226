//! What tills hold of an event, how long each has been silent, and giving it up. A person decides that, and is told the
//! worst case first.

use super::{
    desk::Desk,
    form::{Errors, Typed},
    format,
    page::{self, Frame},
    words::fill,
};
use crate::{
    app::Tx,
    catalog::edit::{self, EventFull, QuotaFull},
    devices::edit as devices,
    http::Failure,
    leases::{self, Flying, HeldBy, Person, Silent},
};
use askama::Template;
use axum::{
    extract::{Path, Query},
    response::Response,
};
use serde::Deserialize;
use willcall_domain::{
    catalog::draft::{self, Wrong},
    clock::UtcMillis,
    id::{DeviceId, EventId, HandOverId},
    leases::ledger::GivenUp,
    problem::{Code, Problem},
};

#[derive(Template)]
#[template(path = "office/units.html")]
struct Page {
    f: Frame,
    event: String,
    back: String,
    /// Whether tills may sell for it now.
    tills_sell: bool,
    quotas: Vec<QuotaLine>,
    typed: Typed,
    errors: Errors,
}

struct QuotaLine {
    name: String,
    facts: String,
    /// What a smaller size waits for; empty without one.
    target: String,
    holders: Vec<Line>,
    flying: Vec<Line>,
}

struct Line {
    name: String,
    units: String,
    state: String,
    href: String,
}

#[derive(Template)]
#[template(path = "office/write_off.html")]
struct Confirm {
    f: Frame,
    title: String,
    back: String,
    lines: Vec<String>,
    stolen: bool,
    /// Whether there is anything to give up.
    any: bool,
}

/// Which of the two ways a link proposes.
#[derive(Debug, Default, Deserialize)]
pub struct Proposed {
    #[serde(default)]
    how: String,
}

/// `GET /office/{organizer}/events/{event}/tills`.
///
/// # Errors
/// When there is no such event, or the database is away.
pub async fn show(desk: Desk, Path((_, event)): Path<(String, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    let lending = leases::lending(&mut tx, event.event_id).await?;
    let typed = Typed::of([
        ("planned_outage_min", lending.planned_outage_min.to_string()),
        ("station_cap", lending.station_cap.map(|cap| cap.to_string()).unwrap_or_default()),
        ("stations_cap_percent", lending.stations_cap_percent.to_string()),
    ])
    .on("till_sales", lending.till_sales);
    page::show(&overview(&desk, &mut tx, event, typed, &[]).await?)
}

async fn overview(desk: &Desk, tx: &mut Tx, event: EventFull, typed: Typed, wrong: &[Wrong]) -> Result<Page, Failure> {
    let quotas = edit::list_quotas(tx, event.event_id).await?;
    let silent = leases::held_of_event(tx, event.event_id).await?;
    let tills_sell = leases::lending(tx, event.event_id).await?.till_sales;
    let now = tx.now();
    Ok(Page {
        f: desk.frame("events"),
        back: desk.url(format_args!("/events/{}", event.event_id)),
        event: event.draft.name,
        tills_sell,
        quotas: quotas.iter().map(|quota| quota_line(desk, quota, &silent, now)).collect(),
        typed,
        errors: Errors::new(wrong, desk.words, desk.language),
    })
}

/// `POST /office/{organizer}/events/{event}/tills`: how much tills may hold.
///
/// # Errors
/// When there is no such event, this person may only look, or the database is away.
pub async fn set_lending(desk: Desk, Path((_, event)): Path<(String, i64)>, typed: Typed) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    let numbers = (typed.text("planned_outage_min"), typed.text("station_cap"), typed.text("stations_cap_percent"));
    match draft::lending(numbers, typed.is("till_sales")) {
        Ok(lending) => {
            leases::set_lending(&mut tx, event.event_id, lending).await?;
            tx.commit().await?;
            Ok(page::go(&desk.url(format_args!("/events/{}/tills?done=saved", event.event_id))))
        }
        Err(wrong) => page::show_refused(&overview(&desk, &mut tx, event, typed, &wrong).await?),
    }
}

fn quota_line(desk: &Desk, quota: &QuotaFull, silent: &Silent, now: UtcMillis) -> QuotaLine {
    let words = desk.words;
    let count = |n| format::count(n, desk.language);
    let size = quota.size.map_or_else(|| words.unlimited.clone(), count);
    let free = quota.free().map_or_else(|| words.unlimited.clone(), count);
    let held: Vec<&HeldBy> = silent.held.iter().filter(|h| h.quota == quota.quota_id).collect();
    let target = quota.target.map(|target| {
        let with: Vec<String> = held
            .iter()
            .map(|h| fill(&words.still_with, &[&count(h.units), &h.name, &heard(desk, h.heard_at, now)]))
            .collect();
        fill(&words.target_says, &[&count(target), &with.join(", ")])
    });
    QuotaLine {
        name: quota.name.clone(),
        facts: fill(&words.units_facts, &[&size, &count(quota.sold), &count(quota.leased), &free]),
        target: target.unwrap_or_default(),
        holders: held.iter().map(|h| holder(desk, h, now)).collect(),
        flying: silent
            .flying
            .iter()
            .filter(|f| f.quota == quota.quota_id)
            .map(|f| Line {
                name: fill(&words.on_its_way, &[&f.from_name, &f.to_name]),
                units: count(f.units),
                state: fill(&words.on_its_way_since, &[&format::ago(now, f.since, words)]),
                href: desk.url(format_args!("/hand-overs/{}/write-off", f.hand_over)),
            })
            .collect(),
    }
}

fn heard(desk: &Desk, at: Option<UtcMillis>, now: UtcMillis) -> String {
    at.map_or_else(
        || desk.words.never_heard.clone(),
        |at| fill(&desk.words.heard, &[&format::ago(now, at, desk.words)]),
    )
}

fn holder(desk: &Desk, held: &HeldBy, now: UtcMillis) -> Line {
    let words = desk.words;
    let mut state = heard(desk, held.heard_at, now);
    if held.recalled > 0 {
        state = format!("{state} · {}", fill(&words.asked_back, &[&format::count(held.recalled, desk.language)]));
    }
    Line {
        name: held.name.clone(),
        units: format::count(held.units, desk.language),
        state,
        href: desk.url(format_args!("/devices/{}/write-off", held.device)),
    }
}

/// The worst case, before anything is given up.
fn worst_case(desk: &Desk, silent: &Silent, rights: i64, now: UtcMillis) -> Vec<String> {
    let words = desk.words;
    let units: i64 = silent.held.iter().map(|h| h.units).sum();
    if units == 0 && rights == 0 {
        return vec![words.write_off_nothing.clone()];
    }
    let count = |n| format::count(n, desk.language);
    let mut lines = Vec::new();
    if units > 0 {
        lines.push(fill(&words.write_off_worst, &[&count(units)]));
    }
    if rights > 0 {
        lines.push(fill(&words.write_off_rights, &[&count(rights)]));
    }
    if let Some(one) = silent.held.first() {
        lines.push(fill(&words.write_off_heard, &[&heard(desk, one.heard_at, now)]));
        if one.waiting > 0 {
            lines.push(fill(&words.revoke_waiting, &[&count(one.waiting)]));
        }
    }
    lines.push(words.write_off_then.clone());
    if !silent.flying.is_empty() {
        lines.push(words.write_off_flying.clone());
    }
    lines
}

async fn confirm(desk: &Desk, tx: &mut Tx, device: DeviceId, stolen: bool) -> Result<Confirm, Failure> {
    let name = devices::find(tx, device).await?.name;
    let silent = leases::held_by_device(tx, device).await?;
    let rights = leases::rights_of_device(tx, device).await?;
    Ok(Confirm {
        f: desk.frame("devices"),
        title: fill(&desk.words.write_off_title, &[&name]),
        back: desk.url("/devices"),
        lines: worst_case(desk, &silent, rights, tx.now()),
        stolen,
        any: !silent.held.is_empty() || rights > 0,
    })
}

/// `GET /office/{organizer}/devices/{device}/write-off`: what it would mean.
///
/// # Errors
/// When there is no such device, this person may only look, or the database is away.
pub async fn ask_write_off(
    desk: Desk,
    Path((_, device)): Path<(String, i64)>,
    Query(proposed): Query<Proposed>,
) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    page::show(&confirm(&desk, &mut tx, DeviceId(device), proposed.how == "stolen").await?)
}

fn how(typed: &Typed) -> Result<GivenUp, Failure> {
    match typed.text("how") {
        "lost" => Ok(GivenUp::Lost),
        "stolen" => Ok(GivenUp::Stolen),
        _ => Err(Problem::new(Code::Invalid, "Lost or stolen?").into()),
    }
}

/// `POST /office/{organizer}/devices/{device}/write-off`.
///
/// # Errors
/// When there is no such device, it is not said how, this person may only look, or the database is away.
pub async fn write_off(desk: Desk, Path((_, device)): Path<(String, i64)>, typed: Typed) -> Result<Response, Failure> {
    let how = how(&typed)?;
    let mut tx = desk.begin_change().await?;
    let device = devices::find(&mut tx, DeviceId(device)).await?.device_id;
    let by = Person { id: desk.caller.staff, name: &desk.caller.name };
    leases::write_off_device(&mut tx, device, how, by).await?;
    tx.commit().await?;
    Ok(page::go(&desk.url("/devices?done=saved")))
}

async fn flying(tx: &mut Tx, id: HandOverId) -> Result<Flying, Failure> {
    let found = leases::flying(tx, id).await?;
    found.ok_or_else(|| Problem::new(Code::NotFound, "No such hand-over is on its way.").into())
}

/// `GET /office/{organizer}/hand-overs/{hand_over}/write-off`: what it would mean.
///
/// # Errors
/// When there is none on its way, this person may only look, or the database is away.
pub async fn ask_hand_over(
    desk: Desk,
    Path((_, id)): Path<(String, HandOverId)>,
    Query(proposed): Query<Proposed>,
) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let way = flying(&mut tx, id).await?;
    let words = desk.words;
    page::show(&Confirm {
        f: desk.frame("devices"),
        title: fill(&words.on_its_way, &[&way.from_name, &way.to_name]),
        back: desk.url("/devices"),
        lines: vec![
            fill(&words.write_off_worst, &[&format::count(way.units, desk.language)]),
            fill(&words.on_its_way_since, &[&format::ago(tx.now(), way.since, words)]),
            words.write_off_then.clone(),
        ],
        stolen: proposed.how == "stolen",
        any: true,
    })
}

/// `POST /office/{organizer}/hand-overs/{hand_over}/write-off`.
///
/// # Errors
/// When there is none on its way, it is not said how, this person may only look, or the database is away.
pub async fn write_off_hand_over(
    desk: Desk,
    Path((_, id)): Path<(String, HandOverId)>,
    typed: Typed,
) -> Result<Response, Failure> {
    let how = how(&typed)?;
    let mut tx = desk.begin_change().await?;
    let by = Person { id: desk.caller.staff, name: &desk.caller.name };
    leases::write_off_hand_over(&mut tx, id, how, by).await?;
    tx.commit().await?;
    Ok(page::go(&desk.url("/devices?done=saved")))
}
