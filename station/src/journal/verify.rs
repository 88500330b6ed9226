//! `journal verify`: every hash, link and signature; then everything derived from the journal is built again beside the
//! database and compared.

use super::{replay, store};
use crate::{db, error::Fault};
use ed25519_dalek::VerifyingKey;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use ts_rs::TS;
use willcall_domain::{
    clock::UtcMillis,
    id::DeviceId,
    sync::{
        Entry,
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
}

/// What verifying found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct JournalReport {
    /// Every entry is as it was written, and what the screens show follows from them.
    pub ok: bool,
    #[ts(type = "number")]
    pub entries: u64,
    pub incarnations: Vec<IncarnationReport>,
    /// What does not hold in the journal itself.
    pub problems: Vec<String>,
    /// Where the tables differ from what the journal says.
    pub differences: Vec<String>,
}

/// Verifies the whole journal. `keys` are this machine's device keys by enrolment.
///
/// # Errors
/// When the database cannot be read; a damaged journal is no error but a report.
pub fn verify(tx: &Transaction<'_>, keys: &[(DeviceId, VerifyingKey)]) -> Result<JournalReport, Fault> {
    let mut memory = Connection::open_in_memory()?;
    db::migrate::migrate(&mut memory, UtcMillis(0))?;
    let rebuilt = memory.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut walk = Walk { keys, report: JournalReport::default(), chains: BTreeMap::new() };
    store::walk(tx, |entry| {
        walk.report.entries += 1;
        match entry {
            Ok(entry) => walk.entry(&rebuilt, &entry),
            Err(fault) => walk.problem(format!("an entry cannot be read: {fault}")),
        }
        Ok(())
    })?;
    let Walk { mut report, chains, .. } = walk;
    report.incarnations = chains.into_values().collect();
    let stations: Vec<DeviceId> = keys.iter().map(|(station, _)| *station).collect();
    for (table, sql) in store::PROJECTIONS {
        let (here, there) = (store::rows_of(tx, sql, &stations)?, store::rows_of(&rebuilt, sql, &stations)?);
        compare(table, &here, &there, &mut report.differences);
    }
    report.ok = report.problems.is_empty() && report.differences.is_empty();
    Ok(report)
}

/// Checks the newest entries, as each start does.
///
/// # Errors
/// When one is not what was written.
pub fn verify_tail(
    connection: &Connection,
    station: DeviceId,
    incarnation: u32,
    key: &VerifyingKey,
) -> Result<(), Fault> {
    let newest = store::newest(connection, station, incarnation, 50)?;
    for pair in newest.windows(2) {
        let hash = bytes32(&pair[1].hash).unwrap_or(FIRST);
        pair[0].follows(pair[1].seq, &hash)?;
    }
    for entry in &newest {
        entry.verify(key)?;
    }
    Ok(())
}

struct Walk<'a> {
    keys: &'a [(DeviceId, VerifyingKey)],
    report: JournalReport,
    chains: BTreeMap<(DeviceId, u32), IncarnationReport>,
}

impl Walk<'_> {
    fn problem(&mut self, text: String) {
        if self.report.problems.len() < NAMED {
            self.report.problems.push(text);
        }
    }

    fn entry(&mut self, rebuilt: &Transaction<'_>, entry: &Entry) {
        let name = format!("station {}, incarnation {}", entry.station, entry.incarnation);
        match self.keys.iter().find(|(station, _)| *station == entry.station) {
            None => self.problem(format!("{name}: entry {} is of no enrolment of this machine", entry.seq)),
            Some((_, key)) => {
                if let Err(error) = entry.verify(key) {
                    self.problem(format!("{name}: {error}"));
                }
            }
        }
        let chain = self.chains.entry((entry.station, entry.incarnation)).or_insert_with(|| IncarnationReport {
            station: entry.station,
            incarnation: entry.incarnation,
            entries: 0,
            last_seq: 0,
            last_hash: hex::encode(FIRST),
            missing: 0,
        });
        let gap = entry.seq.saturating_sub(chain.last_seq + 1);
        let linked = gap > 0 || entry.prev_hash == chain.last_hash;
        chain.missing += gap;
        chain.entries += 1;
        chain.last_seq = entry.seq;
        chain.last_hash.clone_from(&entry.hash);
        if !linked {
            self.problem(format!("{name}: entry {} does not follow the one before it", entry.seq));
        }
        if gap > 0 {
            self.problem(format!("{name}: {gap} entries before entry {} are missing", entry.seq));
        }
        let Some(fact) = entry.fact() else {
            return self.problem(format!("{name}: entry {} says nothing this program knows", entry.seq));
        };
        if let Err(fault) = replay::project(rebuilt, entry, &fact, "") {
            self.problem(format!("{name}: entry {} ({}) contradicts an earlier one: {fault}", entry.seq, entry.kind));
        }
    }
}

fn compare(table: &str, here: &[String], rebuilt: &[String], differences: &mut Vec<String>) {
    let only = |a: &[String], b: &[String]| {
        let known: std::collections::HashSet<&String> = b.iter().collect();
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
