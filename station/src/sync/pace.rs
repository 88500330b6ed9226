//! How often the server is asked: pauses after failures, a breaker all loops share, and how much one request carries.
//! Pure but for what it is given; the loops that wait are in [`super::engine`].

use super::transport::Refusal;
use crate::station::Host;
use std::time::Duration;
use tokio::sync::watch;
use willcall_domain::entropy;

/// The first pause is a random part of this; each that follows, of twice as much.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// Where no server was reached (no route, nobody listens, the line broke off, the sign-in page of a network) asking again
/// costs next to nothing, and people watch for the link to come back.
const LONGEST_UNREACHED: Duration = Duration::from_secs(3);
/// What a server asks for beyond this is taken for a mistake.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);
/// No pause is shorter, whatever chance says.
const SHORTEST: Duration = Duration::from_millis(50);

/// When to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    In(Duration),
    /// Refused for good: not by itself, only when something has changed.
    WhenAsked,
}

/// Pauses between the tries of one loop: full jitter over a span that doubles from one second to five minutes, so that
/// stations that failed together do not come back together.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The last try succeeded.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// How long to leave the server alone after this failure.
    pub fn after(&mut self, host: &Host, refusal: &Refusal) -> Again {
        let longest = match refusal {
            Refusal::Unreached(_) | Refusal::Unusable(_) => LONGEST_UNREACHED,
            Refusal::NoLink(_) | Refusal::Problem { .. } | Refusal::Here(_) => LONGEST_PAUSE,
        };
        let span = longest.min(FIRST_PAUSE.saturating_mul(1 << self.failures.min(16)));
        self.failures = self.failures.saturating_add(1);
        if matches!(refusal, Refusal::Problem { .. }) && !refusal.passes() {
            return Again::WhenAsked;
        }
        let pause = part_of(span, host).max(SHORTEST);
        Again::In(pause.max(asked(host, refusal)))
    }
}

/// What the server asked for, and up to half as much again: those it told the same would come back together.
fn asked(host: &Host, refusal: &Refusal) -> Duration {
    let Refusal::Problem { retry_after_s: Some(seconds), .. } = refusal else { return Duration::ZERO };
    let asked = Duration::from_secs(*seconds).min(LONGEST_ASKED);
    asked + part_of(asked / 2, host)
}

/// A random part of a span, from none of it to all.
#[must_use]
pub fn part_of(span: Duration, host: &Host) -> Duration {
    let part = u64::from(u32::from_be_bytes(entropy::bytes::<4>(&*host.entropy)));
    let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(u64::try_from((u128::from(millis) * u128::from(part)) >> 32).unwrap_or(millis))
}

/// Open while the link is in doubt: then only the contact asks, one probe at a time, and all others wait for it.
#[derive(Debug)]
pub struct Breaker {
    closed: watch::Sender<bool>,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { closed: watch::Sender::new(false) }
    }
}

impl Breaker {
    /// The link was proven.
    pub fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Something failed: nobody but the probe asks until it has succeeded.
    pub fn open(&self) {
        self.closed.send_replace(false);
    }

    /// Returns once the link is proven.
    pub async fn closed(&self) {
        let mut closed = self.closed.subscribe();
        // The sender lives as long as `self`, so this cannot fail.
        _ = closed.wait_for(|closed| *closed).await;
    }
}

/// Requests of one kind: a handful at once, then one each so often. What comes in between travels together.
#[derive(Debug)]
pub struct Ration {
    every: Duration,
    most: u32,
    /// Milliseconds of the monotonic clock at which the ration is whole again.
    whole_at: u64,
}

impl Ration {
    #[must_use]
    pub fn new(most: u32, every: Duration) -> Self {
        Self { every, most, whole_at: 0 }
    }

    /// Takes one at `now_ms` of the monotonic clock; answers how long to wait before using it.
    pub fn take(&mut self, now_ms: u64) -> Duration {
        let every = u64::try_from(self.every.as_millis()).unwrap_or(u64::MAX);
        let whole_at = self.whole_at.max(now_ms).saturating_add(every);
        let over = whole_at.saturating_sub(now_ms).saturating_sub(every.saturating_mul(u64::from(self.most)));
        self.whole_at = whole_at;
        Duration::from_millis(over)
    }
}

/// How much one request carries: so much that it takes about a second, whatever the line.
#[derive(Debug)]
pub struct Load {
    now: u32,
    least: u32,
    most: u32,
}

/// Faster than this, the next carries twice as much.
const QUICK_MS: u64 = 700;
/// Slower than this, half as much.
const SLOW_MS: u64 = 2_500;

impl Load {
    #[must_use]
    pub fn new(first: u32, least: u32, most: u32) -> Self {
        Self { now: first, least, most }
    }

    #[must_use]
    pub fn now(&self) -> u32 {
        self.now
    }

    /// A request that carried all it might took so long.
    pub fn took(&mut self, ms: u64) {
        self.now = match ms {
            ..QUICK_MS => self.now.saturating_mul(2).min(self.most),
            QUICK_MS..SLOW_MS => self.now,
            _ => (self.now / 2).max(self.least),
        };
    }

