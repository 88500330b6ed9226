//! Undoing scans, and what a server says that was put back since.

use crate::support::*;
use uuid::Uuid;
use willcall_domain::{
    checkin::{
        Class, Direction, ScanRow,
        wire::{ScanRequest, UndoRequest},
    },
    devices::wire::{Right, Role},
    id::{DeviceId, HistoryId, PositionId, ScanId},
    problem::Code,
    sync::{Fact, Row},
};
use willcall_station::Station;

fn undo_of(scan_id: ScanId) -> UndoRequest {
    UndoRequest { scan_id, reason: "The wrong ticket".into() }
}

async fn inside(station: &Station) -> i64 {
    station.door().await.unwrap().events[0].lists[0].inside
}

#[tokio::test]
async fn an_undone_scan_is_as_if_it_never_was_and_stays_in_the_journal() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    server.state().rights = vec![Right::Undo];
    let station = ready(folder.path(), &server).await;
    let code = server.code(PositionId(Uuid::from_u128(5)), 0);
    let first = scan(&station, &code).await;
    assert!(first.class == Class::Admitted && first.may_undo);
    assert_eq!(inside(&station).await, 1);
    assert!(station.undo(undo_of(first.scan_id)).await.unwrap().news);
    let door = station.door().await.unwrap();
    assert!(door.recent[0].undone && !door.recent[0].may_undo, "it cannot be undone itself");
    assert_eq!(inside(&station).await, 0);
    assert!(!station.undo(undo_of(first.scan_id)).await.unwrap().news, "done once");
    let again = scan(&station, &code).await;
    assert_eq!((again.class, inside(&station).await), (Class::Admitted, 1));
    assert_eq!(scan(&station, &code).await.class, Class::Used);
    drop(station);
    let station = open(folder.path(), &server);
    assert_eq!(inside(&station).await, 1);
    assert!(station.verify_journal().await.unwrap().ok);
    station.sync_once().await.unwrap();
    let state = server.state();
    let journal: Vec<_> = state.journal.values().flatten().collect();
    let undone = journal.iter().find(|e| e.kind == "scan_undone").unwrap();
    assert!(undone.private.as_ref().unwrap().data.contains("The wrong ticket"), "the reason stands beside the chain");
    assert!(!undone.body.contains("wrong"));
    let knew = |n: usize| journal.iter().filter(|e| e.kind == "scan").nth(n).unwrap().saw.len();
    assert_eq!((knew(0), knew(1)), (0, 1), "the second knew of the first, though it was undone");
}

#[tokio::test]
async fn who_has_no_right_to_undoes_nothing_nor_does_who_says_no_reason_or_means_nothing() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let station = ready(folder.path(), &server).await;
    let code = server.code(PositionId(Uuid::from_u128(5)), 0);
    let admitted = scan(&station, &code).await;
    assert!(!admitted.may_undo);
    assert_eq!(station.undo(undo_of(admitted.scan_id)).await.unwrap_err().code, Code::Forbidden);
    drop(station);
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    server.state().rights = vec![Right::Undo];
    let station = ready(folder.path(), &server).await;
    let admitted = scan(&station, &server.code(PositionId(Uuid::from_u128(5)), 0)).await;
    let refused = scan(&station, "no code of ours").await;
    assert!(!refused.may_undo);
    let no_reason = UndoRequest { reason: "  ".into(), ..undo_of(admitted.scan_id) };
    for (request, code) in [
        (no_reason, Code::Invalid),
        (undo_of(refused.scan_id), Code::Conflict),
        (undo_of(ScanId(Uuid::from_u128(404))), Code::NotFound),
    ] {
        assert_eq!(station.undo(request).await.unwrap_err().code, code);
    }
    station.sync_once().await.unwrap();
    assert!(!server.state().journal.values().flatten().any(|e| e.kind == "scan_undone"), "nothing was recorded");
}

#[tokio::test]
async fn a_scan_of_another_station_is_undone_here_or_there() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    server.state().rights = vec![Right::Undo];
    let (id, theirs) = (PositionId(Uuid::from_u128(5)), ScanId(Uuid::from_u128(1)));
    let row = |undone| {
        Row::Scan(ScanRow {
            scan_id: theirs,
            event_id: EVENT,
            list_id: LIST,
            position_id: Some(id),
            payload_hash: None,
            station: DeviceId(2),
            incarnation: 1,
            seq: 9,
            gate: "South".into(),
            direction: Direction::Entry,
            class: Class::Admitted,
            reason: None,
            at: DOORS,
            uncertainty_ms: 5,
            undone,
            saw: vec![],
        })
    };
    server.state().head.push(row(false));
    let station = ready(folder.path(), &server).await;
    let code = server.code(id, 0);
    assert_eq!(scan(&station, &code).await.class, Class::Used);
    assert!(station.undo(undo_of(theirs)).await.unwrap().news);
    let mine = scan(&station, &code).await;
    assert_eq!(mine.class, Class::Admitted);
    // The other way round: what comes down undone counts no more.
    station.undo(undo_of(mine.scan_id)).await.unwrap();
    server.state().head.push(row(true));
    station.sync_once().await.unwrap();
    assert_eq!((inside(&station).await, scan(&station, &code).await.class), (0, Class::Admitted));
}

#[tokio::test]
async fn an_exit_that_is_undone_lets_nobody_in_again() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    server.state().rights = vec![Right::Undo];
    let station = ready(folder.path(), &server).await;
    let code = server.code(PositionId(Uuid::from_u128(5)), 0);
    scan(&station, &code).await;
    let out = station.scan(ScanRequest { direction: Direction::Exit, ..ask(&code) }).await.unwrap();
    assert_eq!(inside(&station).await, 0);
    station.undo(undo_of(out.scan_id)).await.unwrap();
    assert_eq!((inside(&station).await, scan(&station, &code).await.class), (1, Class::Used));
}

#[tokio::test]
async fn what_a_server_said_that_was_put_back_since_confirms_nothing() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let station = ready(folder.path(), &server).await;
    let former = server.state().history;
    let code = server.code(PositionId(Uuid::from_u128(5)), 0);
    server.state().history = HistoryId(Uuid::from_u128(99));
    station.sync_once().await.unwrap();
    scan(&station, &code).await;
    server.state().pushed_to = Some(former);
    let report = station.sync_once().await.unwrap();
    assert_eq!((report.pushed, report.problems.len()), (0, 1), "a late answer of the former life");
    assert_eq!(station.status().await.unwrap().waiting, 1);
    server.state().pushed_to = None;
    station.sync_once().await.unwrap();
    assert_eq!(station.status().await.unwrap().waiting, 0);
    let scans =
        server.state().journal.values().flatten().filter(|e| matches!(e.fact(), Some(Fact::Scan { .. }))).count();
    assert_eq!(scans, 1, "sent twice, there once");
}
