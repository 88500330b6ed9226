//! How other programs of this machine and user talk to a running station: a Unix socket in the data folder, or, where
//! there is none or its path would be too long, a loopback port whose number and password stand in a file only the
//! owner may read. One JSON line in, one out.

use crate::{
    command::{self, Command},
    keys::write_private,
    station::Station,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;
use willcall_domain::{
    entropy::{self, Entropy},
    problem::{Code, Problem},
};

/// Longer paths do not fit a Unix socket address everywhere.
#[cfg(unix)]
const LONGEST_PATH: usize = 100;
const LONGEST_LINE: u64 = 1 << 20;
/// A question may wait for the server; nothing waits longer.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Serialize, Deserialize)]
struct Question {
    #[serde(default)]
    password: Option<String>,
    #[serde(flatten)]
    command: Command,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Done(Value),
    Problem(Box<Problem>),
}

/// Where the port and password are.
#[derive(Serialize, Deserialize)]
struct Door {
    port: u16,
    password: String,
}

fn socket_path(folder: &Path) -> PathBuf {
    folder.join("control.sock")
}

fn door_path(folder: &Path) -> PathBuf {
    folder.join("control.json")
}

#[cfg(unix)]
fn fits(folder: &Path) -> bool {
    socket_path(folder).as_os_str().len() <= LONGEST_PATH
}

enum Listener {
    #[cfg(unix)]
    Unix(tokio::net::UnixListener),
    Port(TcpListener, String),
}

/// A bound socket; its file goes when this is dropped.
pub struct Socket {
    listener: Listener,
    file: PathBuf,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.file) {
            tracing::debug!(%error, "the control socket's file was gone already");
        }
    }
}

/// Binds the socket of a folder whose lock this process holds: what an earlier process left behind is removed.
///
/// # Errors
/// When the folder or the loopback network does not allow it.
pub async fn bind(folder: &Path, entropy: &dyn Entropy) -> Result<Socket, Problem> {
    let unusable = |e: std::io::Error| {
        Problem::new(Code::Unavailable, format!("The control socket in {} cannot be opened: {e}.", folder.display()))
    };
    for left in [socket_path(folder), door_path(folder)] {
        match std::fs::remove_file(left) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(unusable(error)),
            Ok(()) | Err(_) => {}
        }
    }
    #[cfg(unix)]
    if fits(folder) {
        use std::os::unix::fs::PermissionsExt;
        let file = socket_path(folder);
        let listener = tokio::net::UnixListener::bind(&file).map_err(unusable)?;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).map_err(unusable)?;
        return Ok(Socket { listener: Listener::Unix(listener), file });
    }
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(unusable)?;
    let port = listener.local_addr().map_err(unusable)?.port();
    let password = hex::encode(entropy::bytes::<32>(entropy));
    let file = door_path(folder);
    let text = serde_json::to_string(&Door { port, password: password.clone() });
    write_private(&file, &text.map_err(|e| Problem::new(Code::Internal, e.to_string()))?)?;
    Ok(Socket { listener: Listener::Port(listener, password), file })
}

impl Socket {
    /// Answers until cancelled.
    pub async fn serve(self, station: Station, cancel: CancellationToken) {
        let tasks = tokio_util::task::TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                () = cancel.cancelled() => break,
                accepted = self.accept() => accepted,
            };
            let (station, cancel) = (station.clone(), cancel.clone());
            match accepted {
                Ok((stream, password)) => tasks.spawn(async move {
                    tokio::select! {
                        () = cancel.cancelled() => {}
                        () = converse(stream, &station, password.as_deref()) => {}
                    }
                }),
                Err(error) => {
                    tracing::warn!(%error, "a control connection failed");
                    tasks.spawn(async {})
                }
            };
        }
        tasks.close();
        tasks.wait().await;
    }

    async fn accept(&self) -> std::io::Result<(Box<dyn Stream>, Option<String>)> {
        match &self.listener {
            #[cfg(unix)]
            Listener::Unix(listener) => Ok((Box::new(listener.accept().await?.0), None)),
            Listener::Port(listener, password) => Ok((Box::new(listener.accept().await?.0), Some(password.clone()))),
        }
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

async fn converse(stream: Box<dyn Stream>, station: &Station, password: Option<&str>) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    let mut limited = (&mut reader).take(LONGEST_LINE);
    let read = limited.read_line(&mut line);
    let answer = match read.await {
        Ok(0) | Err(_) => return,
        Ok(_) => answer(&line, station, password).await,
    };
    let Ok(mut text) = serde_json::to_string(&answer) else { return };
    text.push('\n');
    if let Err(error) = reader.get_mut().write_all(text.as_bytes()).await {
        tracing::debug!(%error, "who asked has gone");
    }
    if let Err(error) = reader.get_mut().shutdown().await {
        tracing::debug!(%error, "who asked has gone");
    }
}

async fn answer(line: &str, station: &Station, password: Option<&str>) -> Answer {
    let question: Question = match serde_json::from_str(line) {
        Ok(question) => question,
        Err(error) => {
            let detail = format!("The question cannot be read: {error}.");
            return Answer::Problem(Box::new(Problem::new(Code::Invalid, detail)));
        }
    };
    if password.is_some() && question.password.as_deref() != password {
        return Answer::Problem(Box::new(Problem::new(Code::Forbidden, "The password of the control port is wrong.")));
    }
    match command::execute(station, question.command).await {
        Ok(value) => Answer::Done(value),
        Err(problem) => Answer::Problem(Box::new(problem)),
    }
}

/// Asks the station that runs on this folder; `None` when none answers.
///
/// # Errors
/// Inside the option, what the station answered.
pub async fn ask(folder: &Path, command: &Command) -> Option<Result<Value, Problem>> {
    let (stream, password) = connect(folder).await?;
    let question = serde_json::to_string(&Question { password, command: command.clone() }).ok()?;
    let exchange = async {
        let mut reader = BufReader::new(stream);
        reader.get_mut().write_all(format!("{question}\n").as_bytes()).await?;
        let mut line = String::new();
        reader.read_line(&mut line).await?;
        Ok::<_, std::io::Error>(line)
    };
    let broken = || Problem::new(Code::Unavailable, "The running station ended while it was asked; ask again.");
    let Ok(Ok(line)) = tokio::time::timeout(PATIENCE, exchange).await else { return Some(Err(broken())) };
    Some(match serde_json::from_str(&line) {
        Ok(Answer::Done(value)) => Ok(value),
        Ok(Answer::Problem(problem)) => Err(*problem),
        Err(_) => Err(broken()),
    })
}

async fn connect(folder: &Path) -> Option<(Box<dyn Stream>, Option<String>)> {
    #[cfg(unix)]
    if fits(folder) {
        let stream = tokio::net::UnixStream::connect(socket_path(folder)).await.ok()?;
        return Some((Box::new(stream), None));
    }
    let door: Door = serde_json::from_str(&std::fs::read_to_string(door_path(folder)).ok()?).ok()?;
    let stream = TcpStream::connect(("127.0.0.1", door.port)).await.ok()?;
    Some((Box::new(stream), Some(door.password)))
}
