//! `journal verify`: every hash, link and signature; then everything derived from the journal is built again beside the
//! database and compared.

use super::{replay, store};
use crate::{db, error::Fault};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashSet};
use ts_rs::TS;
use willcall_domain::{
    clock::UtcMillis,
    id::DeviceId,
    sync::{
        Entry, Fact, KeyHistory,
        journal::{FIRST, bytes32},
    },
};

/// Most problems named in a report; there may be more.
const NAMED: usize = 20;

/// One unbroken life of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct IncarnationReport {
    pub station: DeviceId,
    pub incarnation: u32,
    #[ts(type = "number")]
    pub entries: u64,
    /// Number and hash of the newest entry.
    #[ts(type = "number")]
    pub last_seq: u64,
    pub last_hash: String,
    /// Entries that are missing between the first and the last: lost with a damaged file.
    #[ts(type = "number")]
    pub missing: u64,
    /// Entries that were dropped behind a checkpoint; what follows is checked from there on.
    #[ts(type = "number")]
    pub dropped: u64,
}

/// What verifying found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct JournalReport {
    /// Every entry is as it was written, and what the screens show follows from them.
    pub ok: bool,
    #[ts(type = "number")]
    pub entries: u64,
    pub incarnations: Vec<IncarnationReport>,
    /// Entries whose personal data was erased: what stood beside them is gone, the chain holds.
    #[ts(type = "number")]
    pub erased: u64,
    /// The first of them by name.
    pub erased_entries: Vec<String>,
    /// Check-ins under this station's number that are not in this journal and came from the server: a copy of this
    /// station wrote them, or this one did in a life that is lost here.
    #[serde(default)]
    #[ts(type = "number")]
    pub elsewhere: u64,
    /// What does not hold in the journal itself.
    pub problems: Vec<String>,
    /// Where the tables differ from what the journal says.
    pub differences: Vec<String>,
}

/// Verifies the whole journal. `keys` are this machine's device keys by enrolment, as far as they are known without it:
/// changes it tells of itself are followed.
///
/// # Errors
/// When the database cannot be read; a damaged journal is no error but a report.
pub fn verify(tx: &Transaction<'_>, keys: &[(DeviceId, KeyHistory)]) -> Result<JournalReport, Fault> {
    let mut memory = Connection::open_in_memory()?;
    db::migrate::migrate(&mut memory, UtcMillis(0))?;
    let rebuilt = memory.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut walk = Walk { keys: keys.to_vec(), report: JournalReport::default(), chains: BTreeMap::new() };
    store::walk(tx, |entry| {
        walk.report.entries += 1;
        match entry {
            Ok(entry) => {
                let dropped = store::dropped(tx, entry.station, entry.incarnation)?;
                walk.entry(&rebuilt, &entry, dropped.as_ref());
            }
            Err(fault) => walk.problem(format!("an entry cannot be read: {fault}")),
        }
        Ok(())
    })?;
    let Walk { mut report, chains, .. } = walk;
    for chain in chains.values().filter(|chain| chain.awaited.is_some()) {
        let name = name(chain.report.station, chain.report.incarnation);
        report.problems.push(format!("{name}: entries were dropped, and no checkpoint says so"));
    }
    report.incarnations = chains.into_values().map(|chain| chain.report).collect();
    let stations: Vec<DeviceId> = keys.iter().map(|(station, _)| *station).collect();
    for (table, sql) in store::PROJECTIONS {
        let (mut here, there) = (store::rows_of(tx, sql, &stations)?, store::rows_of(&rebuilt, sql, &stations)?);
        if *table == "scan" {
            report.elsewhere = set_aside(&mut here, &there);
        }
        compare(table, &here, &there, &mut report.differences);
    }
    report.ok = report.problems.is_empty() && report.differences.is_empty();
    Ok(report)
}

/// A digest of all that follows from the entries of an incarnation up to `upto`, and from what was dropped before them.
///
/// # Errors
/// When the database cannot be read, or an entry contradicts one before it.
pub fn state_hash(
    tx: &Transaction<'_>,
    station: DeviceId,
    incarnation: u32,
    upto: u64,
    before: Option<&store::Dropped>,
) -> Result<String, Fault> {
    let mut memory = Connection::open_in_memory()?;
    db::migrate::migrate(&mut memory, UtcMillis(0))?;
    let rebuilt = memory.transaction_with_behavior(TransactionBehavior::Immediate)?;
    store::walk_one(tx, station, incarnation, upto, |entry| match entry.fact() {
        Some(fact) => replay::project(&rebuilt, &entry, &fact, ""),
        None => Ok(()),
    })?;
    let mut hash = Sha256::new();
    hash.update(b"willcall state 1\0");
    hash.update(before.map_or("", |dropped| &dropped.state_hash));
    for (table, sql) in store::PROJECTIONS {
        hash.update(table);
        for row in store::rows_of(&rebuilt, sql, &[station])? {
            hash.update([0]);
            hash.update(row);
        }
        hash.update([1]);
    }
    Ok(hex::encode(hash.finalize()))
}

