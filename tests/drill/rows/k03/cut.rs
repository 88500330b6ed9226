//! The half of the power cut. A station is recorded at its work: what it writes to its database's files, and when the
//! disk has confirmed to keep it. From the recording come the states the disk could be in if the power failed at one
//! moment: confirmed bytes are there, of the others any 512-byte sectors are or are not, as if torn. In each the station
//! must open, whole, and know every scan it had answered by then.

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command as Program,
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;
use willcall_domain::{
    checkin::wire::{Class, Direction, ScanRequest},
    clock::SystemClock,
    devices::Role,
    entropy::{self, Entropy, SeededEntropy},
    id::ListId,
    problem::Problem,
};
use willcall_station::Station;
use willcall_tests::{
    crowd,
    house::{House, Plan, open_station},
};

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;
/// Scans in the recording; the log is folded into the database several times meanwhile.
const SCANS: usize = 600;
/// Cuts of a disk that confirms and keeps nothing, to see that a loss would be seen.
const LIES: usize = 5;
const DATABASE: &str = "willcall.db";

/// What came of it.
#[derive(Default)]
pub struct Cuts {
    pub cuts: usize,
    /// Cuts at which something had been written that the disk had not confirmed.
    pub with_unconfirmed: usize,
    pub scans_recorded: usize,
    pub writes: usize,
    pub flushes: usize,
    /// Scans answered before the cut that were not known after it.
    pub lost: usize,
    /// What did not hold, each once.
    pub problems: BTreeSet<String>,
    pub starts: Vec<Duration>,
    /// Losses on the disk that lies.
    pub lost_by_lies: usize,
}

/// Records a station and cuts its power `cuts` times.
///
/// # Errors
/// When it cannot be recorded, or a loss would not be seen.
pub async fn run(cuts: usize, chance: &SeededEntropy) -> anyhow::Result<Cuts> {
    let house = House::build(Plan { places: 1_000_000, ..Plan::default() }).await?;
    let positions = crowd::fill(&house, SCANS + 1).await?;
    let codes: Vec<String> = crowd::codes(&house, positions).await?.into_iter().map(|(_, code)| code).collect();
    let folder = tempfile::tempdir()?;
    drop(house.station("Door 1", Role::Door, folder.path()).await?);
    let before = files(folder.path())?;
    let recording = record(folder.path(), &house, &codes[..SCANS]).await?;
    let mut found = Cuts {
        cuts,
        scans_recorded: recording.answered.len(),
        writes: recording.steps.iter().filter(|s| matches!(s.did, Did::Wrote { .. })).count(),
        flushes: recording.steps.iter().filter(|s| matches!(s.did, Did::Kept)).count(),
        ..Cuts::default()
    };
    let mut at: Vec<usize> = (0..cuts).map(|_| below(chance, recording.steps.len() + 1)).collect();
    at.sort_unstable();
    let (database, others) = before.into_iter().partition(|(name, _)| name.starts_with(DATABASE));
    let mut disk = Disk { kept: database, open: BTreeMap::new() };
    let never = disk.clone();
    let mut done = 0;
    for (n, cut) in at.into_iter().enumerate() {
        for step in &recording.steps[done..cut] {
            disk.take(step);
        }
        done = cut;
        found.with_unconfirmed += usize::from(disk.open.values().any(|open| !open.is_empty()));
        let answered = recording.answered_by(cut);
        // All of them now and then, as it takes long; the newest and one more always.
        let asked = if n % 50 == 0 { Asked::All } else { Asked::Some };
        let after = Morning { others: &others, disk: &disk.after_the_cut(chance), codes: &codes, list: house.list };
        after.comes(answered, asked, chance, &mut found).await.with_context(|| format!("cut {n} at step {cut}"))?;
    }
    let mut lied = Cuts::default();
    for _ in 0..LIES {
        let after = Morning { others: &others, disk: &never.kept, codes: &codes, list: house.list };
        after.comes(recording.answered.len(), Asked::Some, chance, &mut lied).await?;
    }
    ensure!(lied.lost > 0, "a disk that kept nothing was not noticed");
    found.lost_by_lies = lied.lost;
    Ok(found)
}

type Files = BTreeMap<String, Vec<u8>>;

fn files(folder: &Path) -> anyhow::Result<Files> {
    let mut found = Files::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            found.insert(entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path())?);
        }
    }
    Ok(found)
}

/// One thing the station did to a file.
struct Step {
    file: String,
    did: Did,
    /// Where its record ends.
    end: u64,
}

#[derive(Clone)]
enum Did {
    Wrote {
        at: usize,
        bytes: Arc<[u8]>,
    },
    Cut {
        to: usize,
    },
    /// The disk confirmed all before.
    Kept,
}

