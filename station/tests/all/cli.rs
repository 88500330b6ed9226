//! The command line as scripts see it: one JSON document, exit codes, the running engine behind a socket, and what a
//! kill leaves behind.

use crate::support::*;
use serde_json::Value;
use std::{
    io::Write,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};
use uuid::Uuid;
use willcall_domain::{
    catalog::{EventRow, ItemRow},
    checkin::{Direction, ListRow, simulate::SimulateCase},
    devices::{
        DeviceSetup,
        wire::{Right, Role},
    },
    id::{DeviceId, EventId, ItemId, ListId, PositionId},
    sync::{Row, change::DeviceRow},
    ticketing::{CodeFormat, KeyRow},
};

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_willcall-station"));
    command
        .env("WILLCALL_MACHINE_ID", MACHINE)
        .arg("--data")
        .arg(folder)
        .arg("--key-in-file")
        .args(args)
        .stdin(Stdio::null());
    command
}

fn answer(output: &Output) -> (i32, Value) {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let value = serde_json::from_str(&text).unwrap_or_else(|e| {
        panic!("one JSON document, not {text:?}: {e}; {}", String::from_utf8_lossy(&output.stderr))
    });
    (output.status.code().unwrap(), value)
}

pub fn run(folder: &Path, args: &[&str]) -> (i32, Value) {
    answer(&command(folder, args).output().unwrap())
}

/// The engine in the foreground, once its socket is there.
async fn engine(folder: &Path) -> Child {
    let sockets = ["control.sock", "control.json"].map(|name| folder.join(name));
    for left_behind in &sockets {
        let _there_was_none = std::fs::remove_file(left_behind);
    }
    let child = command(folder, &["run"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let opened = async {
        while !sockets.iter().any(|s| s.exists()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), opened).await.expect("the engine opens its socket");
    child
}

#[tokio::test]
async fn commands_answer_one_document_and_an_exit_code_with_and_without_a_running_engine() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Till));
    let (code, status) = run(folder.path(), &["status"]);
    assert_eq!((code, &status["enrolment"], &status["key_store"]), (0, &Value::Null, &Value::from("file")));
    let (code, problem) = run(folder.path(), &["scan", "X", "--list", "11"]);
    assert_eq!((code, &problem["code"]), (2, &Value::from("not-found")), "no list here yet");
    drop(ready(folder.path(), &server).await);
    let ticket = server.code(PositionId(Uuid::from_u128(5)), 0);

    let mut child = engine(folder.path()).await;
    let (code, verdict) = run(folder.path(), &["scan", &ticket]);
    assert_eq!((code, &verdict["class"]), (0, &Value::from("admitted")), "through the engine");
    let (code, verdict) = run(folder.path(), &["scan", &ticket, "--list", "main door"]);
    assert_eq!((code, &verdict["reason"]), (2, &Value::from("already_redeemed")));
    let (code, sale) = run(folder.path(), &["sell", "Adult:2", "22", "--pay", "cash:60"]);
    assert_eq!((code, &sale["change"]["minor"]), (0, &Value::from(350)), "{sale}");
    let (code, problem) = run(folder.path(), &["sell", "Adult:2", "--pay", "cash:1.50"]);
    assert_eq!((code, &problem["code"]), (2, &Value::from("underpaid")));
    let (code, status) = run(folder.path(), &["status"]);
    assert_eq!((code, &status["waiting"]), (0, &Value::from(5)), "two scans, sale, payment, receipt");
    let (code, problem) = run(folder.path(), &["run"]);
    assert_eq!((code, &problem["code"]), (1, &Value::from("busy")), "one engine a folder");
    terminate(&child);
    let output = child.wait_with_output();
    assert_eq!(answer(&output.unwrap()), (0, serde_json::json!({ "stopped": true })));
    assert!(!folder.path().join("control.sock").exists(), "its socket went with it");

    let (code, report) = run(folder.path(), &["journal", "verify"]);
    assert_eq!((code, &report["ok"]), (0, &Value::from(true)), "{report}");
    tamper(folder.path(), "UPDATE receipt SET total_minor = 1");
    assert_eq!(run(folder.path(), &["journal", "verify"]).0, 1);
    child = engine(folder.path()).await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(folder.path().join("control.sock").exists(), "a kill leaves it behind");
    assert_eq!(run(folder.path(), &["status"]).0, 0, "a socket left behind by a kill is no engine");
}

