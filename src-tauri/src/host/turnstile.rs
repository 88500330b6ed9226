//! The way to a turnstile, barrier or lamp: one short message when somebody may go through. Owns the three ways it leaves
//! the machine; whether somebody may go is decided in the engine. A device that does not answer holds no scan up: the
//! verdict stands on the screen, and the trouble beside it.

use serde::{Deserialize, Serialize};
use std::{io, process::Stdio, time::Duration};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, process::Command};
use ts_rs::TS;
use willcall_domain::{
    checkin::wire::{Class, Direction, VerdictView},
    problem::{Code, Problem},
};

/// How long it may take to be told.
const PATIENCE: Duration = Duration::from_secs(3);
/// Longest message, in characters.
const MESSAGE: usize = 200;

/// Where the message goes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Turnstile {
    #[default]
    None,
    /// A box on the network, by `host:port`.
    Tcp { address: String, message: String },
    /// A serial line or another device file, as the system has set it up.
    Device { path: String, message: String },
    /// A program of this machine; it is told `entry` or `exit` as its one argument.
    Program { path: String },
}

impl Turnstile {
    /// # Errors
    /// What is missing or too long, for whoever typed it.
    pub fn check(&self) -> Result<(), Problem> {
        let (place, message) = match self {
            Self::None => return Ok(()),
            Self::Tcp { address, message } => (address, message.as_str()),
            Self::Device { path, message } => (path, message.as_str()),
            Self::Program { path } => (path, ""),
        };
        if place.trim().is_empty() {
            return Err(Problem::field("turnstile", "Say where it is."));
        }
        if matches!(self, Self::Tcp { .. }) && !place.contains(':') {
            return Err(Problem::field("turnstile", "The address is written host:port."));
        }
        if message.chars().count() > MESSAGE {
            return Err(Problem::field("turnstile", format!("The message has at most {MESSAGE} characters.")));
        }
        Ok(())
    }

    /// Where it is, as people name it; `None` where there is none.
    #[must_use]
    pub fn place(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Tcp { address, .. } => Some(address),
            Self::Device { path, .. } | Self::Program { path } => Some(path),
        }
    }

    /// Lets one person through.
    ///
    /// # Errors
    /// It was not told; nobody knows whether it opens.
    pub async fn open(&self, direction: Direction) -> Result<(), Problem> {
        let told = async {
            match self {
                Self::None => Ok(()),
                Self::Tcp { address, message } => {
                    let mut line = TcpStream::connect(address.trim()).await?;
                    line.write_all(&bytes(message)).await?;
                    line.shutdown().await
                }
                Self::Device { path, message } => {
                    let mut line = tokio::fs::OpenOptions::new().write(true).open(path.trim()).await?;
                    line.write_all(&bytes(message)).await?;
                    line.flush().await
                }
                Self::Program { path } => run(path.trim(), direction).await,
            }
        };
        let said = match tokio::time::timeout(PATIENCE, told).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it does not answer".to_owned(),
        };
        tracing::warn!(said, "the turnstile was not told");
        let place = self.place().unwrap_or_default();
        Err(Problem::new(
            Code::Unavailable,
            format!("The turnstile at {place} was not told ({said}). Open it by hand."),
        ))
    }

    /// Whether it can be reached, without letting anybody through. A program is only looked for.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn reach(&self) -> Result<(), String> {
        let reached = async {
            match self {
                Self::None => Ok(()),
                Self::Tcp { address, .. } => TcpStream::connect(address.trim()).await.map(drop),
                Self::Device { path, .. } | Self::Program { path } => tokio::fs::metadata(path.trim()).await.map(drop),
            }
        };
        match tokio::time::timeout(PATIENCE, reached).await {
            Ok(reached) => reached.map_err(|error| error.to_string()),
            Err(_) => Err("it does not answer".to_owned()),
        }
    }
}

/// Whether a verdict lets one person through by itself. Where nobody stands by, somebody who must be looked at waits.
#[must_use]
pub fn lets_through(verdict: &VerdictView, nobody_looks: bool) -> bool {
    match verdict.class {
        Class::Admitted => !verdict.repeated,
        Class::Look => !verdict.repeated && !nobody_looks,
        Class::Used | Class::Refused => false,
    }
}

