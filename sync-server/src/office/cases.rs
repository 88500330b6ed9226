//! Cases of stations: what happened, what is safe, and the ways to close each. Also those that are closed, with who
//! closed them and how.

use super::{
    case_words::{self, CaseWords, Told},
    desk::Desk,
    format,
    page::{self, Frame},
    store::{self, CaseFilter, CaseLine, CaseRow},
    words::fill,
};
use crate::{
    catalog::edit as catalog,
    devices::edit as devices,
    http::Failure,
    sync::cases::{self, By, Resolved},
};
use askama::Template;
use axum::{
    Form,
    extract::{Path, Query},
    response::Response,
};
use serde::Deserialize;
use serde_json::Value;
use willcall_domain::{
    clock::UtcMillis,
    id::{CaseId, DeviceId, EventId},
    problem::{Code, Problem},
    sync::{CaseKind, Resolution},
};

/// How many are shown at once.
const MOST: i64 = 100;

#[derive(Template)]
#[template(path = "office/cases.html")]
struct Page {
    f: Frame,
    c: &'static CaseWords,
    closed: bool,
    /// Addresses of the open and the closed ones, under the same filter.
    tabs: [String; 2],
    devices: Vec<Choice>,
    events: Vec<Choice>,
    cases: Vec<Card>,
    more: bool,
    /// What came of what was just done, where it is not simply closed.
    said: Option<&'static str>,
}

struct Choice {
    value: String,
    name: String,
    chosen: bool,
}

pub(super) struct Card {
    pub id: CaseId,
    pub told: Told,
    pub lines: Vec<String>,
    pub device: String,
    pub opened: String,
    pub event: String,
    /// Address and code of the order it is about.
    pub order: Option<(String, String)>,
    pub ways: Vec<Way>,
    /// How and when it was closed.
    pub ending: Option<String>,
    pub note: String,
}

pub(super) struct Way {
    pub word: &'static str,
    pub says: &'static str,
    /// Where it is done, if not here.
    pub elsewhere: Option<String>,
}

/// What the address may say. All text, so that a field left empty is no error.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    show: String,
    device: String,
    event: String,
    done: String,
}

impl Asked {
    fn filter(&self) -> CaseFilter {
        CaseFilter {
            closed: self.show == "closed",
            device: self.device.parse().ok().map(DeviceId),
            event: self.event.parse().ok().map(EventId),
            order: None,
        }
    }
}

/// `GET /office/{organizer}/cases`.
///
/// # Errors
/// When the database is away.
pub async fn show(desk: Desk, Query(asked): Query<Asked>) -> Result<Response, Failure> {
    let filter = asked.filter();
    let mut tx = desk.begin().await?;
    let most = usize::try_from(MOST).unwrap_or(usize::MAX);
    let mut rows = store::cases(&mut tx, filter, MOST + 1).await?;
    let more = rows.len() > most;
    rows.truncate(most);
    let ids: Vec<uuid::Uuid> = rows.iter().map(|row| row.case_id).collect();
    let lines = store::case_lines(&mut tx, &ids).await?;
    let words = case_words::of(desk.language);
    let any = |name: &str, chosen| Choice { value: String::new(), name: name.to_owned(), chosen };
    let mut of_devices = vec![any(&words.said.any_device, filter.device.is_none())];
    of_devices.extend(devices::all(&mut tx).await?.into_iter().map(|device| Choice {
        value: device.device_id.to_string(),
        chosen: filter.device == Some(device.device_id),
        name: device.name,
    }));
    let mut of_events = vec![any(&desk.words.any_event, filter.event.is_none())];
    of_events.extend(catalog::list_events(&mut tx).await?.into_iter().map(|event| Choice {
        value: event.event_id.to_string(),
        chosen: filter.event == Some(event.event_id),
        name: event.draft.name,
    }));
    page::show(&Page {
        f: desk.frame("cases"),
        c: words,
        closed: filter.closed,
        tabs: [false, true].map(|closed| tab(&desk, CaseFilter { closed, ..filter })),
        devices: of_devices,
        events: of_events,
        cases: rows.iter().map(|row| card(&desk, row, &lines)).collect(),
        more,
        said: match asked.done.as_str() {
            "still_open" => Some(&words.said.still_open),
            "closed_before" => Some(&words.said.closed_before),
            _ => None,
        },
    })
}

