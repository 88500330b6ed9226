//! The product's own programs at work, as on an organizer's machines: a server with its private cluster in a temporary
//! folder that can die and come back at the same address, stations without a window, and a look behind the scenes.

use crate::{
    built, choose_tls,
    process::{Process, until},
    screen::PATIENCE,
};
use anyhow::{Context, bail, ensure};
use nix::sys::signal::Signal;
use serde_json::Value;
use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

/// How long a server may take from nothing to serving; the first start makes a database cluster.
const START: Duration = Duration::from_secs(120);

/// A server and its folder. Dropped, both are gone.
#[derive(Debug)]
pub struct Premises {
    server: Option<Process>,
    role: &'static str,
    address: SocketAddr,
    environment: Vec<(String, String)>,
    folder: tempfile::TempDir,
}

impl Premises {
    /// `willcall-server serve`, then `willcall-server seed` with `plan` (TOML); gives what the seed printed.
    ///
    /// # Errors
    /// When a program is missing, or the server or the seed fails.
    pub async fn seeded(plan: &str, environment: &[(&str, &str)]) -> anyhow::Result<(Self, Value)> {
        let mut premises = Self::empty(environment)?;
        premises.start().await?;
        let outcome = premises.seed(plan)?;
        Ok((premises, outcome))
    }

    /// Nothing yet: an empty folder, in which [`Premises::start`] will start `willcall-server serve`.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn empty(environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::of("serve", environment)
    }

    /// `willcall-server seed` with `plan` (TOML); gives what it printed.
    ///
    /// # Errors
    /// When it fails.
    pub fn seed(&self, plan: &str) -> anyhow::Result<Value> {
        let file = self.folder.path().join("plan.toml");
        std::fs::write(&file, plan)?;
        let output = self.command("willcall-server")?.arg("seed").arg(&file).output()?;
        document(&output).context("willcall-server seed")
    }

    /// `willcall-server demo`; gives what it wrote for its owner.
    ///
    /// # Errors
    /// When the program is missing or fails.
    pub async fn demo(environment: &[(&str, &str)]) -> anyhow::Result<(Self, Value)> {
        let mut premises = Self::of("demo", environment)?;
        premises.start().await?;
        let server = premises.server.as_mut().context("the server runs")?;
        server.wait_for_line("Ctrl-C stops everything", START).await?;
        let shown = std::fs::read(premises.data().join("demo.json"))?;
        Ok((premises, serde_json::from_slice(&shown)?))
    }

    fn of(role: &'static str, environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        choose_tls();
        Ok(Self {
            server: None,
            role,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            environment: environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            folder: passable_folder()?,
        })
    }

    /// Starts the server where it was before, or at any free port.
    ///
    /// # Errors
    /// When it runs already or does not start.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        ensure!(self.server.is_none(), "the server runs");
        let mut server = Process::start(self.command("willcall-server")?.arg(self.role))?;
        let line = server.wait_for_line("\"address\"", START).await?;
        let line: Value = serde_json::from_str(&line).with_context(|| line.clone())?;
        self.address = line["address"].as_str().and_then(|a| a.parse().ok()).with_context(|| line.to_string())?;
        self.server = Some(server);
        Ok(())
    }

    /// Takes the server away as the kernel does when memory runs out (`SIGKILL`): no goodbye to anybody.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.server.take().context("the server runs")?.kill_alone()
    }

    /// Takes the server and its database away at once, as a power cut does to processes (`SIGKILL`).
    ///
    /// # Errors
    /// When it does not run.
    pub fn cut(&mut self) -> anyhow::Result<()> {
        self.server.take().context("the server runs")?.kill()
    }

    /// Asks the server to end, as a service manager does, and waits for it.
    ///
    /// # Errors
    /// When it does not run or does not end.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let mut server = self.server.take().context("the server runs")?;
        server.signal(Signal::SIGTERM)?;
        let status = server.wait(START).await?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }

    /// The running server's process, to be hurt or looked at.
    ///
    /// # Errors
    /// When it does not run.
    pub fn server(&mut self) -> anyhow::Result<&mut Process> {
        self.server.as_mut().context("the server does not run")
    }

    /// A connection to the server's database that sees everything.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn admin(&self) -> anyhow::Result<PgConnection> {
        let socket = self.data().join("pg-socket");
        let options = PgConnectOptions::new_without_pgpass().socket(socket).username("willcall_admin");
        Ok(PgConnection::connect_with(&options.database("willcall")).await?)
    }

    /// A program of the product in the environment of this place.
    ///
    /// # Errors
    /// When it has not been built.
    pub fn command(&self, name: &str) -> anyhow::Result<Command> {
        let mut command = Command::new(built::program(name)?);
        command.env("WILLCALL_DATA", self.data()).env("WILLCALL_BIND", self.address.to_string());
        for variable in ["DATABASE_URL", "WILLCALL_SMTP", "WILLCALL_PUBLIC_URL", "WILLCALL_READY"] {
            command.env_remove(variable);
        }
        command.envs(self.environment.iter().map(|(k, v)| (k, v)));
        Ok(command)
    }

    /// `http://127.0.0.1:port`, the same for the life of this place.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The server's data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A folder for something else, made here.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn room(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Waits for a mail whose text holds `words`, and gives that text as its reader sees it.
    ///
    /// # Errors
    /// When none comes.
    pub async fn mail(&self, words: &str) -> anyhow::Result<String> {
        let folder = self.data().join("mail");
        let found = until(PATIENCE, || letters(&folder).into_iter().find(|letter| letter.contains(words)));
        found.await.with_context(|| format!("no mail in {} says {words:?}", folder.display()))
    }

    /// How many mails lie in the folder.
    #[must_use]
    pub fn mails(&self) -> usize {
        letters(&self.data().join("mail")).len()
    }

    /// One number from the server's database, whoever's rows, over its own socket.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn number_of(&self, query: &'static str) -> anyhow::Result<i64> {
        Ok(sqlx::query_scalar(query).fetch_one(&mut self.admin().await?).await?)
    }

    /// Runs `willcall-station --data FOLDER …` and gives the document it printed with its exit code: 0 done, 2 refused.
    ///
    /// # Errors
    /// When it fails otherwise.
    pub fn station(&self, folder: &Path, arguments: &[&str]) -> anyhow::Result<(Value, i32)> {
        let mut command = self.command("willcall-station")?;
        // Keys are kept in a file: nobody's keychain is touched.
        let output = command.arg("--key-in-file").arg("--data").arg(folder).args(arguments).output()?;
        let code = output.status.code().context("it was killed")?;
        let answer = serde_json::from_slice(&output.stdout).with_context(|| said(&output))?;
        if code != 0 && code != 2 {
            bail!("willcall-station {arguments:?}: {}", said(&output));
        }
        Ok((answer, code))
    }
}

