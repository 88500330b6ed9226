//! An open-loop load generator: requests leave at times fixed beforehand, whether or not earlier ones were answered,
//! and their latency counts from the *scheduled* time. A server that stalls cannot hide the queue it causes.

use serde::Serialize;
use serde_json::{Value, json};
use std::{collections::BTreeMap, future::Future, time::Duration};
use tokio::{task::JoinSet, time::Instant};

/// What to send, and when to stop.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Arrivals per second, evenly spaced.
    pub rate_per_s: f64,
    /// How many arrivals in all.
    pub count: u64,
    /// How long after the last arrival is scheduled answers are waited for; what is open then is cut and counts as
    /// `unfinished` with the age it had.
    pub patience: Duration,
    /// How many may be open at once; arrivals beyond are not sent and count as `dropped`.
    pub most_open: usize,
}

/// What became of the arrivals.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Arrivals in all.
    pub n: u64,
    pub ok: u64,
    /// How many failed, by kind. `unfinished` and `dropped` are the generator's own kinds.
    pub errors: BTreeMap<String, u64>,
    /// Percentiles over the answered and the unfinished; the latter count with the time they had been open. Failures
    /// are left out, as a quick failure is no quick answer.
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
    /// From the first scheduled arrival to the last answer.
    pub took_s: f64,
    /// How late the generator itself was in sending, 99th percentile.
    pub lag_p99_ms: f64,
    /// The generator was the limit: it sent late by more than 10 ms and by more than a tenth of the p99 measured, or
    /// had to drop arrivals. Such a run says nothing about the server.
    pub void: bool,
}

impl Summary {
    /// Failures of all kinds.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.errors.values().sum()
    }

    /// For the `measured` of a record.
    #[must_use]
    pub fn json(&self) -> Value {
        json!(self)
    }
}

/// Sends `plan.count` requests, the i-th (from 0) by `send(i)`, which answers or names the kind of its failure.
pub async fn run<F, Fut>(plan: &Plan, mut send: F) -> Summary
where
    F: FnMut(u64) -> Fut,
    Fut: Future<Output = Result<(), String>> + Send + 'static,
{
    let begin = Instant::now();
    let due = |i: u64| begin + Duration::from_secs_f64(i as f64 / plan.rate_per_s.max(f64::MIN_POSITIVE));
    let mut tally = Tally::default();
    let mut open: JoinSet<(u64, Result<(), String>, Instant)> = JoinSet::new();
    for i in 0..plan.count {
        let scheduled = due(i);
        // Answers are taken in while the next arrival is waited for. Time is at the end of each request, not here.
        loop {
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(scheduled) => break,
                Some(done) = open.join_next() => tally.done(done, due),
            }
        }
        while let Some(done) = open.try_join_next() {
            tally.done(done, due);
        }
        if open.len() >= plan.most_open {
            tally.failed("dropped");
            continue;
        }
        tally.lags.push(scheduled.elapsed());
        let request = send(i);
        tally.open.insert(i);
        open.spawn(async move {
            let answer = request.await;
            (i, answer, Instant::now())
        });
    }
    let last = due(plan.count.saturating_sub(1));
    let rest = async {
        while let Some(done) = open.join_next().await {
            tally.done(done, due);
        }
    };
    // What is still open when patience ends is counted below.
    drop(tokio::time::timeout_at(last + plan.patience, rest).await);
    let cut = Instant::now();
    for i in std::mem::take(&mut tally.open) {
        tally.failed("unfinished");
        tally.latencies.push(cut.saturating_duration_since(due(i)));
        tally.last = tally.last.max(Some(cut));
    }
    open.shutdown().await;
    tally.summary(plan.count, begin)
}

#[derive(Default)]
struct Tally {
    ok: u64,
    latencies: Vec<Duration>,
    lags: Vec<Duration>,
    errors: BTreeMap<String, u64>,
    open: std::collections::BTreeSet<u64>,
    last: Option<Instant>,
}

impl Tally {
    fn failed(&mut self, kind: &str) {
        *self.errors.entry(kind.to_owned()).or_default() += 1;
    }

    fn done(
        &mut self,
        done: Result<(u64, Result<(), String>, Instant), tokio::task::JoinError>,
        due: impl Fn(u64) -> Instant,
    ) {
        // A panic in a request names no arrival: it stays open and ends as unfinished.
        let Ok((i, answer, at)) = done else { return };
        self.open.remove(&i);
        self.last = self.last.max(Some(at));
        match answer {
            Ok(()) => {
                self.ok += 1;
                self.latencies.push(at.saturating_duration_since(due(i)));
            }
            Err(kind) => self.failed(&kind),
        }
    }

    fn summary(mut self, n: u64, begin: Instant) -> Summary {
        self.latencies.sort_unstable();
        self.lags.sort_unstable();
        let p99_ms = percentile_ms(&self.latencies, 99.0);
        let lag_p99_ms = percentile_ms(&self.lags, 99.0);
        let dropped = self.errors.contains_key("dropped");
        Summary {
            n,
            ok: self.ok,
            p50_ms: percentile_ms(&self.latencies, 50.0),
            p95_ms: percentile_ms(&self.latencies, 95.0),
            p99_ms,
            max_ms: percentile_ms(&self.latencies, 100.0),
            took_s: self.last.map_or(0.0, |last| last.saturating_duration_since(begin).as_secs_f64()),
            lag_p99_ms,
            void: dropped || (lag_p99_ms > 10.0 && lag_p99_ms > p99_ms / 10.0),
            errors: self.errors,
        }
    }
}

