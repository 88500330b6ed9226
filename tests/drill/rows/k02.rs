//! K02: a door's engine on a small disk that is full at the first page it writes, at the second, at the third …, a third
//! of the times while the log is folded into the database. What it answered as recorded is there after a kill, what it
//! answered as not recorded was decided all the same, counted in memory, and is recorded when there is room. No database
//! is ever damaged. Then a till whose disk others fill: nothing is sold, and scans go on from the ballast.

use crate::{
    engine::{self, Engine},
    town::scaled,
};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::{path::Path, sync::Arc};
use willcall_domain::{
    checkin::{Class, Direction, wire::ScanRequest},
    clock::SystemClock,
    devices::Role,
    id::ListId,
    problem::Code,
};
use willcall_station::command::{Command, Wish};
use willcall_tests::{
    crowd,
    disk::SmallDisk,
    house::{self, House, Plan},
    record::Outcome,
};

const PAGE: u64 = 4096;
/// So many pages in the log, and it is folded into the database.
const FOLDED_AT: u64 = 1000;
/// Scans that must be lost before a point is judged.
const LOST: usize = 3;

pub async fn run(scale: f64) -> anyhow::Result<Outcome> {
    let (points, scans) = (u64::from(scaled(200, scale, 6)), scaled(5_000, scale, 60) as usize);
    let mut house = House::build(Plan { places: 1_000_000, ..Plan::default() }).await?;
    let positions = crowd::fill(&house, scans.max(600) + 10).await?;
    let codes: Vec<String> = crowd::codes(&house, positions).await?.into_iter().map(|(_, code)| code).collect();
    let (door, till) = (tempfile::tempdir()?, tempfile::tempdir()?);
    drop(house.station("Door 1", Role::Door, door.path()).await?);
    drop(house.station("Till 1", Role::Till, till.path()).await?);
    // From here on only the disk is to be seen.
    house.stop().await;
    let mut found = Found::default();
    for point in 0..points {
        full_at(point, door.path(), &codes, house.list, &mut found).await.with_context(|| format!("point {point}"))?;
    }
    let ballast = on_ballast(till.path(), &codes, scans).await?;
    Ok(judge(&found, &ballast, points, scans))
}

#[derive(Default)]
struct Found {
    whole: u64,
    damaged: Vec<String>,
    answered_recorded: usize,
    answered_not_recorded: usize,
    /// Answered as recorded, and unknown after the kill.
    recorded_and_lost: usize,
    /// Answered as not recorded, and not counted by the next scan of the same ticket.
    forgotten_in_memory: usize,
    /// Answered as not recorded, and still not when there was room again.
    not_recorded_later: usize,
    journal_wrong: u64,
}

/// One disk that has room for so many pages more.
async fn full_at(point: u64, door: &Path, codes: &[String], list: ListId, found: &mut Found) -> anyhow::Result<()> {
    let disk = SmallDisk::file_system(32 << 20)?;
    let folder = disk.path().join("station");
    engine::copy(door, &folder)?;
    let engine = Engine::start(&folder).await?;
    let pages = if point % 3 == 2 { FOLDED_AT + point } else { point };
    disk.fill_but(pages * PAGE)?;
    let (mut recorded, mut lost): (Vec<&String>, Vec<&String>) = (Vec::new(), Vec::new());
    let mut fresh = codes.iter();
    while lost.len() < LOST {
        let code = fresh.next().context("the disk does not fill up")?;
        let verdict = engine.scan(code).await?;
        ensure!(verdict["class"] == "admitted", "a fresh ticket was answered {verdict}");
        if verdict["delivery"] == "not_recorded" { lost.push(code) } else { recorded.push(code) }
    }
    found.answered_recorded += recorded.len();
    found.answered_not_recorded += lost.len();
    for code in &lost {
        found.forgotten_in_memory += usize::from(engine.scan(code).await?["class"] != "used");
    }
    let room_again = point % 2 == 1;
    if room_again {
        disk.free()?;
        let verdict = engine.scan(fresh.next().context("a ticket more")?).await?;
        ensure!(verdict["delivery"] == "here", "there is room again: {verdict}");
        let left = engine.done(&Command::Status).await?["disk"]["not_recorded"].as_u64().context("not_recorded")?;
        found.not_recorded_later += usize::try_from(left)?;
    }
    engine.kill()?;
    let kept = tempfile::tempdir()?;
    engine::copy(&folder, kept.path())?;
    drop(disk);
    let wrong = engine::wrong_with(&engine::database(kept.path())?)?;
    found.whole += u64::from(wrong.is_empty());
    found.damaged.extend(wrong);
    let expected_used = recorded.iter().chain(lost.iter().filter(|_| room_again));
    let station = house::open_station(kept.path(), Arc::new(SystemClock::new()))?;
    found.journal_wrong += u64::from(!station.verify_journal().await.map_err(|p| anyhow::anyhow!("{p}"))?.ok);
    for code in expected_used {
        let ask = ScanRequest::new((*code).clone(), list, Direction::Entry);
        let verdict = station.scan(ask).await.map_err(|p| anyhow::anyhow!("{p}"))?;
        found.recorded_and_lost += usize::from(verdict.class != Class::Used);
    }
    Ok(())
}

