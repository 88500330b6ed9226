//! SQL of the database itself: key, pragmas, schema version, integrity; and how values are written in columns.

use crate::error::Fault;
use rusqlite::{
    Connection, OpenFlags, OptionalExtension, Transaction,
    backup::{Backup, StepResult},
    params,
};
use serde::{Serialize, de::DeserializeOwned};
use std::{collections::HashSet, path::Path};
use uuid::Uuid;
use willcall_domain::clock::UtcMillis;
use zeroize::Zeroizing;

/// The log of writes is kept below this many bytes, but for the length of one transaction and of what is being read.
pub(super) const LOG_BYTES: u64 = 16 << 20;
/// What is left of the log of writes after it was folded into the file: more than it takes between two foldings.
const KEPT_LOG_BYTES: i64 = 8 << 20;

/// How a connection is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Write,
    Read,
    /// A damaged file: looked at, never changed.
    Salvage,
    /// A new file that is filled in one go and worthless until then.
    Copy,
}

pub(super) fn connect(path: &Path, key: &[u8; 32], how: Use) -> rusqlite::Result<Connection> {
    let access = match how {
        Use::Write | Use::Copy => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        Use::Read => OpenFlags::SQLITE_OPEN_READ_WRITE,
        Use::Salvage => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    if matches!(how, Use::Write | Use::Copy) {
        make_private(path)?;
    }
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
            connection.pragma_update_and_check(None, "journal_size_limit", KEPT_LOG_BYTES, |_| Ok(()))?;
        }
        Use::Read => connection.execute_batch("PRAGMA query_only = ON")?,
        Use::Copy => connection.execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF")?,
        // A file that was cut off is read as far as it goes; without this its first page alone is looked at.
        Use::Salvage => connection.execute_batch("PRAGMA writable_schema = ON")?,
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

/// Folds the log of writes into the file and empties it, unless somebody reads an older state just now. Answers whether
/// it is empty.
pub(super) fn fold_log(connection: &Connection) -> rusqlite::Result<bool> {
    // A scan may be waiting behind this: readers are given a moment, no more.
    connection.execute_batch("PRAGMA busy_timeout = 20")?;
    let folded = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    connection.execute_batch("PRAGMA busy_timeout = 5000")?;
    Ok(folded? == 0)
}

/// Copies the database as it is into a new file under the same key.
pub(super) fn copy(connection: &Connection, to: &Path, key: &[u8; 32]) -> rusqlite::Result<()> {
    let mut copy = connect(to, key, Use::Copy)?;
    let backup = Backup::new(connection, &mut copy)?;
    // Nobody else has the database open: one step does it.
    backup.step(-1)?;
    drop(backup);
    copy.close().map_err(|(_, error)| error)
}

/// Pages that are copied in one piece while others go on working, and the pause between two pieces.
const PIECE_PAGES: i32 = 256;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(2);

/// Copies the state of this moment into a new file under the same key, piece by piece; what is written meanwhile is not in
/// it and does not disturb it.
pub(super) fn copy_in_steps(connection: &Connection, to: &Path, key: &[u8; 32]) -> rusqlite::Result<()> {
    let state = connection.unchecked_transaction()?;
    // Only reading fixes the state.
    compatibility(&state)?;
    let mut copy = connect(to, key, Use::Copy)?;
    let backup = Backup::new(&state, &mut copy)?;
    while backup.step(PIECE_PAGES)? != StepResult::Done {
        std::thread::sleep(PAUSE);
    }
    drop(backup);
    copy.close().map_err(|(_, error)| error)?;
    // The copy says of itself that it has a log of writes, like its original; opened once more, it is one file.
    connect(to, key, Use::Copy)?.close().map_err(|(_, error)| error)
}

/// Makes an empty file only its owner may read, where there is none; the log and the index of the database take its mode.
fn make_private(path: &Path) -> rusqlite::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let made = options.open(path).and_then(|_file| {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // One that an earlier program made may be readable for others.
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        }
        Ok(())
    });
    made.map_err(|error| {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN);
        rusqlite::Error::SqliteFailure(code, Some(error.to_string()))
    })
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

/// Names of the steps that were applied; `None` in a new database.
pub(super) fn applied(connection: &Connection) -> rusqlite::Result<Option<HashSet<String>>> {
    let table = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migration'";
    if connection.query_row(table, [], |_| Ok(())).optional()?.is_none() {
        return Ok(None);
    }
    let mut statement = connection.prepare("SELECT name FROM migration")?;
    let names = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(Some(names))
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
    if tx.is_autocommit() {
        // The disk refused so much that the whole transaction is gone: nothing may be written after it.
        return done.map(|_| Err(Fault::Data("a transaction ended before its end".into())));
    }
    tx.execute_batch(if done.is_ok() { "RELEASE attempt" } else { "ROLLBACK TO attempt; RELEASE attempt" })?;
    Ok(done)
}

/// Copies the rows of a table from another database, as far as both have its columns; rows that are here stay. Answers
/// how many were news.
///
/// # Errors
/// When the other cannot be read, or this one does not take them.
pub fn carry_over(tx: &Transaction<'_>, from: &Connection, table: &str) -> Result<usize, Fault> {
    let columns = |connection: &Connection| -> rusqlite::Result<Vec<String>> {
        let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
        statement.query_map([table], |row| row.get(0))?.collect()
    };
    let (there, mut both) = (columns(from)?, columns(tx)?);
    both.retain(|column| there.contains(column));
    if both.is_empty() {
        return Ok(0);
    }
    let (list, places) = (both.join(", "), vec!["?"; both.len()].join(", "));
    let mut insert = tx.prepare(&format!("INSERT INTO {table} ({list}) VALUES ({places}) ON CONFLICT DO NOTHING"))?;
    let mut select = from.prepare(&format!("SELECT {list} FROM {table}"))?;
    let mut rows = select.query([])?;
    let mut news = 0;
    while let Some(row) = rows.next()? {
        let values = (0..both.len()).map(|c| row.get::<_, rusqlite::types::Value>(c)).collect::<Result<Vec<_>, _>>()?;
        news += insert.execute(rusqlite::params_from_iter(values))?;
    }
    Ok(news)
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