struct Recording {
    steps: Vec<Step>,
    /// For each scan in order, how long the recording was when its verdict was there.
    answered: Vec<u64>,
}

impl Recording {
    /// How many scans had been answered after the first `steps` steps.
    fn answered_by(&self, steps: usize) -> usize {
        let end = steps.checked_sub(1).and_then(|last| self.steps.get(last)).map_or(0, |s| s.end);
        self.answered.iter().take_while(|at| **at <= end).count()
    }
}

async fn record(folder: &Path, house: &House, codes: &[String]) -> anyhow::Result<Recording> {
    let workshop = tempfile::tempdir()?;
    let (recorder, trace) = (workshop.path().join("recorder.so"), workshop.path().join("trace"));
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("drill/rows/k03/recorder.c");
    let mut compiler = Program::new("cc");
    compiler.args(["-shared", "-fPIC", "-O2", "-o"]).arg(&recorder).arg(source).arg("-ldl");
    let built = compiler.output().context("starting cc (package build-essential)")?;
    ensure!(built.status.success(), "cc: {}", String::from_utf8_lossy(&built.stderr));
    let mut program = super::engine(folder)?;
    program.env("LD_PRELOAD", &recorder).env("WILLCALL_DRILL_TRACE", &trace);
    let mut engine = super::start(folder, program).await?.0;
    let mut answered = Vec::new();
    for code in codes {
        let verdict: Value = super::scan(folder, house, code).await?;
        ensure!(verdict["class"] == "admitted", "a fresh ticket was answered {verdict}");
        answered.push(std::fs::metadata(&trace).context("nothing was recorded")?.len());
    }
    engine.kill_alone()?;
    let steps = steps(&std::fs::read(&trace)?)?;
    ensure!(steps.len() > codes.len(), "{} steps were recorded", steps.len());
    Ok(Recording { steps, answered })
}

/// Reads what the recorder wrote. The last record may be cut off: the station was killed.
fn steps(mut trace: &[u8]) -> anyhow::Result<Vec<Step>> {
    let whole = trace.len();
    let mut steps = Vec::new();
    while let Some((head, rest)) = trace.split_at_checked(18) {
        let number = |bytes: &[u8]| -> anyhow::Result<usize> {
            Ok(usize::try_from(u64::from_ne_bytes(bytes.try_into().context("eight bytes")?))?)
        };
        let (offset, length) = (number(&head[2..10])?, number(&head[10..18])?);
        let Some((name, rest)) = rest.split_at_checked(usize::from(head[1])) else { break };
        let Some((data, rest)) = rest.split_at_checked(length) else { break };
        let did = match head[0] {
            b'w' => Did::Wrote { at: offset, bytes: data.into() },
            b't' => Did::Cut { to: offset },
            b's' => Did::Kept,
            other => bail!("a record of the kind {other}"),
        };
        trace = rest;
        let end = (whole - rest.len()) as u64;
        steps.push(Step { file: String::from_utf8_lossy(name).into_owned(), did, end });
    }
    Ok(steps)
}

/// A disk: what it has confirmed to keep, and what it was told since.
#[derive(Clone)]
struct Disk {
    kept: Files,
    open: BTreeMap<String, Vec<Did>>,
}

impl Disk {
    fn take(&mut self, step: &Step) {
        let open = self.open.entry(step.file.clone()).or_default();
        if !matches!(step.did, Did::Kept) {
            open.push(step.did.clone());
            return;
        }
        let file = self.kept.entry(step.file.clone()).or_default();
        for did in open.drain(..) {
            apply(file, &did, || true);
        }
    }

    /// The files as they are found: of what was not confirmed nothing, all, or some.
    fn after_the_cut(&self, chance: &dyn Entropy) -> Files {
        let mut found = self.kept.clone();
        for (name, open) in self.open.iter().filter(|(_, open)| !open.is_empty()) {
            let part = below(chance, 3);
            if part == 0 {
                continue;
            }
            let file = found.entry(name.clone()).or_default();
            for did in open {
                apply(file, did, || part == 1 || below(chance, 2) == 0);
            }
        }
        found
    }
}

/// Does one thing to a file, sector by sector, as far as `keeps` says.
fn apply(file: &mut Vec<u8>, did: &Did, mut keeps: impl FnMut() -> bool) {
    match did {
        Did::Wrote { at, bytes } => {
            let mut from = 0;
            while from < bytes.len() {
                let to = bytes.len().min(from + SECTOR - (at + from) % SECTOR);
                if keeps() {
                    let end = at + to;
                    if file.len() < end {
                        file.resize(end, 0);
                    }
                    file[at + from..end].copy_from_slice(&bytes[from..to]);
                }
                from = to;
            }
        }
        Did::Cut { to } => {
            if keeps() {
                file.resize(*to, 0);
            }
        }
        Did::Kept => {}
    }
}

