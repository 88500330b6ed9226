//! What a measurement must carry to be believed: the machine it ran on, and the one line a drill prints.

use crate::{built, load::percentile_ms, process::started_by};
use anyhow::Context;
use serde::Serialize;
use serde_json::{Value, json};
use std::{
    io::{Seek, Write},
    path::Path,
    process::Command,
    time::Duration,
};
use tokio::time::Instant;
use willcall_domain::clock::{Clock, SystemClock};

/// The machine at the moment of measuring.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// Cores this process may use.
    pub cores: usize,
    pub cpu: String,
    pub memory_mb: u64,
    /// Load average over 1, 5 and 15 minutes; above `cores` the figures are those of a busy machine.
    pub load: [f64; 3],
    pub kernel: String,
    pub system: String,
    pub postgres: String,
    /// `debug` or `release`.
    pub profile: &'static str,
    pub version: &'static str,
    /// The commit this was built from, with `-dirty` where files have changed since.
    pub commit: String,
    /// When, RFC 3339 in UTC.
    pub at: String,
}

impl Machine {
    /// Looks at this machine. What cannot be found out is an empty text or zero, never a guess.
    #[must_use]
    pub fn here() -> Self {
        Self {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            cpu: field("/proc/cpuinfo", "model name", ':'),
            memory_mb: field("/proc/meminfo", "MemTotal", ':')
                .split_whitespace()
                .next()
                .and_then(|kb| kb.parse::<u64>().ok())
                .map_or(0, |kb| kb / 1024),
            load: load(),
            kernel: read("/proc/sys/kernel/osrelease"),
            system: field("/etc/os-release", "PRETTY_NAME", '=').trim_matches('"').to_owned(),
            postgres: said(Command::new("pg_config").arg("--version")),
            profile: if cfg!(debug_assertions) { "debug" } else { "release" },
            version: env!("CARGO_PKG_VERSION"),
            commit: said(Command::new("git").arg("-C").arg(built::repository()).args([
                "describe",
                "--always",
                "--dirty",
                "--abbrev=10",
            ])),
            at: SystemClock::new().now().to_string(),
        }
    }
}

/// How long the disk below `folder` takes until 4 KiB are really on it: median and 99th percentile of 100 writes, in
/// milliseconds. Every durable answer costs at least one of these.
///
/// # Errors
/// When nothing can be written there.
pub fn flush_ms(folder: &Path) -> anyhow::Result<(f64, f64)> {
    let mut file = tempfile::tempfile_in(folder).context("a file to flush")?;
    let mut times = Vec::new();
    for _ in 0..100 {
        let began = Instant::now();
        file.rewind()?;
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    Ok((percentile_ms(&times, 50.0), percentile_ms(&times, 99.0)))
}

/// A duration in milliseconds, to a hundredth.
#[must_use]
pub fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e5).round() / 100.0
}

/// What a drill found.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Figures by name, units in the names.
    pub measured: Value,
    /// The limits they are held against, by the same names.
    pub bar: Value,
    /// How many things were tried: zero failures in `n` support a failure rate below `3/n` and no finer.
    pub n: u64,
    pub pass: bool,
}

/// The line a drill prints: `{row, measured, bar, n, pass}`. The machine's record is part of `measured`.
#[must_use]
pub fn line(row: &str, outcome: &Outcome) -> Value {
    let given = &outcome.measured;
    let mut measured = if given.is_object() { given.clone() } else { json!({ "value": given }) };
    measured["machine"] = json!(Machine::here());
    json!({ "row": row, "measured": measured, "bar": outcome.bar, "n": outcome.n, "pass": outcome.pass })
}

/// Processor time this process has used, in milliseconds; 0 where the system does not say.
#[must_use]
pub fn cpu_ms(pid: u32) -> u64 {
    // Fields 14 and 15: user and system time.
    times_ms(pid, 2)
}

