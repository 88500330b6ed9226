//! K10: stations as every released program left them (never enrolled, with facts that were not sent, with a hall full of
//! tickets besides, on a nearly full disk) are opened by the program of today and killed at a random moment of it. What
//! lies there then is the old database or the new one, whole, with every fact that was not sent; the next start finishes.
//! Where the disk has too little room the program says so and changes nothing.

mod past;

use crate::{
    engine::{self, Engine},
    town::{ms, scaled},
};
use anyhow::{Context, ensure};
use past::State;
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command as Program, Stdio},
    time::Duration,
};
use tokio::time::Instant;
use willcall_domain::entropy::{self, SeededEntropy};
use willcall_station::command::Command;
use willcall_tests::{disk::SmallDisk, process::Process, record::Outcome};

/// Every version that was released.
const VERSIONS: &[&str] = &["v1"];
const CHANGE_OVER: Duration = Duration::from_secs(5);
const START: Duration = Duration::from_secs(2);
const MEMORY_MB: u64 = 250;
/// What the program wants to be free besides twice the database.
const SPARE: u64 = 16 << 20;

pub async fn run(scale: f64) -> anyhow::Result<Outcome> {
    let (kills, tickets) = (scaled(50, scale, 3), scaled(100_000, scale, 1_000));
    let mut found = Found { chance: Some(SeededEntropy::new(20_261_122)), ..Found::default() };
    let mut states = Map::new();
    for version in VERSIONS {
        for (name, state) in [("empty", State::Empty), ("outbox", State::Outbox), ("full", State::Full(tickets))] {
            let base = tempfile::tempdir()?;
            past::build(version, state, base.path())?;
            let of_state = on_disk(base.path(), None, kills, &mut found).await;
            let of_state = of_state.with_context(|| format!("{version}, {name}"))?;
            states.insert(format!("{version} {name}"), of_state);
            if let State::Full(_) = state {
                states.insert(format!("{version} engine"), engine_of(base.path(), &mut found).await?);
            }
        }
        let base = tempfile::tempdir()?;
        past::build(version, State::Outbox, base.path())?;
        states.insert(format!("{version} full disk"), no_room(base.path(), &mut found).await?);
        let just_enough = on_disk(base.path(), Some(SPARE), kills, &mut found).await;
        states.insert(format!("{version} nearly full disk"), just_enough.context("a nearly full disk")?);
    }
    Ok(judge(&found, &Value::Object(states), tickets))
}

#[derive(Default)]
struct Found {
    chance: Option<SeededEntropy>,
    kills: u64,
    old: u64,
    new: u64,
    half: u64,
    /// Killed while the copy was made, and after that before the new database was there.
    while_copying: u64,
    after_copying: u64,
    unsent_lost: usize,
    damaged: Vec<String>,
    journals_wrong: u64,
    copies_wrong: u64,
    change_over_max: Duration,
    start: Duration,
    memory_mb: u64,
    refused_without_change: bool,
}

/// A copy of a folder to change over: on this machine's disk, or on one with so many bytes besides twice its size.
struct Copy {
    folder: PathBuf,
    _temporary: Option<tempfile::TempDir>,
    _disk: Option<SmallDisk>,
}

fn copy_of(base: &Path, spare: Option<u64>) -> anyhow::Result<Copy> {
    let Some(spare) = spare else {
        let temporary = tempfile::tempdir()?;
        engine::copy(base, temporary.path())?;
        return Ok(Copy { folder: temporary.path().to_owned(), _temporary: Some(temporary), _disk: None });
    };
    let size = fs::metadata(base.join("willcall.db"))?.len();
    let disk = SmallDisk::file_system(4 * size + spare + (8 << 20))?;
    let folder = disk.path().join("station");
    engine::copy(base, &folder)?;
    // A little more than is asked for, as the log of writes is on the same disk.
    disk.fill_but(2 * size + spare + (1 << 20))?;
    Ok(Copy { folder, _temporary: None, _disk: Some(disk) })
}

