//! `GET /api/station/v1/changes`: the feed after a cursor. A page at once, or after waiting for something new; or a
//! stream that goes on. Urgent lines come ahead of the others to who has much to read.

use super::{
    feed::{Ask, Page},
    rows,
    scope::Scope,
    store::{self, FeedLine},
    stream,
};
use crate::{
    app::{App, Tx},
    http::{caller::DeviceCaller, problem::Failure},
    sync::budget::Guest,
    wake::Topics,
};
use axum::{
    Json,
    extract::{Query, State},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use std::{collections::HashMap, time::Duration};
use willcall_domain::{
    id::HistoryId,
    sync::{Change, ChangesAnswer, feed},
};

/// Lines of the feed read for one answer, where nothing else is asked.
pub(super) const PAGE: i64 = 2_000;
/// Fewer than this are not worth a question.
const LEAST: i64 = 20;
/// Longest wait, seconds; below what proxies cut off.
const WAIT_MAX_S: u64 = 25;
/// Without a wake-up, the feed is looked at again: one may have been lost.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Where to go on, how long to wait for something new, how much to answer.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct After {
    pub(super) history: HistoryId,
    pub(super) after: i64,
    /// How far the urgent lane was read; a station of the first version has one lane only.
    pub(super) urgent: Option<i64>,
    #[serde(default)]
    wait_s: u64,
    most: Option<i64>,
    #[serde(default)]
    stream: bool,
}

/// What changed after the cursor, within the device's scope.
///
/// # Errors
/// `protocol` for a station that is too old or too new; else when the database is away.
pub async fn changes(
    Guest(caller): Guest,
    State(app): State<App>,
    Query(ask): Query<After>,
) -> Result<Response, Failure> {
    caller.must_speak()?;
    if ask.stream {
        return Ok(stream::stream(app, caller, ask));
    }
    let mut feed = app.wake.waiter(Topics::FEED);
    let until = tokio::time::Instant::now() + Duration::from_secs(ask.wait_s.min(WAIT_MAX_S));
    let mut page = read(&app, &caller, &ask).await?;
    let nothing = |page: &Page| page.answer.changes.is_empty() && page.answer.next <= ask.after;
    while nothing(&page) && !page.answer.snapshot_needed {
        // Only the waiting is cut short, never a page that is being read.
        let over = tokio::select! {
            waited = tokio::time::timeout_at(until, news(&app, &caller, page.answer.head, &mut feed)) => match waited {
                Ok(head) => { head?; false }
                Err(_) => true,
            },
            () = app.stopping.cancelled() => true,
        };
        if over {
            break;
        }
        page = read(&app, &caller, &ask).await?;
    }
    Ok(Json(page.answer).into_response())
}

/// Returns once the feed of the caller's organizer is farther than `head`.
///
/// # Errors
/// When the database is away.
pub(super) async fn news(
    app: &App,
    caller: &DeviceCaller,
    head: i64,
    feed: &mut tokio::sync::watch::Receiver<u64>,
) -> Result<i64, Failure> {
    loop {
        let round = *feed.borrow_and_update();
        let now = app.feed.head(app, caller.organizer, round).await?;
        if now > head {
            return Ok(now);
        }
        // Woken or not, look again: the result of the wait says nothing more.
        _ = tokio::time::timeout(LOOK_AGAIN, feed.changed()).await;
    }
}

/// The page that answers `ask`, read for this caller alone.
///
/// # Errors
/// When the database is away.
async fn read(app: &App, caller: &DeviceCaller, ask: &After) -> Result<Page, Failure> {
    let _turn = app.stations.turn().await?;
    page(app, caller, ask, false).await
}

