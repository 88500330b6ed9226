//! Local backups: whole copies of the database under the same key, made while it is in use and without making anybody
//! wait; every quarter of an hour in which something was recorded, and when a person asks. The oldest goes. A backup is
//! no way round the mark: a database put back from one ends before it.

use super::mirror;
use crate::{db::Watch, error::Fault, journal, station::Station};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio_util::sync::CancellationToken;
use willcall_domain::{
    clock::UtcMillis,
    problem::{Code, Problem},
    sync::standing::Point,
};

/// Between two backups, in milliseconds.
const EVERY_MS: i64 = 15 * 60_000;
/// How often it is looked whether one is due.
const LOOK: Duration = Duration::from_secs(20);

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupReport {
    pub file: PathBuf,
    pub bytes: u64,
    pub at: UtcMillis,
    /// Entries of the journal in it.
    pub entries: u64,
    /// Backups that are kept now, where the file is one of those that take turns.
    pub kept: Vec<PathBuf>,
}

/// The backups of a folder, the oldest first.
#[must_use]
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let is_one = |path: &PathBuf| {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        name.starts_with("willcall-") && name.ends_with(".db")
    };
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_one).collect();
    found.sort();
    found
}

/// When the oldest backup of a folder was made.
#[must_use]
pub fn oldest(folder: &Path) -> Option<UtcMillis> {
    files(folder).first().and_then(|path| mirror::begun(path))
}

/// Removes all backups of a folder but the newest: the disk is full. Answers whether that freed anything.
#[must_use]
pub fn make_room(folder: &Path) -> bool {
    let all = files(folder);
    let surplus = all.len().saturating_sub(1);
    all.iter().take(surplus).map(|path| fs::remove_file(path).is_ok()).fold(false, |any, removed| any | removed)
}

/// Copies the database into a new backup of the folder; it has its name only once it is whole.
pub(super) fn copy(watch: &Watch, folder: &Path, now: UtcMillis) -> Result<PathBuf, Fault> {
    mirror::private_folder(folder)?;
    let file = mirror::free_path(folder, "willcall", now, "db");
    copy_to(watch, &file)?;
    Ok(file)
}

fn copy_to(watch: &Watch, file: &Path) -> Result<(), Fault> {
    let half = PathBuf::from(format!("{}.half", file.display()));
    let made = || -> Result<(), Fault> {
        remove(&half)?;
        watch.copy_to(&half)?;
        File::open(&half)?.sync_all()?;
        fs::rename(&half, file)?;
        #[cfg(unix)]
        if let Some(folder) = file.parent().filter(|f| !f.as_os_str().is_empty()) {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    };
    let copied = made();
    if copied.is_err() {
        // Half of it is worth nothing, and takes room.
        let _gone_or_later = remove(&half);
    }
    copied
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Makes a backup: into `to`, or as one of those that take turns.
///
/// # Errors
/// When there is something by that name, or the medium does not take it.
pub async fn take(station: &Station, to: Option<PathBuf>) -> Result<BackupReport, Problem> {
    let (folder, now) = (station.places()?.backups(station.folder()), station.host().clock.now());
    let rotates = to.is_none();
    if let Some(taken) = to.as_ref().filter(|path| path.exists()) {
        let detail = format!("There is something at {} already; nothing was written.", taken.display());
        return Err(Problem::new(Code::Conflict, detail));
    }
    let (watch, of) = (station.db().watch(), folder.clone());
    let copied = tokio::task::spawn_blocking(move || match to {
        Some(file) => copy_to(&watch, &file).map(|()| file),
        None => copy(&watch, &of, now),
    });
    let file = copied.await.map_err(|_| Fault::Closing)??;
    if rotates {
        rotate(&folder, station.places()?.keep);
        station.keeper().backed_up();
    }
    let bytes = fs::metadata(&file).map(|m| m.len()).map_err(Fault::from)?;
    let entries = station.db().read(journal::count).await?;
    tracing::info!(file = %file.display(), bytes, entries, "made a backup");
    let kept = if rotates { files(&folder) } else { Vec::new() };
    Ok(BackupReport { file, bytes, at: now, entries, kept })
}

/// Removes the oldest until `keep` are left.
fn rotate(folder: &Path, keep: u32) {
    let all = files(folder);
    let surplus = all.len().saturating_sub(keep as usize);
    for path in all.into_iter().take(surplus) {
        if let Err(error) = remove(&path) {
            tracing::warn!(%error, file = %path.display(), "an old backup cannot be removed");
        }
    }
}

/// Makes backups until cancelled: every quarter of an hour in which something was recorded.
pub async fn keep(station: &Station, cancel: &CancellationToken) {
    let mut last: Option<Point> = None;
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        if let Err(problem) = take_if_due(station, &mut last).await {
            tracing::error!(%problem, "no backup could be made");
            // Not again at once: what does not work now rarely works in a moment.
            tokio::select! {
                () = cancel.cancelled() => return,
                () = tokio::time::sleep(Duration::from_secs(300)) => {}
            }
        }
    }
}

async fn take_if_due(station: &Station, last: &mut Option<Point>) -> Result<(), Problem> {
    let Some(who) = station.identity() else { return Ok(()) };
    let end = station.db().read(move |tx| journal::end(tx, who.device_id, who.incarnation)).await?;
    let folder = station.places()?.backups(station.folder());
    let newest = files(&folder).last().and_then(|path| mirror::begun(path));
    let now = station.host().clock.now();
    let fresh = newest.is_some_and(|made| (0..EVERY_MS).contains(&now.since(made)));
    if fresh || end.is_none() || *last == end || !station.db().disk().reading().takes_downloads() {
        return Ok(());
    }
    take(station, None).await?;
    *last = end;
    Ok(())
}