fn tab(desk: &Desk, filter: CaseFilter) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if filter.closed {
        query.append_pair("show", "closed");
    }
    if let Some(device) = filter.device {
        query.append_pair("device", &device.to_string());
    }
    if let Some(event) = filter.event {
        query.append_pair("event", &event.to_string());
    }
    let query = query.finish();
    desk.url(if query.is_empty() { "/cases".to_owned() } else { format!("/cases?{query}") })
}

/// A case as a card.
pub(super) fn card(desk: &Desk, row: &CaseRow, lines: &[CaseLine]) -> Card {
    let words = case_words::of(desk.language);
    let zone = row.zone.as_deref().unwrap_or("UTC");
    let moment = |at: i64| format::moment(UtcMillis(at), zone, desk.language);
    let mut said = details(desk, row, zone);
    said.extend(lines.iter().filter(|line| line.case_id == row.case_id).map(|line| {
        let sentence = match line.what.as_str() {
            "tried" => fill(&words.said.tried, &[&line.person, &line.detail]),
            "refused" => {
                let way = line.resolution.as_deref().and_then(Resolution::of_word);
                let said = match way {
                    Some(way) if !way.only_in_the_office() => &words.said.not_that_way,
                    _ => &words.said.refused,
                };
                fill(said, &[&line.person])
            }
            _ => fill(&words.said.second, &[&line.person]),
        };
        format!("{} · {sentence}", moment(line.at))
    }));
    let ending = row
        .closed_at
        .map(|at| format!("{} · {}", words.ending(row.resolution.as_deref(), &row.person, &row.note), moment(at)));
    Card {
        id: CaseId(row.case_id),
        told: words.kind(&row.kind),
        lines: said,
        device: row.device.clone(),
        opened: moment(row.opened_at),
        event: row.event.clone().unwrap_or_default(),
        order: row.order_code.as_ref().map(|code| (desk.url(format_args!("/orders/{code}")), code.clone())),
        ways: if row.closed_at.is_none() { ways(desk, row, words) } else { Vec::new() },
        ending,
        note: if row.resolution.is_some() { row.note.clone() } else { String::new() },
    }
}

fn ways(desk: &Desk, row: &CaseRow, words: &'static CaseWords) -> Vec<Way> {
    let choices =
        CaseKind::of_word(&row.kind).map_or_else(|| vec![Resolution::Seen], |kind| kind.choices(row.waiting > 0));
    let way = |way: Resolution| Way {
        word: way.word(),
        says: words.way(way),
        elsewhere: match way {
            Resolution::WriteOffLost => Some(write_off(desk, row, "lost")),
            Resolution::WriteOffStolen => Some(write_off(desk, row, "stolen")),
            Resolution::Seen
            | Resolution::Retry
            | Resolution::LeaveOut
            | Resolution::Release
            | Resolution::Adopt
            | Resolution::RefundByHand => None,
        },
    };
    choices.into_iter().map(way).collect()
}

/// The page on which the units are given up: of the hand-over that is stuck, else of the station.
fn write_off(desk: &Desk, row: &CaseRow, how: &str) -> String {
    let stuck = row.detail.get("hand_over_id").and_then(Value::as_str).filter(|_| row.kind == "hand_over_stuck");
    match stuck.and_then(|id| id.parse::<uuid::Uuid>().ok()) {
        Some(id) => desk.url(format_args!("/hand-overs/{id}/write-off?how={how}")),
        None => desk.url(format_args!("/devices/{}/write-off?how={how}", row.device_id)),
    }
}

