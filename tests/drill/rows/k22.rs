//! K22: a weak laptop. A door's engine may use one core and 2 GB of address space; it holds 100,000 tickets and its line
//! goes through every state of K01 while somebody presses *sync now* all the time. Its verdicts stay quick, it starts
//! quickly with nothing of its files in memory, stays small, and does next to nothing while nothing happens. The
//! verdicts are asked for over the engine's socket, so the way there and back is part of them. What the window does in
//! its own threads is not measured here.

use super::k01::STATES;
use crate::{
    engine::Engine,
    town::{ms, scaled},
};
use anyhow::{Context, ensure};
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use serde_json::{Map, Value, json};
use std::{fs::File, path::Path, time::Duration};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use willcall_domain::{devices::Role, problem::Problem};
use willcall_station::{command::Command, socket};
use willcall_tests::{
    crowd,
    house::{House, Plan},
    load::percentile_ms,
    proxy::{Fault, Proxy, Upstream},
    record::{Outcome, cpu_ms, flush_ms, memory_kb, peak_kb},
};

/// What the program is started by: one core, 2 GB.
const WEAK: &[&str] = &["taskset", "--cpu-list", "0", "prlimit", "--as=2147483648"];
const TICKETS: u32 = 100_000;
const SCANS: u32 = 3_000;
const STARTS: u32 = 5;
/// At most one scan in this time.
const PACE: Duration = Duration::from_millis(15);
/// How long nothing happens.
const IDLE: Duration = Duration::from_secs(60);
const VERDICT_MS: f64 = 100.0;
const START: Duration = Duration::from_secs(2);
const RSS_KB: u64 = 250 * 1024;
const IDLE_PERCENT: f64 = 1.0;

pub async fn run(scale: f64) -> anyhow::Result<Outcome> {
    let tickets = scaled(TICKETS, scale, 2_000) as usize;
    // Every state sees as many first as second scans.
    let scans = (scaled(SCANS, scale, 80) as usize).next_multiple_of(2 * STATES.len());
    let house = House::build(Plan { places: 1_000_000, ..Plan::default() }).await?;
    let positions = crowd::fill(&house, tickets).await?;
    let step = (tickets / (scans / 2)).max(1);
    let codes = crowd::codes(&house, positions.into_iter().step_by(step).take(scans / 2)).await?;
    let codes: Vec<String> = codes.into_iter().map(|(_, code)| code).collect();
    ensure!(codes.len() == scans / 2, "{tickets} tickets are too few for {scans} scans");
    let upstream: std::net::SocketAddr = house.url().trim_start_matches("http://").parse()?;
    let proxy = Proxy::start(Upstream::Tcp(upstream)).await?;
    let folder = tempfile::tempdir()?;
    drop(house.station_at("Door 1", Role::Door, folder.path(), &proxy.url()).await?);
    let flush = flush_ms(folder.path())?;
    let starts = starts(folder.path(), scaled(STARTS, scale, 2)).await?;

    let engine = Engine::start_by(WEAK, folder.path()).await?;
    let have = engine.done(&Command::Status).await?["tickets"].as_u64().context("tickets")?;
    ensure!(have as usize >= tickets, "{have} of {tickets} tickets are there");
    let stop = CancellationToken::new();
    let pressing = tokio::spawn(press_sync(folder.path().to_owned(), stop.clone()));
    let measured = scan_all(&engine, &proxy, &codes).await?;
    proxy.set(Fault::Ok);
    stop.cancel();
    let (synced, failed) = pressing.await?;
    engine.status_until(|s| s["waiting"] == 0 && s["link"]["connected"] == true).await?;
    let arrived = house.number_of("SELECT count(*) FROM scan").await?;
    let idle_percent = idle(&engine, IDLE.mul_f64(scale.clamp(0.2, 1.0))).await;
    let rss_kb = memory_kb(engine.id()).context("the engine's memory")?.1;
    let peak_kb = peak_kb(engine.id()).context("the engine's peak")?;
    engine.kill()?;
    let around = json!({
        "disk_flush_p50_p99_ms": flush, "synced": synced, "failed": failed, "station_rss_peak_kb": peak_kb,
        "tickets": have,
    });
    Ok(judge(&measured, &starts, (rss_kb, idle_percent), arrived == i64::try_from(scans)?, &around))
}

