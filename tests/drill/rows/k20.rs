//! K20: a till with two hundred facts that nobody else has heard of, its database deleted, overwritten, cut off or zeroed
//! in one place or another while it is open. Killed and started again it has every fact that is anywhere: in the mirror
//! of the journal, in the newest backup, in what can be read of the file and its log. Where the mirror is gone as well,
//! at least what the backup had; and what is missing is named by number. Made anew from the server, nothing unsent goes.

use crate::{
    engine::{self, Engine},
    town::{ms, scaled},
};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{Seek as _, SeekFrom, Write as _},
    path::Path,
    time::Duration,
};
use willcall_domain::{
    devices::Role,
    entropy::{self, SeededEntropy},
    id::{OrderId, RequestId},
    problem::Code,
    till::wire::SaleView,
};
use willcall_station::command::{Command, Wish};
use willcall_tests::{
    crowd,
    house::{House, Plan},
    process::until,
    record::Outcome,
};

const FACTS: u32 = 200;
/// After so many of a hundred facts the newest backup is made.
const BACKED_UP_AT: u32 = 60;
const PAGE: u64 = 4096;
/// How long the copies may take to follow.
const PATIENCE: Duration = Duration::from_secs(30);

/// What happens to the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Harm {
    DatabaseDeleted,
    AllFilesDeleted,
    LogDeleted,
    LogOverwritten,
    Salt,
    Header,
    FirstPage,
    SomePages,
    CutInHalf,
    Zeroed,
}

const HARMS: [Harm; 10] = [
    Harm::DatabaseDeleted,
    Harm::AllFilesDeleted,
    Harm::LogDeleted,
    Harm::LogOverwritten,
    Harm::Salt,
    Harm::Header,
    Harm::FirstPage,
    Harm::SomePages,
    Harm::CutInHalf,
    Harm::Zeroed,
];

pub async fn run(scale: f64) -> anyhow::Result<Outcome> {
    let facts = scaled(FACTS, scale, 20);
    let mut house = House::build(Plan { places: 100_000, ..Plan::default() }).await?;
    let positions = crowd::fill(&house, facts as usize).await?;
    let codes: Vec<String> = crowd::codes(&house, positions).await?.into_iter().map(|(_, code)| code).collect();
    let base = tempfile::tempdir()?;
    drop(house.station("Till 1", Role::Till, base.path()).await?);
    house.stop().await;
    let chance = SeededEntropy::new(20);
    let (mut cases, mut n) = (BTreeMap::new(), 0);
    let mut found = Found::default();
    for harm in HARMS {
        for mirror in [true, false] {
            let name = format!("{harm:?}{}", if mirror { "" } else { " without mirror" });
            let one = harmed(base.path(), &codes, harm, mirror, &chance).await.with_context(|| name.clone())?;
            found.judge(&name, &one, mirror);
            cases.insert(name, one.json());
            n += u64::from(facts);
        }
    }
    let anew = made_anew(base.path(), &codes, &mut house).await.context("made anew")?;
    let pass = found.0.is_empty() && anew.1.is_empty();
    Ok(Outcome {
        measured: json!({ "facts_each": facts, "wrong": found.0, "cases": cases, "made_anew": anew.0, "wrong_anew": anew.1 }),
        bar: json!({
            "with_mirror": "every fact", "without_mirror": "every fact of the newest backup", "not_there": "named by number",
            "made_anew": "every fact that was not sent",
        }),
        n,
        pass,
    })
}

#[derive(Default)]
struct Found(Vec<String>);

impl Found {
    fn judge(&mut self, name: &str, one: &One, mirror: bool) {
        let mut wrong = |what: String| self.0.push(format!("{name}: {what}"));
        let least = if mirror { one.facts } else { one.backed_up };
        if one.known < least {
            wrong(format!("{} of {} facts are known, {least} must be", one.known, one.facts));
        }
        if one.entries + one.named != one.entries_before {
            wrong(format!("{} entries of {}, and {} named as missing", one.entries, one.entries_before, one.named));
        }
        if (one.named > 0) != one.names_them {
            wrong("what is missing has no numbers".to_owned());
        }
        if one.known < one.facts && !one.doubts {
            wrong("facts are gone, and the station does not doubt".to_owned());
        }
        // A station that doubts itself and names what is missing has said it.
        let said = one.says_so || (one.doubts && one.names_them);
        if !said && one.known < one.facts {
            wrong("nothing says what happened".to_owned());
        }
        if !one.journal.is_empty() && one.named == 0 {
            wrong(format!("the journal does not hold: {:?}", one.journal));
        }
    }
}

/// What came of one harm.
struct One {
    facts: u32,
    /// Of them, those from before the newest backup.
    backed_up: u32,
    known: u32,
    entries_before: u64,
    /// Entries that are here of those from before.
    entries: u64,
    /// Entries that are said to be missing.
    named: u64,
    names_them: bool,
    doubts: bool,
    says_so: bool,
    journal: Vec<String>,
    started_in: Duration,
}

