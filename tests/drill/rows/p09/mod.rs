//! P09: the first sync of a door with 100,000 tickets over a line of 10 Mb/s, and what it brings over it; and how long it
//! takes there to find somebody by name. A desktop as the hub of the venue is not measured here.

mod search;

use crate::{
    engine::Engine,
    town::{ms, scaled},
};
use anyhow::{Context, ensure};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use willcall_domain::{
    checkin::wire::{Class, Direction, ScanRequest},
    clock::SystemClock,
    devices::Role,
    problem::Problem,
};
use willcall_station::command::Command;
use willcall_tests::{
    crowd,
    house::{House, Plan, open_station},
    load::percentile_ms,
    proxy::{Fault, Proxy, Upstream},
    record::{Outcome, memory_kb},
};

/// 10 Mb/s, in bytes.
const LINE: u64 = 1_250_000;
const BAR: Duration = Duration::from_secs(60);
const BYTES: u64 = 20_000_000;
const RSS_KB: u64 = 250 * 1024;
const SEARCHES: u32 = 3_000;
const SEARCH_MS: f64 = 50.0;

pub async fn run(scale: f64) -> anyhow::Result<Outcome> {
    let tickets = scaled(100_000, scale, 2_000) as usize;
    let house = House::build(Plan { places: 1_000_000, ..Plan::default() }).await?;
    let positions = crowd::fill(&house, tickets).await?;
    let names = search::name_everybody(&house, &positions).await?;
    let server: std::net::SocketAddr = house.url().trim_start_matches("http://").parse()?;
    let proxy = Proxy::start(Upstream::Tcp(server)).await?;
    let folder = tempfile::tempdir()?;
    let door = open_station(folder.path(), Arc::new(SystemClock::new()))?;
    let token = house.invite("Door 1", Role::Door).await?;
    door.enrol(&proxy.url(), &token).await.map_err(said)?;
    proxy.set(Fault::Bandwidth(LINE));
    let (before, began) = (proxy.passed_down(), Instant::now());
    let report = door.sync_once().await.map_err(said)?;
    let (took, bytes) = (began.elapsed(), proxy.passed_down() - before);
    let have = door.status().await.map_err(said)?.tickets;
    ensure!(report.caught_up, "{report:?}");
    // What came can be used: tickets from all over the event are let in.
    let sample = positions.into_iter().step_by((tickets / 50).max(1));
    for (_, code) in crowd::codes(&house, sample).await? {
        let request = ScanRequest::new(code, house.list, Direction::Entry);
        let verdict = door.scan(request).await.map_err(said)?;
        ensure!(verdict.class == Class::Admitted && verdict.order_code.is_some(), "{verdict:?}");
    }
    drop(door);
    let engine = Engine::start(folder.path()).await?;
    engine.done(&Command::Sync).await?;
    let rss_kb = memory_kb(engine.id()).context("the engine's memory")?.1;
    drop(engine);
    let till = tempfile::tempdir()?;
    // Who sells may see names, and find people by them.
    let till = house.station("Till 1", Role::Till, till.path()).await?;
    let searches = search::search(&house, &till, &names, scaled(SEARCHES, scale, 120) as usize).await?;
    let (search_p99, search_max) = (percentile_ms(&searches.times, 99.0), percentile_ms(&searches.times, 100.0));
    let found = search_p99 <= SEARCH_MS && searches.wrong.is_empty();
    let all = have == tickets as u64;
    Ok(Outcome {
        measured: json!({
            "first_sync_ms": ms(took), "bytes": bytes, "tickets": have, "station_rss_kb": rss_kb,
            "searches": searches.times.len(), "search_p50_ms": percentile_ms(&searches.times, 50.0),
            "search_p99_ms": search_p99, "search_max_ms": search_max, "search_answers": searches.answers,
            "search_wrong": searches.wrong, "hub": "not measured here",
        }),
        bar: json!({
            "first_sync_ms": ms(BAR), "bytes": BYTES, "tickets": tickets, "station_rss_kb": RSS_KB, "search_p99_ms": SEARCH_MS, "search_wrong": [],
        }),
        n: tickets as u64,
        pass: took <= BAR && bytes <= BYTES && all && rss_kb <= RSS_KB && found,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` takes")]
fn said(problem: Problem) -> anyhow::Error {
    anyhow::anyhow!("{problem}")
}
