//! The copy of the database from before a migration: whole, under the same key, kept beside it until the migrated one has
//! synced well. It is for a person to go back to; the program never does by itself.

use super::{
    disk::{Disk, half_of, is_half},
    open, store,
};
use crate::error::Fault;
use rusqlite::Connection;
use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};
use willcall_domain::problem::Code;

/// Bytes beside the copy and the migration that must stay free.
const SPARE_BYTES: u64 = 16 << 20;

/// Copies the database before the step of this name is taken. Where there is too little room for the copy and the
/// migration, the ballast is thrown off for them first.
///
/// # Errors
/// `disk-full` when there is too little room all the same; nothing has changed then.
pub(super) fn keep(
    connection: &Connection,
    folder: &Path,
    key: &[u8; 32],
    step: &str,
    disk: &Disk,
) -> Result<(), Fault> {
    // As much again for the copy, as much again for what the migration writes anew.
    let wanted = (disk.database_bytes() + disk.log_bytes()).saturating_mul(2).saturating_add(SPARE_BYTES);
    let has_room = || disk.free_bytes().is_none_or(|free| free >= wanted);
    let enough = has_room() || (disk.throw_off() && has_room());
    if !enough {
        let mb = |bytes: u64| bytes.div_ceil(1 << 20);
        let free = disk.free_bytes().unwrap_or_default() >> 20;
        return Err(Fault::refused(
            Code::DiskFull,
            format!(
                "This program stores a station's data in a new way and needs {} MB on the disk to change over; {free} MB \
                 are free. Free some space and start again. Nothing was changed: the earlier program still opens it.",
                mb(wanted)
            ),
        ));
    }
    let copy = path(folder, step);
    let half = half_of(&copy);
    remove(&half)?;
    store::copy(connection, &half, key)?;
    File::open(&half)?.sync_all()?;
    fs::rename(&half, &copy)?;
    // The name must be there before the migrated database is.
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    tracing::info!(copy = %copy.display(), "kept the database as it was before the migration");
    Ok(())
}

/// The copies in a folder.
#[must_use]
pub fn kept(folder: &Path) -> Vec<PathBuf> {
    let prefix = format!("{}.before-", open::NAME);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut found: Vec<PathBuf> =
        names.filter(|n| n.starts_with(&prefix) && !is_half(n)).map(|n| folder.join(n)).collect();
    found.sort();
    found
}

/// Removes the copies: the migrated database has proven itself.
///
/// # Errors
/// When the folder does not allow it.
pub fn forget(folder: &Path) -> io::Result<()> {
    for copy in kept(folder) {
        remove(&copy)?;
        tracing::info!(copy = %copy.display(), "the copy from before the migration is not needed any more");
    }
    Ok(())
}

/// `willcall.db.before-20261122120000`: the number of the first step that was not yet taken.
fn path(folder: &Path, step: &str) -> PathBuf {
    let number: String = step.chars().take_while(char::is_ascii_digit).collect();
    folder.join(format!("{}.before-{number}", open::NAME))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
