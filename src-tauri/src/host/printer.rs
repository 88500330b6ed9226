//! Where papers go: to a queue of the system's print service, or to a file. Owns the way to the printer; what is
//! printed, and that it was, are the engine's.

use serde::{Deserialize, Serialize};
use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    time::Duration,
};
use ts_rs::TS;
use willcall_domain::problem::{Code, Problem};

/// How long the print service may take to accept a paper or to list its queues.
const PATIENCE: Duration = Duration::from_secs(15);

/// What became of a paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum PrintedTo {
    /// A queue of the print service took it.
    Printer,
    /// It was saved.
    File,
}

/// Where a paper is by now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Printed {
    pub to: PrintedTo,
    /// The name of the queue, or the path of the file.
    pub name: String,
}

/// The way to paper.
#[derive(Debug, Clone)]
pub struct Printer {
    folder: PathBuf,
    server: Option<OsString>,
}

impl Printer {
    /// Papers without a printer are saved in the folder `print` of `data`.
    #[must_use]
    pub fn new(data: &Path) -> Self {
        Self { folder: data.join("print"), server: None }
    }

    /// Asks the print service at `server`, a host or a socket, instead of the system's own.
    #[must_use]
    pub fn at(self, server: impl Into<OsString>) -> Self {
        Self { server: Some(server.into()), ..self }
    }

    /// The queues of the print service, by name; empty where there is none.
    pub async fn queues(&self) -> Vec<String> {
        service::queues(self.server.as_deref()).await
    }

    /// Brings the PDF `paper` to `queue`, or saves it as `name`.pdf where there is no queue.
    ///
    /// # Errors
    /// The queue did not take it, or the file cannot be written: nothing was printed.
    pub async fn print(&self, queue: Option<&str>, name: &str, paper: &[u8]) -> Result<Printed, Problem> {
        let path = self.save(name, paper).await.map_err(|error| {
            tracing::warn!(folder = %self.folder.display(), %error, "paper not written");
            let folder = self.folder.display();
            Problem::new(Code::NotRecorded, format!("{folder} cannot be written ({error}). Nothing was printed."))
        })?;
        let Some(queue) = queue else {
            return Ok(Printed { to: PrintedTo::File, name: path.display().to_string() });
        };
        let taken = service::submit(self.server.as_deref(), queue, &path).await;
        // The print service has its own copy now; a ticket's code lies about no longer than needed.
        if let Err(error) = tokio::fs::remove_file(&path).await {
            tracing::warn!(path = %path.display(), %error, "printed paper not removed");
        }
        match taken {
            Ok(()) => Ok(Printed { to: PrintedTo::Printer, name: queue.to_owned() }),
            Err(reason) => Err(refused(queue, &reason)),
        }
    }

    async fn save(&self, name: &str, paper: &[u8]) -> io::Result<PathBuf> {
        tokio::fs::create_dir_all(&self.folder).await?;
        let path = self.folder.join(format!("{name}.pdf"));
        let beside = path.with_extension("pdf.new");
        tokio::fs::write(&beside, paper).await?;
        tokio::fs::rename(&beside, &path).await?;
        Ok(path)
    }
}

fn refused(queue: &str, reason: &str) -> Problem {
    tracing::warn!(queue, reason, "paper not taken");
    let detail = format!(
        "The printer {queue} did not take it ({reason}). The sale is kept: print again, or choose another printer in \
         the settings."
    );
    Problem::new(Code::Unavailable, detail)
}

/// CUPS, which Linux and macOS share, by its own programs.
#[cfg(unix)]
mod service {
    use super::PATIENCE;
    use std::{ffi::OsStr, path::Path, process::Stdio};
    use tokio::process::Command;

    pub(super) async fn submit(server: Option<&OsStr>, queue: &str, paper: &Path) -> Result<(), String> {
        let mut lp = program("lp", server);
        lp.args(["-s", "-d", queue, "-t", "Willcall", "--"]).arg(paper);
        run(lp).await.map(|_| ())
    }

    pub(super) async fn queues(server: Option<&OsStr>) -> Vec<String> {
        let mut lpstat = program("lpstat", server);
        lpstat.arg("-e");
        match run(lpstat).await {
            Ok(text) => text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect(),
            Err(reason) => {
                tracing::info!(reason, "no print queues");
                Vec::new()
            }
        }
    }

    fn program(name: &str, server: Option<&OsStr>) -> Command {
        let mut command = Command::new(name);
        command.envs(server.map(|server| ("CUPS_SERVER", server)));
        command
    }

    /// What the program said, or why it failed in its own words.
    async fn run(mut command: Command) -> Result<String, String> {
        command.stdin(Stdio::null()).kill_on_drop(true);
        let ended = tokio::time::timeout(PATIENCE, command.output()).await;
        let output = match ended {
            Err(_) => return Err("the print service does not answer".to_owned()),
            Ok(Err(error)) => return Err(error.to_string()),
            Ok(Ok(output)) => output,
        };
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}

/// Elsewhere papers are saved and printed by whatever shows PDF files there.
#[cfg(not(unix))]
mod service {
    use std::{ffi::OsStr, path::Path};

    pub(super) async fn submit(_: Option<&OsStr>, _: &str, _: &Path) -> Result<(), String> {
        Err("there is no print service here; choose to save papers as files".to_owned())
    }

    pub(super) async fn queues(_: Option<&OsStr>) -> Vec<String> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_a_printer_the_paper_is_saved_and_the_answer_says_where() {
        let data = tempfile::tempdir().unwrap();
        let printed = Printer::new(data.path()).print(None, "tickets-1", b"%PDF-1.7 paper").await.unwrap();
        assert_eq!(printed.to, PrintedTo::File);
        assert_eq!(printed.name, data.path().join("print/tickets-1.pdf").display().to_string());
        assert_eq!(std::fs::read(&printed.name).unwrap(), b"%PDF-1.7 paper");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_queue_that_is_not_there_refuses_in_words_and_leaves_no_file_behind() {
        let data = tempfile::tempdir().unwrap();
        let printer = Printer::new(data.path());
        let problem = printer.print(Some("no-such-queue-8f2c"), "tickets-1", b"%PDF-1.7").await.unwrap_err();
        assert_eq!(problem.code, Code::Unavailable);
        assert!(problem.detail.contains("no-such-queue-8f2c"), "{}", problem.detail);
        assert_eq!(std::fs::read_dir(data.path().join("print")).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_is_said() {
        let data = tempfile::tempdir().unwrap();
        std::fs::write(data.path().join("print"), b"a file where the folder should be").unwrap();
        let problem = Printer::new(data.path()).print(None, "tickets-1", b"%PDF-1.7").await.unwrap_err();
        assert_eq!(problem.code, Code::NotRecorded);
    }
}