/// The smallest value that at least `percent` of `sorted` do not exceed, in milliseconds; 0 of none.
#[must_use]
pub fn percentile_ms(sorted: &[Duration], percent: f64) -> f64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index within the slice")]
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    let value = sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or_default();
    (value.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tokio::sync::Semaphore;

    fn plan() -> Plan {
        Plan { rate_per_s: 100.0, count: 50, patience: Duration::from_secs(20), most_open: 1_000 }
    }

    #[tokio::test]
    async fn a_stalled_server_shows_in_the_latency_of_all_who_had_to_wait() {
        // One at a time, and the tenth takes a second: a closed loop would see one slow answer of fifty.
        let server = Arc::new(Semaphore::new(1));
        let summary = run(&plan(), |i| {
            let server = Arc::clone(&server);
            async move {
                let _turn = server.acquire().await.map_err(|e| e.to_string())?;
                let work = if i == 10 { 1_000 } else { 1 };
                tokio::time::sleep(Duration::from_millis(work)).await;
                Ok(())
            }
        })
        .await;
        assert_eq!((summary.ok, summary.failed()), (50, 0));
        assert!(summary.p50_ms > 500.0, "most arrivals came while it stalled: {summary:?}");
        assert!(summary.max_ms >= 1_000.0, "{summary:?}");
    }

    #[tokio::test]
    async fn latency_counts_from_the_schedule_and_not_from_the_sending() {
        let summary = run(&plan(), |i| {
            if i == 20 {
                // The generator's own thread is held up.
                std::thread::sleep(Duration::from_millis(300));
            }
            async { Ok(()) }
        })
        .await;
        assert!(summary.max_ms >= 280.0, "{summary:?}");
        assert!(summary.lag_p99_ms >= 200.0 && summary.void, "a late generator voids its run: {summary:?}");
    }

    #[tokio::test]
    async fn arrivals_keep_their_times_while_nothing_is_answered() {
        let begin = Instant::now();
        let mut sent = Vec::new();
        let plan = Plan { patience: Duration::from_millis(500), ..plan() };
        let summary = run(&plan, |_| {
            sent.push(begin.elapsed());
            std::future::pending()
        })
        .await;
        assert_eq!(sent.len(), 50, "none waits for an answer");
        assert!(sent.iter().zip(0..).all(|(at, i)| *at >= Duration::from_millis(i * 10)), "none is early: {sent:?}");
        assert_eq!((summary.ok, summary.errors["unfinished"]), (0, 50));
        assert!(summary.max_ms >= 980.0, "the oldest had been open since the beginning: {summary:?}");
        assert!(summary.took_s < 5.0, "the run is bounded in time: {summary:?}");
    }

    #[tokio::test]
    async fn failures_count_by_kind_and_not_as_quick_answers() {
        let summary = run(&plan(), |i| async move {
            match i % 5 {
                0 => Err("503".to_owned()),
                1 => Err("reset".to_owned()),
                _ => {
                    tokio::time::sleep(Duration::from_millis(40)).await;
                    Ok(())
                }
            }
        })
        .await;
        assert_eq!(summary.errors, BTreeMap::from([("503".to_owned(), 10), ("reset".to_owned(), 10)]));
        assert_eq!((summary.n, summary.ok, summary.failed()), (50, 30, 20));
        assert!(summary.p50_ms >= 40.0, "{summary:?}");
    }

    #[tokio::test]
    async fn what_may_not_be_open_is_dropped_and_voids_the_run() {
        let plan = Plan { most_open: 10, patience: Duration::from_millis(100), ..plan() };
        let summary = run(&plan, |_| std::future::pending()).await;
        assert_eq!((summary.errors["dropped"], summary.errors["unfinished"]), (40, 10));
        assert!(summary.void);
    }

    #[tokio::test]
    async fn a_request_that_panics_is_not_forgotten() {
        let plan = Plan { count: 3, patience: Duration::from_secs(3), ..plan() };
        let summary = run(&plan, |i| async move {
            assert!(i != 1, "this one breaks");
            Ok(())
        })
        .await;
        assert_eq!((summary.ok, summary.errors["unfinished"]), (2, 1));
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let ms = |n: u64| Duration::from_millis(n);
        let hundred: Vec<Duration> = (1..=100).map(ms).collect();
        for (percent, expected) in [(50.0, 50.0), (95.0, 95.0), (99.0, 99.0), (100.0, 100.0), (0.0, 1.0)] {
            assert!((percentile_ms(&hundred, percent) - expected).abs() < 1e-9, "{percent}");
        }
        assert!((percentile_ms(&[ms(7)], 99.0) - 7.0).abs() < 1e-9);
        assert!(percentile_ms(&[], 99.0).abs() < 1e-9);
    }
}
