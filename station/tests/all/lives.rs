//! A station over its years: a new key, a new enrolment, switched off, wiped; what is dropped, erased and closed; and who
//! may read its files.

use crate::support::*;
use std::{path::Path, time::Duration};
use uuid::Uuid;
use willcall_domain::{
    checkin::Class,
    clock::UtcMillis,
    devices::Role,
    id::{CaseId, DeviceId, PositionId, RequestId},
    problem::Code,
    sync::{
        EntryRef, Fact, Resolution, Row,
        case_view::CloseCaseRequest,
        change::{CaseRow, EraseBody},
        erase::sign_erase,
        fact::ClosedReason,
        standing::DoubtKind,
    },
};
use willcall_station::copies::{mirror, mirror::MirrorKey, wipe};

fn facts(server: &FakeServer, station: i64) -> Vec<Fact> {
    let state = server.state();
    let of = state.journal.iter().filter(|((device, _), _)| device.0 == station);
    of.flat_map(|(_, entries)| entries).filter_map(willcall_domain::sync::Entry::fact).collect()
}

#[tokio::test]
async fn a_new_key_is_named_by_the_old_one_and_signs_all_that_comes_after() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Till));
    let station = ready(folder.path(), &server).await;
    station.sell(cart(1, &[(ADULT, 1)], 2400)).await.unwrap();
    let before = std::fs::read_to_string(folder.path().join("station.key")).unwrap();
    station.change_key().await.unwrap();
    station.sell(cart(2, &[(ADULT, 1)], 2400)).await.unwrap();
    station.sync_once().await.unwrap();
    assert!(matches!(facts(&server, 42)[6], Fact::KeyChanged { .. }), "the server checked every signature");
    assert!(station.verify_journal().await.unwrap().ok);
    drop(station);
    let station = open(folder.path(), &server);
    station.change_key().await.unwrap();
    scan(&station, "x").await;
    assert_eq!(station.sync_once().await.unwrap().waiting, 0);
    let report = station.verify_journal().await.unwrap();
    assert!(report.ok, "{report:?}");
    drop(station);
    // A crash after the journal named the key, before the keys were changed over.
    let keys = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let now = std::fs::read_to_string(folder.path().join("station.key")).unwrap();
    let mut torn = keys(&now);
    torn["next"] = torn["device"].clone();
    torn["device"] = keys(&before)["device"].clone();
    std::fs::write(folder.path().join("station.key"), torn.to_string()).unwrap();
    let station = open(folder.path(), &server);
    scan(&station, "y").await;
    assert_eq!(station.sync_once().await.unwrap().waiting, 0, "signed by the key the journal named last");
    assert!(station.verify_journal().await.unwrap().ok);
}

#[tokio::test]
async fn a_journal_under_changed_keys_is_recovered_from_its_mirror_alone() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let station = ready(folder.path(), &server).await;
    server.state().online = false;
    scan(&station, "before").await;
    station.change_key().await.unwrap();
    scan(&station, "after").await;
    drop(station);
    std::fs::remove_file(folder.path().join("willcall.db")).unwrap();
    let station = open(folder.path(), &server);
    let status = station.status().await.unwrap();
    assert_eq!(status.waiting, 4, "opened, two scans, the key: {:?}", status.recovered);
    assert_eq!(status.standing.doubt, None);
    assert!(station.verify_journal().await.unwrap().ok);
}

#[tokio::test]
async fn a_station_enrolled_again_ends_its_old_journal_and_still_sends_it() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Till));
    let station = ready(folder.path(), &server).await;
    server.state().online = false;
    station.sell(cart(1, &[(ADULT, 1)], 2400)).await.unwrap();
    server.state().online = true;
    server.state().revoked = true;
    assert_eq!(station.sync_once().await.unwrap_err().code, Code::Revoked);
    station.enrol("t.example", "good").await.unwrap();
    let report = station.sync_once().await.unwrap();
    assert_eq!((report.problems.len(), report.waiting), (0, 0));
    let old = facts(&server, 42);
    assert_eq!(old.last(), Some(&Fact::Closed { reason: ClosedReason::Reenrolled }));
    assert!(old.iter().any(|fact| matches!(fact, Fact::Sale { .. })), "what it sold before");
    assert!(!facts(&server, 43).is_empty());
    assert!(station.verify_journal().await.unwrap().ok, "each under its own key");
}

