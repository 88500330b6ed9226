//! The program as an operator meets it: started, started twice, killed, started wrongly.

use std::{
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    path::Path,
    process::{Child, ChildStderr, Command, Output, Stdio},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_willcall-server");

/// A data folder on a disk path short enough for sockets.
pub fn data() -> tempfile::TempDir {
    tempfile::tempdir_in("/tmp").unwrap()
}

pub fn program(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command.env("WILLCALL_DATA", data).env("WILLCALL_BIND", "127.0.0.1:0");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A server that is up: it has said where it listens.
pub struct Server {
    pub process: Child,
    log: BufReader<ChildStderr>,
    pub address: String,
}

impl Server {
    pub fn start(command: Command) -> Self {
        Self::until(command, "started")
    }

    /// One that has logged this message.
    pub fn until(mut command: Command, message: &str) -> Self {
        let mut process = command.spawn().unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        let mut server = Self { process, log, address: String::new() };
        server.until_said(message);
        server
    }

    /// Reads on until it has logged this message.
    pub fn until_said(&mut self, message: &str) {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            if self.log.read_line(&mut line).unwrap() == 0 {
                panic!("it ended with {:?}: {seen}", self.process.wait());
            }
            let entry: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            if entry["message"] == message {
                if let Some(address) = entry["address"].as_str() {
                    address.clone_into(&mut self.address);
                }
                return;
            }
            seen.push_str(&line);
        }
    }

    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.process.id()).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// Waits for its end; what it logged last, and its exit code.
    pub fn end(mut self) -> (String, Option<i32>) {
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).unwrap();
        (rest, self.process.wait().unwrap().code())
    }

    pub fn get(&self, path: &str) -> String {
        use std::io::Write;
        let mut stream = std::net::TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

/// The cluster's main process, while its file says there is one.
pub fn postmaster(data: &Path) -> Option<u32> {
    std::fs::read_to_string(data.join("pg/postmaster.pid")).ok()?.lines().next()?.trim().parse().ok()
}

pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned()
}

/// The last line on standard error is one sentence, and the exit code is not 0.
fn refuses(mut command: Command, words: &str) {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let sentence = said(&output);
    assert!(sentence.contains(words), "{sentence:?} should contain {words:?}");
    assert!(sentence.ends_with('.') && !sentence.contains("Error") && !sentence.starts_with('{'), "{sentence:?}");
}

#[test]
fn a_server_makes_its_cluster_serves_and_takes_it_along_when_it_is_asked_to_stop() {
    let data = data();
    let server = Server::start(program(data.path(), &["serve"]));
    assert!(server.get("/readyz").starts_with("HTTP/1.1 200"));
    assert!(postmaster(data.path()).is_some());
    refuses(program(data.path(), &["serve"]), "already uses the data folder");
    assert!(server.get("/readyz").starts_with("HTTP/1.1 200"), "the first one does not notice");
    server.signal(nix::sys::signal::Signal::SIGTERM);
    let (log, code) = server.end();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(postmaster(data.path()), None, "the cluster has stopped cleanly");
    let server = Server::start(program(data.path(), &["serve"]));
    server.signal(nix::sys::signal::Signal::SIGINT);
    assert_eq!(server.end().1, Some(0), "started again on the same folder, stopped by Ctrl-C");
}

#[test]
fn a_killed_server_loses_nothing_and_its_cluster_is_in_nobodys_way() {
    let data = data();
    let server = Server::start(program(data.path(), &["serve"]));
    let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/seed/example.toml");
    let seeded = program(data.path(), &["seed", seed.to_str().unwrap()]).output().unwrap();
    assert!(seeded.status.success(), "{}", said(&seeded));
    let first: serde_json::Value = serde_json::from_slice(&seeded.stdout).unwrap();
    assert!(first["organizers"][0]["devices"][0]["token"].is_string());
    let key = first["organizers"][0]["events"][0]["keys"]["1"].as_str().unwrap();
    assert!(key.starts_with("organizer: 1\nevent: 1\n-----BEGIN PUBLIC KEY-----\n"), "{key}");
    server.signal(nix::sys::signal::Signal::SIGKILL);
    assert_eq!(server.end().1, None, "killed");

    let server = Server::start(program(data.path(), &["serve"]));
    let seeded = program(data.path(), &["seed", seed.to_str().unwrap()]).output().unwrap();
    let again: serde_json::Value = serde_json::from_slice(&seeded.stdout).unwrap();
    assert_eq!(again["organizers"][0]["events"], first["organizers"][0]["events"], "the same ids: nothing was lost");
    assert!(again["organizers"][0]["devices"][0].get("token").is_none(), "secrets are told once");
    assert!(again["organizers"][0]["staff"][0].get("password").is_none(), "secrets are told once");
    server.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(server.end().1, Some(0));
}