impl One {
    fn json(&self) -> Value {
        json!({
            "known": self.known, "backed_up": self.backed_up, "entries": self.entries, "of": self.entries_before,
            "named": self.named, "doubts": self.doubts, "said": self.says_so, "started_in_ms": ms(self.started_in),
        })
    }
}

/// What the till confirmed.
#[derive(Default)]
struct Told {
    scans: Vec<String>,
    sales: Vec<(RequestId, OrderId)>,
}

impl Told {
    fn len(&self) -> u32 {
        u32::try_from(self.scans.len() + self.sales.len()).unwrap_or(u32::MAX)
    }
}

async fn harmed(
    base: &Path,
    codes: &[String],
    harm: Harm,
    mirror: bool,
    chance: &SeededEntropy,
) -> anyhow::Result<One> {
    let folder = tempfile::tempdir()?;
    engine::copy(base, folder.path())?;
    let engine = Engine::start(folder.path()).await?;
    let (first, rest) = codes.split_at(codes.len() * BACKED_UP_AT as usize / 100);
    let mut told = Told::default();
    work(&engine, first, &mut told, chance).await?;
    engine.done(&Command::Backup { file: None }).await?;
    let backed_up = told.len();
    work(&engine, rest, &mut told, chance).await?;
    let before = engine.done(&Command::Status).await?;
    let length = before["journal_length"].as_u64().context("a length")?;
    marked(folder.path(), length).await?;
    do_harm(folder.path(), harm, chance)?;
    engine.kill()?;
    if !mirror {
        fs::remove_dir_all(folder.path().join("mirror"))?;
    }
    let before = Before { life: before["incarnation"].clone(), length, backed_up };
    let engine = Engine::start(folder.path()).await?;
    let looked = look(&engine, &told, &before).await;
    engine.kill()?;
    match looked {
        // A page that nobody had to read at the start: once it is met the station says so, and the next start looks at
        // every page.
        Err(met) if met.to_string().starts_with(Code::Corrupt.as_str()) => {
            let engine = Engine::start(folder.path()).await?;
            let looked = look(&engine, &told, &before).await;
            engine.kill()?;
            looked
        }
        looked => looked,
    }
}

/// How it stood before the harm.
struct Before {
    life: Value,
    length: u64,
    backed_up: u32,
}

/// What the till has after it.
async fn look(engine: &Engine, told: &Told, before: &Before) -> anyhow::Result<One> {
    let known = known(engine, told).await?;
    let status = engine.done(&Command::Status).await?;
    let report = engine.done(&Command::VerifyJournal).await?;
    let lives = report["incarnations"].as_array().context("incarnations")?;
    let life = lives.iter().find(|life| life["incarnation"] == before.life).context("the life of before")?;
    // What was looked at just now was written behind, in this life or, by a station that doubts, in a new one.
    let entries = life["last_seq"].as_u64().context("a number")?.min(before.length);
    let missing = life["missing"].as_u64().context("missing")?;
    Ok(One {
        facts: told.len(),
        backed_up: before.backed_up,
        known,
        entries_before: before.length,
        entries: entries.saturating_sub(missing),
        named: status["standing"]["missing"].as_u64().context("missing")?,
        names_them: status["standing"]["missing_entries"].as_array().is_some_and(|names| !names.is_empty()),
        doubts: !status["standing"]["doubt"].is_null(),
        says_so: status["recovered"].is_string(),
        journal: serde_json::from_value(report["problems"].clone())?,
        started_in: engine.started_in,
    })
}

/// Two scans, then a sale, and so on; where no unit is left, scans alone.
async fn work(engine: &Engine, codes: &[String], told: &mut Told, chance: &SeededEntropy) -> anyhow::Result<()> {
    for (n, code) in codes.iter().enumerate() {
        if n % 3 == 2 {
            let request = RequestId(uuid::Builder::from_random_bytes(entropy::bytes(chance)).into_uuid());
            match engine.ask(&sale(request)).await? {
                Ok(answer) => {
                    told.sales.push((request, serde_json::from_value::<SaleView>(answer)?.order_id));
                    continue;
                }
                Err(problem) => ensure!(problem.code == Code::LeaseSpent, "{problem}"),
            }
        }
        let verdict = engine.scan(code).await?;
        ensure!(verdict["class"] == "admitted", "a fresh ticket was answered {verdict}");
        told.scans.push(code.clone());
    }
    Ok(())
}

fn sale(request: RequestId) -> Command {
    let lines = vec![Wish { item: "Programme".to_owned(), quantity: 1 }];
    Command::Sell { lines, cash: "4.50".to_owned(), vouchers: Vec::new(), request_id: Some(request) }
}

/// How many facts the till still knows: a ticket as used, a sale by its request.
async fn known(engine: &Engine, told: &Told) -> anyhow::Result<u32> {
    let mut known = 0;
    for code in &told.scans {
        known += u32::from(engine.scan(code).await?["class"] == "used");
    }
    for (request, order) in &told.sales {
        let again = engine.ask(&sale(*request)).await?;
        let again = again.ok().and_then(|answer| serde_json::from_value::<SaleView>(answer).ok());
        known += u32::from(again.is_some_and(|again| again.order_id == *order));
    }
    Ok(known)
}

