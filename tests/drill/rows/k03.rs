//! K03, the half of the killed process: a door's engine is asked to scan one ticket after another and killed at a random
//! moment, again and again. What it answered is there when it starts again (a second scan of it is *used*), nothing is
//! counted twice, the journal holds, and it starts quickly. The server hears of each scan once.
//!
//! The other half (a torn or unsynced write) is not done here: it needs a file system that lies.

use crate::town::{ms, scaled};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::{collections::BTreeSet, path::Path, process::Command as Program, time::Duration};
use tokio::time::Instant;
use willcall_domain::{
    checkin::wire::VerdictView,
    devices::Role,
    entropy::{self, Entropy, SeededEntropy},
};
use willcall_station::{command::Command, socket};
use willcall_tests::{
    built, crowd,
    house::{House, Plan},
    process::Process,
    record::Outcome,
};

const START_BAR: Duration = Duration::from_secs(2);
/// A kill comes so long after the first question, at most.
const LONGEST_LIFE_MS: u64 = 60;
/// Tickets at hand for each life; no more can be scanned in it.
const TICKETS_A_LIFE: usize = 40;

pub async fn run(scale: f64) -> anyhow::Result<Outcome> {
    let kills = scaled(500, scale, 5) as usize;
    let house = House::build(Plan { places: 1_000_000, ..Plan::default() }).await?;
    let positions = crowd::fill(&house, (kills + 1) * TICKETS_A_LIFE).await?;
    let codes: Vec<String> = crowd::codes(&house, positions).await?.into_iter().map(|(_, code)| code).collect();
    let folder = tempfile::tempdir()?;
    // Enrolled and synced here, then handed to the program.
    drop(house.station("Door 1", Role::Door, folder.path()).await?);
    let chance = SeededEntropy::new(20_261_121);
    let mut found = Found::default();
    let mut answered: Vec<String> = Vec::new();
    for life in 0..kills {
        let mut engine = start(folder.path(), &house, &mut found).await?;
        again(folder.path(), &house, &answered, &mut found).await?;
        answered.clear();
        let mine = &codes[life * TICKETS_A_LIFE..(life + 1) * TICKETS_A_LIFE];
        let kill_after = Duration::from_millis(u64::from_le_bytes(bytes(&chance)) % LONGEST_LIFE_MS);
        let scanning = scan_all(folder.path(), &house, mine, &mut answered);
        // The race is the point: the kill falls between any two instructions of a scan.
        tokio::select! {
            () = tokio::time::sleep(kill_after) => {}
            done = scanning => done?,
        }
        engine.kill_alone()?;
        found.answered += answered.len();
    }
    let engine = start(folder.path(), &house, &mut found).await?;
    again(folder.path(), &house, &answered, &mut found).await?;
    let journal = ask(folder.path(), &Command::VerifyJournal).await?;
    let arrived = all_up(folder.path(), &house).await?;
    drop(engine);
    Ok(judge(&found, kills, &journal, &arrived))
}

#[derive(Default)]
struct Found {
    answered: usize,
    /// Answered *admitted*, and admitted again after the kill.
    lost: usize,
    starts: Vec<Duration>,
}

fn bytes(chance: &dyn Entropy) -> [u8; 8] {
    entropy::bytes::<8>(chance)
}