    /// A request was not answered in time.
    pub fn failed(&mut self) {
        self.now = (self.now / 4).max(self.least);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use willcall_domain::{
        clock::{ManualClock, UtcMillis},
        entropy::SeededEntropy,
        problem::{Code, Problem},
    };

    fn host(seed: u64) -> Host {
        Host {
            clock: Arc::new(ManualClock::at(UtcMillis(0))),
            entropy: Arc::new(SeededEntropy::new(seed)),
            machine: "test".into(),
        }
    }

    fn problem(code: Code, retry_after_s: Option<u64>) -> Refusal {
        Refusal::Problem { problem: Box::new(Problem::new(code, "said the server")), retry_after_s }
    }

    fn pause(again: Again) -> Duration {
        match again {
            Again::In(pause) => pause,
            Again::WhenAsked => panic!("it is tried again"),
        }
    }

    #[test]
    fn pauses_grow_to_five_minutes_at_random() {
        let (host, mut backoff) = (host(3), Backoff::default());
        let busy = problem(Code::Internal, None);
        let pauses: Vec<Duration> = (0..40).map(|_| pause(backoff.after(&host, &busy))).collect();
        for (n, pause) in pauses.iter().enumerate() {
            let span = Duration::from_secs(300).min(Duration::from_secs(1 << n.min(16)));
            assert!(*pause <= span, "try {n} pauses {pause:?} of at most {span:?}");
        }
        assert!(pauses.iter().any(|p| *p > Duration::from_secs(60)), "they do grow");
        let distinct: std::collections::HashSet<_> = pauses.iter().collect();
        assert!(distinct.len() > 30, "jitter");
    }

    #[test]
    fn ten_minutes_of_failures_are_about_ten_tries_and_never_twenty() {
        for seed in 0..200 {
            let (host, mut backoff) = (host(seed), Backoff::default());
            let (mut passed, mut tries) = (Duration::ZERO, 1);
            while passed < Duration::from_secs(600) {
                passed += pause(backoff.after(&host, &Refusal::NoLink("no answer".into())));
                tries += 1;
            }
            assert!(tries < 20, "{tries} tries in ten minutes");
        }
    }

    #[test]
    fn a_span_is_used_evenly_from_end_to_end() {
        let host = host(5);
        let span = Duration::from_secs(1);
        let mut parts: Vec<f64> = (0..2_000).map(|_| part_of(span, &host).as_secs_f64()).collect();
        parts.sort_by(f64::total_cmp);
        let n = parts.len() as f64;
        let apart = parts.iter().enumerate().map(|(i, part)| (part - (i as f64 + 0.5) / n).abs());
        let distance = apart.fold(0.0, f64::max) + 0.5 / n;
        // Kolmogorov and Smirnov: above this, one in a hundred uniform samples of this size lies.
        assert!(distance < 1.63 / n.sqrt(), "{distance}");
    }

    #[test]
    fn what_the_server_asks_for_is_kept_and_up_to_half_of_it_added() {
        let host = host(1);
        let waits: Vec<Duration> = (0..200)
            .map(|_| pause(Backoff::default().after(&host, &problem(Code::TooManyRequests, Some(60)))))
            .collect();
        let (least, most) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
        assert!(*least >= Duration::from_secs(60) && *most <= Duration::from_secs(90), "{least:?} to {most:?}");
        assert!(*most - *least > Duration::from_secs(20), "they do not come back together");
        let year = pause(Backoff::default().after(&host, &problem(Code::Unavailable, Some(31_536_000))));
        assert!(year <= Duration::from_secs(5_400), "{year:?}");
    }

    #[test]
    fn what_was_refused_for_good_is_not_tried_again_by_itself() {
        let host = host(1);
        for code in [Code::Conflict, Code::Invalid, Code::TooLarge, Code::Forbidden, Code::Protocol] {
            assert_eq!(Backoff::default().after(&host, &problem(code, None)), Again::WhenAsked, "{code:?}");
        }
        for code in [Code::Internal, Code::Unavailable, Code::TooManyRequests] {
            assert!(matches!(Backoff::default().after(&host, &problem(code, None)), Again::In(_)), "{code:?}");
        }
    }

    #[test]
    fn where_no_server_was_reached_the_link_is_looked_for_every_few_seconds() {
        let (host, mut backoff) = (host(1), Backoff::default());
        for _ in 0..50 {
            assert!(pause(backoff.after(&host, &Refusal::Unreached("nobody".into()))) <= LONGEST_UNREACHED);
        }
    }

    #[tokio::test]
    async fn a_breaker_lets_nobody_through_until_the_link_is_proven() {
        let breaker = Arc::new(Breaker::default());
        let waiting = tokio::spawn({
            let breaker = Arc::clone(&breaker);
            async move { breaker.closed().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        breaker.close();
        waiting.await.unwrap();
        breaker.open();
        assert!(!*breaker.closed.borrow());
    }

    #[test]
    fn a_ration_gives_a_handful_at_once_and_then_one_each_so_often() {
        let mut ration = Ration::new(3, Duration::from_secs(2));
        assert!((0..3).all(|_| ration.take(1_000) == Duration::ZERO));
        assert_eq!(ration.take(1_000), Duration::from_secs(2));
        assert_eq!(ration.take(3_000), Duration::from_secs(2), "the one before has used this one's time");
        assert_eq!(ration.take(60_000), Duration::ZERO, "it fills up again");
    }

    #[test]
    fn a_load_grows_on_a_good_line_and_shrinks_on_a_bad_one() {
        let mut load = Load::new(100, 10, 500);
        for (ms, now) in [(100, 200), (699, 400), (10, 500), (1_000, 500), (2_500, 250), (9_000, 125)] {
            load.took(ms);
            assert_eq!(load.now(), now, "after {ms} ms");
        }
        load.failed();
        load.failed();
        load.failed();
        assert_eq!(load.now(), 10, "never less than can be carried at all");
    }
}