async fn run(path: &str, direction: Direction) -> io::Result<()> {
    let argument = match direction {
        Direction::Entry => "entry",
        Direction::Exit => "exit",
    };
    let mut program = Command::new(path);
    program.arg(argument).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let status = program.status().await?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("it ended with {status}"))) }
}

/// A message as typed: `\n`, `\r`, `\t`, `\\` and `\x41` stand for bytes.
fn bytes(typed: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = typed;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let after = &rest[at + 1..];
        let hex = after.strip_prefix('x').and_then(|digits| digits.get(..2));
        let (byte, taken) = match (after.chars().next(), hex.and_then(|two| u8::from_str_radix(two, 16).ok())) {
            (_, Some(byte)) => (byte, 3),
            (Some('n'), None) => (b'\n', 1),
            (Some('r'), None) => (b'\r', 1),
            (Some('t'), None) => (b'\t', 1),
            (Some('\\'), None) => (b'\\', 1),
            // No escape of ours: the mark itself.
            (_, None) => (b'\\', 0),
        };
        out.push(byte);
        rest = &after[taken..];
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt as _;

    #[test]
    fn a_message_is_bytes_as_they_are_written() {
        for (typed, meant) in [
            ("OPEN\\r\\n", b"OPEN\r\n".to_vec()),
            ("\\x02A\\x03", vec![2, b'A', 3]),
            ("a\\\\n", b"a\\n".to_vec()),
            ("\\q\\x4", b"\\q\\x4".to_vec()),
            ("ü\\", "ü\\".as_bytes().to_vec()),
            ("\\xü", "\\xü".as_bytes().to_vec()),
        ] {
            assert_eq!(bytes(typed), meant, "{typed}");
        }
    }

    #[tokio::test]
    async fn a_box_on_the_network_is_told_once_and_one_that_is_away_is_said() {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap().to_string();
        let turnstile = Turnstile::Tcp { address: address.clone(), message: "OPEN\\n".into() };
        let heard = async {
            let (mut line, _) = server.accept().await.unwrap();
            let mut heard = Vec::new();
            line.read_to_end(&mut heard).await.unwrap();
            heard
        };
        let (told, heard) = tokio::join!(turnstile.open(Direction::Entry), heard);
        told.unwrap();
        assert_eq!(heard, b"OPEN\n");
        drop(server);
        let problem = turnstile.open(Direction::Entry).await.unwrap_err();
        assert!(problem.detail.contains(&address) && problem.detail.contains("by hand"), "{problem}");
        assert!(turnstile.reach().await.is_err());
    }

    #[tokio::test]
    async fn a_device_file_gets_the_bytes_and_a_program_its_direction() {
        let folder = tempfile::tempdir().unwrap();
        let line = folder.path().join("line");
        std::fs::write(&line, "").unwrap();
        let device = Turnstile::Device { path: line.display().to_string(), message: "\\x01".into() };
        device.open(Direction::Exit).await.unwrap();
        assert_eq!(std::fs::read(&line).unwrap(), [1]);
        let fails = Turnstile::Program { path: "/bin/false".into() };
        assert!(fails.open(Direction::Entry).await.is_err());
        Turnstile::Program { path: "/bin/true".into() }.open(Direction::Entry).await.unwrap();
    }

    #[test]
    fn what_lacks_a_place_is_refused_beside_its_field() {
        for wrong in [
            Turnstile::Tcp { address: " ".into(), message: String::new() },
            Turnstile::Tcp { address: "turnstile".into(), message: String::new() },
            Turnstile::Program { path: String::new() },
            Turnstile::Device { path: "/dev/ttyUSB0".into(), message: "x".repeat(MESSAGE + 1) },
        ] {
            assert_eq!(wrong.check().unwrap_err().fields[0].field, "turnstile", "{wrong:?}");
        }
        assert_eq!(Turnstile::None.check(), Ok(()));
    }
}