/// What the case itself says: gates and times, numbers of entries, how far off.
fn details(desk: &Desk, row: &CaseRow, zone: &str) -> Vec<String> {
    let said = &case_words::of(desk.language).said;
    let detail = &row.detail;
    let number = |name: &str| detail.get(name).and_then(Value::as_u64);
    // Who admitted a ticket twice, and when: gate by gate.
    let scan = |scan: &Value| {
        let at = UtcMillis(scan.get("at")?.as_i64()?);
        let undone = scan.get("undone").and_then(Value::as_bool).unwrap_or(false);
        let mark = if undone { format!(" · {}", desk.words.undone) } else { String::new() };
        Some(format!("{} · {}{mark}", scan.get("gate")?.as_str()?, format::moment(at, zone, desk.language)))
    };
    let mut lines: Vec<String> =
        detail.get("scans").and_then(Value::as_array).into_iter().flatten().filter_map(scan).collect();
    lines.extend(match detail.get("certainty").and_then(Value::as_str) {
        Some("certain") => Some(desk.words.case_certain.clone()),
        Some("possible") => Some(desk.words.case_possible.clone()),
        _ => None,
    });
    lines.extend(by_hand(desk, row, zone));
    match (number("from"), number("until"), number("seq"), number("incarnation")) {
        (Some(from), Some(until), _, Some(life)) => lines.push(fill(&said.entries, &[&from, &until, &life])),
        (_, _, Some(seq), Some(life)) => lines.push(fill(&said.number, &[&seq, &life])),
        _ => {}
    }
    let codes = detail.get("codes").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    lines.extend(codes.map(str::to_owned));
    lines.extend(detail.get("why").and_then(Value::as_str).map(|why| case_words::of(desk.language).why(why)));
    lines.extend(detail.get("ms").and_then(Value::as_i64).map(|ms| fill(&said.beyond, &[&(ms / 60_000)])));
    if row.waiting > 0 {
        lines.push(fill(&said.waits, &[&format::count(row.waiting, desk.language)]));
    }
    lines
}

/// The time a person gave, or that one was given, where the device had no right to.
fn by_hand(desk: &Desk, row: &CaseRow, zone: &str) -> Option<String> {
    if row.kind == "time_by_hand" {
        let at = row.detail.get("at")?.as_i64()?;
        return Some(format::moment(UtcMillis(at), zone, desk.language));
    }
    row.detail.get("time_by_hand")?.as_bool()?.then(|| desk.words.case_time_by_hand.clone())
}

/// How a case is closed, as the form says it. Without a way it is seen.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Closing {
    how: String,
    note: String,
}

/// `POST …/cases/{case}/close`: closes it in one of its ways, and does what the way says.
///
/// # Errors
/// When there is no such case, it is not closed that way, this person may only look, or the database is away.
pub async fn close(
    desk: Desk,
    Path((_, case)): Path<(String, uuid::Uuid)>,
    Form(closing): Form<Closing>,
) -> Result<Response, Failure> {
    let how = if closing.how.is_empty() { Some(Resolution::Seen) } else { Resolution::of_word(&closing.how) };
    let how = how.ok_or_else(|| Problem::field("how", "one of the ways of this case"))?;
    let mut tx = desk.begin_change().await?;
    let by = By::Staff { id: desk.caller.staff, name: &desk.caller.name };
    let resolved = cases::resolve(&desk.app, &mut tx, CaseId(case), how, &by, &closing.note).await?;
    tx.commit().await?;
    let done = match resolved {
        Resolved::Closed => "closed",
        Resolved::StillOpen { .. } => "still_open",
        Resolved::ClosedBefore { .. } => {
            return Err(Problem::new(Code::NotFound, "There is no such open case.").into());
        }
    };
    Ok(page::go(&desk.url(format_args!("/cases?done={done}"))))
}
