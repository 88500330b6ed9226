//! Child processes that are waited for by what they say, hurt on purpose, and never left behind.

use crate::tally::Tally;
use anyhow::{Context, bail};
use nix::{
    errno::Errno,
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};
use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

/// How often a killed process is looked at, every 2 ms, until it is gone.
const DYING: usize = 2_500;

/// How much of one line is kept.
const MAX_LINE: u64 = 1 << 20;

/// A running program. Dropped, it and all it started are killed and reaped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    lines: Arc<Tally<Line>>,
}

/// One line a process wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Whether it came on standard error.
    pub error: bool,
    pub text: String,
}

impl Process {
    /// Starts `command` in a process group of its own, with nothing on standard input.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        let name = Path::new(command.get_program())
            .file_name()
            .unwrap_or(OsStr::new("program"))
            .to_string_lossy()
            .into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().with_context(|| format!("starting {name}"))?;
        let lines = Arc::new(Tally::default());
        if let Some(out) = child.stdout.take() {
            follow(out, false, &lines);
        }
        if let Some(err) = child.stderr.take() {
            follow(err, true, &lines);
        }
        Ok(Self { name, child, lines })
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All it has said so far.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        self.lines.all()
    }

    /// Waits for the first line (of either stream) that contains `words`.
    ///
    /// # Errors
    /// When it ends first or does not say so within `patience`; the error carries the last lines it said.
    pub async fn wait_for_line(&mut self, words: &str, patience: Duration) -> anyhow::Result<String> {
        self.wait_for(&format!("{words:?}"), patience, |l| l.text.contains(words)).await.map(|l| l.text)
    }

    /// Waits for the first line `wanted` likes; `what` it says stands in the error.
    ///
    /// # Errors
    /// As [`Process::wait_for_line`].
    pub async fn wait_for(
        &mut self,
        what: &str,
        patience: Duration,
        wanted: impl Fn(&Line) -> bool,
    ) -> anyhow::Result<Line> {
        let lines = Arc::clone(&self.lines);
        let said = lines.wait_until(patience, &wanted);
        tokio::select! {
            line = said => match line {
                Ok(line) => Ok(line),
                Err(_) => bail!("{} did not say {what} within {patience:?}. {}", self.name, self.last_words()),
            },
            status = self.ended() => {
                // What it said last may still be on its way through the pipe.
                match lines.wait_until(Duration::from_millis(500), &wanted).await {
                    Ok(line) => Ok(line),
                    Err(_) => bail!("{} ended ({}) before it said {what}. {}", self.name, status?, self.last_words()),
                }
            }
        }
    }

    /// Waits until `file` is there and not empty, and gives its text.
    ///
    /// # Errors
    /// When the process ends first or the file does not come within `patience`.
    pub async fn wait_for_file(&mut self, file: &Path, patience: Duration) -> anyhow::Result<String> {
        let came = until(patience, || std::fs::read_to_string(file).ok().filter(|t| !t.is_empty()));
        tokio::select! {
            text = came => match text {
                Some(text) => Ok(text),
                None => bail!("{} made no {} within {patience:?}. {}", self.name, file.display(), self.last_words()),
            },
            status = self.ended() => {
                bail!("{} ended ({}) before it made {}. {}", self.name, status?, file.display(), self.last_words())
            }
        }
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it does not end within `patience`.
    pub async fn wait(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        match tokio::time::timeout(patience, self.ended()).await {
            Ok(status) => status,
            Err(_) => bail!("{} did not end within {patience:?}. {}", self.name, self.last_words()),
        }
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal to the process alone.
    ///
    /// # Errors
    /// When it is gone.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        kill(self.pid()?, signal).with_context(|| format!("sending {signal} to {}", self.name))
    }

    /// Sends a signal to the process and all of its group, as Ctrl-C in a terminal does.
    ///
    /// # Errors
    /// When they are gone.
    pub fn signal_all(&self, signal: Signal) -> anyhow::Result<()> {
        killpg(self.pid()?, signal).with_context(|| format!("sending {signal} to the group of {}", self.name))
    }

    /// Takes it away as a power cut would (`SIGKILL`), with all it started, and waits until it is gone.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        // Those that left the group (browsers, databases) are found as long as their parent lives.
        let started = descendants(self.child.id());
        match killpg(self.pid()?, Signal::SIGKILL) {
            // Nothing is left of the group: the process has ended by itself.
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => return Err(error).with_context(|| format!("killing {}", self.name)),
        }
        for (pid, born) in &started {
            // A number that has been given to another process since is left alone.
            if born_at(*pid) == Some(*born) {
                _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
            }
        }
        // What holds much memory takes a moment to die, with its files and sockets still open.
        for _ in 0..DYING {
            if !started.iter().any(|one| is_alive(*one)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.child.wait().with_context(|| format!("reaping {}", self.name))?;
        Ok(())
    }

    /// Takes away the process alone (`SIGKILL`), as the kernel does when memory runs out; what it started goes on.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn kill_alone(&mut self) -> anyhow::Result<()> {
        self.child.kill().with_context(|| format!("killing {}", self.name))?;
        self.child.wait().with_context(|| format!("reaping {}", self.name))?;
        Ok(())
    }

    /// Lets it hang (`SIGSTOP`): its sockets stay open and nothing answers.
    ///
    /// # Errors
    /// When it is gone.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets it go on (`SIGCONT`).
    ///
    /// # Errors
    /// When it is gone.
    pub fn thaw(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGCONT)
    }

    fn pid(&self) -> anyhow::Result<Pid> {
        Ok(Pid::from_raw(i32::try_from(self.child.id()).context("a process id")?))
    }

    async fn ended(&mut self) -> anyhow::Result<ExitStatus> {
        let name = self.name.clone();
        loop {
            if let Some(status) = self.child.try_wait().with_context(|| format!("watching {name}"))? {
                return Ok(status);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn last_words(&self) -> String {
        let all = self.lines.all();
        if all.is_empty() {
            return "It said nothing.".to_owned();
        }
        let last: Vec<String> = all.iter().rev().take(12).rev().map(|l| l.text.clone()).collect();
        format!("It said last:\n{}", last.join("\n"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A frozen process dies of SIGKILL, too. Nothing can be done about a failure here but to say so.
        if let Err(error) = self.kill() {
            eprintln!("{error:#}");
        }
    }
}

/// Asks every few milliseconds, for what gives no sign of its own (a file, a port), until there is an answer.
pub async fn until<T>(patience: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = tokio::time::Instant::now() + patience;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if tokio::time::Instant::now() >= end {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A process, known for sure: a number is given to others later, but not with the same time of birth.
pub type Known = (i32, u64);

/// All that a process has started, its children's children too, and that still runs.
#[must_use]
pub fn started_by(process: u32) -> Vec<Known> {
    descendants(process)
}

/// Whether that very process still runs. One that has ended and waits for its parent does not.
#[must_use]
pub fn is_alive((pid, born): Known) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The first thread may have ended while others still hold the process's files.
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    let ended = state.rsplit(") ").next().is_none_or(|rest| rest.starts_with(['Z', 'X'])) && threads <= 1;
    !ended && born_at(pid) == Some(born)
}

/// All that a process has started and that still runs, with the times they were born; nearest first.
fn descendants(of: u32) -> Vec<(i32, u64)> {
    let Ok(of) = i32::try_from(of) else { return Vec::new() };
    let all: Vec<(i32, i32, u64)> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| stat(pid).map(|(parent, born)| (pid, parent, born)))
        .collect();
    let mut found: Vec<(i32, u64)> = Vec::new();
    let mut parents = vec![of];
    while let Some(parent) = parents.pop() {
        for (pid, _, born) in all.iter().filter(|(_, p, _)| *p == parent) {
            found.push((*pid, *born));
            parents.push(*pid);
        }
    }
    found
}

/// Parent and time of birth (ticks since the machine started) of a process; `None` where it is gone.
fn stat(pid: i32) -> Option<(i32, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; state, parent … stand after it, the birth as the 20th.
    let mut fields = text.rsplit(") ").next()?.split_whitespace().skip(1);
    let parent = fields.next()?.parse().ok()?;
    let born = fields.nth(17)?.parse().ok()?;
    Some((parent, born))
}

fn born_at(pid: i32) -> Option<u64> {
    stat(pid).map(|(_, born)| born)
}

fn follow(stream: impl Read + Send + 'static, error: bool, lines: &Arc<Tally<Line>>) {
    let lines = Arc::clone(lines);
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        // A read error is the end of the pipe: the process is gone.
        while let Ok(1..) = reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
            lines.push(Line { error, text });
            line.clear();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn shell(script: &str) -> Process {
        Process::start(Command::new("sh").args(["-c", script])).unwrap()
    }

    fn alive(pid: &str) -> bool {
        // A zombie whose new parent has not reaped it yet is dead.
        std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|stat| !stat.rsplit(") ").next().unwrap_or("Z").starts_with('Z'))
    }

    #[tokio::test]
    async fn it_is_waited_for_by_the_line_it_writes_on_either_stream() {
        let mut process = shell("echo one; echo 'ready on 17' >&2; exec sleep 60");
        assert_eq!(process.wait_for_line("ready on", PATIENCE).await.unwrap(), "ready on 17");
    }

    #[tokio::test]
    async fn a_process_that_ends_too_early_is_reported_with_its_last_words() {
        let mut process = shell("echo 'port is taken' >&2; exit 3");
        let error = process.wait_for_line("ready", PATIENCE).await.unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.contains("port is taken"), "{error}");
    }

    #[tokio::test]
    async fn a_file_it_makes_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ready");
        let mut process = shell(&format!("echo 8080 > {}; exec sleep 60", file.display()));
        assert_eq!(process.wait_for_file(&file, PATIENCE).await.unwrap().trim(), "8080");
    }

    #[tokio::test]
    async fn dropping_kills_it_and_all_it_started() {
        let mut process = shell("sleep 60 & echo child $!; exec sleep 60");
        let line = process.wait_for_line("child", PATIENCE).await.unwrap();
        let (child, parent) = (line.trim_start_matches("child ").to_owned(), process.id().to_string());
        assert!(alive(&child) && alive(&parent));
        drop(process);
        assert!(!alive(&parent), "it is reaped when drop returns");
        assert!(until(PATIENCE, || (!alive(&child)).then_some(())).await.is_some(), "its child is killed, too");
    }

    #[tokio::test]
    async fn dropping_kills_also_what_left_for_a_group_of_its_own() {
        let mut process = shell("setsid sh -c 'echo child $$; exec sleep 60' & exec sleep 60");
        let line = process.wait_for_line("child", PATIENCE).await.unwrap();
        let child = line.trim_start_matches("child ").to_owned();
        assert!(alive(&child));
        drop(process);
        assert!(until(PATIENCE, || (!alive(&child)).then_some(())).await.is_some());
    }

    #[tokio::test]
    async fn killed_alone_it_leaves_what_it_started() {
        let mut process = shell("sleep 60 & echo child $!; exec sleep 61");
        let line = process.wait_for_line("child", PATIENCE).await.unwrap();
        let child = line.trim_start_matches("child ").to_owned();
        process.kill_alone().unwrap();
        assert!(alive(&child));
        kill(Pid::from_raw(child.parse().unwrap()), Signal::SIGKILL).unwrap();
    }

    #[tokio::test]
    async fn a_frozen_process_says_nothing_until_it_is_thawed() {
        let mut process = shell("echo start; while :; do echo tick; sleep 0.01; done");
        process.wait_for_line("tick", PATIENCE).await.unwrap();
        process.freeze().unwrap();
        let stat = format!("/proc/{}/stat", process.id());
        let stopped = || std::fs::read_to_string(&stat).unwrap().contains(") T ").then_some(());
        until(PATIENCE, stopped).await.expect("it stops");
        process.thaw().unwrap();
        let before = process.lines().len();
        process.lines.wait_for(before + 5, PATIENCE).await.unwrap();
    }
}