/// Changes over once in peace, then again and again with a kill.
async fn on_disk(base: &Path, spare: Option<u64>, kills: u32, found: &mut Found) -> anyhow::Result<Value> {
    let (old, unsent) = of(&engine::database(base)?)?;
    let calm = copy_of(base, spare)?;
    let took = open(&calm.folder).await?;
    found.change_over_max = found.change_over_max.max(took);
    let (new, kept) = of(&engine::database(&calm.folder)?)?;
    found.unsent_lost += unsent.difference(&kept).count();
    ensure!(new != old, "there is no step since that version: nothing is shown");
    drop(calm);
    let before = (found.old, found.new);
    for _ in 0..kills {
        let copy = copy_of(base, spare)?;
        kill_while_opening(&copy.folder, took, found).await?;
        // Looked at somewhere else, so that looking changes nothing.
        let looked = copy_of(&copy.folder, None)?;
        let database = engine::database(&looked.folder)?;
        found.damaged.extend(engine::wrong_with(&database)?);
        let (schema, kept) = of(&database)?;
        found.unsent_lost += unsent.difference(&kept).count();
        let copied = !willcall_station::db::before::kept(&copy.folder).is_empty();
        match (schema == old, schema == new) {
            (true, _) => {
                found.old += 1;
                found.after_copying += u64::from(copied);
                found.while_copying += u64::from(!copied && has_half(&copy.folder)?);
            }
            (_, true) => found.new += 1,
            (false, false) => found.half += 1,
        }
        open(&copy.folder).await.context("opening after the kill")?;
        let (schema, kept) = of(&engine::database(&copy.folder)?)?;
        found.half += u64::from(schema != new);
        found.unsent_lost += unsent.difference(&kept).count();
        found.copies_wrong += u64::from(!copy_is_the_old_one(&copy.folder, &old, &unsent)?);
        found.journals_wrong += u64::from(ask(&copy.folder, &["journal", "verify"])?["ok"] != true);
    }
    Ok(json!({
        "change_over_ms": ms(took), "unsent": unsent.len(), "kills": kills,
        "found_old": found.old - before.0, "found_new": found.new - before.1,
    }))
}

fn has_half(folder: &Path) -> anyhow::Result<bool> {
    let names = fs::read_dir(folder)?.map(|entry| entry.map(|e| e.file_name()));
    let names = names.collect::<Result<Vec<_>, _>>()?;
    Ok(names.iter().any(|name| name.to_string_lossy().ends_with(".half")))
}

/// Schema and unsent facts.
fn of(database: &rusqlite::Connection) -> anyhow::Result<(BTreeSet<String>, BTreeSet<String>)> {
    Ok((past::schema(database)?, past::waiting(database)?))
}

/// The copy from before is whole, and is what was there before.
fn copy_is_the_old_one(folder: &Path, old: &BTreeSet<String>, unsent: &BTreeSet<String>) -> anyhow::Result<bool> {
    let kept = willcall_station::db::before::kept(folder);
    let Some(copy) = kept.first().filter(|_| kept.len() == 1) else { return Ok(false) };
    let copy = engine::file(copy, folder)?;
    let (schema, waits) = of(&copy)?;
    Ok(engine::wrong_with(&copy)?.is_empty() && schema == *old && waits == *unsent)
}

/// One command that opens the folder and ends.
fn command(folder: &Path, words: &[&str]) -> anyhow::Result<Program> {
    let mut program = engine::program(folder)?;
    program.args(words);
    Ok(program)
}

fn ask(folder: &Path, words: &[&str]) -> anyhow::Result<Value> {
    let output = command(folder, words)?.stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    serde_json::from_str(&said).with_context(|| format!("{said} {}", String::from_utf8_lossy(&output.stderr)))
}

/// Opens it with the program of today; answers how long that took.
async fn open(folder: &Path) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let status = ask(folder, &["status"])?;
    ensure!(status["incarnation"].is_number(), "it does not open: {status}");
    ensure!(status["recovered"].is_null(), "it is taken for damaged: {status}");
    Ok(began.elapsed())
}

