//! Opening the database: the folder's lock, the key, and what happens to a damaged file. A damaged file is set aside by
//! renaming it, never overwritten.

use super::{
    before,
    disk::Disk,
    migrate::{self, MIGRATIONS, Step},
    store::{self, Use},
    transaction::Database,
};
use crate::error::Fault;
use rusqlite::Connection;
use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use willcall_domain::{
    clock::UtcMillis,
    problem::{Code, Problem},
};

/// Name of the database in the data folder.
pub(super) const NAME: &str = "willcall.db";
/// Written when damage was met while running: the next start looks at every page.
const SUSPECT: &str = "willcall.db.suspect";

/// Where the database of a data folder is.
#[must_use]
pub fn path(folder: &Path) -> PathBuf {
    folder.join(NAME)
}

/// Where its log of writes is.
pub(super) fn log_path(folder: &Path) -> PathBuf {
    folder.join(format!("{NAME}-wal"))
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
    let disk = Disk::of(folder);
    let opened = match ready(folder, key, &disk, MIGRATIONS, now) {
        // What must be there to read at all may find no room either.
        Err(fault) if fault.is_refused_by_disk() && disk.make_room() => ready(folder, key, &disk, MIGRATIONS, now),
        opened => opened,
    };
    let checked = opened.and_then(|connection| check(&connection).map(|()| connection));
    match checked {
        Ok(connection) => Ok(Database::start(connection, path(folder), *key, lock, Arc::new(disk))),
        Err(fault) if fault.may_be_damage() => match store::damage(&path(folder), key) {
            Some(first) => Err((Fault::Damaged(first), lock)),
            None => Err((fault, lock)),
        },
        Err(fault) => Err((fault, lock)),
    }
}

/// The connection that writes, its schema up to date by these steps.
fn ready(folder: &Path, key: &[u8; 32], disk: &Disk, steps: &[Step], now: UtcMillis) -> Result<Connection, Fault> {
    if folder.join(SUSPECT).exists() {
        if let Some(first) = store::damage(&path(folder), key) {
            return Err(Fault::Damaged(first));
        }
        std::fs::remove_file(folder.join(SUSPECT))?;
    }
    let mut connection = store::connect(&path(folder), key, Use::Write)?;
    if let Some(step) = migrate::due(&connection, steps)? {
        before::keep(&connection, folder, key, step, disk)?;
    }
    migrate::take(&mut connection, steps, now)?;
    Ok(connection)
}

