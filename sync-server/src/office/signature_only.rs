//! Who was let in on the signature alone: the ticket is one of ours, and nobody here knows its order. A till that sold it
//! may not have reported yet, or the order was lost when the server was put back.

use super::{
    desk::Desk,
    format,
    page::{self, Frame},
    store,
};
use crate::http::Failure;
use askama::Template;
use axum::response::Response;
use willcall_domain::clock::UtcMillis;

/// How many are shown.
const MOST: usize = 200;

#[derive(Template)]
#[template(path = "office/signature_only.html")]
struct Page {
    f: Frame,
    lines: Vec<Line>,
    more: bool,
}

struct Line {
    ticket: String,
    when: String,
    gate: String,
    list: String,
    event: String,
    undone: bool,
}

/// `GET /office/{organizer}/cases/signature-only`.
///
/// # Errors
/// When the database is away.
pub async fn show(desk: Desk) -> Result<Response, Failure> {
    let mut tx = desk.begin().await?;
    let mut found = store::signature_only(&mut tx, i64::try_from(MOST).unwrap_or(i64::MAX) + 1).await?;
    let more = found.len() > MOST;
    found.truncate(MOST);
    let lines = found
        .into_iter()
        .map(|scan| Line {
            ticket: scan.ticket.chars().take(13).collect(),
            when: format::moment(UtcMillis(scan.at), &scan.zone, desk.language),
            gate: if scan.gate.is_empty() { scan.device } else { scan.gate },
            list: scan.list,
            event: scan.event,
            undone: scan.undone,
        })
        .collect();
    page::show(&Page { f: desk.frame("cases"), lines, more })
}
