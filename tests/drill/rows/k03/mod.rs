//! K03: what a station answered is there whatever happens to it. One half kills it: a door's engine is asked to scan one
//! ticket after another and killed at a random moment, again and again. What it answered is there when it starts again (a
//! second scan of it is *used*), nothing is counted twice, the journal holds, and it starts quickly. The server hears of
//! each scan once. The other half, [`cut`], takes away the power.

mod cut;

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
        let mut engine = found.start(folder.path()).await?;
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
    let engine = found.start(folder.path()).await?;
    again(folder.path(), &house, &answered, &mut found).await?;
    let journal = ask(folder.path(), &Command::VerifyJournal).await?;
    let arrived = all_up(folder.path(), &house).await?;
    drop(engine);
    let cuts = cut::run(kills, &chance).await?;
    Ok(judge(&found, kills, &journal, &arrived, &cuts))
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

impl Found {
    async fn start(&mut self, folder: &Path) -> anyhow::Result<Process> {
        let (engine, took) = start(folder, engine(folder)?).await?;
        self.starts.push(took);
        Ok(engine)
    }
}

/// The engine of a folder, to be started.
fn engine(folder: &Path) -> anyhow::Result<Program> {
    let mut program = Program::new(built::program("willcall-station")?);
    program.arg("--key-in-file").arg("--data").arg(folder).arg("run").env("WILLCALL_LOG", "warn");
    Ok(program)
}

/// Starts an engine and waits for its first answer.
async fn start(folder: &Path, mut program: Program) -> anyhow::Result<(Process, Duration)> {
    let began = Instant::now();
    let mut engine = Process::start(&mut program)?;
    while socket::ask(folder, &Command::Status).await.is_none_or(|answer| answer.is_err()) {
        ensure!(engine.runs(), "the engine ended by itself: {:?}", engine.lines());
        ensure!(began.elapsed() < Duration::from_secs(60), "the engine does not start: {:?}", engine.lines());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok((engine, began.elapsed()))
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
    let verdict = ask(folder, &Command::entry(code, list)).await?;
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

fn judge(found: &Found, kills: usize, journal: &Value, arrived: &Value, cuts: &cut::Cuts) -> Outcome {
    // The first start follows no kill.
    let (p50, slowest) = spread(found.starts.iter().skip(1));
    let (cut_p50, cut_slowest) = spread(cuts.starts.iter());
    let whole = journal["ok"] == true && arrived["entries_here"] == arrived["entries_at_the_server"];
    let doubles = arrived["tickets_admitted_twice"].as_i64().unwrap_or(i64::MAX);
    let problems: BTreeSet<String> =
        [&journal["problems"], &journal["differences"]].iter().map(|v| v.to_string()).collect();
    let killed = found.lost == 0 && doubles == 0 && whole && slowest <= START_BAR && found.answered > 0;
    let cut = cuts.lost == 0 && cuts.problems.is_empty() && cut_slowest <= START_BAR && cuts.with_unconfirmed > 0;
    Outcome {
        measured: json!({
            "kills": kills, "answered": found.answered, "answered_and_lost": found.lost,
            "journal_ok": journal["ok"], "journal_says": problems, "server": arrived,
            "start_after_kill_p50_ms": ms(p50), "start_after_kill_max_ms": ms(slowest),
            "power_cuts": {
                "cuts": cuts.cuts, "with_unconfirmed_writes": cuts.with_unconfirmed, "scans": cuts.scans_recorded,
                "writes": cuts.writes, "flushes": cuts.flushes, "answered_and_lost": cuts.lost,
                "problems": cuts.problems, "open_p50_ms": ms(cut_p50), "open_max_ms": ms(cut_slowest),
                "lost_on_a_disk_that_lies": cuts.lost_by_lies,
            },
        }),
        bar: json!({
            "answered_and_lost": 0, "tickets_admitted_twice": 0, "journal_ok": true,
            "start_after_kill_max_ms": ms(START_BAR),
            "power_cuts": { "answered_and_lost": 0, "problems": [], "open_max_ms": ms(START_BAR) },
        }),
        n: (kills + cuts.cuts) as u64,
        pass: killed && cut,
    }
}

/// Median and longest.
fn spread<'a>(times: impl Iterator<Item = &'a Duration>) -> (Duration, Duration) {
    let mut times: Vec<Duration> = times.copied().collect();
    times.sort_unstable();
    let at = |n: usize| times.get(n).copied().unwrap_or_default();
    (at(times.len() / 2), at(times.len().saturating_sub(1)))
}