/// What a program printed, when it ended well.
fn document(output: &Output) -> anyhow::Result<Value> {
    ensure!(output.status.success(), "{}", said(output));
    serde_json::from_slice(&output.stdout).with_context(|| said(output))
}

fn said(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{}\n{out}\n{err}", output.status)
}

/// A temporary folder through which the database's user may pass when we are root.
///
/// # Errors
/// When it cannot be made.
pub fn passable_folder() -> anyhow::Result<tempfile::TempDir> {
    let folder = tempfile::Builder::new().prefix("willcall-").tempdir()?;
    #[cfg(unix)]
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o711))?;
    Ok(folder)
}

/// The texts of all mails in a folder, decoded.
fn letters(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files
        .filter(|file| file.path().extension().is_some_and(|e| e == "eml"))
        .filter_map(|file| std::fs::read_to_string(file.path()).ok())
        .map(|letter| plain(&letter))
        .collect()
}

/// A mail with its quoted-printable parts as they are read: soft line ends joined, escaped bytes back in place.
fn plain(letter: &str) -> String {
    let letter = letter.replace("=\r\n", "").replace("=\n", "");
    let mut bytes = Vec::with_capacity(letter.len());
    let mut rest = letter.as_bytes();
    while let [first, behind @ ..] = rest {
        let escaped = if *first == b'=' { behind.get(..2).and_then(|two| hex::decode(two).ok()) } else { None };
        match escaped {
            Some(byte) => {
                bytes.extend(byte);
                rest = &behind[2..];
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_broken_over_lines_by_the_mail_is_read_in_one_piece() {
        assert_eq!(plain("http://x/a=\r\nb?c=3D1 Gr=C3=BC=C3=9Fe"), "http://x/ab?c=1 Grüße");
    }
}