#[tokio::test]
async fn an_enrolment_that_a_crash_cut_in_half_is_finished_at_the_next_start() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let station = ready(folder.path(), &server).await;
    station.settle().await;
    station.sync_once().await.unwrap();
    drop(station);
    // As it is when the keys have the enrolment and the database does not.
    tamper(folder.path(), "DELETE FROM device");
    tamper(folder.path(), "DELETE FROM journal");
    let path = folder.path().join("station.key");
    let mut keys: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    keys["enrolment"]["begun"] = false.into();
    std::fs::write(&path, keys.to_string()).unwrap();
    std::fs::remove_file(folder.path().join("mark.json")).unwrap();
    std::fs::remove_dir_all(folder.path().join("mirror")).unwrap();
    tamper(folder.path(), "UPDATE standing SET marked = 0");
    server.state().journal.clear();
    server.state().remembered.clear();
    let station = open(folder.path(), &server);
    let status = station.status().await.unwrap();
    assert_eq!((status.enrolment.unwrap().device_id, status.journal_length), (DeviceId(42), 1));
    assert!(station.sync_once().await.unwrap().caught_up);
}

#[tokio::test]
async fn a_station_switched_off_while_cut_off_keeps_its_entries_and_sends_them_when_they_are_taken() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let station = ready(folder.path(), &server).await;
    server.state().online = false;
    scan(&station, "a").await;
    scan(&station, "b").await;
    server.state().online = true;
    server.state().revoked = true;
    assert_eq!(station.sync_once().await.unwrap_err().code, Code::Revoked);
    assert_eq!(station.scan(ask("c")).await.unwrap_err().code, Code::Revoked);
    assert_eq!(station.status().await.unwrap().waiting, 2, "kept");
    server.state().takes_from_revoked = true;
    assert_eq!(station.sync_once().await.unwrap_err().code, Code::Revoked);
    assert_eq!(station.status().await.unwrap().waiting, 0);
    assert_eq!(facts(&server, 42).len(), 3);
}

#[tokio::test]
async fn a_station_is_wiped_only_once_the_server_has_all_of_it_or_a_person_names_what_is_given_up() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Till));
    let station = ready(folder.path(), &server).await;
    station.backup(None).await.unwrap();
    server.state().online = false;
    station.sell(cart(1, &[(ADULT, 1)], 2400)).await.unwrap();
    let refused = wipe::wipe(station, None).await.unwrap_err();
    assert_eq!(refused.code, Code::Conflict);
    assert!(refused.detail.starts_with("3 facts exist only here."), "{}", refused.detail);
    let station = open(folder.path(), &server);
    assert_eq!(wipe::wipe(station, Some(2)).await.unwrap_err().code, Code::Conflict, "another number");
    let station = open(folder.path(), &server);
    station.sell(cart(2, &[(ADULT, 1)], 2400)).await.unwrap();
    drop(station);
    server.state().online = true;
    let report = wipe::wipe(open(folder.path(), &server), None).await.unwrap();
    assert_eq!((report.wiped, report.abandoned), (true, 0));
    assert_eq!(facts(&server, 42).last(), Some(&Fact::Closed { reason: ClosedReason::Wiped }));
    assert_eq!(left(folder.path()), ["lock"]);
    let station = open(folder.path(), &server);
    assert!(station.status().await.unwrap().enrolment.is_none(), "as new");
    drop(station);

    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Till));
    let station = ready(folder.path(), &server).await;
    server.state().online = false;
    station.sell(cart(1, &[(ADULT, 1)], 2400)).await.unwrap();
    let report = wipe::wipe(station, Some(3)).await.unwrap();
    assert_eq!(
        report.abandoned, 7,
        "with those that end it: units and spare blanks of two leases go back, and the last"
    );
    assert_eq!(left(folder.path()), ["lock"]);
}

