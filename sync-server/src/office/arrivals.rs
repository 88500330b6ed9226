//! Who came when, gate by gate, and who was turned away and why. The page of arrivals loads itself again.

use super::{
    desk::Desk,
    door_words::{self, DoorWords},
    format,
    page::{self, Frame},
    plot::{Counted, Plot},
    store,
    words::fill,
};
use crate::{catalog::edit as catalog, checkin::edit as lists, http::Failure};
use askama::Template;
use axum::{
    extract::{Path, Query},
    response::Response,
};
use serde::Deserialize;
use willcall_domain::{
    clock::UtcMillis,
    id::{EventId, ListId},
};

const QUARTER: i64 = 900_000;
/// Quarters of an hour in the picture: six hours.
const QUARTERS: i64 = 24;
/// How many refusals are shown at once.
const MOST: i64 = 100;

#[derive(Template)]
#[template(path = "office/arrivals.html")]
struct Page {
    f: Frame,
    d: &'static DoorWords,
    event: String,
    back: String,
    lists: Vec<Choice>,
    tiles: [(&'static str, String); 3],
    plot: Plot,
    gates: Vec<GateLine>,
    as_of: String,
}

struct Choice {
    value: String,
    name: String,
    chosen: bool,
}

struct GateLine {
    gate: String,
    entries: String,
    exits: String,
    inside: String,
    refused: String,
    last: String,
}

#[derive(Template)]
#[template(path = "office/refused.html")]
struct RefusedPage {
    f: Frame,
    d: &'static DoorWords,
    event: String,
    back: String,
    here: String,
    reasons: Vec<Choice>,
    lines: Vec<RefusedLine>,
    older: Option<String>,
}

struct RefusedLine {
    at: String,
    place: String,
    list: String,
    reason: String,
    tone: &'static str,
    order: Option<(String, String)>,
    product: String,
    /// The beginning of the digest of a code that names no ticket known here.
    digest: String,
}

/// What the address may say; all text, so that a field left empty is no error.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    list: String,
    reason: String,
    before: String,
}

/// `GET …/arrivals`.
///
/// # Errors
/// When there is no such event, or the database is away.
pub async fn show(
    desk: Desk,
    Path((_, event)): Path<(String, i64)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let mut tx = desk.begin().await?;
    let event = catalog::find_event(&mut tx, EventId(event)).await?;
    let (words, zone) = (door_words::of(desk.language), event.draft.zone.as_str());
    let list = asked.list.parse().ok().map(ListId);
    let now = tx.now();
    // Until now while people come; of an event that is over, its last hours.
    let last = store::last_scan(&mut tx, event.event_id).await?.map_or(now, UtcMillis);
    let end = if now.since(last) < 3 * 3_600_000 { now } else { last };
    let until = (end.0.div_euclid(QUARTER) + 1) * QUARTER;
    let from = until - QUARTERS * QUARTER;
    let quarters = store::quarters(&mut tx, event.event_id, list, (UtcMillis(from), UtcMillis(until))).await?;
    let gates = store::gates_of(&mut tx, event.event_id, list).await?;
    let all = lists::all(&mut tx, event.event_id).await?;
    let count = |n| format::count(n, desk.language);
    let entries: i64 = gates.iter().map(|gate| gate.entries).sum();
    let exits: i64 = gates.iter().map(|gate| gate.exits).sum();
    let refused: i64 = gates.iter().map(|gate| gate.refused).sum();
    let mut choices =
        vec![Choice { value: String::new(), name: words.t("all_lists_of_event").to_owned(), chosen: list.is_none() }];
    choices.extend(all.into_iter().map(|one| Choice {
        value: one.list_id.to_string(),
        chosen: list == Some(one.list_id),
        name: one.draft.name,
    }));
    let gate_line = |gate: store::GateCount| GateLine {
        entries: count(gate.entries),
        exits: count(gate.exits),
        inside: count(gate.entries - gate.exits),
        refused: count(gate.refused),
        last: format::ago(now, UtcMillis(gate.last_at), desk.words),
        gate: gate.gate,
    };
    let back = desk.url(format_args!("/events/{}", event.event_id));
    page::show(&Page {
        f: desk.frame("events"),
        d: words,
        back,
        lists: choices,
        tiles: [
            (words.t("inside_now"), count(entries - exits)),
            (words.t("came_in"), count(entries)),
            (words.t("turned_away"), count(refused)),
        ],
        plot: plot(&desk, words, &quarters, from, zone),
        gates: gates.into_iter().map(gate_line).collect(),
        as_of: fill(words.t("as_of"), &[&format::clock(now, zone)]),
        event: event.draft.name.clone(),
    })
}

fn plot(desk: &Desk, words: &'static DoorWords, quarters: &[store::Quarter], from: i64, zone: &str) -> Plot {
    let slot = |nth: i64| {
        let at = from + nth * QUARTER;
        let of = quarters.iter().find(|quarter| quarter.at == at);
        let (entries, exits) = of.map_or((0, 0), |quarter| (quarter.entries, quarter.exits));
        let clock = format::clock(UtcMillis(at), zone);
        let title = fill(words.t("quarter_says"), &[&clock, &entries, &exits]);
        Counted { a: entries, b: exits, title }
    };
    // One label an hour.
    let labels = (0..QUARTERS / 4).map(|hour| format::clock(UtcMillis(from + hour * 4 * QUARTER), zone)).collect();
    let sum: i64 = quarters.iter().map(|quarter| quarter.entries).sum();
    let summary = fill(words.t("arrivals_summary"), &[&format::count(sum, desk.language)]);
    Plot::new((0..QUARTERS).map(slot).collect(), labels, summary, words.t("nobody_came"))
}

/// `GET …/refused`.
///
/// # Errors
/// When there is no such event, or the database is away.
pub async fn refused(
    desk: Desk,
    Path((_, event)): Path<(String, i64)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let mut tx = desk.begin().await?;
    let event = catalog::find_event(&mut tx, EventId(event)).await?;
    let (words, zone) = (door_words::of(desk.language), event.draft.zone.as_str());
    let reason = Some(asked.reason.as_str()).filter(|reason| !reason.is_empty());
    let before = asked.before.parse().ok();
    let mut scans = store::refused(&mut tx, event.event_id, reason, before, MOST + 1).await?;
    let most = usize::try_from(MOST).unwrap_or(usize::MAX);
    let more = scans.len() > most;
    scans.truncate(most);
    let mut reasons =
        vec![Choice { value: String::new(), name: words.t("any_reason").to_owned(), chosen: reason.is_none() }];
    reasons.extend(store::reasons(&mut tx, event.event_id).await?.into_iter().map(|(word, count)| Choice {
        name: format!("{} ({})", words.of("reason", &word), format::count(count, desk.language)),
        chosen: reason == Some(word.as_str()),
        value: word,
    }));
    let back = desk.url(format_args!("/events/{}", event.event_id));
    let here = format!("{back}/refused");
    let older = scans.last().filter(|_| more).map(|scan| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("reason", &asked.reason).append_pair("before", &scan.at.to_string());
        format!("{here}?{}", query.finish())
    });
    let line = |scan: store::RefusedScan| RefusedLine {
        at: format::moment(UtcMillis(scan.at), zone, desk.language),
        place: if scan.gate.is_empty() || scan.gate == scan.device {
            scan.device
        } else {
            format!("{} · {}", scan.gate, scan.device)
        },
        list: scan.list,
        reason: words.of("reason", scan.reason.as_deref().unwrap_or("error")).to_owned(),
        tone: if scan.class == "used" { "warn" } else { "bad" },
        digest: match (&scan.order_code, &scan.payload_hash) {
            (None, Some(hash)) => hash.chars().take(12).collect(),
            (Some(_), _) | (None, None) => String::new(),
        },
        order: scan.order_code.map(|code| (desk.url(format_args!("/orders/{code}")), code)),
        product: scan.product.unwrap_or_default(),
    };
    let lines = scans.into_iter().map(line).collect();
    page::show(&RefusedPage {
        f: desk.frame("events"),
        d: words,
        event: event.draft.name.clone(),
        back,
        here,
        reasons,
        lines,
        older,
    })
}