#[derive(PartialEq, Eq)]
enum Asked {
    Some,
    All,
}

/// What the station finds when the power is back.
struct Morning<'a> {
    others: &'a Files,
    disk: &'a Files,
    codes: &'a [String],
    list: ListId,
}

impl Morning<'_> {
    /// Opens the station and asks for scans it had answered, the first `answered` codes.
    async fn comes(&self, answered: usize, asked: Asked, chance: &dyn Entropy, found: &mut Cuts) -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        for (name, bytes) in self.others.iter().chain(self.disk) {
            std::fs::write(folder.path().join(name), bytes)?;
        }
        let began = Instant::now();
        let station = open_station(folder.path(), Arc::new(SystemClock::new()))?;
        found.starts.push(began.elapsed());
        if station.status().await.map_err(said)?.recovered.is_some() {
            found.problems.insert("the database counted as damaged".to_owned());
        }
        let mut known: BTreeSet<usize> = match asked {
            Asked::All => (0..answered).collect(),
            Asked::Some => answered.checked_sub(1).into_iter().collect(),
        };
        known.extend((answered > 0).then(|| below(chance, answered)));
        for n in known {
            found.lost += usize::from(self.scan(&station, n).await? != Class::Used);
        }
        // The next was perhaps on its way; what counts is that there is a verdict, and from then on the same.
        self.scan(&station, answered).await?;
        if self.scan(&station, answered).await? != Class::Used {
            found.problems.insert("a scan after the cut was not kept".to_owned());
        }
        let report = station.verify_journal().await.map_err(said)?;
        found.problems.extend(report.problems.into_iter().chain(report.differences));
        Ok(())
    }

    async fn scan(&self, station: &Station, n: usize) -> anyhow::Result<Class> {
        let code = self.codes.get(n).context("a code")?.clone();
        let request = ScanRequest::new(code, self.list, Direction::Entry);
        Ok(station.scan(request).await.map_err(said)?.class)
    }
}

fn below(chance: &dyn Entropy, end: usize) -> usize {
    usize::try_from(u64::from_le_bytes(entropy::bytes::<8>(chance)) % end.max(1) as u64).unwrap_or(0)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` takes")]
fn said(problem: Problem) -> anyhow::Error {
    anyhow::anyhow!("{problem}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrote(at: usize, bytes: &[u8]) -> Step {
        Step { file: "f".into(), did: Did::Wrote { at, bytes: bytes.into() }, end: 0 }
    }

    #[test]
    fn what_was_confirmed_is_there_and_of_the_rest_only_whole_sectors() {
        let mut disk = Disk { kept: Files::new(), open: BTreeMap::new() };
        disk.take(&wrote(0, &[1; 2 * SECTOR]));
        disk.take(&Step { file: "f".into(), did: Did::Kept, end: 0 });
        disk.take(&wrote(100, &[2; 2 * SECTOR]));
        let chance = SeededEntropy::new(1);
        let mut seen = BTreeSet::new();
        for _ in 0..200 {
            let file = &disk.after_the_cut(&chance)["f"];
            assert!(file[..100].iter().all(|b| *b == 1), "confirmed and not written since");
            let sectors: Vec<u8> =
                [100, SECTOR, 2 * SECTOR].iter().map(|at| file.get(*at).copied().unwrap_or(0)).collect();
            for (at, sector) in [(100, SECTOR), (SECTOR, 2 * SECTOR)] {
                assert!(file[at..sector].iter().all(|b| *b == file[at]), "a sector is whole");
            }
            seen.insert(sectors);
        }
        assert_eq!(seen.len(), 8, "any of three sectors, in any combination: {seen:?}");
    }

    #[test]
    fn a_recording_that_breaks_off_ends_with_its_last_whole_record() {
        let record = |kind: u8, offset: u64, data: &[u8]| {
            let (offset, length) = (offset.to_ne_bytes(), (data.len() as u64).to_ne_bytes());
            [&[kind, 1][..], &offset, &length, b"f", data].concat()
        };
        let trace = [record(b'w', 7, b"abc"), record(b's', 0, b""), record(b't', 5, b"")].concat();
        let all = steps(&trace).unwrap();
        assert_eq!(all.len(), 3);
        assert_eq!(all[2].end, trace.len() as u64);
        for cut in 1..19 {
            assert_eq!(steps(&trace[..trace.len() - cut]).unwrap().len(), 2);
        }
        assert!(steps(&record(b'x', 0, b"")).is_err());
    }
}
