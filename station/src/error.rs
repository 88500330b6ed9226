//! What can go wrong inside, and how it looks from outside. Inner causes are logged here, once, and never leave the
//! program; a [`Problem`] does.

use willcall_domain::{
    problem::{Code, Problem},
    sync::ChainError,
};

/// A failure inside the station.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Decided, not failed: it goes out as it is.
    #[error("{0}")]
    Refused(Box<Problem>),
    #[error("database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A stored row that cannot be read back.
    #[error("stored data: {0}")]
    Data(String),
    #[error("journal: {0}")]
    Chain(#[from] ChainError),
    #[error("file: {0}")]
    File(#[from] std::io::Error),
    /// The file itself is damaged; a page that is.
    #[error("damaged: {0}")]
    Damaged(String),
    /// What room there is on the disk is left to scans.
    #[error("the disk is almost full; what room there is, is left to scans")]
    NoRoom,
    /// The station is closing.
    #[error("the station is closing")]
    Closing,
}

impl Fault {
    /// A refusal with its reason.
    pub fn refused(code: Code, detail: impl Into<String>) -> Self {
        Self::Refused(Box::new(Problem::new(code, detail)))
    }

    /// Whether the file itself is damaged, or is no database under this key.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        let Self::Sqlite(error) = self else { return matches!(self, Self::Chain(_) | Self::Damaged(_)) };
        matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
    }

    /// Whether looking at every page is called for: a page that fails its authentication code is answered with the
    /// error that otherwise means a wrong statement, and every one after it with the one for want of memory.
    #[must_use]
    pub fn may_be_damage(&self) -> bool {
        use rusqlite::ErrorCode::{OutOfMemory, Unknown};
        let Self::Sqlite(error) = self else { return false };
        self.is_damage() || matches!(error.sqlite_error_code(), Some(Unknown | OutOfMemory))
    }

    /// Whether trying the same again later may help, with nobody doing anything in this program.
    #[must_use]
    pub fn passes(&self) -> bool {
        matches!(self, Self::NoRoom) || self.is_refused_by_disk()
    }

    /// Whether the disk did not take what was to be written.
    #[must_use]
    pub fn is_refused_by_disk(&self) -> bool {
        use rusqlite::ErrorCode::{CannotOpen, DiskFull, ReadOnly, SystemIoFailure};
        let Self::Sqlite(error) = self else { return matches!(self, Self::File(_)) };
        matches!(error.sqlite_error_code(), Some(DiskFull | SystemIoFailure | ReadOnly | CannotOpen))
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::Refused(Box::new(problem))
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Data(error.to_string())
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        if let Fault::Refused(problem) = fault {
            return *problem;
        }
        tracing::error!(cause = %fault, "the station could not do what was asked");
        if fault.is_damage() || fault.may_be_damage() {
            return Problem::new(
                Code::Corrupt,
                "The station's database seems to be damaged. What was confirmed before stays in the file; start the \
                 station again: the file is checked, set aside if need be, and its journal recovered.",
            );
        }
        if fault.is_refused_by_disk() {
            return Problem::new(
                Code::NotRecorded,
                "The disk did not take it. What was confirmed before is safe; free some space and do it again.",
            );
        }
        match fault {
            Fault::Closing => Problem::new(Code::Unavailable, "The station is closing."),
            Fault::NoRoom => Problem::new(
                Code::DiskFull,
                "The disk is almost full; what room there is, is left to scans. Free some space on this machine.",
            ),
            Fault::Refused(problem) => *problem,
            Fault::Sqlite(_) | Fault::Damaged(_) | Fault::Data(_) | Fault::Chain(_) | Fault::File(_) => {
                Problem::new(Code::Internal, "The station could not do this; the cause is in its log.")
            }
        }
    }
}
