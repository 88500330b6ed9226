//! What a person sees of the copies of this station: the backups that are there, and the second medium.

use super::{backup, mirror};
use crate::station::Station;
use serde::{Deserialize, Serialize};
use std::path::Path;
use ts_rs::TS;
use willcall_domain::{clock::UtcMillis, problem::Problem};

/// A backup in the folder of backups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct BackupView {
    /// Its whole path.
    pub file: String,
    /// The last part of the path.
    pub name: String,
    /// When it was made, as its name says it.
    pub at: Option<UtcMillis>,
    #[ts(type = "number")]
    pub bytes: u64,
}

/// How a second medium is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum MirrorState {
    /// It is there and gets each fact within a second.
    Follows,
    /// It is away or takes nothing; it catches up when it is there again.
    Away,
}

/// A second medium that gets a copy of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct MirrorView {
    pub folder: String,
    pub state: MirrorState,
}

/// The copies of this station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CopiesView {
    /// Folder of the backups.
    pub folder: String,
    /// Backups that are kept, 1 to 1,000.
    pub keep: u32,
    /// The newest first.
    pub backups: Vec<BackupView>,
    /// `None` where no second medium was chosen.
    pub mirror: Option<MirrorView>,
    /// Days without a contact after which this machine forgets everything; `None` for never.
    pub wipe_after_days: Option<u32>,
}

/// The copies as they are now.
///
/// # Errors
/// When the settings of copies cannot be read.
pub fn copies(station: &Station) -> Result<CopiesView, Problem> {
    let places = station.places()?;
    let folder = places.backups(station.folder());
    let mirror = places.mirror.as_deref().map(|medium| MirrorView {
        folder: medium.display().to_string(),
        state: if medium.is_dir() && station.keeper().follows(medium) {
            MirrorState::Follows
        } else {
            MirrorState::Away
        },
    });
    Ok(CopiesView {
        backups: backup::files(&folder).iter().rev().map(|file| one(file)).collect(),
        folder: folder.display().to_string(),
        keep: places.keep,
        mirror,
        wipe_after_days: places.wipe_after_days,
    })
}

fn one(file: &Path) -> BackupView {
    BackupView {
        file: file.display().to_string(),
        name: file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        at: mirror::begun(file),
        bytes: std::fs::metadata(file).map_or(0, |about| about.len()),
    }
}