async fn kill_while_opening(folder: &Path, took: Duration, found: &mut Found) -> anyhow::Result<()> {
    let chance = found.chance.as_ref().context("chance")?;
    let part = u64::from(u32::from_le_bytes(entropy::bytes::<4>(chance)));
    // Sooner more often than later: the change is the first thing an opening does.
    let after = took.mul_f64((part as f64 / f64::from(u32::MAX)).powi(2));
    let mut opening = Process::start(&mut command(folder, &["status"])?)?;
    // The race is the point: the kill falls between any two instructions of the change.
    tokio::time::sleep(after).await;
    opening.kill_alone()?;
    found.kills += 1;
    Ok(())
}

/// A disk with no room for the change: a sentence, and nothing changed.
async fn no_room(base: &Path, found: &mut Found) -> anyhow::Result<Value> {
    let (old, unsent) = of(&engine::database(base)?)?;
    let copy = copy_of(base, Some(0))?;
    let said = ask(&copy.folder, &["status"])?;
    let looked = copy_of(&copy.folder, None)?;
    let database = engine::database(&looked.folder)?;
    let unchanged = of(&database)? == (old, unsent) && engine::wrong_with(&database)?.is_empty();
    let sentence = said["detail"].as_str().unwrap_or_default().to_owned();
    found.refused_without_change = unchanged && said["code"] == "disk-full" && sentence.contains("MB");
    Ok(json!({ "code": said["code"], "says": sentence, "unchanged": unchanged }))
}

/// The engine on the changed database with its many tickets: how quickly it is there and what it takes.
async fn engine_of(base: &Path, found: &mut Found) -> anyhow::Result<Value> {
    let copy = copy_of(base, None)?;
    open(&copy.folder).await?;
    // The first start found the disk's cache cold; this is one after a crash.
    Engine::start(&copy.folder).await?.kill()?;
    let engine = Engine::start(&copy.folder).await?;
    for n in 0..50 {
        engine.scan(&format!("no code of ours {n}")).await?;
    }
    engine.done(&Command::VerifyJournal).await?;
    let status = engine.done(&Command::Status).await?;
    let (own, mapped) = willcall_tests::record::memory_kb(engine.id()).context("the engine's memory")?;
    (found.start, found.memory_mb) = (engine.started_in, mapped / 1024);
    Ok(json!({
        "tickets": status["tickets"], "disk": status["disk"], "start_after_kill_ms": ms(engine.started_in),
        "rss_mb": mapped / 1024, "pss_mb": own / 1024,
    }))
}

fn judge(found: &Found, states: &Value, tickets: u32) -> Outcome {
    Outcome {
        measured: json!({
            "states": states, "kills": found.kills, "found_old": found.old, "found_new": found.new, "found_half": found.half,
            "killed_while_copying": found.while_copying, "killed_between_copy_and_change": found.after_copying,
            "unsent_lost": found.unsent_lost, "damaged": found.damaged, "journals_wrong": found.journals_wrong,
            "copies_wrong": found.copies_wrong, "change_over_max_ms": ms(found.change_over_max), "tickets": tickets,
            "start_after_kill_ms": ms(found.start), "rss_mb": found.memory_mb,
            "refused_without_change_where_there_is_no_room": found.refused_without_change,
        }),
        bar: json!({
            "found_half": 0, "unsent_lost": 0, "damaged": [], "journals_wrong": 0, "copies_wrong": 0,
            "change_over_max_ms": ms(CHANGE_OVER), "start_after_kill_ms": ms(START), "rss_mb": MEMORY_MB,
            "refused_without_change_where_there_is_no_room": true,
        }),
        n: found.kills,
        pass: found.half == 0
            && found.unsent_lost == 0
            && found.damaged.is_empty()
            && found.journals_wrong == 0
            && found.copies_wrong == 0
            && found.change_over_max <= CHANGE_OVER
            && found.start <= START
            && found.memory_mb <= MEMORY_MB
            && found.refused_without_change
            && found.old > 0
            && found.new + found.old + found.half >= found.kills,
    }
}
