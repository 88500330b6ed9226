//! K19: a laptop in the wrong hands. Its files, as they lie there while it runs and after, say none of a thousand names;
//! copied to another account they cannot be opened, though that account's keychain is unlocked. Switched off by the
//! organizer, the device is refused at its first question and asks no more. It is wiped when it is told to, or after
//! days without a contact; never while a fact exists only there.

use crate::town::scaled;
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command as Program, Output},
    sync::Arc,
    time::Duration,
};
use tokio_util::sync::CancellationToken;
use willcall_domain::{
    clock::{Clock, ManualClock, SystemClock, UtcMillis},
    devices::Role,
    entropy::{Entropy, OsEntropy},
    problem::{Code, Problem},
};
use willcall_server::devices;
use willcall_station::{
    Host, Station,
    copies::{places::PlacesChange, wipe},
};
use willcall_tests::{
    built, crowd,
    house::{House, Plan, open_station, open_station_in},
    keychain::{self, Keychain, User},
    meddler::Meddler,
    process::{Process, until},
    record::Outcome,
};

const NAMES: u32 = 1_000;
const DAYS: i64 = 30;
const DAY_MS: i64 = 86_400_000;
const PATIENCE: Duration = Duration::from_secs(60);

pub async fn run(scale: f64) -> anyhow::Result<Outcome> {
    let names = scaled(NAMES, scale, 50);
    let house = House::build(Plan { places: 100_000, ..Plan::default() }).await?;
    crowd::fill(&house, names as usize).await?;
    let copied = copied(&house, names).await.context("copied")?;
    let revoked = revoked(&house).await.context("revoked")?;
    let wiped = wiped(&house).await.context("wiped")?;
    let mut house = house;
    let told = told_to(&mut house).await.context("told to wipe")?;
    let pass = copied.good() && revoked.good() && wiped.is_empty() && told.is_empty();
    Ok(Outcome {
        measured: json!({
            "names": names, "names_in_files": copied.found, "names_on_it": copied.on_it,
            "files_searched": copied.files, "bytes_searched": copied.bytes, "found_in_a_plain_file": copied.planted,
            "opened_by_others": copied.opened, "tried_as": copied.tried,
            "revoked": { "requests_after": revoked.requests, "tickets_learned_after": revoked.learned },
            "wiped_after_days": { "wrong": wiped }, "told_to_wipe": { "wrong": told },
        }),
        bar: json!({
            "names_in_files": 0, "opened_by_others": [], "revoked.tickets_learned_after": 0, "revoked.requests_after_at_most": 1,
            "wrong": [],
        }),
        n: u64::from(names),
        pass,
    })
}

struct Copied {
    found: usize,
    /// Tickets with a name that the station itself finds: they are there to be found.
    on_it: usize,
    files: usize,
    bytes: u64,
    /// The same search in a file that does hold the names.
    planted: usize,
    opened: Vec<&'static str>,
    tried: Vec<&'static str>,
}

impl Copied {
    fn good(&self) -> bool {
        self.found == 0 && self.opened.is_empty() && self.on_it > 0 && self.planted > 0 && self.bytes > 0
    }
}

/// A till with a thousand names, its keys in a real keychain, looked at from outside while it runs and after.
async fn copied(house: &House, names: u32) -> anyhow::Result<Copied> {
    let (mine, program) = (Keychain::unlocked(User::Me).await?, built::program("willcall-station")?);
    let folder = mine.home().join("station");
    let token = house.invite("Till in the keychain", Role::Till).await?;
    done(mine.command(&program), &folder, &["enrol", &house.url(), &token])?;
    done(mine.command(&program), &folder, &["sync"])?;
    let status = done(mine.command(&program), &folder, &["status"])?;
    ensure!(status["key_store"] == "keychain" && status["tickets"] == names, "{status}");
    let mut engine = Process::start(mine.command(&program).arg("--data").arg(&folder).arg("run"))?;
    let socket = folder.join("control.sock");
    until(PATIENCE, || socket.exists().then_some(())).await.context("the engine does not start")?;
    done(mine.command(&program), &folder, &["sell", "Programme", "--pay", "cash:4.50"])?;
    done(mine.command(&program), &folder, &["backup"])?;
    let wanted: Vec<String> = (0..names).map(|n| format!("Guest B{n:07}")).collect();
    let mut seen = Search::default();
    seen.look(&folder, &wanted)?;
    engine.kill_alone()?;
    seen.look(&folder, &wanted)?;
    let on_it = on_a_till(house).await?;
    let plain = mine.home().join("plain");
    fs::create_dir(&plain)?;
    fs::write(plain.join("guests.txt"), wanted.join("\n"))?;
    let mut planted = Search::default();
    planted.look(&plain, &wanted)?;
    let mut copied = Copied {
        found: seen.found.len(),
        on_it,
        files: seen.files,
        bytes: seen.bytes,
        planted: planted.found.len(),
        opened: Vec::new(),
        tried: Vec::new(),
    };
    let mut try_as = |who: &'static str, command: Program, folder: &Path| -> anyhow::Result<()> {
        copied.tried.push(who);
        if opens(command, folder)?.status.success() {
            copied.opened.push(who);
        }
        Ok(())
    };
    try_as("nobody signed in", keychain::without_session(&program, mine.home()), &folder)?;
    let other = Keychain::unlocked(User::Me).await?;
    let stolen = other.home().join("stolen");
    copy(&folder, &stolen)?;
    try_as("another machine", other.command(&program), &stolen)?;
    if keychain::may_be_somebody_else() {
        let theirs = Keychain::unlocked(User::Nobody).await?;
        let stolen = theirs.home().join("stolen");
        copy(&folder, &stolen)?;
        theirs.take(&stolen)?;
        try_as("another user, with a copy", theirs.command(&program), &stolen)?;
        let mut look = theirs.command("cat");
        look.arg(folder.join("willcall.db"));
        if look.output()?.status.success() {
            copied.opened.push("another user, the file itself");
        }
    }
    Ok(copied)
}