fn left(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_journal_that_has_ended_takes_no_more_and_an_interrupted_wipe_is_finished() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let station = ready(folder.path(), &server).await;
    let held = station.clone();
    assert_eq!(wipe::wipe(station, None).await.unwrap_err().code, Code::Busy, "somebody has it still");
    let refused = held.scan(ask("x")).await.unwrap_err();
    assert!(refused.detail.contains("closed for good"), "{}", refused.detail);
    drop(held);
    std::fs::write(folder.path().join("wipe-begun"), "").unwrap();
    std::fs::remove_file(folder.path().join("station.key")).unwrap();
    let station = open(folder.path(), &server);
    assert!(station.status().await.unwrap().enrolment.is_none());
}

#[tokio::test]
async fn what_is_safe_and_long_over_is_dropped_and_numbers_go_on() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Till));
    let station = ready(folder.path(), &server).await;
    for n in 0..10 {
        station.sell(cart(n, &[(ADULT, 1), (MUG, 1)], 5000)).await.unwrap();
    }
    let first = scan(&station, "before").await;
    station.sync_once().await.unwrap();
    let dropped = station.checkpoint().await.unwrap().dropped;
    assert_eq!(dropped, 0, "the event is not over");
    server.clock.advance(Duration::from_secs(32 * 86_400));
    server.state().safe = Some(0);
    station.sync_once().await.unwrap();
    assert_eq!(station.checkpoint().await.unwrap().dropped, 0, "no backup of the server has it");
    server.state().safe = None;
    station.sync_once().await.unwrap();
    let length = station.status().await.unwrap().journal_length;
    let report = station.checkpoint().await.unwrap();
    // Units were granted anew while it was still selling: their leases are open, and with them all that came after.
    assert!(report.dropped > 0 && report.upto == report.dropped, "{report:?} of {length}");
    assert_eq!(report.state_hash.len(), 64);
    let verified = station.verify_journal().await.unwrap();
    assert!(verified.ok, "{verified:?}");
    assert_eq!(verified.incarnations[0].dropped, report.upto);
    let sale = station.sell(cart(100, &[(ADULT, 1)], 2400)).await.unwrap();
    assert_eq!(sale.receipt_number, "42-1-11", "no number is used twice");
    let codes: std::collections::BTreeSet<String> = facts(&server, 42)
        .into_iter()
        .filter_map(|f| if let Fact::Sale { order_code, .. } = f { Some(order_code) } else { None })
        .collect();
    assert!(!codes.contains(&sale.order_code));
    drop(station);
    let station = open(folder.path(), &server);
    assert_eq!(station.status().await.unwrap().standing.doubt, None, "the mark is behind the checkpoint or after it");
    station.sync_once().await.unwrap();
    assert_eq!(station.status().await.unwrap().waiting, 0);
    assert!(first.scan_id.0 != Uuid::nil());
    tamper(folder.path(), "DELETE FROM journal WHERE kind = 'checkpoint'");
    assert!(!station.verify_journal().await.unwrap().ok, "dropped, and nothing says so");
}

#[tokio::test]
async fn personal_data_is_erased_on_the_servers_order_and_on_nobody_elses() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    server.state().head.push(Row::Position(position(5, 1)));
    let station = ready(folder.path(), &server).await;
    scan(&station, "Ada Lovelace 1815").await;
    scan(&station, "Grace Hopper 1906").await;
    station.settle().await;
    let of = |seq| EntryRef { station: DeviceId(42), incarnation: 1, seq };
    let body = EraseBody {
        organizer_id: ORGANIZER,
        entries: vec![of(2), EntryRef { station: DeviceId(7), incarnation: 1, seq: 2 }],
        positions: vec![PositionId(Uuid::from_u128(5))],
        at: DOORS,
    };
    let erase_id = RequestId(Uuid::from_u128(77));
    let forged = sign_erase(RequestId(Uuid::from_u128(78)), &body, &server.event_key).unwrap();
    let row = sign_erase(erase_id, &body, &server.server_key).unwrap();
    server.state().head.extend([Row::Erase(forged), Row::Erase(row.clone())]);
    station.sync_once().await.unwrap();
    let report = station.verify_journal().await.unwrap();
    assert!(report.ok, "the chain holds: {report:?}");
    assert_eq!(
        (report.erased, report.erased_entries.as_slice()),
        (1, &["station 42, incarnation 1: entry 2".to_owned()][..])
    );
    assert!(station.search(LIST, "zoe").await.unwrap().is_empty(), "the name is gone, also where it is searched");
    station.sync_once().await.unwrap();
    let told: Vec<_> = server.state().contacts.iter().flat_map(|c| c.erased.clone()).collect();
    assert_eq!(told, [erase_id], "once, and not the forged one");
    let keys: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("station.key")).unwrap()).unwrap();
    let key: [u8; 32] = hex::decode(keys["database"].as_str().unwrap()).unwrap().try_into().unwrap();
    let mirrored = mirror::read(&folder.path().join("mirror"), &MirrorKey::of(&key));
    let private: Vec<bool> = mirrored.iter().filter(|e| e.kind == "scan").map(|e| e.private.is_some()).collect();
    assert_eq!(private, [false, true]);
    // A copy from before does not bring it back.
    drop(station);
    std::fs::remove_file(folder.path().join("willcall.db")).unwrap();
    let station = open(folder.path(), &server);
    station.sync_once().await.unwrap();
    assert_eq!(station.verify_journal().await.unwrap().erased, 1);
}

