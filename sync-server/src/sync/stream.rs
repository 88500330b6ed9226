//! The change feed as a stream: one answer a line as soon as there is something new, and an empty line every two seconds
//! to say that the line is alive. Each piece is packed by itself, so that a quiet line keeps no compressor.

use super::{
    pull::{self, After},
    scope::Scope,
};
use crate::{
    app::App,
    http::{caller::DeviceCaller, problem::Failure},
    wake::Topics,
};
use axum::{
    body::Body,
    http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use std::{io::Write, sync::LazyLock, time::Duration};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior},
};
use tokio_stream::wrappers::ReceiverStream;
use willcall_domain::{
    entropy,
    problem::{Code, Problem},
    sync::ChangesAnswer,
};

/// Between two signs of life.
const BEAT: Duration = Duration::from_secs(2);
/// A stream is ended after so long and a random half of it, and asked for again: by then who asks is checked anew.
const LIFE: Duration = Duration::from_secs(240);
/// When the server goes away, its stations come back spread over as long as this allows a hundred a second.
const STATIONS_A_SECOND: u64 = 100;
const LEAST_SPREAD_MS: u64 = 1_000;

static ALIVE: LazyLock<Bytes> = LazyLock::new(|| packed(b"\n").unwrap_or_default());

type Line = Result<Bytes, std::io::Error>;

/// Answers at once and goes on telling.
pub(super) fn stream(app: App, caller: DeviceCaller, ask: After) -> Response {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let _counted = app.stations.listening();
        if let Err(failure) = tell(&app, caller, ask, &sender).await {
            tracing::info!(%failure, "a stream of changes ended");
            // Cut off, so that it is not taken for an end: who listens asks again and is told why.
            _ = sender.send(Err(std::io::Error::other("the changes cannot be read"))).await;
        }
    });
    let headers = [(CONTENT_TYPE, "application/x-ndjson"), (CONTENT_ENCODING, "gzip"), (CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(ReceiverStream::new(receiver))).into_response()
}

async fn tell(
    app: &App,
    mut caller: DeviceCaller,
    mut ask: After,
    listener: &mpsc::Sender<Line>,
) -> Result<(), Failure> {
    let mut feed = app.wake.waiter(Topics::FEED);
    let ends = Instant::now() + life(app);
    let mut beat = tokio::time::interval_at(Instant::now() + BEAT, BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let round = *feed.borrow_and_update();
        let read = || async {
            let _turn = app.stations.patient_turn().await?;
            pull::page(app, &caller, &ask, true).await
        };
        let head = app.feed.head(app, caller.organizer, round).await?;
        let page = app.feed.page(&ask.shared(Scope::of(&caller), head), round, read).await?;
        let answer = &page.answer;
        if answer.next > ask.after || answer.snapshot_needed {
            if listener.send(Ok(page.packed)).await.is_err() {
                return Ok(());
            }
            beat.reset();
            if answer.snapshot_needed || answer.next < answer.head {
                // There is more than is told at once: it asks page by page, so that what is urgent never waits in the line.
                return Ok(());
            }
            if page.own {
                caller = again(app, &caller).await?;
            }
            ask = ask.from(answer);
        }
        if !wait(app, &caller, ask.after, &mut feed, &mut beat, (ends, listener)).await? {
            return Ok(());
        }
    }
}

/// The same device as it is set now.
async fn again(app: &App, caller: &DeviceCaller) -> Result<DeviceCaller, Failure> {
    let mut tx = app.begin(caller.organizer).await?;
    match DeviceCaller::author(&mut tx, caller.device).await? {
        Some((now, None)) => Ok(DeviceCaller { protocol: caller.protocol, ..now }),
        Some((_, Some(_))) | None => {
            Err(Problem::new(Code::Revoked, "What it recorded is safe on it; ask the organizer to enrol it again.")
                .into())
        }
    }
}

/// Waits for something new; `false` when the stream is over.
async fn wait(
    app: &App,
    caller: &DeviceCaller,
    head: i64,
    feed: &mut tokio::sync::watch::Receiver<u64>,
    beat: &mut tokio::time::Interval,
    (ends, listener): (Instant, &mpsc::Sender<Line>),
) -> Result<bool, Failure> {
    loop {
        tokio::select! {
            news = pull::news(app, caller, head, feed) => return news.map(|_| true),
            _ = beat.tick() => if listener.send(Ok(ALIVE.clone())).await.is_err() { return Ok(false) },
            () = tokio::time::sleep_until(ends) => return Ok(false),
            () = listener.closed() => return Ok(false),
            () = app.stopping.cancelled() => {
                // Who hung up meanwhile does not need to be told.
                _ = listener.send(farewell(app).map_err(std::io::Error::other)).await;
                return Ok(false);
            }
        }
    }
}

fn life(app: &App) -> Duration {
    let part = u64::from(entropy::bytes::<1>(&*app.entropy)[0]);
    LIFE + LIFE * u32::try_from(part).unwrap_or(0) / 512
}

fn farewell(app: &App) -> Result<Bytes, Failure> {
    let spread = (app.stations.listeners() * 1_000 / STATIONS_A_SECOND).max(LEAST_SPREAD_MS);
    pack(&ChangesAnswer {
        history: app.history,
        changes: Vec::new(),
        next: 0,
        head: 0,
        snapshot_needed: false,
        urgent: None,
        again_within_ms: Some(spread),
    })
}

/// An answer as one line, packed.
///
/// # Errors
/// When it cannot be written as JSON, which its types do not allow.
pub(super) fn pack(answer: &ChangesAnswer) -> Result<Bytes, Failure> {
    let mut line = serde_json::to_vec(answer).map_err(Failure::internal)?;
    line.push(b'\n');
    packed(&line).map_err(Failure::internal)
}

fn packed(bytes: &[u8]) -> std::io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4 + 32), Compression::fast());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.into())
}