/// How many names a till of the same house finds by its search, which shows the first of them.
async fn on_a_till(house: &House) -> anyhow::Result<usize> {
    let folder = tempfile::tempdir()?;
    let till = house.station("Till that searches", Role::Till, folder.path()).await?;
    let found = till.search(house.list, "Guest").await.map_err(said)?;
    Ok(found.iter().filter(|ticket| ticket.name.as_deref().is_some_and(|name| name.starts_with("Guest B"))).count())
}

fn opens(mut command: Program, folder: &Path) -> anyhow::Result<Output> {
    Ok(command.arg("--data").arg(folder).arg("status").output()?)
}

fn done(mut command: Program, folder: &Path, arguments: &[&str]) -> anyhow::Result<Value> {
    let output = command.arg("--data").arg(folder).args(arguments).output()?;
    let said = || format!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{} {}", said(), String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice(&output.stdout).with_context(said)
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    ensure!(Program::new("cp").arg("-a").arg(from).arg(to).status()?.success(), "cp");
    Ok(())
}

/// A search through every byte of every file.
#[derive(Default)]
struct Search {
    found: BTreeSet<String>,
    files: usize,
    bytes: u64,
}

impl Search {
    fn look(&mut self, folder: &Path, wanted: &[String]) -> anyhow::Result<()> {
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file() {
                    self.file(&entry.path(), wanted)?;
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, file: &PathBuf, wanted: &[String]) -> anyhow::Result<()> {
        let bytes = fs::read(file)?;
        self.files += 1;
        self.bytes += bytes.len() as u64;
        // Names differ in their last digits: what they begin with is looked for once.
        let beginning = b"Guest B";
        let hits = bytes.windows(beginning.len()).enumerate().filter(|(_, window)| window == beginning);
        for (at, _) in hits {
            let name = String::from_utf8_lossy(bytes.get(at..at + 14).unwrap_or_default()).into_owned();
            if wanted.contains(&name) {
                self.found.insert(name);
            }
        }
        Ok(())
    }
}

struct Revoked {
    requests: usize,
    /// Tickets it heard of after it was switched off.
    learned: u64,
}

impl Revoked {
    fn good(&self) -> bool {
        self.requests <= 1 && self.learned == 0
    }
}

/// A running door that the organizer switches off.
async fn revoked(house: &House) -> anyhow::Result<Revoked> {
    let (folder, line) = (tempfile::tempdir()?, Meddler::new()?);
    let door = house.station_over("Door to be lost", Role::Door, folder.path(), line.clone()).await?;
    let device = door.status().await.map_err(said)?.enrolment.context("enrolled")?.device_id;
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (door, stop) = (door.clone(), stop.clone());
        async move { door.run(stop).await }
    });
    until(PATIENCE, || (!line.asked("follow").is_empty()).then_some(())).await.context("it does not follow")?;
    let tickets = door.status().await.map_err(said)?.tickets;
    let mut tx = house.app()?.begin(house.organizer).await?;
    devices::edit::revoke(&mut tx, device).await.map_err(|e| anyhow::anyhow!("{e:?}"))?;
    tx.commit().await?;
    let before = line.requests();
    // What happens from now on is none of its business.
    house.buy().await?;
    house.number().await?;
    // It does not sell anyway; but one that was switched off says so first.
    let noticed = async {
        while !is_switched_off(&door, house).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, noticed).await.context("it does not notice")?;
    // Whatever wakes it asks nothing more.
    for _ in 0..3 {
        ensure!(door.sync_once().await.is_err_and(|p| p.code == Code::Revoked), "it syncs all the same");
    }
    let requests = line.requests() - before;
    let learned = door.status().await.map_err(said)?.tickets - tickets;
    stop.cancel();
    running.await?;
    Ok(Revoked { requests, learned })
}

