//! Entries that come back: from a damaged file, a copy of the journal, a backup or the server. Verified one by one and put
//! into a database under their old numbers, to be sent to the server again. Whether they are all there were is decided in
//! [`crate::copies`].

use super::{replay, store};
use crate::{db, error::Fault, till};
use rusqlite::{Connection, Transaction};
use willcall_domain::{
    id::DeviceId,
    sync::{Entry, KeyHistory},
};

/// What was found in a damaged file.
#[derive(Debug, Default)]
pub struct Salvaged {
    /// Good entries, in the order of their numbers.
    pub entries: Vec<Entry>,
    /// Entries that were readable but not what was signed.
    pub rejected: usize,
}

/// Everything that can be read of the journal in a database that may be damaged; `open` makes connections to it. Nothing
/// of it is verified yet.
#[must_use]
pub fn read(open: &dyn Fn() -> rusqlite::Result<Connection>) -> Vec<Entry> {
    store::salvage(open)
}

/// Verifies entries from wherever they came, each with the key of its time: what is not what was signed is left out.
#[must_use]
pub fn verified(entries: Vec<Entry>, keys: &[(DeviceId, KeyHistory)]) -> Salvaged {
    let mut keys = keys.to_vec();
    let mut found = Salvaged::default();
    let mut sorted = entries;
    sorted.sort_by_key(|e| (e.station, e.incarnation, e.seq));
    for entry in sorted {
        let known = keys.iter_mut().find(|(station, _)| *station == entry.station);
        let good = known.is_some_and(|(_, history)| {
            let good = entry.verify(history.at(entry.incarnation, entry.seq)).is_ok();
            if good && let Err(error) = history.change(&entry) {
                tracing::warn!(seq = entry.seq, %error, "a change of keys that does not count");
            }
            good
        });
        let again = found.entries.last().is_some_and(|last: &Entry| last.reference() == entry.reference());
        match (good, again) {
            (true, false) => found.entries.push(entry),
            (true, true) => {}
            (false, _) => found.rejected += 1,
        }
    }
    found
}

/// Adds verified entries to a database and what follows from them; those that are there stay as they are. An entry whose
/// rows cannot be built, because one it refers to is lost, is kept in the journal all the same. Answers how many were
/// news.
///
/// # Errors
/// When the database does not take them.
pub fn restore(tx: &Transaction<'_>, entries: &[Entry]) -> Result<usize, Fault> {
    let mut news = Vec::new();
    for entry in entries {
        let dropped = store::dropped(tx, entry.station, entry.incarnation)?.map_or(0, |d| d.upto);
        if entry.seq > dropped && store::of_name(tx, entry.reference())?.is_none() {
            store::insert(tx, entry)?;
            news.push(entry);
        }
    }
    for entry in &news {
        let Some(fact) = entry.fact() else { continue };
        let built = db::attempt(tx, || {
            replay::project(tx, entry, &fact, "")?;
            till::own_positions(tx, &fact, &[])
        })?;
        if let Err(fault) = built {
            tracing::warn!(seq = entry.seq, kind = entry.kind, %fault, "kept in the journal only");
        }
    }
    Ok(news.len())
}
