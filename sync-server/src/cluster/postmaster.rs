//! What a server that was killed leaves behind: the main process of its database, processes that served its connections,
//! files that say somebody is there. All of it is ended, waited for and cleared away, and nothing of anybody else is
//! touched: a process belongs to a cluster when it is a `postgres` that stands in the cluster's folder.

use nix::{
    errno::Errno,
    sys::signal::{self, Signal},
    unistd::Pid,
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// What PostgreSQL calls its socket, and the file that says whose it is.
pub(super) const SOCKET: &str = ".s.PGSQL.5432";
const SOCKET_LOCK: &str = ".s.PGSQL.5432.lock";
/// Between two looks at a process that is not our child: the system tells nobody of its end.
const LOOK: Duration = Duration::from_millis(50);
/// Each signal that ends a main process, harder by harder, with how many looks it is given (30 s, 10 s, 10 s). Nothing
/// committed is lost by any of them: the next start reads the log again.
const MAIN: [(Signal, u32); 3] = [(Signal::SIGINT, 600), (Signal::SIGQUIT, 200), (Signal::SIGKILL, 200)];
/// How many looks those that served connections are given before each signal: they notice by themselves that their main
/// process is gone, unless they are in the middle of something (10 s), and are told then.
const ORPHANS: [(u32, Option<Signal>); 3] = [(200, Some(Signal::SIGQUIT)), (200, Some(Signal::SIGKILL)), (200, None)];

/// What `postmaster.pid` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Postmaster {
    pid: i32,
    /// The folder of its socket.
    pub socket: PathBuf,
    folder: PathBuf,
}

impl Postmaster {
    /// The postmaster of the cluster in `folder`, if one runs or ended without cleaning up.
    pub fn of(folder: &Path) -> Option<Self> {
        let text = fs::read_to_string(folder.join("postmaster.pid")).ok()?;
        let mut lines = text.lines();
        let pid = lines.next()?.trim().parse().ok()?;
        // data folder, start time, port, then the folder of the socket
        let socket = PathBuf::from(lines.nth(3).unwrap_or_default().trim());
        Some(Self { pid, socket, folder: folder.to_owned() })
    }

    /// Whether it runs: the process is there, is no zombie, and is a `postgres` of this very cluster. Its number may
    /// have been given to somebody else since.
    pub fn runs(&self) -> bool {
        if matches!(signal::kill(Pid::from_raw(self.pid), None), Err(Errno::ESRCH)) {
            return false;
        }
        match state(self.pid) {
            State::Of(folder) => is_same(&folder, &self.folder),
            State::Somewhere => true,
            State::Gone | State::SomethingElse => false,
        }
    }

    /// Ends it.
    async fn end(&self) -> Result<(), String> {
        for (signal, looks) in MAIN {
            if !self.runs() {
                return Ok(());
            }
            tracing::info!(pid = self.pid, %signal, "stopping a database left over from a server that was killed");
            end(self.pid, signal);
            for _ in 0..looks {
                if !self.runs() {
                    return Ok(());
                }
                tokio::time::sleep(LOOK).await;
            }
        }
        Err(format!("process {} of an earlier server does not end", self.pid))
    }
}

/// Ends what is left of the cluster in `folder` and clears away what says that it runs, also in the `socket`'s folder.
///
/// # Errors
/// What does not go away, in words for the middle of a sentence.
pub(super) async fn clear(folder: &Path, socket: &Path) -> Result<(), String> {
    let before = Postmaster::of(folder);
    if let Some(postmaster) = &before {
        postmaster.end().await?;
    }
    orphans_gone(folder).await?;
    // Nobody is there any more, so whoever these files name is somebody else by now, or a zombie: PostgreSQL would take
    // either for a running server.
    remove(&folder.join("postmaster.pid"))?;
    for folder in before.iter().map(|p| p.socket.as_path()).filter(|f| f.is_absolute()).chain([socket]) {
        remove(&folder.join(SOCKET_LOCK))?;
        remove(&folder.join(SOCKET))?;
    }
    Ok(())
}

/// Waits until nobody serves a connection of the cluster any more: two generations must never write to the same files.
async fn orphans_gone(folder: &Path) -> Result<(), String> {
    let mut left = processes_of(folder);
    if left.is_empty() {
        return Ok(());
    }
    tracing::warn!(processes = left.len(), "waiting for what is left of a database that was killed");
    for (looks, then) in ORPHANS {
        for _ in 0..looks {
            tokio::time::sleep(LOOK).await;
            left = processes_of(folder);
            if left.is_empty() {
                return Ok(());
            }
        }
        if let Some(signal) = then {
            left.iter().for_each(|pid| end(*pid, signal));
        }
    }
    Err(format!("{} processes of an earlier database do not end", left.len()))
}

/// The `postgres` processes that stand in this folder, where the system tells.
fn processes_of(folder: &Path) -> Vec<i32> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers.filter(|pid| matches!(state(*pid), State::Of(of) if is_same(&of, folder))).collect()
}

/// What a process is.
#[derive(Debug, PartialEq, Eq)]
enum State {
    /// There is none, or it has ended and waits for its parent.
    Gone,
    SomethingElse,
    /// A `postgres`, and this is the folder it stands in.
    Of(PathBuf),
    /// A `postgres`; the system does not tell where.
    Somewhere,
}

fn state(pid: i32) -> State {
    if !Path::new("/proc/self/stat").exists() {
        let said = Command::new("ps").args(["-o", "comm=", "-p", &pid.to_string()]).output();
        let name = said.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned()).unwrap_or_default();
        let name = name.rsplit('/').next().unwrap_or_default();
        return if name.starts_with("postgres") { State::Somewhere } else { State::SomethingElse };
    }
    // pid (name) state …
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return State::Gone };
    let Some((name, rest)) = stat.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')')) else {
        return State::SomethingElse;
    };
    if rest.trim_start().starts_with(['Z', 'X']) {
        return State::Gone;
    }
    if !name.starts_with("postgres") {
        return State::SomethingElse;
    }
    match fs::read_link(format!("/proc/{pid}/cwd")) {
        Ok(folder) => State::Of(folder),
        Err(error) if error.kind() == io::ErrorKind::NotFound => State::Gone,
        Err(_) => State::Somewhere,
    }
}

fn is_same(a: &Path, b: &Path) -> bool {
    a == b || fs::canonicalize(b).is_ok_and(|b| a == b)
}

fn remove(file: &Path) -> Result<(), String> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(format!("{}: {error}", file.display())),
        Ok(()) | Err(_) => Ok(()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn files_that_name_nobody_or_somebody_else_are_cleared_away_and_nobody_is_harmed() {
        // Half written by a machine that lost its power; a number that is somebody else's now; one that nobody has.
        let ours = std::process::id().to_string();
        for says in ["", "\n", "no number\n", &format!("{ours}\n/old\n1\n5432\n\n"), "2147483646\n/old\n1\n5432\n\n"] {
            let (folder, socket) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let (pid, lock) = (folder.path().join("postmaster.pid"), socket.path().join(SOCKET_LOCK));
            fs::write(&pid, says).unwrap();
            fs::write(&lock, says).unwrap();
            clear(folder.path(), socket.path()).await.unwrap();
            assert!(!pid.exists() && !lock.exists(), "{says:?}");
        }
    }

    #[test]
    fn a_process_of_another_program_is_no_postmaster() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("postmaster.pid"), format!("{}\n", std::process::id())).unwrap();
        assert!(!Postmaster::of(folder.path()).unwrap().runs());
    }
}