async fn is_switched_off(door: &Station, house: &House) -> bool {
    door.sell(house.adults(1)).await.is_err_and(|problem| problem.code == Code::Revoked)
}

/// Days without a contact: the data goes, but never while something exists only there.
async fn wiped(house: &House) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    for (name, days, unsent, gone) in [
        ("a day too early", DAYS - 1, false, false),
        ("with facts that nobody has", DAYS + 1, true, false),
        ("in time", DAYS + 1, false, true),
    ] {
        let folder = tempfile::tempdir()?;
        let till = house.station(&format!("Till {name}"), Role::Till, folder.path()).await?;
        let change = PlacesChange { wipe_after_days: Some(u32::try_from(DAYS)?), ..PlacesChange::default() };
        till.change_places(change).map_err(said)?;
        if unsent {
            till.sell(house.adults(1)).await.map_err(said)?;
        }
        drop(till);
        let later = ManualClock::at(UtcMillis(SystemClock::new().now().0 + days * DAY_MS));
        let begun = days_later(folder.path(), later).await?;
        if begun != gone {
            wrong.push(format!("{name}: wiped = {begun}"));
        }
        let station = open_station(folder.path(), Arc::new(SystemClock::new()))?;
        let enrolled = station.status().await.map_err(said)?.enrolment.is_some();
        if enrolled == gone {
            wrong.push(format!("{name}: enrolled = {enrolled} at the next start"));
        }
        drop(station);
        let journal = folder.path().join("mirror");
        let left = if gone { files(folder.path())? } else { Vec::new() };
        if gone && (left.iter().any(|f| f.contains("backup") || f.contains("mark")) || !files(&journal)?.is_empty()) {
            wrong.push(format!("{name}: left are {left:?}"));
        }
    }
    Ok(wrong)
}

/// Starts the engine on that day, without a link; answers whether it began to wipe.
async fn days_later(folder: &Path, clock: ManualClock) -> anyhow::Result<bool> {
    let line = Meddler::new()?;
    line.decide(|_| willcall_tests::meddler::Fate::NotSent);
    let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) = (Arc::new(clock), Arc::new(OsEntropy));
    let host = Host { clock, entropy, machine: willcall_station::copies::machine::digest() };
    let station = open_station_in(folder, host, line.clone())?;
    let gone = wipe::let_go_if_due(&station).await.map_err(said)?;
    ensure!(gone == folder.join("wipe-begun").exists(), "it says {gone}");
    Ok(gone)
}

fn files(folder: &Path) -> anyhow::Result<Vec<String>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// A person wipes the till: not without a link, while something exists only there; then with one.
async fn told_to(house: &mut House) -> anyhow::Result<Vec<String>> {
    let (folder, mut wrong) = (tempfile::tempdir()?, Vec::new());
    let till = house.station("Till to be wiped", Role::Till, folder.path()).await?;
    house.stop().await;
    let sale = till.sell(house.adults(1)).await.map_err(said)?;
    let refused = wipe::wipe(till, None).await;
    if !refused.as_ref().is_err_and(|p| p.code == Code::Conflict) {
        wrong.push(format!("without a link: {refused:?}"));
    }
    let till = open_station(folder.path(), Arc::new(SystemClock::new()))?;
    let kept = till.status().await.map_err(said)?;
    if kept.waiting == 0 || kept.enrolment.is_none() {
        wrong.push(format!("after a refusal {} wait", kept.waiting));
    }
    house.start().await?;
    let report = wipe::wipe(till, None).await.map_err(said)?;
    if !report.wiped || report.abandoned != 0 {
        wrong.push(format!("with a link: {report:?}"));
    }
    let there = "SELECT count(*) FROM orders WHERE channel = 'till'";
    let there = house.number_of(there).await?;
    if there == 0 {
        wrong.push(format!("the server has not got {}", sale.order_code));
    }
    let left = files(folder.path())?;
    if left.iter().any(|name| name != "lock") {
        wrong.push(format!("left are {left:?}"));
    }
    Ok(wrong)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` takes")]
fn said(problem: Problem) -> anyhow::Error {
    anyhow::anyhow!("{problem}")
}
