//! A station's engine, its folder, and what befalls both.

use crate::{built, process::Process};
use anyhow::{Context, bail, ensure};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command as Program,
    time::Duration,
};
use willcall_station::{command::Command, socket};

/// How long an engine may take to end when it is asked to.
const GOODBYE: Duration = Duration::from_secs(30);

/// One station.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) name: String,
    pub(super) folder: PathBuf,
    process: Option<Process>,
    pub(super) kills: u32,
}

impl Engine {
    pub(super) fn of(name: &str, folder: PathBuf) -> Self {
        Self { name: name.to_owned(), folder, process: None, kills: 0 }
    }

    fn program(&self) -> anyhow::Result<Program> {
        let mut program = Program::new(built::program("willcall-station")?);
        program.arg("--key-in-file").arg("--data").arg(&self.folder).env("WILLCALL_LOG", "warn");
        Ok(program)
    }

    /// Starts it, unless it runs. Who asks it waits for its socket.
    pub(super) fn start(&mut self) -> anyhow::Result<()> {
        if self.process.is_none() {
            self.process = Some(Process::start(self.program()?.arg("run"))?);
        }
        Ok(())
    }

    /// Kills it, where it runs.
    pub(super) fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut process) = self.process.take() {
            self.must_run(&mut process)?;
            process.kill_alone()?;
            self.kills += 1;
        }
        Ok(())
    }

    /// Asks it to end, where it runs, and waits for it.
    pub(super) async fn end(&mut self) -> anyhow::Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        self.must_run(&mut process)?;
        process.signal(Signal::SIGTERM)?;
        let status = process.wait(GOODBYE).await?;
        ensure!(status.success(), "{} ended with {status}: {:?}", self.name, process.lines());
        Ok(())
    }

    /// Nobody else ends an engine: one that is gone has ended by itself.
    fn must_run(&self, process: &mut Process) -> anyhow::Result<()> {
        ensure!(process.runs(), "the engine of {} ended by itself: {:?}", self.name, process.lines());
        Ok(())
    }

    /// Asks the running engine.
    pub(super) async fn ask(&self, command: &Command) -> anyhow::Result<Option<Value>> {
        match socket::ask(&self.folder, command).await {
            None => Ok(None),
            Some(Ok(value)) => Ok(Some(value)),
            Some(Err(problem)) => bail!("{}: {problem}", self.name),
        }
    }

    /// A command of an engine that does not run.
    pub(super) fn command(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let output = self.program()?.args(arguments).output()?;
        let said = || format!("{}: {arguments:?}: {}", self.name, String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "{}\n{}", said(), String::from_utf8_lossy(&output.stdout));
        serde_json::from_slice(&output.stdout).with_context(said)
    }

    /// Copies the folder of an engine that does not run.
    pub(super) fn save(&self, to: &Path) -> anyhow::Result<()> {
        ensure!(self.process.is_none(), "{} runs", self.name);
        copy_folder(&self.folder, to)
    }

    /// Puts back what was saved: the files of the database alone, or all.
    pub(super) fn put_back(&self, from: &Path, whole: bool) -> anyhow::Result<()> {
        ensure!(self.process.is_none(), "{} runs", self.name);
        if whole {
            fs::remove_dir_all(&self.folder)?;
            return copy_folder(from, &self.folder);
        }
        for name in ["willcall.db", "willcall.db-wal", "willcall.db-shm"] {
            let (old, new) = (from.join(name), self.folder.join(name));
            if new.exists() {
                fs::remove_file(&new)?;
            }
            if old.exists() {
                fs::copy(&old, &new)?;
            }
        }
        Ok(())
    }
}

/// All but the socket, which no copy can have.
fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
