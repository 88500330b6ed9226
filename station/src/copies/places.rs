//! Where backups and the mirror of the journal go, and how long data stays without a contact. Kept beside the database
//! and not in it, since it is needed when that is lost.

use crate::keys::write_private;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use willcall_domain::problem::{Code, Problem};

const FILE: &str = "copies.json";

/// The settings; what is left away is as it is for a new station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Places {
    /// Folder of the backups; `None` is `backups` in the data folder.
    pub backups: Option<PathBuf>,
    /// Backups that are kept, 1 to 1,000; the oldest goes first.
    pub keep: u32,
    /// A second medium that gets a copy of the journal too, such as a stick; `None` for none.
    pub mirror: Option<PathBuf>,
    /// Days without a contact after which this machine forgets everything, once nothing waits to be sent; `None` for
    /// never.
    pub wipe_after_days: Option<u32>,
}

impl Default for Places {
    fn default() -> Self {
        Self { backups: None, keep: 8, mirror: None, wipe_after_days: None }
    }
}

/// What a person changes of them; what is left away stays.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PlacesChange {
    pub backups: Option<PathBuf>,
    pub keep: Option<u32>,
    pub mirror: Option<PathBuf>,
    pub no_mirror: bool,
    /// 0 is never.
    pub wipe_after_days: Option<u32>,
}

impl Places {
    /// The settings of a data folder.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn of(folder: &Path) -> Result<Self, Problem> {
        let path = folder.join(FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text)
                .map_err(|e| Problem::new(Code::Corrupt, format!("{} cannot be read: {e}.", path.display()))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Problem::new(Code::Unavailable, format!("{} cannot be read: {error}.", path.display()))),
        }
    }

    /// The same with a change, written down.
    ///
    /// # Errors
    /// When a folder cannot be used, a number is out of range, or the disk does not take it.
    pub fn change(self, folder: &Path, change: PlacesChange) -> Result<Self, Problem> {
        let keep = change.keep.unwrap_or(self.keep);
        if !(1..=1_000).contains(&keep) {
            return Err(Problem::field("keep", "Between 1 and 1,000 backups are kept."));
        }
        let wipe_after_days = match change.wipe_after_days {
            None => self.wipe_after_days,
            Some(0) => None,
            Some(days) => Some(days),
        };
        let backups = usable("backups", change.backups)?.or(self.backups);
        let mirror = if change.no_mirror { None } else { usable("mirror", change.mirror)?.or(self.mirror) };
        let changed = Self { backups, keep, mirror, wipe_after_days };
        let text = serde_json::to_string_pretty(&changed).map_err(|e| Problem::new(Code::Internal, e.to_string()))?;
        write_private(&folder.join(FILE), &text)?;
        Ok(changed)
    }

    /// Where backups go.
    #[must_use]
    pub fn backups(&self, folder: &Path) -> PathBuf {
        self.backups.clone().unwrap_or_else(|| folder.join("backups"))
    }

    /// Where the journal is mirrored: beside the database, and on the second medium.
    #[must_use]
    pub fn mirrors(&self, folder: &Path) -> Vec<PathBuf> {
        [Some(folder.join("mirror")), self.mirror.clone()].into_iter().flatten().collect()
    }
}

/// A folder that is there, by a path that holds wherever the program is started.
fn usable(field: &str, given: Option<PathBuf>) -> Result<Option<PathBuf>, Problem> {
    let Some(path) = given else { return Ok(None) };
    let made = std::fs::create_dir_all(&path).and_then(|()| path.canonicalize());
    let unusable = |e| Problem::field(field, format!("The folder {} cannot be used: {e}.", path.display()));
    made.map(Some).map_err(unusable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_kept_and_what_is_left_away_stays() {
        let folder = tempfile::tempdir().unwrap();
        let stick = folder.path().join("stick");
        let change = PlacesChange { mirror: Some(stick.clone()), wipe_after_days: Some(30), ..PlacesChange::default() };
        Places::of(folder.path()).unwrap().change(folder.path(), change).unwrap();
        let second = PlacesChange { keep: Some(3), wipe_after_days: Some(0), ..PlacesChange::default() };
        Places::of(folder.path()).unwrap().change(folder.path(), second).unwrap();
        let read = Places::of(folder.path()).unwrap();
        assert_eq!((read.keep, read.wipe_after_days), (3, None));
        assert_eq!(read.mirrors(folder.path()), [folder.path().join("mirror"), stick.canonicalize().unwrap()]);
        let off = PlacesChange { no_mirror: true, ..PlacesChange::default() };
        assert_eq!(read.change(folder.path(), off).unwrap().mirror, None);
    }

    #[test]
    fn what_cannot_be_is_refused_beside_its_field() {
        let folder = tempfile::tempdir().unwrap();
        let field = |change| Places::default().change(folder.path(), change).unwrap_err().fields[0].field.clone();
        assert_eq!(field(PlacesChange { keep: Some(0), ..PlacesChange::default() }), "keep");
        std::fs::write(folder.path().join("file"), "").unwrap();
        let in_a_file = folder.path().join("file").join("x");
        assert_eq!(field(PlacesChange { backups: Some(in_a_file), ..PlacesChange::default() }), "backups");
        std::fs::write(folder.path().join(FILE), "{").unwrap();
        assert_eq!(Places::of(folder.path()).unwrap_err().code, Code::Corrupt);
    }
}
