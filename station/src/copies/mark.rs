//! The marks: how far the journal has come, outside the database. One in a file beside it, one in the system's keychain
//! where the keys are there: a folder that was put back as a whole brings the first along, not the second.

use crate::keys::{Keys, write_private};
use std::path::{Path, PathBuf};
use willcall_domain::sync::standing::Mark;

const FILE: &str = "mark.json";

/// Where this station's marks are.
#[derive(Debug, Clone)]
pub struct Marks {
    file: PathBuf,
    keys: Keys,
}

impl Marks {
    /// The marks of a data folder.
    #[must_use]
    pub fn of(folder: &Path, keys: &Keys) -> Self {
        Self { file: folder.join(FILE), keys: keys.clone() }
    }

    /// Every mark that is there. One that cannot be read is as good as none.
    #[must_use]
    pub fn read(&self) -> Vec<Mark> {
        let beside = std::fs::read_to_string(&self.file).ok();
        let read = |text: String| {
            serde_json::from_str(&text).inspect_err(|error| tracing::error!(%error, "a mark cannot be read")).ok()
        };
        [beside, self.keys.mark()].into_iter().flatten().filter_map(read).collect()
    }

    /// Writes the mark beside the database. Answers whether it is there now.
    #[must_use]
    pub fn write_beside(&self, mark: &Mark) -> bool {
        match text(mark).map(|text| write_private(&self.file, &text)) {
            Some(Ok(())) => true,
            Some(Err(problem)) => {
                tracing::warn!(%problem, "the mark cannot be written");
                false
            }
            None => false,
        }
    }

    /// Writes it into the keychain, where the keys are there. Answers whether it was taken.
    #[must_use]
    pub fn write_outside(&self, mark: &Mark) -> bool {
        text(mark).is_some_and(|text| self.keys.put_mark(&text))
    }

    /// Whether there is a keychain to write to.
    #[must_use]
    pub fn are_outside(&self) -> bool {
        self.keys.marks_outside()
    }
}

fn text(mark: &Mark) -> Option<String> {
    serde_json::to_string(mark).inspect_err(|error| tracing::error!(%error, "a mark cannot be written")).ok()
}
