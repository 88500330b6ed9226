//! The mark outside the database: how far its numbers had gone. A database that stands behind it was put back to an
//! earlier instant (a restored backup, a standby that had not got everything), and numbers given since would be given
//! again: the server does not start on it until `willcall-server recover` has made sure that none is.
//!
//! It is a file in the data folder, or where `WILLCALL_MARK` says (on another disk than the database, best). Only what is
//! committed is noted, at most a second late, so a crash never looks like a restore.

use super::{DatabaseError, store};
use crate::app::App;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};
use willcall_domain::id::HistoryId;

/// How often the mark follows at most.
const FOLLOW: Duration = Duration::from_secs(1);

/// How far numbers had gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub history: HistoryId,
    /// The highest numbers of all change feeds, added up.
    pub changes: i64,
    /// The highest numbers of all journals, added up.
    pub entries: i64,
}

impl Mark {
    /// Whether a database that is this far has everything the mark knows of. `before` are its earlier histories.
    #[must_use]
    pub fn is_reached_by(&self, found: &Self, before: &[HistoryId]) -> bool {
        if self.history != found.history {
            // Another server has recovered it since; its mark was the judge of that.
            return before.contains(&self.history);
        }
        found.changes >= self.changes && found.entries >= self.entries
    }
}

/// Reads the mark; `None` where there is none yet.
///
/// # Errors
/// When it cannot be read or is damaged.
pub fn read(path: &Path) -> Result<Option<Mark>, DatabaseError> {
    let failed = |why: String| DatabaseError::Mark { path: path.to_owned(), why };
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| failed(e.to_string())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// Writes the mark, whole or not at all.
///
/// # Errors
/// When the disk does not take it.
pub fn write(path: &Path, mark: &Mark) -> io::Result<()> {
    let half = path.with_extension(format!("{}.half", std::process::id()));
    let mut file = fs::File::create(&half)?;
    file.write_all(&serde_json::to_vec(mark)?)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&half, path)?;
    match path.parent() {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Checks that the database has not been put back behind the mark.
///
/// # Errors
/// When it has, with what to do about it.
pub(crate) async fn check(pool: &PgPool, path: &Path) -> Result<(), DatabaseError> {
    let (found, before, whole) = store::high_water(pool).await?;
    if !whole {
        return Err(DatabaseError::HalfRecovered);
    }
    match read(path)? {
        Some(mark) if !mark.is_reached_by(&found, &before) => {
            Err(DatabaseError::PutBack { found: found.changes + found.entries, known: mark.changes + mark.entries })
        }
        Some(_) | None => Ok(()),
    }
}

/// Has the mark follow the database until the server stops.
pub(crate) async fn follow(app: App) {
    let path: PathBuf = app.config.mark.clone();
    let mut last = None;
    loop {
        match store::high_water(app.untenanted()).await {
            // The history in memory is the one that was checked at the start.
            Ok((found, ..)) if last != Some(found) && found.history == app.history => {
                let file = path.clone();
                let written = tokio::task::spawn_blocking(move || write(&file, &found)).await;
                match written {
                    Ok(Ok(())) => last = Some(found),
                    Ok(Err(error)) => tracing::error!(%error, path = %path.display(), "the mark cannot be written"),
                    Err(error) => tracing::error!(%error, "the mark was not written"),
                }
            }
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "the mark does not follow: no database"),
        }
        tokio::time::sleep(FOLLOW).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn mark(history: u128, changes: i64, entries: i64) -> Mark {
        Mark { history: HistoryId(Uuid::from_u128(history)), changes, entries }
    }

    #[test]
    fn a_database_behind_its_mark_is_noticed_and_one_ahead_is_not() {
        let before = [HistoryId(Uuid::from_u128(1))];
        for (what, known, found, reached) in [
            ("the same", mark(1, 5, 5), mark(1, 5, 5), true),
            ("ahead of a mark that was late", mark(1, 5, 5), mark(1, 9, 6), true),
            ("changes are missing", mark(1, 5, 5), mark(1, 4, 9), false),
            ("entries are missing", mark(1, 5, 5), mark(1, 9, 4), false),
            ("recovered by another server", mark(1, 5, 5), mark(2, 1, 1), true),
            ("put back to before it was recovered", mark(2, 5, 5), mark(1, 9, 9), false),
            ("another database", mark(7, 0, 0), mark(2, 9, 9), false),
        ] {
            assert_eq!(known.is_reached_by(&found, &before), reached, "{what}");
        }
    }

    #[test]
    fn a_mark_is_read_back_and_a_damaged_one_is_said_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.mark");
        assert!(read(&path).unwrap().is_none());
        write(&path, &mark(3, 4, 5)).unwrap();
        write(&path, &mark(3, 6, 7)).unwrap();
        assert_eq!(read(&path).unwrap(), Some(mark(3, 6, 7)));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing half is left");
        fs::write(&path, "{").unwrap();
        assert!(read(&path).is_err());
    }
}
