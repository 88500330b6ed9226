//! Opening the database: the folder's lock, the key, and what happens to a damaged file. A damaged file is set aside by
//! renaming it, never overwritten.

use super::{
    migrate,
    store::{self, Use},
    transaction::Database,
};
use crate::error::Fault;
use rusqlite::Connection;
use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    time::Duration,
};
use willcall_domain::{
    clock::UtcMillis,
    problem::{Code, Problem},
};

/// Name of the database in the data folder.
const NAME: &str = "willcall.db";
/// Written when damage was met while running: the next start looks at every page.
const SUSPECT: &str = "willcall.db.suspect";

/// Where the database of a data folder is.
#[must_use]
pub fn path(folder: &Path) -> PathBuf {
    folder.join(NAME)
}

/// How often the lock is asked for, and the pause in between: one second in all.
const LOCK_TRIES: u32 = 20;
const LOCK_AGAIN: Duration = Duration::from_millis(50);

/// Takes the folder for this process. The lock goes with the process, however that ends.
///
/// # Errors
/// `busy` when another process has it.
pub fn lock(folder: &Path) -> Result<File, Problem> {
    let unusable = |error: &std::io::Error| {
        Problem::new(Code::Unavailable, format!("The folder {} cannot be used: {error}.", folder.display()))
    };
    create_private(folder).map_err(|e| unusable(&e))?;
    let options = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join("lock"));
    let file = options.map_err(|e| unusable(&e))?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            // Whoever had it may be letting go at this moment: its last thread ends, its last write is flushed.
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_AGAIN),
            Err(TryLockError::Error(error)) => return Err(unusable(&error)),
        }
    }
    let detail = format!("Another program has the station in {} open. Close it, or talk to it.", folder.display());
    Err(Problem::new(Code::Busy, detail))
}

fn create_private(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Opens or makes the database and brings its schema up to date. `check` looks at what was opened, before anything is
/// written. `lock` is held until the last connection is closed.
///
/// # Errors
/// A fault that [`Fault::is_damage`] when the file is damaged or not under this key.
pub fn open(
    folder: &Path,
    key: &[u8; 32],
    lock: File,
    now: UtcMillis,
    check: impl FnOnce(&Connection) -> Result<(), Fault>,
) -> Result<Database, (Fault, File)> {
    let opened = || -> Result<Connection, Fault> {
        if folder.join(SUSPECT).exists() {
            if let Some(first) = store::damage(&path(folder), key) {
                return Err(Fault::Damaged(first));
            }
            std::fs::remove_file(folder.join(SUSPECT))?;
        }
        let mut connection = store::connect(&path(folder), key, Use::Write)?;
        migrate::migrate(&mut connection, now)?;
        check(&connection)?;
        Ok(connection)
    };
    match opened() {
        Ok(connection) => Ok(Database::start(connection, path(folder), *key, lock)),
        Err(fault) if fault.may_be_damage() => match store::damage(&path(folder), key) {
            Some(first) => Err((Fault::Damaged(first), lock)),
            None => Err((fault, lock)),
        },
        Err(fault) => Err((fault, lock)),
    }
}

/// Makes the database under another name, fills it, and only then gives it its own: a crash in between leaves nothing
/// half done. Answers the lock.
///
/// # Errors
/// When the disk does not take it.
pub fn create(
    folder: &Path,
    key: &[u8; 32],
    lock: File,
    now: UtcMillis,
    fill: impl FnOnce(&mut Connection) -> Result<(), Fault>,
) -> Result<File, (Fault, File)> {
    let new = folder.join(format!("{NAME}.new"));
    let make = || -> Result<(), Fault> {
        for tail in ["", "-wal", "-shm"] {
            match std::fs::remove_file(format!("{}{tail}", new.display())) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                Ok(()) | Err(_) => {}
            }
        }
        let mut connection = store::connect(&new, key, Use::Write)?;
        migrate::migrate(&mut connection, now)?;
        fill(&mut connection)?;
        // Closing the only connection folds the log into the file.
        connection.close().map_err(|(_, error)| error)?;
        std::fs::rename(&new, path(folder))?;
        Ok(())
    };
    match make() {
        Ok(()) => Ok(lock),
        Err(fault) => Err((fault, lock)),
    }
}

/// Leaves word for the next start.
pub fn mark_suspect(database: &Path) {
    if let Err(error) = std::fs::write(database.with_file_name(SUSPECT), "") {
        tracing::error!(%error, "could not leave word of the damage");
    }
}

/// Opens a connection that reads.
///
/// # Errors
/// When the file cannot be opened.
pub fn reader(database: &Path, key: &[u8; 32]) -> rusqlite::Result<Connection> {
    store::connect(database, key, Use::Read)
}

/// Opens a damaged file for reading what can be read; it is not changed.
///
/// # Errors
/// When nothing of it can be read.
pub fn salvage(aside: &Path, key: &[u8; 32]) -> rusqlite::Result<Connection> {
    store::connect(aside, key, Use::Salvage)
}

/// Renames the database and its log, never over another file. Answers the new path.
///
/// # Errors
/// When the folder does not allow it.
pub fn set_aside(folder: &Path, now: UtcMillis) -> std::io::Result<PathBuf> {
    let stamp = now.in_zone("UTC").strftime("%Y%m%dT%H%M%SZ").to_string();
    let free = |n: u32| {
        let suffix = if n == 0 { String::new() } else { format!("-{n}") };
        let candidate = folder.join(format!("{NAME}.corrupt-{stamp}{suffix}"));
        (!candidate.exists()).then_some(candidate)
    };
    let aside = (0..u32::MAX).find_map(free).ok_or(std::io::ErrorKind::AlreadyExists)?;
    std::fs::rename(path(folder), &aside)?;
    for tail in ["-wal", "-shm"] {
        let with_tail = |base: &Path| PathBuf::from(format!("{}{tail}", base.display()));
        match std::fs::rename(with_tail(&path(folder)), with_tail(&aside)) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    match std::fs::remove_file(folder.join(SUSPECT)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(aside),
    }
}