fn case(n: u128, kind: &str) -> CaseRow {
    CaseRow {
        case_id: CaseId(Uuid::from_u128(n)),
        kind: kind.into(),
        event_id: Some(EVENT),
        device_id: DeviceId(42),
        device_name: "Till 1".into(),
        detail: serde_json::json!({ "order": "AB5" }),
        opened_at: UtcMillis(DOORS.0 + i64::try_from(n).unwrap()),
        closed_at: None,
        resolution: None,
        waits: true,
        refused: Vec::new(),
        version: 1,
    }
}

#[tokio::test]
async fn cases_are_listed_with_what_can_be_done_here_and_closing_one_is_a_fact() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Till));
    server
        .state()
        .head
        .extend([2, 1].map(|n| Row::Case(case(n, if n == 1 { "overpaid" } else { "station_not_heard" }))));
    let station = ready(folder.path(), &server).await;
    let cases = station.cases().await.unwrap();
    let seen: Vec<_> = cases.open.iter().map(|c| (c.kind.as_str(), c.choices.as_slice())).collect();
    assert_eq!(
        seen,
        [("overpaid", &[Resolution::RefundByHand, Resolution::Seen][..]), ("station_not_heard", &[][..])],
        "the oldest first"
    );
    let close = |n: u128, resolution| CloseCaseRequest { case_id: CaseId(Uuid::from_u128(n)), resolution };
    server.state().online = false;
    assert_eq!(station.close_case(close(9, Resolution::Seen)).await.unwrap_err().code, Code::NotFound);
    let refused = station.close_case(close(2, Resolution::Seen)).await.unwrap_err();
    assert!(refused.detail.contains("in the office"), "{}", refused.detail);
    assert_eq!(station.close_case(close(1, Resolution::Retry)).await.unwrap_err().code, Code::Conflict);
    let left = station.close_case(close(1, Resolution::RefundByHand)).await.unwrap();
    assert_eq!((left.open.len(), left.closed[0].resolution.as_deref()), (1, Some("refund_by_hand")));
    station.close_case(close(1, Resolution::RefundByHand)).await.unwrap();
    assert_eq!(station.close_case(close(1, Resolution::Seen)).await.unwrap_err().code, Code::Conflict);
    server.state().online = true;
    station.sync_once().await.unwrap();
    let closed = facts(&server, 42).into_iter().filter(|f| matches!(f, Fact::CaseClosed { .. })).count();
    assert_eq!(closed, 1, "the same again is the same");
    assert!(station.verify_journal().await.unwrap().ok);
}