/// Starts the engine and waits for its first answer.
async fn start(folder: &Path, house: &House, found: &mut Found) -> anyhow::Result<Process> {
    let began = Instant::now();
    let mut program = Program::new(built::program("willcall-station")?);
    program.arg("--key-in-file").arg("--data").arg(folder).arg("run").env("WILLCALL_LOG", "warn");
    let mut engine = Process::start(&mut program)?;
    while socket::ask(folder, &Command::Status).await.is_none_or(|answer| answer.is_err()) {
        ensure!(engine.runs(), "the engine ended by itself: {:?}", engine.lines());
        ensure!(began.elapsed() < Duration::from_secs(60), "the engine of list {} does not start", house.list);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    found.starts.push(began.elapsed());
    Ok(engine)
}

/// What was answered before the kill is scanned once more: each must be known as used.
async fn again(folder: &Path, house: &House, answered: &[String], found: &mut Found) -> anyhow::Result<()> {
    for code in answered {
        let verdict = scan(folder, house, code).await?;
        found.lost += usize::from(verdict["class"] != "used");
    }
    Ok(())
}

async fn scan_all(folder: &Path, house: &House, codes: &[String], answered: &mut Vec<String>) -> anyhow::Result<()> {
    for code in codes {
        let verdict = scan(folder, house, code).await?;
        ensure!(verdict["class"] == "admitted", "a fresh ticket was answered {verdict}");
        answered.push(code.clone());
    }
    Ok(())
}

async fn scan(folder: &Path, house: &House, code: &str) -> anyhow::Result<Value> {
    let list = Some(house.list.to_string());
    let verdict = ask(folder, &Command::Scan { code: code.to_owned(), list, exit: false, at: None }).await?;
    // What cannot be read as a verdict is no answer.
    serde_json::from_value::<VerdictView>(verdict.clone()).with_context(|| verdict.to_string())?;
    Ok(verdict)
}

async fn ask(folder: &Path, command: &Command) -> anyhow::Result<Value> {
    let answer = socket::ask(folder, command).await.context("the engine does not answer")?;
    answer.map_err(|problem| anyhow::anyhow!("{problem}"))
}

/// Everything goes up; then: scans at the server, tickets admitted more than once, entries that are gone.
async fn all_up(folder: &Path, house: &House) -> anyhow::Result<Value> {
    let journal = ask(folder, &Command::VerifyJournal).await?;
    let entries = journal["entries"].as_i64().context("entries")?;
    let end = Instant::now() + Duration::from_secs(120);
    loop {
        ask(folder, &Command::Sync).await?;
        let arrived = house.number_of("SELECT count(*) FROM journal_entry").await?;
        if arrived >= entries || Instant::now() > end {
            break;
        }
    }
    let doubles = house
        .number_of(
            "SELECT count(*) FROM (SELECT position_id FROM scan WHERE class = 'admitted' AND NOT undone
             GROUP BY position_id HAVING count(*) > 1) AS twice",
        )
        .await?;
    Ok(json!({
        "entries_here": entries,
        "entries_at_the_server": house.number_of("SELECT count(*) FROM journal_entry").await?,
        "admitted_at_the_server": house.number_of("SELECT count(*) FROM scan WHERE class = 'admitted'").await?,
        "tickets_admitted_twice": doubles,
    }))
}

fn judge(found: &Found, kills: usize, journal: &Value, arrived: &Value) -> Outcome {
    let mut starts = found.starts.clone();
    // The first start follows no kill.
    starts.drain(..1.min(starts.len()));
    starts.sort_unstable();
    let slowest = starts.last().copied().unwrap_or_default();
    let whole = journal["ok"] == true && arrived["entries_here"] == arrived["entries_at_the_server"];
    let doubles = arrived["tickets_admitted_twice"].as_i64().unwrap_or(i64::MAX);
    let problems: BTreeSet<String> =
        [&journal["problems"], &journal["differences"]].iter().map(|v| v.to_string()).collect();
    Outcome {
        measured: json!({
            "kills": kills, "answered": found.answered, "answered_and_lost": found.lost,
            "journal_ok": journal["ok"], "journal_says": problems, "server": arrived,
            "start_after_kill_p50_ms": ms(starts.get(starts.len() / 2).copied().unwrap_or_default()),
            "start_after_kill_max_ms": ms(slowest), "torn_writes": "not done",
        }),
        bar: json!({
            "answered_and_lost": 0, "tickets_admitted_twice": 0, "journal_ok": true,
            "start_after_kill_max_ms": ms(START_BAR),
        }),
        n: kills as u64,
        pass: found.lost == 0 && doubles == 0 && whole && slowest <= START_BAR && found.answered > 0,
    }
}
