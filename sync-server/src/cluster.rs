//! A private PostgreSQL cluster in the data folder, for a machine that has only PostgreSQL's programs: made on the first
//! start, reached by a unix socket in a folder of its own, never as root, stopped with the server. Knows no table.

#[cfg(unix)]
mod identity;
#[cfg(unix)]
mod make;
#[cfg(unix)]
mod postmaster;
#[cfg(unix)]
mod programs;
#[cfg(unix)]
mod running;
#[cfg(unix)]
mod unix;

#[cfg(unix)]
pub use unix::Cluster;

#[cfg(not(unix))]
mod elsewhere;
#[cfg(not(unix))]
pub use elsewhere::Cluster;

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    time::Duration,
};

/// Why there is no private cluster; one sentence each.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    #[error("Another server{who} already uses the data folder {path}; stop it, or choose another with WILLCALL_DATA.")]
    Held { path: PathBuf, who: String },
    #[error(
        "PostgreSQL's programs (initdb, postgres) were not found; install the package postgresql, name their folder in WILLCALL_PG_BINDIR, or set DATABASE_URL."
    )]
    NoPrograms,
    #[error("The folder {0} in WILLCALL_PG_BINDIR has no initdb and postgres.")]
    NotABindir(PathBuf),
    #[error(
        "The cluster in {path} was made by PostgreSQL {major}, whose programs were not found; install postgresql-{major}."
    )]
    OtherMajor { path: PathBuf, major: String },
    #[error(
        "PostgreSQL does not run as root, and there is no user `postgres` to run it as; start the server as another user."
    )]
    NoUser,
    #[error(
        "The user {user}, as whom PostgreSQL runs, cannot reach {path}; choose a data folder that others may pass through with WILLCALL_DATA."
    )]
    Unreachable { user: String, path: PathBuf },
    #[error("The disk is full: the private database in {0} needs about 50 MB.")]
    DiskFull(PathBuf),
    #[error("The private database in {path} did not start: {reason}.")]
    Start { path: PathBuf, reason: String },
    #[error("The private database in {0} does not run; start the server first.")]
    NotRunning(PathBuf),
    #[error("{path}: {source}.")]
    File { path: PathBuf, source: io::Error },
    #[error("A private database needs unix sockets; set DATABASE_URL on this system.")]
    #[cfg(not(unix))]
    Elsewhere,
}

impl ClusterError {
    fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| {
            let full = matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
            if full { Self::DiskFull(path) } else { Self::File { path, source } }
        }
    }
}

/// Tries to hold a data folder, and the pause between two: 2 s in all.
const HOLD_TRIES: u32 = 40;
const HOLD_PAUSE: Duration = Duration::from_millis(50);

/// The right to run the cluster of a data folder; the system takes it back when the process ends, however it ends.
#[derive(Debug)]
pub struct Hold(#[expect(dead_code, reason = "held, not read")] File);

impl Hold {
    /// Takes it, and waits two seconds for one that is dying: what has much memory takes a moment to be gone.
    ///
    /// # Errors
    /// [`ClusterError::Held`] when another process has it and keeps it.
    pub async fn take_over(data: &Path) -> Result<Self, ClusterError> {
        for _ in 0..HOLD_TRIES {
            match Self::take(data) {
                Err(ClusterError::Held { .. }) => tokio::time::sleep(HOLD_PAUSE).await,
                taken => return taken,
            }
        }
        Self::take(data)
    }

    /// # Errors
    /// [`ClusterError::Held`] when another process has it.
    pub fn take(data: &Path) -> Result<Self, ClusterError> {
        let path = data.join("server.lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(ClusterError::file(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                _ = file.read_to_string(&mut pid);
                let who = if pid.is_empty() { String::new() } else { format!(" (process {})", pid.trim()) };
                return Err(ClusterError::Held { path: data.to_owned(), who });
            }
            Err(TryLockError::Error(source)) => return Err(ClusterError::file(&path)(source)),
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(std::process::id().to_string().as_bytes()));
        written.map_err(ClusterError::file(&path))?;
        Ok(Self(file))
    }
}
