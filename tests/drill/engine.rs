//! A station's engine as a process: started, asked, killed; and what lies in its folder, looked at with its key.

use anyhow::{Context, bail, ensure};
use rusqlite::Connection;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command as Program,
    time::Duration,
};
use tokio::time::Instant;
use willcall_domain::problem::Problem;
use willcall_station::{command::Command, socket};
use willcall_tests::{built, process::Process};

const PATIENCE: Duration = Duration::from_secs(60);

/// A running engine.
pub struct Engine {
    process: Process,
    folder: PathBuf,
    /// From the start of the process to its first answer.
    pub started_in: Duration,
}

impl Engine {
    /// Starts the engine of a folder and waits for its first answer.
    ///
    /// # Errors
    /// When it ends by itself or does not answer within a minute.
    pub async fn start(folder: &Path) -> anyhow::Result<Self> {
        Self::of(program(folder)?.arg("run"), folder).await
    }

    /// The same through a program that becomes it, such as `taskset`, given with its arguments.
    ///
    /// # Errors
    /// As [`Engine::start`].
    pub async fn start_by(through: &[&str], folder: &Path) -> anyhow::Result<Self> {
        let inner = program(folder)?;
        let (first, rest) = through.split_first().context("a program to start it through")?;
        let mut outer = Program::new(first);
        outer.args(rest).arg(inner.get_program()).args(inner.get_args()).arg("run");
        outer.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Self::of(&mut outer, folder).await
    }

    async fn of(program: &mut Program, folder: &Path) -> anyhow::Result<Self> {
        let began = Instant::now();
        let mut process = Process::start(program)?;
        while socket::ask(folder, &Command::Status).await.is_none_or(|answer| answer.is_err()) {
            ensure!(process.runs(), "the engine ended by itself: {:?}", process.lines());
            ensure!(began.elapsed() < PATIENCE, "the engine does not answer: {:?}", process.lines());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(Self { process, folder: folder.to_owned(), started_in: began.elapsed() })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Asks; what it refuses is inside.
    ///
    /// # Errors
    /// When it does not answer at all.
    pub async fn ask(&self, command: &Command) -> anyhow::Result<Result<Value, Problem>> {
        socket::ask(&self.folder, command).await.context("the engine does not answer")
    }

    /// Asks for what must not be refused.
    ///
    /// # Errors
    /// When it is refused, or there is no answer.
    pub async fn done(&self, command: &Command) -> anyhow::Result<Value> {
        self.ask(command).await?.map_err(|problem| anyhow::anyhow!("{problem}"))
    }

    /// Scans an entry on the station's only list.
    ///
    /// # Errors
    /// When there is no verdict.
    pub async fn scan(&self, code: &str) -> anyhow::Result<Value> {
        self.done(&Command::entry(code, None)).await
    }

    /// Asks how it stands until that is as wanted.
    ///
    /// # Errors
    /// When it does not become so within a minute.
    pub async fn status_until(&self, wanted: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        let end = Instant::now() + PATIENCE;
        loop {
            let status = self.done(&Command::Status).await?;
            if wanted(&status) {
                return Ok(status);
            }
            if Instant::now() > end {
                bail!("the engine does not come to stand as wanted: {status}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Kills it at once.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.process.kill_alone()
    }
}

/// The program on a folder, without a command yet.
///
/// # Errors
/// When it has not been built.
pub fn program(folder: &Path) -> anyhow::Result<Program> {
    let mut program = Program::new(built::program("willcall-station")?);
    program.arg("--key-in-file").arg("--data").arg(folder).env("WILLCALL_LOG", "warn");
    Ok(program)
}

/// Copies a station's folder that nobody has open, leaving out what is no data.
///
/// # Errors
/// When a file cannot be copied.
pub fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_file() && name != willcall_station::db::disk::BALLAST {
            let target = to.join(&name);
            fs::copy(entry.path(), &target).with_context(|| target.display().to_string())?;
            // Keys must be private, and version control keeps no permissions.
            fs::set_permissions(&target, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        }
    }
    Ok(())
}

/// The database of a folder whose keys are in a file.
///
/// # Errors
/// When it cannot be opened.
pub fn database(folder: &Path) -> anyhow::Result<Connection> {
    file(&folder.join("willcall.db"), folder)
}

/// A database file under the key of a folder.
///
/// # Errors
/// When it cannot be opened.
pub fn file(path: &Path, folder: &Path) -> anyhow::Result<Connection> {
    let keys: Value = serde_json::from_str(&fs::read_to_string(folder.join("station.key"))?)?;
    let key = keys["database"].as_str().context("the database's key")?;
    let connection = Connection::open(path)?;
    connection.execute_batch(&format!("PRAGMA key = \"x'{key}'\"; PRAGMA foreign_keys = ON"))?;
    connection.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))?;
    Ok(connection)
}

/// What is wrong with a database, each page and their order: nothing when it is whole.
///
/// # Errors
/// When it cannot be looked at.
pub fn wrong_with(connection: &Connection) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    for check in ["PRAGMA cipher_integrity_check", "PRAGMA integrity_check"] {
        let mut statement = connection.prepare(check)?;
        let lines = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        wrong.extend(lines.into_iter().filter(|line| line != "ok"));
    }
    Ok(wrong)
}