/// Checks the newest entries, as each start does.
///
/// # Errors
/// When one is not what was written.
pub fn verify_tail(
    connection: &Connection,
    station: DeviceId,
    incarnation: u32,
    keys: &KeyHistory,
) -> Result<(), Fault> {
    let newest = store::newest(connection, station, incarnation, 50)?;
    for pair in newest.windows(2) {
        let hash = bytes32(&pair[1].hash).unwrap_or(FIRST);
        pair[0].follows(pair[1].seq, &hash)?;
    }
    for entry in &newest {
        entry.verify(keys.at(entry.incarnation, entry.seq))?;
    }
    Ok(())
}

struct Walk {
    keys: Vec<(DeviceId, KeyHistory)>,
    report: JournalReport,
    chains: BTreeMap<(DeviceId, u32), Chain>,
}

/// One incarnation as far as it was walked.
struct Chain {
    report: IncarnationReport,
    /// The number of the checkpoint that must still come, as entries before were dropped.
    awaited: Option<u64>,
}

fn name(station: DeviceId, incarnation: u32) -> String {
    format!("station {station}, incarnation {incarnation}")
}

impl Chain {
    fn begin(entry: &Entry, dropped: Option<&store::Dropped>) -> Self {
        let upto = dropped.map_or(0, |d| d.upto);
        let report = IncarnationReport {
            station: entry.station,
            incarnation: entry.incarnation,
            entries: 0,
            last_seq: upto,
            last_hash: if upto == 0 { hex::encode(FIRST) } else { entry.prev_hash.clone() },
            missing: 0,
            dropped: upto,
        };
        Self { report, awaited: dropped.map(|d| d.seq) }
    }

    /// Goes on to the next entry; answers how many are missing before it, and whether it follows.
    fn step(&mut self, entry: &Entry) -> (u64, bool) {
        let gap = entry.seq.saturating_sub(self.report.last_seq + 1);
        let linked = gap > 0 || entry.prev_hash == self.report.last_hash;
        self.report.missing += gap;
        self.report.entries += 1;
        self.report.last_seq = entry.seq;
        self.report.last_hash.clone_from(&entry.hash);
        (gap, linked)
    }
}

impl Walk {
    fn problem(&mut self, text: String) {
        if self.report.problems.len() < NAMED {
            self.report.problems.push(text);
        }
    }

    /// Hash, signature, private part.
    fn check(&mut self, entry: &Entry) {
        let name = name(entry.station, entry.incarnation);
        let Some((_, history)) = self.keys.iter_mut().find(|(station, _)| *station == entry.station) else {
            return self.problem(format!("{name}: entry {} is of no enrolment of this machine", entry.seq));
        };
        let signed = entry.verify(history.at(entry.incarnation, entry.seq));
        let changed = history.change(entry);
        if let Err(error) = signed {
            self.problem(format!("{name}: {error}"));
        } else if let Err(error) = changed {
            self.problem(format!("{name}: entry {} changes the key, but {error}", entry.seq));
        }
        if entry.private.is_none() && entry.private_hash != hex::encode(FIRST) {
            self.report.erased += 1;
            if self.report.erased_entries.len() < NAMED {
                self.report.erased_entries.push(format!("{name}: entry {}", entry.seq));
            }
        }
    }

    fn entry(&mut self, rebuilt: &Transaction<'_>, entry: &Entry, dropped: Option<&store::Dropped>) {
        self.check(entry);
        let name = name(entry.station, entry.incarnation);
        let begin = || Chain::begin(entry, dropped);
        let chain = self.chains.entry((entry.station, entry.incarnation)).or_insert_with(begin);
        let (gap, linked) = chain.step(entry);
        let fact = entry.fact();
        if matches!(&fact, Some(Fact::Checkpoint { upto, .. }) if *upto >= chain.report.dropped)
            && chain.awaited == Some(entry.seq)
        {
            chain.awaited = None;
        }
        if !linked {
            self.problem(format!("{name}: entry {} does not follow the one before it", entry.seq));
        }
        if gap > 0 {
            self.problem(format!("{name}: {gap} entries before entry {} are missing", entry.seq));
        }
        let Some(fact) = fact else {
            return self.problem(format!("{name}: entry {} says nothing this program knows", entry.seq));
        };
        if let Err(fault) = replay::project(rebuilt, entry, &fact, "") {
            self.problem(format!("{name}: entry {} ({}) contradicts an earlier one: {fault}", entry.seq, entry.kind));
        }
    }
}

/// Takes out rows whose id none of the rebuilt ones has; answers how many. Ids stand first in a row.
fn set_aside(here: &mut Vec<String>, rebuilt: &[String]) -> u64 {
    let id = |row: &str| row.split(' ').next().map(str::to_owned);
    let known: HashSet<Option<String>> = rebuilt.iter().map(|row| id(row)).collect();
    let before = here.len();
    here.retain(|row| known.contains(&id(row)));
    (before - here.len()) as u64
}

fn compare(table: &str, here: &[String], rebuilt: &[String], differences: &mut Vec<String>) {
    let only = |a: &[String], b: &[String]| {
        let known: HashSet<&String> = b.iter().collect();
        a.iter().filter(|row| !known.contains(row)).count()
    };
    let (extra, lacking) = (only(here, rebuilt), only(rebuilt, here));
    if extra > 0 {
        differences.push(format!("{table}: {extra} rows do not follow from the journal"));
    }
    if lacking > 0 {
        differences.push(format!("{table}: {lacking} rows of the journal are missing or differ"));
    }
}
