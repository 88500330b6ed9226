//! What can be read of the journal in a damaged file, verified entry by entry, into a new database: under its old
//! numbers, to be sent to the server again. The station goes on in a new incarnation, whose leases are its own: what
//! was sold from the old ones after the last readable entry cannot be known.

use super::{replay, store};
use crate::{db, error::Fault, till};
use ed25519_dalek::VerifyingKey;
use rusqlite::{Connection, Transaction};
use willcall_domain::{id::DeviceId, sync::Entry};

/// What was found in a damaged file.
#[derive(Debug, Default)]
pub struct Salvaged {
    /// Good entries, in the order of their numbers.
    pub entries: Vec<Entry>,
    /// Entries that were readable but not what was signed.
    pub rejected: usize,
}

/// Reads and verifies; `open` makes connections to the damaged file.
#[must_use]
pub fn read(open: &dyn Fn() -> rusqlite::Result<Connection>, keys: &[(DeviceId, VerifyingKey)]) -> Salvaged {
    let mut found = Salvaged::default();
    for entry in store::salvage(open) {
        let key = keys.iter().find(|(station, _)| *station == entry.station);
        if key.is_some_and(|(_, key)| entry.verify(key).is_ok()) {
            found.entries.push(entry);
        } else {
            found.rejected += 1;
        }
    }
    found.entries.sort_by_key(|e| (e.station, e.incarnation, e.seq));
    found.entries.dedup_by_key(|e| (e.station, e.incarnation, e.seq));
    found
}

/// Writes salvaged entries and what follows from them. An entry whose rows cannot be built, because one it refers to
/// is lost, is kept in the journal all the same.
///
/// # Errors
/// When the new database does not take them.
pub fn restore(tx: &Transaction<'_>, entries: &[Entry]) -> Result<(), Fault> {
    for entry in entries {
        store::insert(tx, entry)?;
    }
    for entry in entries {
        let Some(fact) = entry.fact() else { continue };
        let built = db::attempt(tx, || {
            replay::project(tx, entry, &fact, "")?;
            till::own_positions(tx, &fact, &[])
        })?;
        if let Err(fault) = built {
            tracing::warn!(seq = entry.seq, kind = entry.kind, %fault, "kept in the journal only");
        }
    }
    Ok(())
}
