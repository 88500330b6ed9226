//! Counters and histograms, rendered as Prometheus text by hand: there are few of them.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Upper bounds of the latency histogram in milliseconds.
const BOUNDS_MS: [u64; 11] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 5_000];

#[derive(Debug, Default, Clone)]
struct Histogram {
    /// Requests at or below each bound, each counted once, in the first that fits.
    buckets: [u64; BOUNDS_MS.len() + 1],
    sum_ms: u64,
}

/// What this process has seen since it started.
#[derive(Debug, Default)]
pub struct Metrics {
    requests: Mutex<BTreeMap<(String, String, u16), Histogram>>,
    journal_entries: [AtomicU64; 3],
    tickets_rendered: AtomicU64,
    mails_sent: AtomicU64,
}

/// What became of a journal entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryOutcome {
    Applied,
    AppliedWithCase,
    Parked,
}

impl Metrics {
    pub(crate) fn request(&self, method: &str, route: &str, status: u16, ms: u64) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = requests.entry((method.to_owned(), route.to_owned(), status)).or_default();
        let bucket = BOUNDS_MS.iter().position(|bound| ms <= *bound).unwrap_or(BOUNDS_MS.len());
        seen.buckets[bucket] += 1;
        seen.sum_ms += ms;
    }

    /// One entry of a station's journal was stored.
    pub fn journal_entry(&self, outcome: EntryOutcome) {
        self.journal_entries[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// One ticket PDF was drawn.
    pub fn ticket_rendered(&self) {
        self.tickets_rendered.fetch_add(1, Ordering::Relaxed);
    }

    /// One mail left.
    pub fn mail_sent(&self) {
        self.mails_sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn render(&self) -> String {
        let mut out = String::new();
        self.render_requests(&mut out);
        head(
            &mut out,
            "willcall_journal_entries_total",
            "counter",
            "Journal entries of stations, by what became of them",
        );
        for (outcome, count) in ["applied", "applied_with_case", "parked"].iter().zip(&self.journal_entries) {
            _ = writeln!(
                out,
                "willcall_journal_entries_total{{outcome=\"{outcome}\"}} {}",
                count.load(Ordering::Relaxed)
            );
        }
        for (name, help, count) in [
            ("willcall_tickets_rendered_total", "Ticket PDFs drawn", &self.tickets_rendered),
            ("willcall_mails_sent_total", "Mails handed over", &self.mails_sent),
        ] {
            head(&mut out, name, "counter", help);
            _ = writeln!(out, "{name} {}", count.load(Ordering::Relaxed));
        }
        out
    }

    fn render_requests(&self, out: &mut String) {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let name = "willcall_request_duration_seconds";
        head(out, name, "histogram", "Requests by method, route and status");
        for ((method, route, status), seen) in requests {
            let labels = format!("method=\"{}\",route=\"{}\",status=\"{status}\"", quoted(&method), quoted(&route));
            let mut total = 0;
            for (bound, count) in BOUNDS_MS.iter().zip(seen.buckets) {
                total += count;
                _ = writeln!(out, "{name}_bucket{{{labels},le=\"{}\"}} {total}", seconds(*bound));
            }
            total += seen.buckets[BOUNDS_MS.len()];
            _ = writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {total}");
            _ = writeln!(out, "{name}_sum{{{labels}}} {}", seconds(seen.sum_ms));
            _ = writeln!(out, "{name}_count{{{labels}}} {total}");
        }
    }
}

/// Jobs by class and state.
pub(crate) fn jobs(out: &mut String, counts: &[(String, String, i64)]) {
    head(out, "willcall_jobs", "gauge", "Jobs by class and state");
    for (class, state, count) in counts {
        _ = writeln!(out, "willcall_jobs{{class=\"{}\",state=\"{}\"}} {count}", quoted(class), quoted(state));
    }
}

/// A change that has had no number for this long: a writer hangs, or nobody numbers. Writers end in five seconds.
pub(crate) const FEED_LAG_ALARM_MS: i64 = 10_000;

/// How far the change feed is behind, from where on somebody must look, and whether that is now.
pub(crate) fn feed_lag(out: &mut String, lag_ms: i64) {
    let gauges = [
        ("willcall_change_feed_lag_seconds", "Age of the oldest change that has no number yet", lag_ms),
        ("willcall_change_feed_lag_alarm_seconds", "Lag from which on somebody must look", FEED_LAG_ALARM_MS),
    ];
    for (name, help, ms) in gauges {
        head(out, name, "gauge", help);
        _ = writeln!(out, "{name} {}", seconds(u64::try_from(ms).unwrap_or(0)));
    }
    let name = "willcall_change_feed_lag_alarm";
    head(out, name, "gauge", "1 where the lag is an alarm");
    _ = writeln!(out, "{name} {}", u8::from(lag_ms >= FEED_LAG_ALARM_MS));
}

/// Stations in use whose clock is so far off that a person should look, and how far the furthest is.
pub(crate) fn clocks(out: &mut String, stations: i64, furthest_ms: i64) {
    let name = "willcall_stations_clock_off";
    head(out, name, "gauge", "Stations whose clock was too far off at their last contact");
    _ = writeln!(out, "{name} {}", stations.max(0));
    let name = "willcall_station_clock_skew_seconds_max";
    head(out, name, "gauge", "How far the clock of the station that is furthest off was off at its last contact");
    _ = writeln!(out, "{name} {}", seconds(furthest_ms.unsigned_abs()));
}

/// How long the oldest entry of a station is in no finished backup, and whether that is an alarm.
pub(crate) fn unsaved(out: &mut String, age_ms: i64, late: bool) {
    let name = "willcall_unsaved_seconds";
    head(out, name, "gauge", "Age of the oldest entry of a station that is in no finished backup");
    _ = writeln!(out, "{name} {}", seconds(u64::try_from(age_ms).unwrap_or(0)));
    let name = "willcall_backup_late";
    head(out, name, "gauge", "1 where no backup was finished for too long: stations keep all they wrote");
    _ = writeln!(out, "{name} {}", u8::from(late));
}

/// How much of the change feed is kept, and how far behind it the slowest station is that is in touch.
pub(crate) fn feed_read(out: &mut String, kept: i64, behind: i64) {
    let gauges = [
        ("willcall_change_feed_kept", "Changes kept of the longest feed of a tenant", kept),
        ("willcall_change_feed_behind", "Changes that the slowest station in touch has not read", behind),
    ];
    for (name, help, changes) in gauges {
        head(out, name, "gauge", help);
        _ = writeln!(out, "{name} {}", changes.max(0));
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    _ = writeln!(out, "# HELP {name} {help}.\n# TYPE {name} {kind}");
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_that_is_far_behind_is_an_alarm() {
        for (lag_ms, alarm) in [(0, "alarm 0"), (9_999, "alarm 0"), (10_000, "alarm 1")] {
            let mut text = String::new();
            feed_lag(&mut text, lag_ms);
            assert!(text.trim_end().ends_with(alarm) && text.contains("alarm_seconds 10.000"), "{text}");
        }
    }

    #[test]
    fn a_histogram_counts_each_request_once_and_its_buckets_add_up() {
        let metrics = Metrics::default();
        for ms in [0, 1, 3, 700, 60_000] {
            metrics.request("GET", "/a\"b", 200, ms);
        }
        let text = metrics.render();
        let line = |le: &str| text.lines().find(|l| l.contains(&format!("le=\"{le}\""))).unwrap().to_owned();
        assert!(line("0.001").ends_with(" 2"), "{text}");
        assert!(line("0.005").ends_with(" 3"), "{text}");
        assert!(line("1.000").ends_with(" 4"), "{text}");
        assert!(line("+Inf").ends_with(" 5"), "{text}");
        assert!(text.contains("route=\"/a\\\"b\""), "a quote cannot break out of its label");
        assert!(text.contains("_sum{method=\"GET\",route=\"/a\\\"b\",status=\"200\"} 60.704"), "{text}");
    }
}
