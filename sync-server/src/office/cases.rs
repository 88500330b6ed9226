//! Open cases of stations: what a person should look at. They can be closed, nothing else.

use super::{
    case_words,
    desk::Desk,
    format,
    page::{self, Frame},
    store::{self, CaseRow},
};
use crate::http::Failure;
use askama::Template;
use axum::{extract::Path, response::Response};
use willcall_domain::{
    clock::UtcMillis,
    id::CaseId,
    problem::{Code, Problem},
};

/// How many are shown at once.
const MOST: i64 = 100;

#[derive(Template)]
#[template(path = "office/cases.html")]
struct Page {
    f: Frame,
    cases: Vec<Card>,
    more: bool,
}

struct Card {
    id: CaseId,
    title: &'static str,
    sentence: String,
    lines: Vec<String>,
    device: String,
    opened: String,
    event: String,
    /// Address and code of the order it is about.
    order: Option<(String, String)>,
}

/// `GET /office/{organizer}/cases`.
///
/// # Errors
/// When the database is away.
pub async fn show(desk: Desk) -> Result<Response, Failure> {
    let mut tx = desk.begin().await?;
    let mut rows = store::open_cases(&mut tx, MOST + 1).await?;
    let more = rows.len() > usize::try_from(MOST).unwrap_or(usize::MAX);
    rows.truncate(usize::try_from(MOST).unwrap_or(usize::MAX));
    page::show(&Page { f: desk.frame("cases"), cases: rows.iter().map(|row| card(&desk, row)).collect(), more })
}

fn card(desk: &Desk, row: &CaseRow) -> Card {
    let zone = row.zone.as_deref().unwrap_or("UTC");
    let (title, sentence) = case_words::of(&row.kind, desk.words);
    // Who admitted a ticket twice, and when: gate by gate.
    let scans = row.detail.get("scans").and_then(serde_json::Value::as_array);
    let scan = |scan: &serde_json::Value| {
        let at = UtcMillis(scan.get("at")?.as_i64()?);
        Some(format!("{} · {}", scan.get("gate")?.as_str()?, format::moment(at, zone, desk.language)))
    };
    Card {
        id: CaseId(row.case_id),
        title,
        sentence,
        lines: scans.into_iter().flatten().filter_map(scan).collect(),
        device: row.device.clone(),
        opened: format::moment(UtcMillis(row.opened_at), zone, desk.language),
        event: row.event.clone().unwrap_or_default(),
        order: row.order_code.as_ref().map(|code| (desk.url(format_args!("/orders/{code}")), code.clone())),
    }
}

/// `POST …/cases/{case}/close`: somebody has seen it.
///
/// # Errors
/// When it is not open, this person may only look, or the database is away.
pub async fn close(desk: Desk, Path((_, case)): Path<(String, uuid::Uuid)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    if !store::close_case(&mut tx, CaseId(case), desk.caller.staff).await? {
        return Err(Problem::new(Code::NotFound, "There is no such open case.").into());
    }
    tx.commit().await?;
    tracing::info!(organizer = desk.caller.organizer.0, %case, "case closed");
    Ok(page::go(&desk.url("/cases?done=closed")))
}