#[test]
fn a_command_nobody_knows_is_answered_too_and_help_is_no_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let scan = run(folder.path(), &["scan"]);
    let named = |answer: &(i32, Value), said: &str| {
        assert_eq!((answer.0, &answer.1["code"]), (2, &Value::from("invalid")), "{answer:?}");
        assert!(answer.1["detail"].as_str().unwrap().contains(said), "{answer:?}");
    };
    named(&scan, "<CODE>");
    named(&run(folder.path(), &["frobnicate"]), "frobnicate");
    named(&run(folder.path(), &[]), "requires a subcommand");
    named(&run(folder.path(), &["sell", "Adult"]), "--pay");
    let help = command(folder.path(), &["--help"]).output().unwrap();
    assert!(help.status.success() && String::from_utf8(help.stdout).unwrap().contains("Usage:"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made of any of it");
}

#[tokio::test]
async fn a_name_that_two_events_use_chooses_neither() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Till));
    let (gala, door, adult) = (EventId(77), ListId(78), ItemId(79));
    server.state().head.extend([
        Row::Device(DeviceRow {
            device_id: DeviceId(42),
            name: "Till 1".into(),
            gate: "North".into(),
            role: Role::Till,
            events: vec![EVENT, gala],
            rights: Vec::new(),
            setup: DeviceSetup::default(),
            revoked: false,
            version: 2,
        }),
        Row::Event(EventRow { event_id: gala, name: "Gala".into(), ..event(CodeFormat::Wc1) }),
        Row::List(ListRow { event_id: gala, ..list(door, 1) }),
        Row::Item(ItemRow { event_id: gala, ..item(adult, "Adult", 7900, true) }),
    ]);
    drop(ready(folder.path(), &server).await);
    let (code, problem) = run(folder.path(), &["scan", "X", "--list", "Main door"]);
    assert_eq!((code, &problem["code"]), (2, &Value::from("invalid")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("78 Main door (Gala)"), "{problem}");
    let (code, verdict) = run(folder.path(), &["scan", "X", "--list", "78"]);
    assert_eq!((code, &verdict["list_id"]), (2, &Value::from(78)), "{verdict}");
    let (code, problem) = run(folder.path(), &["sell", "adult", "--pay", "cash:100"]);
    assert_eq!((code, &problem["code"]), (2, &Value::from("invalid")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("79 Adult (Gala)"), "{problem}");
    let (code, sale) = run(folder.path(), &["sell", &ADULT.to_string(), "--pay", "cash:100"]);
    assert_eq!((code, &sale["event_id"]), (0, &serde_json::to_value(EVENT).unwrap()), "{sale}");
}

#[tokio::test]
async fn a_time_by_hand_is_refused_with_exit_code_2_unless_the_device_has_the_right_to() {
    for (rights, exit) in [(vec![], 2), (vec![Right::TimeByHand], 0)] {
        let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
        server.state().rights = rights;
        drop(ready(folder.path(), &server).await);
        let ticket = server.code(PositionId(Uuid::from_u128(5)), 0);
        let (code, answer) = run(folder.path(), &["scan", &ticket, "--at", "2026-12-23T20:00:00+01:00"]);
        assert_eq!(code, exit, "{answer}");
        let (field, says) = if exit == 2 { ("code", "forbidden") } else { ("class", "admitted") };
        assert_eq!(answer[field], says, "{answer}");
    }
}

fn terminate(child: &Child) {
    let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[tokio::test]
async fn what_was_answered_survives_a_kill_at_any_moment() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    drop(ready(folder.path(), &server).await);
    let mut admitted = Vec::new();
    for round in 0..3_u128 {
        let mut child = engine(folder.path()).await;
        for n in 0..4_u128 {
            let code = server.code(PositionId(Uuid::from_u128(round * 100 + n)), 0);
            assert_eq!(run(folder.path(), &["scan", &code]).0, 0);
            admitted.push(code);
        }
        // A scan may be on its way while the process dies: answered or not, it must not be half.
        let on_its_way = server.code(PositionId(Uuid::from_u128(round * 100 + 50)), 0);
        let asking = command(folder.path(), &["scan", &on_its_way])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let last = asking.wait_with_output().unwrap();
        if last.status.success() {
            admitted.push(on_its_way);
        }
    }
    for code in &admitted {
        let (exit, verdict) = run(folder.path(), &["scan", code]);
        assert_eq!((exit, &verdict["class"]), (2, &Value::from("used")), "an admitted ticket stays used");
    }
    assert_eq!(run(folder.path(), &["journal", "verify"]).0, 0);
}

#[tokio::test]
async fn a_folder_too_deep_for_a_socket_is_served_by_a_port_with_a_password() {
    let (root, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let deep = root.path().join("d".repeat(60)).join("e".repeat(60));
    drop(ready(&deep, &server).await);
    let child = engine(&deep).await;
    assert!(deep.join("control.json").exists() && !deep.join("control.sock").exists());
    assert_eq!(run(&deep, &["status"]).0, 0);
    let door: Value = serde_json::from_str(&std::fs::read_to_string(deep.join("control.json")).unwrap()).unwrap();
    let mut stream =
        std::net::TcpStream::connect(("127.0.0.1", u16::try_from(door["port"].as_u64().unwrap()).unwrap())).unwrap();
    stream.write_all(b"{\"command\":\"status\",\"password\":\"guess\"}\n").unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut stream, &mut text).unwrap();
    assert!(text.contains("forbidden"), "{text}");
    terminate(&child);
    assert!(child.wait_with_output().unwrap().status.success());
}

#[test]
fn simulate_decides_a_document_without_a_station() {
    let folder = tempfile::tempdir().unwrap();
    let server = FakeServer::new(Role::Door);
    let mut key: Option<KeyRow> = None;
    for row in &server.state().head {
        if let Row::Key(row) = row {
            key = Some(row.clone());
        }
    }
    let bare = || {
        let event = EventRow { ends_at: None, ..event(willcall_domain::ticketing::CodeFormat::Wc1) };
        SimulateCase::new(event, list(LIST, 1), DOORS, Direction::Entry)
    };
    let case = |history| SimulateCase {
        ticket: Some(position(5, 1)),
        item: Some(item(ADULT, "Adult", 100, true)),
        history,
        code: Some(server.code(PositionId(Uuid::from_u128(5)), 0)),
        keys: key.iter().cloned().collect(),
        ..bare()
    };
    let simulate = |document: &str| {
        let mut child =
            command(folder.path(), &["simulate"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(document.as_bytes()).unwrap();
        answer(&child.wait_with_output().unwrap())
    };
    let (code, fresh) = simulate(&serde_json::to_string(&case(vec![])).unwrap());
    assert_eq!((code, &fresh["class"]), (0, &Value::from("admitted")));
    let earlier = serde_json::from_value(serde_json::json!([{ "at": DOORS.0 - 5000, "direction": "entry" }])).unwrap();
    let (code, again) = simulate(&serde_json::to_string(&case(earlier)).unwrap());
    assert_eq!((code, &again["first_use_at"]), (2, &Value::from(DOORS.0 - 5000)));
    assert_eq!(simulate("{").0, 2);
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "nothing is stored");
}

#[test]
fn a_code_is_looked_into_with_a_key_at_hand() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let code = server.code(PositionId(Uuid::from_u128(5)), 0);
    let key = hex::encode(server.event_key.verifying_key().as_bytes());
    let (exit, found) = run(folder.path(), &["ticket", "inspect", "--key", &key, &code]);
    assert_eq!((exit, &found["signed"], &found["event_id"]), (0, &Value::from(true), &Value::from(7)));
    let other = hex::encode(server.server_key.verifying_key().as_bytes());
    let (exit, found) = run(folder.path(), &["ticket", "inspect", "--key", &other, &code]);
    assert_eq!((exit, &found["signed"]), (2, &Value::from(false)));
    assert_eq!(run(folder.path(), &["ticket", "inspect", "--key", "nonsense", &code]).0, 2);
}

#[test]
fn a_time_or_payment_that_cannot_be_read_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    for args in [
        &["scan", "X", "--at", "yesterday"][..],
        &["sell", "1", "--pay", "card:5"],
        &["sell", "1:x", "--pay", "cash:5"],
    ] {
        let (exit, problem) = run(folder.path(), args);
        assert_eq!((exit, &problem["code"]), (2, &Value::from("invalid")), "{args:?}");
    }
    let (exit, problem) = run(folder.path(), &["enrol", "http://127.0.0.1:1", "token"]);
    assert_eq!((exit, &problem["code"]), (1, &Value::from("no-link")), "nobody is there");
}