#[test]
fn ctrl_c_is_heard_also_while_the_demo_is_being_made_and_the_next_start_makes_it_whole() {
    let data = data();
    let half = Server::until(program(data.path(), &["demo"]), "event made");
    half.signal(nix::sys::signal::Signal::SIGINT);
    let (log, code) = half.end();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(postmaster(data.path()), None, "the cluster has stopped cleanly");
    assert!(!data.path().join("demo.json").exists(), "it was not whole");
    let whole = Server::start(program(data.path(), &["demo"]));
    assert!(data.path().join("demo.json").exists());
    whole.signal(nix::sys::signal::Signal::SIGINT);
    assert_eq!(whole.end().1, Some(0));
}

#[test]
fn the_doctor_makes_nothing_and_says_each_thing_once() {
    let folder = data();
    let report = |name: &str, value: &str| {
        let mut command = program(folder.path(), &["doctor", "--json"]);
        let output = command.env(name, value).output().unwrap();
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let of = |check: &str| {
            let findings = report["findings"].as_array().unwrap();
            let finding = findings.iter().find(|f| f["check"] == check).unwrap_or_else(|| panic!("{check}: {report}"));
            (finding["ok"].as_bool().unwrap(), finding["detail"].as_str().unwrap().to_owned())
        };
        (of("mail"), of("database"))
    };
    let (mail, database) = report("WILLCALL_SMTP", "gopher://x");
    assert!(!mail.0 && mail.1.contains("WILLCALL_SMTP"), "{mail:?}");
    assert!(database.0 && database.1.contains("none yet"), "mail is no matter of the database's: {database:?}");
    let (mail, database) = report("WILLCALL_PG_BINDIR", "/tmp");
    assert!(mail.0 && !database.0 && database.1.contains("has no initdb"), "{database:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "looking makes nothing");
}

#[test]
fn what_is_wrong_with_a_seed_is_said_with_its_line_before_anything_is_made() {
    let folder = data();
    let seed = folder.path().join("wrong.toml");
    let file = seed.to_str().unwrap();
    refuses(program(folder.path(), &["seed", file]), "cannot be read: No such file");
    std::fs::write(&seed, "[[organizer]]\nslug = \"a\"\ncolour = \"red\"\n").unwrap();
    refuses(program(folder.path(), &["seed", file]), "wrong.toml: line 3: unknown field `colour`");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no cluster was made for it");
}

#[test]
fn what_is_missing_or_wrong_is_said_in_one_sentence() {
    let folder = data();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let with = |name: &str, value: &str| {
        let mut command = program(folder.path(), &["serve"]);
        command.env(name, value);
        command
    };
    refuses(with("WILLCALL_BIND", &address), "is in use by another program");
    refuses(with("WILLCALL_BIND", "somewhere"), "is no address and port");
    refuses(with("WILLCALL_PG_BINDIR", "/tmp"), "has no initdb and postgres");
    refuses(with("DATABASE_URL", "mysql://x"), "must begin with postgres://");
    refuses(with("DATABASE_URL", "postgres://nobody@127.0.0.1:9/x"), "cannot be reached");
    refuses(with("WILLCALL_SMTP", "gopher://x"), "WILLCALL_SMTP");
    refuses(with("WILLCALL_DATA", "/proc/nowhere"), "The data folder /proc/nowhere cannot be used");
    refuses(with("WILLCALL_RATE_LIMITS", "perhaps"), "WILLCALL_RATE_LIMITS");
}

#[test]
fn a_full_disk_is_said_to_be_full() {
    let data = data();
    // The device that is always full, where the key file is about to be written.
    std::os::unix::fs::symlink("/dev/full", data.path().join("secret.new")).unwrap();
    refuses(program(data.path(), &["serve"]), "The disk is full");
    assert!(!data.path().join("secret.key").exists(), "half a key is no key");
}

#[test]
fn jobs_may_run_in_a_process_of_their_own_beside_the_server() {
    let data = data();
    let server = Server::start(program(data.path(), &["serve", "--no-work"]));
    let worker = Server::start(program(data.path(), &["work"]));
    let report = program(data.path(), &["doctor", "--json"]).output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
    let bad = report["findings"].as_array().unwrap().iter().filter(|f| f["ok"] != true && f["check"] != "disk");
    assert_eq!(bad.count(), 0, "{report}");
    worker.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(worker.end().1, Some(0));
    assert!(server.get("/readyz").starts_with("HTTP/1.1 200"), "a guest takes nothing along");
    server.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(server.end().1, Some(0));
    let orphan = program(data.path(), &["migrate"]).output().unwrap();
    assert!(orphan.status.success(), "without a server the private cluster runs meanwhile: {}", said(&orphan));
    assert_eq!(postmaster(data.path()), None);
}