/// Makes the database under another name, fills it, and only then gives it its own: a crash in between leaves nothing
/// half done. `base` is a whole database under the same key to begin with. Answers the lock.
///
/// # Errors
/// When the disk does not take it, or `base` cannot be used.
pub fn create(
    folder: &Path,
    key: &[u8; 32],
    lock: File,
    now: UtcMillis,
    base: Option<&Path>,
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
        if let Some(base) = base {
            std::fs::copy(base, &new)?;
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

/// Why a whole copy of the database cannot be used, where it cannot: it is no database under this key, is damaged or of a
/// newer program.
#[must_use]
pub fn unusable(file: &Path, key: &[u8; 32]) -> Option<String> {
    let newer = || {
        let connection = store::connect(file, key, Use::Salvage).ok()?;
        let written_by = store::compatibility(&connection).ok()?;
        migrate::is_newer(written_by).then(|| "it was written by a newer program".to_owned())
    };
    store::damage(file, key).or_else(newer)
}

/// What a database is set aside for, as it stands in the file's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aside {
    Corrupt,
    /// Another one takes its place.
    Replaced,
}

/// Whether a log of writes lies there without its database: replayed into another one it would destroy that.
#[must_use]
pub fn is_log_alone(folder: &Path) -> bool {
    !path(folder).exists() && log_path(folder).exists()
}

/// Renames the database and its log, never over another file; what is not there is passed over. Answers the new path.
///
/// # Errors
/// When the folder does not allow it.
pub fn set_aside(folder: &Path, now: UtcMillis, why: Aside) -> std::io::Result<PathBuf> {
    let word = match why {
        Aside::Corrupt => "corrupt",
        Aside::Replaced => "replaced",
    };
    let stamp = now.in_zone("UTC").strftime("%Y%m%dT%H%M%SZ").to_string();
    let free = |n: u32| {
        let suffix = if n == 0 { String::new() } else { format!("-{n}") };
        let candidate = folder.join(format!("{NAME}.{word}-{stamp}{suffix}"));
        let taken = ["", "-wal"].iter().any(|tail| PathBuf::from(format!("{}{tail}", candidate.display())).exists());
        (!taken).then_some(candidate)
    };
    let aside = (0..u32::MAX).find_map(free).ok_or(std::io::ErrorKind::AlreadyExists)?;
    for tail in ["", "-wal", "-shm"] {
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

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];
    const NEXT: &[Step] = &[
        (
            "20990101000000_create_added",
            "CREATE TABLE added (id INTEGER PRIMARY KEY) STRICT; INSERT INTO added VALUES (1);",
        ),
        ("20990101000100_rename", "ALTER TABLE recovery RENAME COLUMN report TO says;"),
    ];
    const WRONG: &[Step] =
        &[("20990101000200_wrong", "CREATE TABLE half (id INTEGER) STRICT; INSERT INTO nowhere VALUES (1);")];

    fn steps(more: &[&[Step]]) -> Vec<Step> {
        [MIGRATIONS].iter().chain(more).flat_map(|steps| steps.iter().copied()).collect()
    }

    fn opened(folder: &Path, steps: &[Step]) -> Result<Connection, Fault> {
        ready(folder, &KEY, &Disk::of(folder), steps, UtcMillis(0))
    }

    /// A database of the schema of today with one row in it.
    fn today(folder: &Path) {
        let connection = opened(folder, MIGRATIONS).unwrap();
        connection.execute("INSERT INTO recovery (at, report) VALUES (1, 'kept')", []).unwrap();
    }

    fn tables(connection: &Connection) -> Vec<String> {
        let mut names = connection.prepare("SELECT name FROM sqlite_master ORDER BY name").unwrap();
        let names = names.query_map([], |row| row.get(0)).unwrap();
        names.collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn before_a_migration_the_database_is_copied_whole_under_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        today(folder.path());
        assert_eq!(before::kept(folder.path()), Vec::<PathBuf>::new(), "a new database has nothing before it");
        let migrated = opened(folder.path(), &steps(&[NEXT])).unwrap();
        let says: String = migrated.query_row("SELECT says FROM recovery", [], |row| row.get(0)).unwrap();
        assert_eq!(says, "kept");
        let copy = folder.path().join("willcall.db.before-20990101000000");
        assert_eq!(before::kept(folder.path()), std::slice::from_ref(&copy));
        assert_eq!(store::damage(&copy, &KEY), None);
        let copied = store::connect(&copy, &KEY, Use::Write).unwrap();
        let report: String = copied.query_row("SELECT report FROM recovery", [], |row| row.get(0)).unwrap();
        assert_eq!(report, "kept", "the earlier program can open it");
        assert!(store::connect(&copy, &[8; 32], Use::Write).is_err(), "nobody else can");
        drop((migrated, copied));
        opened(folder.path(), &steps(&[NEXT])).unwrap();
        before::forget(folder.path()).unwrap();
        assert_eq!(before::kept(folder.path()), Vec::<PathBuf>::new());
    }

    #[test]
    fn a_migration_that_fails_leaves_the_database_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        today(folder.path());
        let before = tables(&opened(folder.path(), MIGRATIONS).unwrap());
        let all = steps(&[NEXT, WRONG]);
        opened(folder.path(), &all).unwrap_err();
        let connection = opened(folder.path(), MIGRATIONS).unwrap();
        assert_eq!(tables(&connection), before, "not even the steps before it were taken");
        drop(connection);
        opened(folder.path(), &steps(&[NEXT])).unwrap();
    }

    #[test]
    fn what_is_up_to_date_is_opened_without_writing() {
        let folder = tempfile::tempdir().unwrap();
        drop(opened(folder.path(), MIGRATIONS).unwrap());
        let bytes = std::fs::read(path(folder.path())).unwrap();
        let connection = opened(folder.path(), MIGRATIONS).unwrap();
        assert_eq!(std::fs::metadata(log_path(folder.path())).map_or(0, |log| log.len()), 0);
        drop(connection);
        assert_eq!(std::fs::read(path(folder.path())).unwrap(), bytes);
    }

    #[test]
    fn the_program_of_yesterday_opens_what_only_had_something_added() {
        let folder = tempfile::tempdir().unwrap();
        today(folder.path());
        drop(opened(folder.path(), &steps(&[&NEXT[..1]])).unwrap());
        let connection = opened(folder.path(), MIGRATIONS).unwrap();
        let report: String = connection.query_row("SELECT report FROM recovery", [], |row| row.get(0)).unwrap();
        assert_eq!(report, "kept");
        assert_eq!(tables(&connection).iter().filter(|name| *name == "added").count(), 1, "and leaves it alone");
    }

    #[test]
    fn a_copy_that_was_cut_off_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        today(folder.path());
        let half = folder.path().join("willcall.db.before-20990101000000.half");
        std::fs::write(&half, "half a copy").unwrap();
        assert_eq!(before::kept(folder.path()), Vec::<PathBuf>::new(), "half a copy is none");
        opened(folder.path(), &steps(&[NEXT])).unwrap();
        assert!(!half.exists());
        assert_eq!(store::damage(&before::kept(folder.path())[0], &KEY), None);
    }
}
