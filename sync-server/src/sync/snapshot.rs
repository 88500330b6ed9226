//! `GET /api/station/v1/snapshot`: all a device may see, of one instant, as lines of JSON, compressed. What is the same
//! for all devices of a scope is read and packed once for those that ask in the same moment; each gets its own lines
//! before it. It is packed onto the disk as fast as the database gives it, so that a slow line holds no transaction open.

use super::{
    pack::{self, Pack, Packing},
    rows,
    scope::Scope,
    store,
};
use crate::{
    app::{App, Tx},
    http::{caller::DeviceCaller, problem::Failure},
    sync::budget::Guest,
};
use axum::{
    body::Body,
    extract::{Query, State},
    http::header::{CONTENT_ENCODING, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use std::{collections::HashMap, io::Write, sync::Arc, time::Duration};
use tokio::sync::{Mutex, Semaphore, watch};
use willcall_domain::{
    entropy,
    id::EventId,
    problem::{Code, Problem},
    sync::{
        Row,
        change::{SnapshotEnd, SnapshotStart},
    },
};

/// How long a packed snapshot is given to others who ask for the same, in milliseconds; they catch up by the feed.
const FRESH_MS: u64 = 10_000;
/// How many are packed at once; each has a connection to the database for itself.
const AT_ONCE: usize = 2;
/// How long to wait for a turn; less than a station waits for a first byte.
const PATIENCE: Duration = Duration::from_secs(3);
const COME_BACK_S: u64 = 5;

/// What is asked for.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    /// Only these events, separated by commas; all of the device's where left out.
    events: Option<String>,
    /// Not of an instant before this position; a station of the first version does not say.
    least: Option<i64>,
}

/// Snapshots that were packed a moment ago.
#[derive(Debug)]
pub struct Snapshots {
    recent: Mutex<HashMap<Scope, Recent>>,
    turns: Semaphore,
}

impl Default for Snapshots {
    fn default() -> Self {
        Self { recent: Mutex::default(), turns: Semaphore::new(AT_ONCE) }
    }
}

#[derive(Debug, Clone)]
struct Recent {
    position: i64,
    born_ms: u64,
    pack: Arc<Pack>,
    /// How many rows there are, once it is whole.
    rows: watch::Receiver<u64>,
}

/// The whole snapshot. A station that gets it without its last line takes nothing of it.
///
/// # Errors
/// `protocol` for a station that is too old or too new; `unavailable` when many are being packed; else when the database
/// is away or the disk is full.
pub async fn snapshot(
    Guest(caller): Guest,
    State(app): State<App>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failure> {
    caller.must_speak()?;
    let mut scope = Scope::of(&caller);
    let partial = wanted.events.is_some();
    if let Some(asked) = &wanted.events {
        let asked: Vec<EventId> = asked.split(',').filter_map(|id| id.parse().ok()).collect();
        scope.events.retain(|event| asked.contains(event));
    }
    let recent = shared(&app, &scope, &wanted).await?;
    let own = own_rows(&app, &caller, &scope).await?;
    let start = SnapshotStart {
        history: app.history,
        position: recent.position,
        events: Some(scope.events),
        partial,
        names: Some(scope.names),
        protocol: scope.spoken,
    };
    let before = lines(&start, &own)?;
    tracing::info!(device = caller.device.0, position = recent.position, partial, "a snapshot is sent");
    let after = stream::once(end(recent.rows, own.len() as u64));
    let body = stream::iter([Ok(before)]).chain(recent.pack.read()).chain(after);
    let headers = [(CONTENT_TYPE, "application/x-ndjson"), (CONTENT_ENCODING, "gzip")];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// The part of a snapshot that all devices of a scope get, fresh enough for who asks; packed now where there is none.
async fn shared(app: &App, scope: &Scope, wanted: &Wanted) -> Result<Recent, Failure> {
    if let Some(fresh) = app.snapshots.fresh(app, scope, wanted).await {
        return Ok(fresh);
    }
    let turn = tokio::time::timeout(PATIENCE, app.snapshots.turns.acquire()).await;
    let Ok(Ok(turn)) = turn else {
        let problem = Problem::new(Code::Unavailable, "Many stations take a snapshot just now; come back in a moment.");
        return Err(Failure::retry_after(problem, COME_BACK_S));
    };
    // Somebody else may have begun meanwhile.
    if let Some(fresh) = app.snapshots.fresh(app, scope, wanted).await {
        return Ok(fresh);
    }
    let begun = begin(app, scope, app.clock.monotonic_ms()).await?;
    // From here on it is who packs that has the turn, until that is done.
    turn.forget();
    app.snapshots.recent.lock().await.insert(scope.clone(), begun.clone());
    Ok(begun)
}

impl Snapshots {
    async fn fresh(&self, app: &App, scope: &Scope, wanted: &Wanted) -> Option<Recent> {
        let mut recent = self.recent.lock().await;
        let now_ms = app.clock.monotonic_ms();
        recent.retain(|_, one| now_ms < one.born_ms + FRESH_MS);
        recent.get(scope).filter(|one| wanted.least.is_some_and(|least| one.position >= least)).cloned()
    }
}

/// Starts to read and pack; answers as soon as the instant is fixed.
async fn begin(app: &App, scope: &Scope, now_ms: u64) -> Result<Recent, Failure> {
    let mut tx = app.begin_snapshot(scope.organizer).await?;
    store::rows::allow_long_reading(&mut tx).await?;
    let position = store::head(&mut tx).await?;
    let name = hex::encode(entropy::bytes::<8>(&*app.entropy));
    let (packing, pack) = pack::begin(&app.config.data, &name).map_err(Failure::internal)?;
    let (sender, rows) = watch::channel(u64::MAX);
    let (app, scope) = (app.clone(), scope.clone());
    tokio::spawn(async move {
        let packed = pack_all(tx, &scope, packing).await;
        app.snapshots.turns.add_permits(1);
        match packed {
            Ok((rows, bytes)) => {
                sender.send_replace(rows);
                tracing::info!(organizer = scope.organizer.0, rows, bytes, position, "a snapshot is packed");
                tokio::time::sleep(Duration::from_millis(FRESH_MS)).await;
            }
            Err(failure) => tracing::error!(%failure, "a snapshot broke off"),
        }
        // Nobody gets it any more, and with its last reader its place on the disk is free.
        let mut recent = app.snapshots.recent.lock().await;
        if recent.get(&scope).is_some_and(|one| one.born_ms == now_ms) {
            recent.remove(&scope);
        }
    });
    Ok(Recent { position, born_ms: now_ms, pack, rows })
}

async fn pack_all(mut tx: Tx, scope: &Scope, mut packing: Packing) -> Result<(u64, u64), Failure> {
    let mut count = 0;
    for kind in rows::KINDS.into_iter().filter(|kind| Scope::shares(kind) && scope.wants(kind)) {
        if rows::are_many(kind) {
            let mut found = match kind {
                "position" => store::rows::all_positions(&mut tx, &scope.events, scope.names),
                _ => store::rows::all_scans(&mut tx, &scope.events),
            };
            while let Some(row) = found.next().await {
                let row = row?;
                if scope.reads(&row) {
                    packing.line(&row).map_err(Failure::internal)?;
                    count += 1;
                }
            }
            continue;
        }
        for (_, row) in rows::shared(&mut tx, scope, kind, None).await? {
            if scope.reads(&row) {
                packing.line(&row).map_err(Failure::internal)?;
                count += 1;
            }
        }
    }
    tx.rollback().await?;
    let bytes = packing.finish().map_err(Failure::internal)?;
    Ok((count, bytes))
}

/// What is this device's alone, as it is now: not older than the shared part.
async fn own_rows(app: &App, caller: &DeviceCaller, scope: &Scope) -> Result<Vec<Row>, Failure> {
    let mut tx = app.begin_snapshot(caller.organizer).await?;
    // Who asks for one event only is told of itself as of all.
    let scope = Scope { events: caller.events.clone(), ..scope.clone() };
    let mut own = Vec::new();
    for kind in rows::KINDS.into_iter().filter(|kind| !Scope::shares(kind) && scope.wants(kind)) {
        let rows = rows::load(&mut tx, caller, &scope, kind, None).await?;
        own.extend(rows.into_iter().map(|(_, row)| row).filter(|row| scope.reads(row)));
    }
    tx.rollback().await?;
    Ok(own)
}

fn lines(start: &SnapshotStart, own: &[Row]) -> Result<Bytes, Failure> {
    let mut text = serde_json::to_vec(start).map_err(Failure::internal)?;
    text.push(b'\n');
    for row in own {
        serde_json::to_writer(&mut text, row).map_err(Failure::internal)?;
        text.push(b'\n');
    }
    packed(&text).map_err(Failure::internal)
}

/// The last line, which says how many rows there were.
async fn end(mut shared: watch::Receiver<u64>, own: u64) -> std::io::Result<Bytes> {
    let rows = *shared.wait_for(|rows| *rows != u64::MAX).await.map_err(std::io::Error::other)?;
    let mut line = serde_json::to_vec(&SnapshotEnd { rows: rows + own })?;
    line.push(b'\n');
    packed(&line)
}

fn packed(bytes: &[u8]) -> std::io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.into())
}
