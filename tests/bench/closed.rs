//! Clients that each send their next request as soon as their last was answered, as the peer was measured.

use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::{task::JoinSet, time::Instant};
use willcall_tests::load::percentile_ms;

/// What clients saw.
#[derive(Debug)]
pub struct Sample {
    /// From the first request to the last answer.
    pub took: Duration,
    /// Of each answer, ascending.
    pub times: Vec<Duration>,
    /// Processor time of whatever did the work, for each, where it is known.
    pub cpu_ms: Option<f64>,
}

impl Sample {
    /// Of durations in any order.
    pub fn of(took: Duration, mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self { took, times, cpu_ms: None }
    }

    /// With the processor time that all of them cost.
    pub fn costing(mut self, cpu_ms: u64) -> Self {
        self.cpu_ms = Some(cpu_ms as f64 / self.times.len().max(1) as f64);
        self
    }

    pub fn n(&self) -> u64 {
        self.times.len() as u64
    }

    pub fn per_second(&self) -> f64 {
        self.n() as f64 / self.took.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// `512 /s · p50 2.9 · p99 8.1 ms · CPU 0.6 ms`.
    pub fn text(&self) -> String {
        let [p50, p99] = [50.0, 99.0].map(|percent| short(percentile_ms(&self.times, percent)));
        let cpu = self.cpu_ms.map(|ms| format!(" · CPU {} ms", short(ms))).unwrap_or_default();
        format!("{} /s · p50 {p50} · p99 {p99} ms{cpu}", short(self.per_second()))
    }

    pub fn values(&self) -> Value {
        json!({
            "per_s": self.per_second(), "p50_ms": percentile_ms(&self.times, 50.0),
            "p95_ms": percentile_ms(&self.times, 95.0), "p99_ms": percentile_ms(&self.times, 99.0),
            "max_ms": percentile_ms(&self.times, 100.0), "cpu_ms": self.cpu_ms,
        })
    }
}

/// Three digits of a number, as many as such a figure is worth.
pub fn short(number: f64) -> String {
    let digits = match number {
        n if n < 1.0 => 2,
        n if n < 100.0 => 1,
        _ => 0,
    };
    format!("{number:.digits$}")
}

/// Sends `count` requests from `clients` clients, the n-th (from 0) by `send(n)`; `n` modulo `clients` is the client.
///
/// # Errors
/// The first that failed: a figure of requests that fail is none.
pub async fn closed<F, Fut>(clients: u64, count: u64, send: F) -> anyhow::Result<Sample>
where
    F: Fn(u64) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = anyhow::Result<()>> + Send,
{
    let send = Arc::new(send);
    let mut running = JoinSet::new();
    let began = Instant::now();
    for first in 0..clients {
        let send = Arc::clone(&send);
        running.spawn(async move {
            let mut times = Vec::new();
            for n in (first..count).step_by(usize::try_from(clients)?) {
                let began = Instant::now();
                send(n).await?;
                times.push(began.elapsed());
            }
            anyhow::Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(done) = running.join_next().await {
        times.extend(done??);
    }
    Ok(Sample::of(began.elapsed(), times))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_request_is_sent_once_and_one_failure_is_no_figure() {
        let sent = Arc::new(std::sync::Mutex::new(Vec::new()));
        let kept = Arc::clone(&sent);
        let sample = closed(3, 10, move |n| {
            let sent = Arc::clone(&kept);
            async move {
                sent.lock().unwrap().push(n);
                Ok(())
            }
        });
        assert_eq!(sample.await.unwrap().n(), 10);
        let mut sent = sent.lock().unwrap().clone();
        sent.sort_unstable();
        assert_eq!(sent, (0..10).collect::<Vec<_>>());
        let failing = closed(3, 10, |n| async move { if n == 7 { anyhow::bail!("no") } else { Ok(()) } });
        assert!(failing.await.is_err());
    }

    #[test]
    fn figures_have_no_more_digits_than_they_are_worth() {
        assert_eq!([0.123, 9.87, 98.76, 1234.5].map(short), ["0.12", "9.9", "98.8", "1234"]);
        let sample = Sample::of(Duration::from_secs(2), vec![Duration::from_millis(4), Duration::from_millis(2)]);
        assert_eq!(sample.costing(3).text(), "1.0 /s · p50 2.0 · p99 4.0 ms · CPU 1.5 ms");
    }
}