#[tokio::test]
async fn a_case_that_was_tried_again_in_vain_is_open_again_and_can_be_tried_once_more() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Till));
    server.state().head.push(Row::Case(case(1, "unknown_product")));
    let station = ready(folder.path(), &server).await;
    let close = |resolution| CloseCaseRequest { case_id: CaseId(Uuid::from_u128(1)), resolution };
    assert_eq!(station.status().await.unwrap().open_cases, 1);
    server.state().online = false;
    let tried = station.close_case(close(Resolution::Retry)).await.unwrap();
    assert_eq!((tried.open.len(), tried.closed.len()), (0, 1), "as far as is known here");
    assert_eq!(station.status().await.unwrap().open_cases, 0);
    server.state().online = true;
    // The server heard of it and could not apply the entry: its word, which is still open, holds.
    station.sync_once().await.unwrap();
    let cases = station.cases().await.unwrap();
    assert_eq!((cases.open.len(), cases.open[0].tried_at.is_some()), (1, true));
    assert_eq!(station.status().await.unwrap().open_cases, 1);
    let given_up = station.close_case(close(Resolution::LeaveOut)).await.unwrap();
    assert_eq!(given_up.closed[0].resolution.as_deref(), Some("leave_out"));
    station.sync_once().await.unwrap();
    assert_eq!(station.cases().await.unwrap().open.len(), 0, "a decision stands");
    assert!(station.verify_journal().await.unwrap().ok);
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_but_the_owner_may_read_any_file_of_a_station() {
    use std::os::unix::fs::PermissionsExt;
    let (root, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Till));
    let folder = root.path().join("station");
    // A folder that somebody made for everybody to see.
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    let station = ready(&folder, &server).await;
    station.backup(None).await.unwrap();
    station.settle().await;
    let mut seen = 0;
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let (path, mode) = (entry.path(), entry.metadata().unwrap().permissions().mode() & 0o777);
            if path.is_dir() {
                assert_eq!(mode, 0o700, "{}", path.display());
                folders.push(path);
            } else {
                seen += 1;
                let secret = std::fs::metadata(&path).unwrap().len() > 0;
                assert!(!secret || mode == 0o600, "{} is {mode:o}", path.display());
            }
        }
    }
    assert!(seen >= 6, "only {seen} files");
}

#[tokio::test]
async fn data_that_was_without_a_contact_for_too_long_goes_but_never_what_exists_only_here() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let station = ready(folder.path(), &server).await;
    let change = willcall_station::copies::places::PlacesChange { wipe_after_days: Some(30), ..Default::default() };
    station.change_places(change).unwrap();
    server.state().online = false;
    scan(&station, "x").await;
    server.clock.advance(Duration::from_secs(31 * 86_400));
    let once = async |station: &willcall_station::Station| {
        let cancel = tokio_util::sync::CancellationToken::new();
        cancel.cancel();
        wipe::keep(station, &cancel).await;
    };
    once(&station).await;
    assert!(station.status().await.unwrap().enrolment.is_some(), "a fact exists only here");
    server.state().online = true;
    station.sync_once().await.unwrap();
    server.state().online = false;
    server.clock.advance(Duration::from_secs(29 * 86_400));
    once(&station).await;
    assert!(station.status().await.unwrap().enrolment.is_some(), "not yet");
    server.clock.advance(Duration::from_secs(2 * 86_400));
    once(&station).await;
    assert!(station.status().await.unwrap().enrolment.is_none());
    assert!(!folder.path().join("station.key").exists(), "nothing here can be read any more");
    drop(station);
    let station = open(folder.path(), &server);
    assert!(station.status().await.unwrap().enrolment.is_none());
    assert_eq!(station.scan(ask("x")).await.unwrap_err().code, Code::NotEnrolled);
}

#[tokio::test]
async fn a_station_in_doubt_gets_no_new_key_and_a_scan_in_doubt_is_a_fact_of_its_own_incarnation() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    drop(ready(folder.path(), &server).await);
    server.state().machine = "m2".into();
    server.state().online = false;
    let station = open(folder.path(), &server);
    assert_eq!(station.status().await.unwrap().standing.doubt, Some(DoubtKind::OtherMachine));
    assert_eq!(station.change_key().await.unwrap_err().code, Code::InDoubt);
    let code = server.code(PositionId(Uuid::from_u128(5)), 0);
    assert_eq!(scan(&station, &code).await.class, Class::Admitted);
    assert_eq!(scan(&station, &code).await.class, Class::Used);
    server.state().online = true;
    station.sync_once().await.unwrap();
    let state = server.state();
    let second = &state.journal[&(DeviceId(42), 2)];
    assert_eq!(second.iter().map(|e| e.kind.as_str()).collect::<Vec<_>>(), ["opened", "scan", "scan"]);
}
