//! P04: what limits stations costs next to nothing, a gate on a full day stays far below it, and an engine that is told
//! to slow down does, for as long as it was told and a random part more.

use crate::town::{ms, scaled};
use anyhow::{Context, ensure};
use nix::time::{ClockId, clock_gettime};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use willcall_domain::{
    checkin::wire::{Class, Direction, ScanRequest},
    devices::Role,
    problem::Problem,
};
use willcall_server::http::{Limit, rate_limit::RateLimits};
use willcall_tests::{
    awaited, crowd,
    house::{House, Plan},
    meddler::Meddler,
    proxy::{Proxy, Upstream},
    record::Outcome,
    trouble::{Trouble, Troubled},
};

const DEVICES: u32 = 2_000;
const ROUNDS: u64 = 200;
const CHECK_NS: f64 = 1_000.0;
const A_MINUTE: f64 = 60.0;
/// A gate in the rush: a scan each so often, and others' scans coming in between.
const SCAN_EVERY: Duration = Duration::from_millis(1_000);
const RUSH: Duration = Duration::from_secs(120);
const RETRY_AFTER_S: u64 = 5;

pub async fn run(scale: f64) -> anyhow::Result<Outcome> {
    let check_ns = check_ns(scaled(DEVICES, scale.max(1.0), DEVICES))?;
    // A burst is allowed at its beginning; what counts is a minute of a day.
    let rush = RUSH.mul_f64(scale.max(1.0));
    let gate = gate(rush).await?;
    let honours = honours(scaled(8, scale, 4)).await?;
    let pass = check_ns <= CHECK_NS && gate.a_minute <= A_MINUTE && honours.early == 0 && honours.tries > 0;
    Ok(Outcome {
        measured: json!({
            "check_ns": check_ns, "devices": DEVICES, "gate_requests_a_minute": gate.a_minute, "gate_scans": gate.scans,
            "gate_scans_at_the_server": gate.arrived, "told_to_wait_s": RETRY_AFTER_S, "tries_too_early": honours.early,
            "tries_after": honours.tries, "waited_min_ms": ms(honours.least), "waited_max_ms": ms(honours.most),
        }),
        bar: json!({ "check_ns": CHECK_NS, "gate_requests_a_minute": A_MINUTE, "tries_too_early": 0 }),
        n: u64::from(DEVICES) * ROUNDS,
        pass: pass && gate.arrived == gate.scans,
    })
}

/// Processor time of one check, with a bucket for each of so many devices.
fn check_ns(devices: u32) -> anyhow::Result<f64> {
    let limits = RateLimits::new(true);
    let spent = || clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from);
    let tokens: Vec<String> = (0..devices).map(|n| format!("wcd_1_{n}_{:040x}", n)).collect();
    let before = spent()?;
    for round in 0..ROUNDS {
        for token in &tokens {
            // Each asks every half second, as it may.
            limits.check(Limit::Station, token, round * 500).map_err(|e| anyhow::anyhow!("{e}"))?;
        }
    }
    Ok((spent()? - before).as_nanos() as f64 / (ROUNDS * u64::from(devices)) as f64)
}

struct Gate {
    a_minute: f64,
    scans: i64,
    arrived: i64,
}

/// A gate in the rush beside another one, both with their engines running.
async fn gate(rush: Duration) -> anyhow::Result<Gate> {
    let house = House::build(Plan { places: 1_000_000, ..Plan::default() }).await?;
    let n = usize::try_from(rush.as_millis() / SCAN_EVERY.as_millis())?;
    let positions = crowd::fill(&house, n * 2).await?;
    let mut codes = crowd::codes(&house, positions).await?.into_iter().map(|(_, code)| code);
    let folders = (tempfile::tempdir()?, tempfile::tempdir()?);
    let line = Meddler::new()?;
    let gate = house.station_over("Gate A", Role::Door, folders.0.path(), line.clone()).await?;
    let other = house.station("Gate B", Role::Door, folders.1.path()).await?;
    let stop = CancellationToken::new();
    let engines = [gate.clone(), other.clone()].map(|station| {
        let stop = stop.clone();
        tokio::spawn(async move { station.run(stop).await })
    });
    awaited::connected(&gate, true, Duration::from_secs(60)).await?;
    let (before, began) = (line.requests(), Instant::now());
    for _ in 0..n {
        let due = Instant::now() + SCAN_EVERY;
        for station in [&gate, &other] {
            let code = codes.next().context("a ticket")?;
            let request = ScanRequest::new(code, house.list, Direction::Entry);
            let verdict = station.scan(request).await.map_err(said)?;
            ensure!(verdict.class == Class::Admitted, "{verdict:?}");
        }
        tokio::time::sleep_until(due).await;
    }
    let a_minute = (line.requests() - before) as f64 / began.elapsed().as_secs_f64() * 60.0;
    for station in [&gate, &other] {
        awaited::sent(station, Duration::from_secs(60)).await?;
    }
    let (scans, arrived) = (i64::try_from(n)? * 2, house.number_of("SELECT count(*) FROM scan").await?);
    stop.cancel();
    for engine in engines {
        engine.await?;
    }
    Ok(Gate { a_minute, scans, arrived })
}

struct Honours {
    early: usize,
    tries: usize,
    least: Duration,
    most: Duration,
}

/// Engines whose server asks them to wait.
async fn honours(n: u32) -> anyhow::Result<Honours> {
    let house = House::build(Plan::default()).await?;
    let server: std::net::SocketAddr = house.url().trim_start_matches("http://").parse()?;
    let proxy = Proxy::start(Upstream::Tcp(server)).await?;
    let busy = Troubled::start(Trouble::TooMany { retry_after_s: RETRY_AFTER_S }).await?;
    let stop = CancellationToken::new();
    let (mut folders, mut engines) = (Vec::new(), Vec::new());
    for i in 0..n {
        let folder = tempfile::tempdir()?;
        let station = house.station_at(&format!("Gate {i}"), Role::Door, folder.path(), &proxy.url()).await?;
        let (running, stop) = (station.clone(), stop.clone());
        engines.push((station, tokio::spawn(async move { running.run(stop).await })));
        folders.push(folder);
    }
    for (station, _) in &engines {
        awaited::connected(station, true, Duration::from_secs(60)).await?;
    }
    proxy.redirect(Upstream::Tcp(busy.address));
    proxy.cut().await;
    // Long enough for each to be told to wait several times.
    tokio::time::sleep(Duration::from_secs(RETRY_AFTER_S * 5)).await;
    stop.cancel();
    for (_, engine) in engines {
        engine.await?;
    }
    let asked = Duration::from_secs(RETRY_AFTER_S);
    let mut waits: Vec<Duration> = Vec::new();
    for times in busy.asked().values() {
        let probes: Vec<Instant> = times.iter().filter(|a| a.path.ends_with("/contact")).map(|a| a.at).collect();
        waits.extend(probes.windows(2).map(|pair| pair[1] - pair[0]));
    }
    Ok(Honours {
        early: waits.iter().filter(|wait| **wait < asked).count(),
        tries: waits.len(),
        least: waits.iter().min().copied().unwrap_or_default(),
        most: waits.iter().max().copied().unwrap_or_default(),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` takes")]
fn said(problem: Problem) -> anyhow::Error {
    anyhow::anyhow!("{problem}")
}