/// A till on a disk that others fill while it has its ballast.
async fn on_ballast(till: &Path, codes: &[String], scans: usize) -> anyhow::Result<Value> {
    let disk = SmallDisk::file_system(192 << 20)?;
    let folder = disk.path().join("station");
    engine::copy(till, &folder)?;
    let engine = Engine::start(&folder).await?;
    let before = engine.status_until(|s| s["disk"]["ballast_bytes"].as_u64() > Some(0)).await?;
    let sold = engine.ask(&sale()).await?.is_ok();
    disk.fill()?;
    let full = engine.done(&Command::Status).await?;
    let refused = engine.ask(&sale()).await?;
    let refused = refused.is_err_and(|problem| problem.code == Code::DiskFull);
    let unchanged = engine.done(&Command::Status).await?["journal_length"] == full["journal_length"];
    // It comes up where nothing is left but the ballast.
    engine.kill()?;
    let engine = Engine::start(&folder).await?;
    let mut recorded = 0_usize;
    for code in &codes[..scans] {
        let verdict = engine.scan(code).await?;
        ensure!(verdict["class"] == "admitted", "a fresh ticket was answered {verdict}");
        recorded += usize::from(verdict["delivery"] == "here");
    }
    let after = engine.done(&Command::Status).await?;
    let journal = engine.done(&Command::VerifyJournal).await?;
    let still_refused = engine.ask(&sale()).await?.is_err_and(|problem| problem.code == Code::DiskFull);
    disk.free()?;
    let freed = engine.status_until(|s| s["disk"]["room"] == "enough" && s["disk"]["ballast_bytes"].as_u64() > Some(0));
    let freed = freed.await?;
    let sold_again = engine.ask(&sale()).await?.is_ok();
    Ok(json!({
        "disk_before": before["disk"], "disk_when_full": full["disk"], "disk_after_scans": after["disk"],
        "disk_when_freed": freed["disk"], "started_on_the_full_disk_in_ms": engine.started_in.as_millis(),
        "scans_recorded": recorded, "journal_ok": journal["ok"],
        "sales": {
            "before": sold, "refused_before_money": refused && still_refused && unchanged, "when_freed": sold_again,
        },
    }))
}

fn sale() -> Command {
    let lines = vec![Wish { item: "Adult".to_owned(), quantity: 1 }];
    Command::Sell { lines, cash: "24".to_owned(), vouchers: Vec::new(), request_id: None }
}

fn judge(found: &Found, ballast: &Value, points: u64, scans: usize) -> Outcome {
    let sales = &ballast["sales"];
    let tills_right = ["before", "refused_before_money", "when_freed"].iter().all(|when| sales[*when] == true);
    let on_ballast = ballast["scans_recorded"].as_u64().unwrap_or_default();
    let lost = found.recorded_and_lost + found.forgotten_in_memory + found.not_recorded_later;
    Outcome {
        measured: json!({
            "points": points, "databases_whole": found.whole, "damaged": found.damaged,
            "answered_recorded": found.answered_recorded, "answered_not_recorded": found.answered_not_recorded,
            "recorded_and_lost": found.recorded_and_lost, "forgotten_in_memory": found.forgotten_in_memory,
            "not_recorded_when_there_was_room": found.not_recorded_later, "journals_wrong": found.journal_wrong,
            "ballast": ballast,
        }),
        bar: json!({
            "databases_whole": points, "recorded_and_lost": 0, "forgotten_in_memory": 0,
            "not_recorded_when_there_was_room": 0, "journals_wrong": 0, "ballast.scans_recorded": scans,
            "ballast.sales": { "before": true, "refused_before_money": true, "when_freed": true },
        }),
        n: points,
        pass: found.whole == points
            && lost == 0
            && found.journal_wrong == 0
            && on_ballast >= scans as u64
            && ballast["journal_ok"] == true
            && tills_right
            && found.answered_not_recorded > 0,
    }
}