/// The same of a process and all it started, those that have ended and were waited for included.
#[must_use]
pub fn cpu_of_all_ms(pid: u32) -> u64 {
    let started = started_by(pid).into_iter().filter_map(|(pid, _)| u32::try_from(pid).ok());
    // Fields 16 and 17: those of children that have ended.
    started.chain([pid]).map(|pid| times_ms(pid, 4)).sum()
}

fn times_ms(pid: u32, fields: usize) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in parentheses may hold blanks; times, in 1/100 s, stand after it.
    let after = stat.rsplit(") ").next().unwrap_or_default();
    let ticks: u64 = after.split_whitespace().skip(11).take(fields).filter_map(|t| t.parse::<u64>().ok()).sum();
    ticks * 10
}

/// Memory a process holds, in kB: its own pages and its share of those it shares (PSS), and all it maps (RSS).
/// `None` where the process is gone or the system does not say.
#[must_use]
pub fn memory_kb(pid: u32) -> Option<(u64, u64)> {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let value = |name: &str| {
        let line = rollup.lines().find(|l| l.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    Some((value("Pss:")?, value("Rss:")?))
}

/// The most memory a process has held so far, in kB. `None` where the process is gone or the system does not say.
#[must_use]
pub fn peak_kb(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find(|l| l.starts_with("VmHWM:"))?.split_whitespace().nth(1)?.parse().ok()
}

fn load() -> [f64; 3] {
    let text = read("/proc/loadavg");
    let mut numbers = text.split_whitespace().filter_map(|n| n.parse().ok());
    std::array::from_fn(|_| numbers.next().unwrap_or(0.0))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn field(path: &str, name: &str, separator: char) -> String {
    read(path)
        .lines()
        .find(|l| l.starts_with(name))
        .and_then(|l| l.split_once(separator))
        .map_or_else(String::new, |(_, value)| value.trim().to_owned())
}

fn said(command: &mut Command) -> String {
    command.output().map_or_else(|_| String::new(), |o| String::from_utf8_lossy(&o.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_the_five_fields_and_the_machine() {
        let outcome = Outcome { measured: json!({"p99_ms": 3}), bar: json!({"p99_ms": 50}), n: 10, pass: true };
        let line = line("K01", &outcome);
        let mut keys: Vec<&String> = line.as_object().unwrap().keys().collect();
        keys.sort();
        assert_eq!(keys, ["bar", "measured", "n", "pass", "row"]);
        assert_eq!(line["measured"]["p99_ms"], 3);
        let machine = &line["measured"]["machine"];
        assert!(machine["cores"].as_u64().unwrap() > 0);
        assert!(machine["at"].as_str().unwrap().ends_with('Z') && !machine["commit"].as_str().unwrap().is_empty());
        assert!(!line.to_string().contains('\n'), "one line");
    }

    #[test]
    fn a_flush_takes_time() {
        let folder = tempfile::tempdir().unwrap();
        let (p50, p99) = flush_ms(folder.path()).unwrap();
        assert!(0.0 < p50 && p50 <= p99);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_work_of_children_counts_once_they_have_been_waited_for() {
        let before = cpu_of_all_ms(std::process::id());
        let burn = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        assert!(Command::new("sh").args(["-c", burn]).status().unwrap().success());
        assert!(cpu_of_all_ms(std::process::id()) >= before + 20);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn work_shows_in_the_processor_time_and_memory_in_the_pages() {
        let before = cpu_ms(std::process::id());
        let mut sum = 0_u64;
        while cpu_ms(std::process::id()) < before + 30 {
            sum = (0..100_000_u64).fold(sum, |s, i| s.wrapping_mul(31).wrapping_add(i));
        }
        assert_ne!(sum, 1, "the work is not optimised away");
        let (pss, rss) = memory_kb(std::process::id()).unwrap();
        assert!(0 < pss && pss <= rss);
        assert_eq!(memory_kb(u32::MAX), None);
    }
}
