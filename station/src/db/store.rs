//! SQL of the database itself: key, pragmas, schema version, integrity; and how values are written in columns.

use crate::error::Fault;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, params};
use serde::{Serialize, de::DeserializeOwned};
use std::path::Path;
use uuid::Uuid;
use willcall_domain::clock::UtcMillis;
use zeroize::Zeroizing;

/// How a connection is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Write,
    Read,
    /// A damaged file: looked at, never changed.
    Salvage,
}

pub(super) fn connect(path: &Path, key: &[u8; 32], how: Use) -> rusqlite::Result<Connection> {
    let access = match how {
        Use::Write => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        Use::Read => OpenFlags::SQLITE_OPEN_READ_WRITE,
        Use::Salvage => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    // What goes wrong is answered and logged by us; the library would write to standard error by itself.
    connection.execute_batch("PRAGMA cipher_log_level = NONE")?;
    let pragma = Zeroizing::new(format!("PRAGMA key = \"x'{}'\"", hex::encode(key)));
    connection.execute_batch(&pragma)?;
    connection.execute_batch("PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000")?;
    match how {
        Use::Write => {
            connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
            connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA cache_size = -32000")?;
        }
        Use::Read => connection.execute_batch("PRAGMA query_only = ON")?,
        Use::Salvage => {}
    }
    connection.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}

/// Looks at every page: their authentication codes, then the structure. `None` when all is well, else the first that
/// is not.
pub(super) fn damage(path: &Path, key: &[u8; 32]) -> Option<String> {
    let first_of = |check: &str| -> rusqlite::Result<Option<String>> {
        let connection = connect(path, key, Use::Salvage)?;
        let mut statement = connection.prepare(check)?;
        let mut rows = statement.query([])?;
        Ok(rows.next()?.map(|row| row.get(0)).transpose()?.filter(|line: &String| line != "ok"))
    };
    ["PRAGMA cipher_integrity_check", "PRAGMA quick_check"]
        .into_iter()
        .find_map(|check| first_of(check).unwrap_or_else(|error| Some(error.to_string())))
}

pub(super) fn compatibility(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

pub(super) fn set_compatibility(tx: &Transaction<'_>, number: u32) -> rusqlite::Result<()> {
    tx.pragma_update(None, "user_version", number)
}

pub(super) fn create_migrations(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.execute_batch("CREATE TABLE IF NOT EXISTS migration (name TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT")
}

pub(super) fn is_applied(tx: &Transaction<'_>, name: &str) -> rusqlite::Result<bool> {
    let found = tx.query_row("SELECT 1 FROM migration WHERE name = ?1", [name], |_| Ok(())).optional()?;
    Ok(found.is_some())
}

pub(super) fn apply(tx: &Transaction<'_>, name: &str, sql: &str, now: UtcMillis) -> rusqlite::Result<()> {
    tx.execute_batch(sql)?;
    tx.execute("INSERT INTO migration (name, at) VALUES (?1, ?2)", params![name, now.0])?;
    Ok(())
}

/// Runs `work` so that its rows are all there or none, and the transaction goes on either way.
///
/// # Errors
/// When the transaction itself is lost; what `work` answered is inside.
pub fn attempt<T>(tx: &Transaction<'_>, work: impl FnOnce() -> Result<T, Fault>) -> Result<Result<T, Fault>, Fault> {
    tx.execute_batch("SAVEPOINT attempt")?;
    let done = work();
    tx.execute_batch(if done.is_ok() { "RELEASE attempt" } else { "ROLLBACK TO attempt; RELEASE attempt" })?;
    Ok(done)
}

/// The word of a unit enum, as it stands in JSON and in columns.
#[must_use]
pub fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(other) => other.to_string(),
        Err(error) => error.to_string(),
    }
}

/// Reads a unit enum from its word.
///
/// # Errors
/// When the word is none of its.
pub fn enumerate<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
        .map_err(|_| Fault::Data(format!("{text:?} is not a word of {}", std::any::type_name::<T>())))
}

/// A UUID from its blob.
///
/// # Errors
/// When it is not 16 bytes.
pub fn uuid_of(blob: &[u8]) -> Result<Uuid, Fault> {
    Uuid::from_slice(blob).map_err(|_| Fault::Data("an id is not 16 bytes".into()))
}

/// An optional instant from its column.
#[must_use]
pub fn milliseconds(value: Option<i64>) -> Option<UtcMillis> {
    value.map(UtcMillis)
}