/// The mark, and so the mirror before it, has come to the end of the journal.
async fn marked(folder: &Path, length: u64) -> anyhow::Result<()> {
    let mark = folder.join("mark.json");
    let reached = || {
        let mark: Value = serde_json::from_str(&fs::read_to_string(&mark).ok()?).ok()?;
        (mark["seq"].as_u64()? >= length).then_some(())
    };
    until(PATIENCE, reached).await.context("the mark does not follow")
}

fn do_harm(folder: &Path, harm: Harm, chance: &SeededEntropy) -> anyhow::Result<()> {
    let (database, log) = (folder.join("willcall.db"), folder.join("willcall.db-wal"));
    let pages = fs::metadata(&database)?.len() / PAGE;
    ensure!(pages > 8, "{pages} pages: there is hardly anything to harm");
    match harm {
        Harm::DatabaseDeleted => fs::remove_file(&database)?,
        Harm::AllFilesDeleted => {
            for file in ["willcall.db", "willcall.db-wal", "willcall.db-shm"] {
                fs::remove_file(folder.join(file))?;
            }
        }
        Harm::LogDeleted => fs::remove_file(&log)?,
        Harm::LogOverwritten => overwrite(&log, 32, fs::metadata(&log)?.len().min(64 << 10), chance)?,
        Harm::Salt => overwrite(&database, 0, 16, chance)?,
        Harm::Header => overwrite(&database, 0, 100, chance)?,
        Harm::FirstPage => overwrite(&database, 0, PAGE, chance)?,
        Harm::SomePages => {
            for _ in 0..8 {
                let page = 1 + u64::from_le_bytes(entropy::bytes(chance)) % (pages - 1);
                overwrite(&database, page * PAGE, PAGE, chance)?;
            }
        }
        Harm::CutInHalf => OpenOptions::new().write(true).open(&database)?.set_len(pages / 2 * PAGE)?,
        Harm::Zeroed => {
            let length = fs::metadata(&database)?.len();
            write(&database, 0, &vec![0; usize::try_from(length)?])?;
        }
    }
    Ok(())
}

fn overwrite(file: &Path, at: u64, length: u64, chance: &SeededEntropy) -> anyhow::Result<()> {
    let mut noise = vec![0; usize::try_from(length)?];
    entropy::Entropy::fill(chance, &mut noise);
    write(file, at, &noise)
}

fn write(file: &Path, at: u64, bytes: &[u8]) -> anyhow::Result<()> {
    let mut file = OpenOptions::new().write(true).open(file)?;
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)?;
    Ok(file.sync_all()?)
}

/// "Rebuild from the server" with two hundred facts unsent: first without a server, then with it.
async fn made_anew(base: &Path, codes: &[String], house: &mut House) -> anyhow::Result<(Value, Vec<String>)> {
    let folder = tempfile::tempdir()?;
    engine::copy(base, folder.path())?;
    let engine = Engine::start(folder.path()).await?;
    let mut told = Told::default();
    work(&engine, codes, &mut told, &SeededEntropy::new(21)).await?;
    let before = engine.done(&Command::Status).await?["waiting"].as_u64().context("waiting")?;
    engine.kill()?;
    let rebuild = |folder: &Path| -> anyhow::Result<Value> {
        let output = engine::program(folder)?.arg("rebuild").output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        Ok(serde_json::from_slice(&output.stdout)?)
    };
    let alone = rebuild(folder.path())?;
    let mut wrong = Vec::new();
    // Making it anew is a fact or two itself; none may be fewer.
    if alone["waiting"].as_u64().is_none_or(|waiting| waiting < before) {
        wrong.push(format!("{before} waited, {} after it was made anew", alone["waiting"]));
    }
    house.start().await?;
    let linked = rebuild(folder.path())?;
    let there = house.number_of("SELECT count(*) FROM journal_entry").await?;
    let scans = house.number_of("SELECT count(*) FROM scan WHERE class = 'admitted'").await?;
    let sales = house.number_of("SELECT count(*) FROM orders WHERE channel = 'till'").await?;
    // Lists and products are the server's; they are here again now.
    let engine = Engine::start(folder.path()).await?;
    let still_known = known(&engine, &told).await?;
    engine.kill()?;
    if linked["waiting"] != 0 {
        wrong.push(format!("{} wait with a link", linked["waiting"]));
    }
    if still_known != told.len() {
        wrong.push(format!("{still_known} of {} known", told.len()));
    }
    if (scans, sales) != (i64::try_from(told.scans.len())?, i64::try_from(told.sales.len())?) {
        wrong.push(format!(
            "{scans} scans and {sales} sales at the server of {} and {}",
            told.scans.len(),
            told.sales.len()
        ));
    }
    let measured = json!({ "waited": before, "waiting_after": alone["waiting"], "known": still_known, "entries_at_server": there });
    Ok((measured, wrong))
}