/// Starts it again and again with nothing of its files in memory; how long until its first answer, ascending.
async fn starts(folder: &Path, n: u32) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::new();
    for _ in 0..n {
        for entry in std::fs::read_dir(folder)?.flatten() {
            if entry.file_type()?.is_file() {
                let file = File::open(entry.path())?;
                file.sync_all()?;
                posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?;
            }
        }
        let engine = Engine::start_by(WEAK, folder).await?;
        times.push(engine.started_in);
        engine.kill()?;
    }
    times.sort_unstable();
    Ok(times)
}

/// Somebody who presses *sync now* all the time. How often it worked, and how often not.
async fn press_sync(folder: std::path::PathBuf, stop: CancellationToken) -> (u32, u32) {
    let (mut synced, mut failed) = (0, 0);
    loop {
        let answer: Option<Result<Value, Problem>> = tokio::select! {
            () = stop.cancelled() => return (synced, failed),
            answer = socket::ask(&folder, &Command::Sync) => answer,
        };
        match answer {
            Some(Ok(_)) => synced += 1,
            Some(Err(_)) | None => failed += 1,
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// By state: durations ascending, and how many verdicts were not the expected one.
type Measured = Vec<(Vec<Duration>, u32)>;

/// Each ticket twice, the second time in the next state.
async fn scan_all(engine: &Engine, proxy: &Proxy, codes: &[String]) -> anyhow::Result<Measured> {
    let mut states = vec![(Vec::new(), 0); STATES.len()];
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before: &[String] = &[];
    for (state, mine) in codes.chunks(codes.len() / STATES.len()).enumerate() {
        proxy.set(STATES[state].1);
        for (n, fresh) in mine.iter().enumerate() {
            for (code, class) in [(fresh, "admitted"), (before.get(n).unwrap_or(fresh), "used")] {
                pace.tick().await;
                let began = Instant::now();
                let verdict = engine.scan(code).await?;
                states[state].0.push(began.elapsed());
                states[state].1 += u32::from(verdict["class"] != class);
            }
        }
        before = mine;
    }
    for (times, _) in &mut states {
        times.sort_unstable();
    }
    Ok(states)
}

/// What of one core it uses while nobody asks it anything, in percent.
async fn idle(engine: &Engine, lasts: Duration) -> f64 {
    let (before, began) = (cpu_ms(engine.id()), Instant::now());
    tokio::time::sleep(lasts).await;
    let spent = cpu_ms(engine.id()).saturating_sub(before) as f64;
    // Milliseconds of a second are tenths of a percent; to a hundredth.
    (spent * 10.0 / began.elapsed().as_secs_f64()).round() / 100.0
}

fn judge(
    measured: &[(Vec<Duration>, u32)],
    starts: &[Duration],
    (rss_kb, idle_percent): (u64, f64),
    all_arrived: bool,
    around: &Value,
) -> Outcome {
    let mut states = Map::new();
    let mut pass = all_arrived;
    for ((times, wrong), (name, _)) in measured.iter().zip(STATES) {
        let p99 = percentile_ms(times, 99.0);
        pass &= p99 <= VERDICT_MS && *wrong == 0 && !times.is_empty();
        states.insert(
            name.to_owned(),
            json!({
                "n": times.len(), "p50_ms": percentile_ms(times, 50.0), "p99_ms": p99,
                "max_ms": percentile_ms(times, 100.0), "wrong_verdicts": wrong,
            }),
        );
    }
    let slowest = starts.last().copied().unwrap_or(Duration::MAX);
    pass &= slowest <= START && rss_kb <= RSS_KB && idle_percent <= IDLE_PERCENT;
    Outcome {
        measured: json!({
            "states": states, "cold_start_max_ms": ms(slowest), "station_rss_kb": rss_kb,
            "idle_percent_of_a_core": idle_percent, "all_scans_arrived": all_arrived, "around": around,
        }),
        bar: json!({
            "p99_ms_of_each": VERDICT_MS, "wrong_verdicts": 0, "cold_start_max_ms": ms(START), "station_rss_kb": RSS_KB,
            "idle_percent_of_a_core": IDLE_PERCENT, "all_scans_arrived": true,
        }),
        n: measured.iter().map(|(times, _)| times.len() as u64).sum(),
        pass,
    }
}
