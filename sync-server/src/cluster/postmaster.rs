//! The main process of a cluster: is one left over from a server that was killed, and how does one end?

use nix::{
    errno::Errno,
    sys::signal::{self, Signal},
    unistd::Pid,
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// What `postmaster.pid` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Postmaster {
    pid: i32,
    /// The folder of its socket.
    pub socket: PathBuf,
    file: PathBuf,
}

impl Postmaster {
    /// The postmaster of the cluster in `folder`, if one runs or ended without cleaning up.
    pub fn of(folder: &Path) -> Option<Self> {
        let file = folder.join("postmaster.pid");
        let text = fs::read_to_string(&file).ok()?;
        let mut lines = text.lines();
        let pid = lines.next()?.trim().parse().ok()?;
        // data folder, start time, port, then the folder of the socket
        let socket = PathBuf::from(lines.nth(3).unwrap_or_default().trim());
        Some(Self { pid, socket, file })
    }

    /// Whether it runs: the process is there, is no zombie and, where the system tells, is a `postgres`.
    pub fn runs(&self) -> bool {
        if matches!(signal::kill(Pid::from_raw(self.pid), None), Err(Errno::ESRCH)) {
            return false;
        }
        // pid (name) state …
        let Ok(stat) = fs::read_to_string(format!("/proc/{}/stat", self.pid)) else { return true };
        let Some((name, rest)) = stat.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')')) else { return true };
        name.starts_with("postgres") && !rest.trim_start().starts_with(['Z', 'X'])
    }

    /// Ends it (left over from a server that was killed), or clears away what it left.
    pub async fn clear(self) -> Result<(), String> {
        for (signal, patience) in [(Signal::SIGINT, 300), (Signal::SIGQUIT, 100)] {
            if !self.runs() {
                break;
            }
            tracing::info!(pid = self.pid, %signal, "stopping a database left over from a server that was killed");
            end(self.pid, signal);
            for _ in 0..patience {
                if !self.file.exists() || !self.runs() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        if !self.file.exists() {
            return Ok(());
        }
        if self.runs() {
            return Err(format!("process {} of an earlier server does not end", self.pid));
        }
        fs::remove_file(&self.file).map_err(|e| e.to_string())
    }
}

/// Sends a signal; a process that is gone already is as well.
pub(super) fn end(pid: i32, signal: Signal) {
    if let Err(error) = signal::kill(Pid::from_raw(pid), signal)
        && error != Errno::ESRCH
    {
        tracing::warn!(pid, %signal, %error, "cannot signal the database");
    }
}
