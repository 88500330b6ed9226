//! `GET /api/station/v1/changes`: the feed after a cursor; waits for something new up to the time asked.

use super::{rows, store};
use crate::{
    app::{App, Tx},
    http::{caller::DeviceCaller, problem::Failure},
    wake::Topics,
};
use axum::{
    Json,
    extract::{Query, State},
};
use serde::Deserialize;
use std::{collections::HashMap, time::Duration};
use willcall_domain::{
    id::HistoryId,
    sync::{Change, ChangesAnswer},
};

/// Lines of the feed read for one answer.
const PAGE: i64 = 2_000;
/// Farther behind than this, a snapshot is cheaper than the feed.
const FAR_BEHIND: i64 = 50_000;
/// Longest wait, seconds; below what proxies cut off.
const WAIT_MAX_S: u64 = 25;

/// Where to go on, and how long to wait for something new.
#[derive(Debug, Deserialize)]
pub struct After {
    history: HistoryId,
    after: i64,
    #[serde(default)]
    wait_s: u64,
}

/// What changed after the cursor, within the device's scope.
///
/// # Errors
/// When the database is away.
pub async fn changes(
    caller: DeviceCaller,
    State(app): State<App>,
    Query(ask): Query<After>,
) -> Result<Json<ChangesAnswer>, Failure> {
    let mut feed = app.wake.waiter(Topics::FEED);
    let until = tokio::time::Instant::now() + Duration::from_secs(ask.wait_s.min(WAIT_MAX_S));
    loop {
        feed.mark_unchanged();
        let answer = page(&app, &caller, &ask).await?;
        if answer.next > ask.after || answer.snapshot_needed {
            return Ok(Json(answer));
        }
        // Only the waiting is cut short, never a page that is being read.
        let over = tokio::select! {
            waited = tokio::time::timeout_at(until, feed.changed()) => waited.is_err(),
            () = app.stopping.cancelled() => true,
        };
        if over {
            return Ok(Json(answer));
        }
    }
}

async fn page(app: &App, caller: &DeviceCaller, ask: &After) -> Result<ChangesAnswer, Failure> {
    let mut tx = app.begin_snapshot(caller.organizer).await?;
    let head = store::head(&mut tx).await?;
    let mut answer = ChangesAnswer {
        history: app.history,
        changes: Vec::new(),
        next: ask.after,
        head,
        snapshot_needed: ask.history != app.history || ask.after > head || head - ask.after > FAR_BEHIND,
    };
    if answer.snapshot_needed || ask.after == head {
        return Ok(answer);
    }
    fill(&mut tx, caller, ask.after, &mut answer).await?;
    Ok(answer)
}

async fn fill(tx: &mut Tx, caller: &DeviceCaller, after: i64, answer: &mut ChangesAnswer) -> sqlx::Result<()> {
    let lines = store::feed(tx, after, PAGE).await?;
    answer.next = lines.last().map_or(after, |l| l.position);
    let events = &caller.events;
    let mut named: HashMap<(String, String), rows::Named> = HashMap::new();
    for line in lines {
        let mine = match line.event {
            Some(event) => events.contains(&event),
            None => line.kind != "device" || line.subject == caller.device.to_string(),
        };
        if mine {
            // The last line of a subject wins: it is sent once, as it is now.
            let key = (line.kind.clone(), line.subject.clone());
            let one = rows::Named { kind: line.kind, subject: line.subject, position: line.position, gone: line.gone };
            named.insert(key, one);
        }
    }
    let named: Vec<rows::Named> = named.into_values().collect();
    let present = rows::present(tx, caller, events, &named).await?;
    answer.changes = present.into_iter().map(|(position, row)| Change { position, row }).collect();
    Ok(())
}
