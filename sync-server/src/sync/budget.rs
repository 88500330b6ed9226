//! What stations may take of the server: how often one of them asks, how many are served at once, and when those that
//! were cut off together have their turn. So that two thousand that come back at once neither starve the shop nor wait
//! behind it.

use crate::{
    app::App,
    http::{
        Limit,
        caller::DeviceCaller,
        problem::Failure,
        token::{Kind, Token},
    },
};
use axum::{
    body::{Body, to_bytes},
    extract::{FromRequestParts, Request, State},
    http::{header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Semaphore, SemaphorePermit};
use willcall_domain::problem::{Code, Problem};

/// How long a station waits for its turn before it is asked to come back; less than it waits for a first byte.
const PATIENCE: Duration = Duration::from_secs(3);
/// When it is asked to come back, in seconds.
const COME_BACK_S: u64 = 2;
/// Stations that came back together and have nothing to bring take their turns at this distance.
const TURN_MS: u64 = 10;
/// What one brings adds to that: entries applied in a millisecond, at a pace that leaves most of the machine to the shop.
const ENTRIES_MS: u64 = 2;
/// Nobody is given a turn later than this.
const LONGEST_MS: u64 = 300_000;

/// The share of the stations, for all of this process.
#[derive(Debug)]
pub struct Stations {
    turns: Semaphore,
    /// When the next turn is free, in milliseconds of the monotonic clock.
    next_turn_ms: Mutex<u64>,
    listening: AtomicU64,
}

fn come_back() -> Failure {
    let problem = Problem::new(Code::Unavailable, "Many stations are being served; come back in a moment.");
    Failure::retry_after(problem, COME_BACK_S)
}

/// One station that listens to the change feed; no more once this is dropped.
#[derive(Debug)]
pub(super) struct Listening<'a>(&'a AtomicU64);

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Stations {
    /// With this many connections to the database, a quarter of them is theirs, of the cores one half; never less than one.
    #[must_use]
    pub fn new(connections: u32) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let share = usize::try_from(connections / 4).unwrap_or(1).clamp(1, (cores / 2).max(1));
        Self { turns: Semaphore::new(share), next_turn_ms: Mutex::default(), listening: AtomicU64::new(0) }
    }

    /// One turn at the database.
    ///
    /// # Errors
    /// When there is none within a few seconds; to be tried again.
    pub(super) async fn turn(&self) -> Result<SemaphorePermit<'_>, Failure> {
        self.turn_within(PATIENCE).await
    }

    async fn turn_within(&self, patience: Duration) -> Result<SemaphorePermit<'_>, Failure> {
        tokio::time::timeout(patience, self.patient_turn()).await.unwrap_or_else(|_| Err(come_back()))
    }

    /// The same for who has all the time: it already has what it asked for, and waits for more.
    ///
    /// # Errors
    /// When the server stops.
    pub(super) async fn patient_turn(&self) -> Result<SemaphorePermit<'_>, Failure> {
        self.turns.acquire().await.map_err(|_| come_back())
    }

    /// When a station that has been away has its turn, in milliseconds from now. `waiting` is how many entries it brings.
    pub(super) fn slot_ms(&self, now_ms: u64, waiting: u64) -> u64 {
        let mut next = self.next_turn_ms.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = (*next).max(now_ms);
        let wait = (mine - now_ms).min(LONGEST_MS);
        *next = (mine + TURN_MS + waiting / ENTRIES_MS).min(now_ms + LONGEST_MS);
        wait
    }

    pub(super) fn listening(&self) -> Listening<'_> {
        self.listening.fetch_add(1, Ordering::Relaxed);
        Listening(&self.listening)
    }

    /// How many listen to the change feed.
    #[must_use]
    pub fn listeners(&self) -> u64 {
        self.listening.load(Ordering::Relaxed)
    }
}

/// Lets a station's request pass once it has its turn, and keeps that until it is answered; one that asks too often is
/// told so before the database is asked anything.
pub async fn take_turns(State(app): State<App>, request: Request, next: Next) -> Response {
    if let Err(failure) = check_pace(&app, request.headers()) {
        return failure.into_response();
    }
    // What comes over a slow line has come before the turn begins.
    let request = match arrived(request, app.config.bind.max_body).await {
        Ok(request) => request,
        Err(failure) => return failure.into_response(),
    };
    match app.stations.turn().await {
        Ok(_turn) => next.run(request).await,
        Err(failure) => failure.into_response(),
    }
}

async fn arrived(request: Request, most: usize) -> Result<Request, Failure> {
    let (parts, body) = request.into_parts();
    match to_bytes(body, most).await {
        Ok(bytes) => Ok(Request::from_parts(parts, Body::from(bytes))),
        Err(error) if error.to_string().contains("length limit exceeded") => {
            Err(Problem::new(Code::TooLarge, "Nothing was stored.").into())
        }
        Err(_) => Err(Problem::new(Code::Invalid, "The request could not be read.").into()),
    }
}

fn check_pace(app: &App, headers: &axum::http::HeaderMap) -> Result<(), Failure> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(|v| v.split_once(' '));
    // Who has no token of a device's form is refused without being asked anything.
    let Some(token) = bearer.and_then(|(_, text)| Token::read(Kind::Device, text.trim())) else { return Ok(()) };
    // By the secret, not by the number it names: nobody uses up what is another's.
    app.limits.check(Limit::Station, token.text(), app.clock.monotonic_ms())
}

/// A device that may keep its question for a while: found out in its turn, which is over when that is done.
#[derive(Debug)]
pub struct Guest(pub DeviceCaller);

impl FromRequestParts<App> for Guest {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        check_pace(app, &parts.headers)?;
        let _turn = app.stations.turn().await?;
        Ok(Self(DeviceCaller::from_request_parts(parts, app).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_come_back_together_come_one_after_the_other_by_what_they_bring() {
        let stations = Stations::new(16);
        assert_eq!(stations.slot_ms(1_000, 0), 0, "the first need not wait");
        assert_eq!(stations.slot_ms(1_000, 300), 10);
        assert_eq!(stations.slot_ms(1_000, 0), 170, "three hundred entries are given a sixth of a second");
        assert_eq!(stations.slot_ms(5_000, 0), 0, "later nobody is in the way any more");
        let last = (0..100_000).map(|_| stations.slot_ms(5_000, 200)).max();
        assert_eq!(last, Some(LONGEST_MS), "and nobody waits for ever");
    }

    #[tokio::test]
    async fn who_gets_no_turn_is_asked_to_come_back() {
        let stations = Stations::new(2);
        let busy = stations.turn().await.unwrap();
        let refused = stations.turn_within(Duration::ZERO).await.unwrap_err();
        assert_eq!(refused.problem().code, Code::Unavailable);
        drop(busy);
        assert!(stations.turn_within(Duration::ZERO).await.is_ok());
    }
}