/// The page that answers `ask`; packed where it is to be streamed.
///
/// # Errors
/// When the database is away.
pub(super) async fn page(app: &App, caller: &DeviceCaller, ask: &After, packed: bool) -> Result<Page, Failure> {
    let scope = Scope::of(caller);
    let mut tx = app.begin_snapshot(caller.organizer).await?;
    let store::prune::Kept { head, pruned, .. } = store::prune::kept(&mut tx).await?;
    let snapshot_needed = ask.history != app.history || feed::needs_snapshot(ask.after, pruned, head);
    let mut answer = ChangesAnswer {
        history: app.history,
        changes: Vec::new(),
        next: ask.after,
        head,
        snapshot_needed,
        urgent: ask.urgent.map(|urgent| urgent.max(ask.after)),
        again_within_ms: None,
    };
    let mut own = false;
    if !snapshot_needed && ask.after < head {
        let lines = lines(&mut tx, ask, &mut answer).await?;
        own = lines.iter().any(|line| !Scope::shares(&line.kind));
        // One of the first version does not notice by itself that it may see more than before.
        let scope_changed = |line: &FeedLine| line.kind == "scope" && line.subject == caller.device.to_string();
        if scope.spoken < 2 && lines.iter().any(scope_changed) {
            answer.snapshot_needed = true;
        } else {
            answer.changes = fill(&mut tx, caller, &scope, lines).await?;
        }
    }
    tx.rollback().await?;
    let packed = if packed { stream::pack(&answer)? } else { bytes::Bytes::new() };
    Ok(Page { answer, packed, own })
}

/// The lines of the next page, urgent ones first; moves `answer` on to where they end.
async fn lines(tx: &mut Tx, ask: &After, answer: &mut ChangesAnswer) -> sqlx::Result<Vec<FeedLine>> {
    let most = ask.most.unwrap_or(PAGE).clamp(LEAST, PAGE);
    let mut next = store::feed(tx, ask.after, most).await?;
    let whole = i64::try_from(next.len()).unwrap_or(i64::MAX) < most;
    let Some(urgent_read) = ask.urgent.filter(|_| !whole) else {
        // All there is: nothing waits behind anything.
        answer.next = next.last().map_or(ask.after, |line| line.position);
        if let Some(urgent) = ask.urgent {
            answer.urgent = Some(urgent.max(answer.next));
            next.retain(|line| !line.urgent || line.position > urgent);
        }
        next.sort_by_key(|line| !line.urgent);
        return Ok(next);
    };
    let urgent_read = urgent_read.max(ask.after);
    let mut urgent = store::urgent_feed(tx, urgent_read, most).await?;
    if i64::try_from(urgent.len()).unwrap_or(i64::MAX) >= most {
        answer.urgent = urgent.last().map(|line| line.position);
        return Ok(urgent);
    }
    answer.urgent = Some(answer.head.max(urgent_read));
    answer.next = next.last().map_or(ask.after, |line| line.position);
    next.retain(|line| !line.urgent);
    urgent.append(&mut next);
    Ok(urgent)
}

async fn fill(tx: &mut Tx, caller: &DeviceCaller, scope: &Scope, lines: Vec<FeedLine>) -> sqlx::Result<Vec<Change>> {
    let me = caller.device.to_string();
    let mut named: HashMap<(String, String), rows::Named> = HashMap::new();
    for line in lines {
        let mine = match line.event {
            Some(event) => scope.events.contains(&event) || rows::is_own(&line.kind),
            None => line.kind != "device" || line.subject == me,
        };
        if mine && line.kind != "scope" {
            // The last line of a subject wins: it is sent once, as it is now.
            let key = (line.kind.clone(), line.subject.clone());
            let one = rows::Named { kind: line.kind, subject: line.subject, position: line.position, gone: line.gone };
            let at = named.entry(key).or_insert(rows::Named { ..one });
            if line.position > at.position {
                (at.position, at.gone) = (line.position, line.gone);
            }
        }
    }
    let named: Vec<rows::Named> = named.into_values().collect();
    let present = rows::present(tx, caller, scope, &named).await?;
    Ok(present.into_iter().map(|(position, row)| Change { position, row }).collect())
}

impl After {
    /// The same question, from where `answer` ends.
    pub(super) fn from(self, answer: &ChangesAnswer) -> Self {
        Self { after: answer.next, urgent: answer.urgent.or(self.urgent), ..self }
    }

    /// Which page would answer it, for whoever asks in this scope while the feed is at `head`.
    pub(super) fn shared(&self, scope: Scope, head: i64) -> Ask {
        Ask { scope, after: self.after, urgent: self.urgent.unwrap_or(self.after), head }
    }
}
