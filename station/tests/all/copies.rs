//! A station whose database is put back, copied, deleted or kept from growing: what it still knows, what it refuses, and
//! that nothing is sold twice.

use crate::support::*;
use std::{collections::BTreeSet, path::Path};
use uuid::Uuid;
use willcall_domain::{
    checkin::{Class, Mark},
    id::PositionId,
    problem::Code,
    sync::{Entry, Fact, standing::DoubtKind},
};
use willcall_station::{Station, copies::put_back};

/// The database as it is while no station runs; what it wrote is in the one file.
fn save(folder: &Path) -> Vec<u8> {
    std::fs::read(folder.join("willcall.db")).unwrap()
}

fn put_back_by_hand(folder: &Path, saved: &[u8]) {
    for tail in ["-wal", "-shm"] {
        let _may_be_none = std::fs::remove_file(folder.join(format!("willcall.db{tail}")));
    }
    std::fs::write(folder.join("willcall.db"), saved).unwrap();
}

fn forget_mirror(folder: &Path) {
    std::fs::remove_dir_all(folder.join("mirror")).unwrap();
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

async fn sell_one(station: &Station, request: u128) -> willcall_domain::till::wire::SaleView {
    station.sell(cart(request, &[(ADULT, 1)], 2400)).await.unwrap()
}

/// Every position the server knows to be sold, in the order of the journals.
fn sold(server: &FakeServer) -> Vec<PositionId> {
    let facts = server.state().journal.values().flatten().filter_map(Entry::fact).collect::<Vec<_>>();
    let lines =
        facts.into_iter().filter_map(|fact| if let Fact::Sale { lines, .. } = fact { Some(lines) } else { None });
    lines.flatten().map(|line| line.position_id).collect()
}

fn assert_nothing_sold_twice(server: &FakeServer, sales: usize) {
    let sold = sold(server);
    let distinct: BTreeSet<_> = sold.iter().collect();
    assert_eq!((sold.len(), distinct.len()), (sales, sales), "{sold:?}");
}

async fn doubt(station: &Station) -> Option<DoubtKind> {
    station.status().await.unwrap().standing.doubt
}

#[tokio::test]
async fn a_database_put_back_sells_nothing_scans_marked_and_goes_on_once_the_server_has_given_all_back() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(willcall_domain::devices::Role::Till));
    let station = ready(folder.path(), &server).await;
    sell_one(&station, 1).await;
    drop(station);
    let saved = save(folder.path());
    let station = open(folder.path(), &server);
    let lost = sell_one(&station, 2).await;
    sell_one(&station, 3).await;
    station.sync_once().await.unwrap();
    drop(station);
    put_back_by_hand(folder.path(), &saved);
    forget_mirror(folder.path());

    let station = open(folder.path(), &server);
    let status = station.status().await.unwrap();
    assert_eq!((status.standing.doubt, status.incarnation), (Some(DoubtKind::Behind), 2));
    assert_eq!(
        (status.standing.missing, status.standing.frozen.as_slice()),
        (6, &[1][..]),
        "two sales of three entries"
    );
    assert_eq!(status.standing.missing_entries, ["incarnation 1: 7–12"]);
    let refused = station.sell(cart(4, &[(ADULT, 1)], 2400)).await.unwrap_err();
    assert_eq!(refused.code, Code::InDoubt, "{}", refused.detail);
    assert_eq!(station.till().await.unwrap().doubt, Some(DoubtKind::Behind));
    let ticket = lost.positions[0].code.clone().unwrap();
    let verdict = scan(&station, &ticket).await;
    assert_eq!(verdict.class, Class::Admitted, "it may have been sold by what is lost: {:?}", verdict.reason);
    assert!(verdict.marks.contains(&Mark::StationInDoubt) && verdict.marks.contains(&Mark::SaleNotSeen));

    station.sync_once().await.unwrap();
    let status = station.status().await.unwrap();
    assert_eq!((status.standing.doubt, status.standing.frozen.len(), status.standing.missing), (None, 0, 0));
    assert!(server.state().contacts.iter().any(|c| c.suspect && c.incarnation == 1), "the server was told");
    let next = sell_one(&station, 5).await;
    assert_eq!(next.receipt_number, "42-2-1", "a series of its own");
    assert_eq!(scan(&station, &ticket).await.class, Class::Used, "the scan in doubt counts");
    assert!(!scan(&station, &ticket).await.marks.contains(&Mark::StationInDoubt));
    station.sync_once().await.unwrap();
    assert_nothing_sold_twice(&server, 4);
    let report = station.verify_journal().await.unwrap();
    assert!(report.ok, "{report:?}");
    assert_eq!(server.state().units_left, 980, "what it held before is in force: no further units were asked for");
}

#[tokio::test]
async fn what_the_server_never_had_keeps_the_old_leases_frozen_until_the_entries_turn_up() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(willcall_domain::devices::Role::Till));
    let station = ready(folder.path(), &server).await;
    drop(station);
    let saved = save(folder.path());
    let station = open(folder.path(), &server);
    server.state().online = false;
    sell_one(&station, 1).await;
    drop(station);
    let stick = tempfile::tempdir().unwrap();
    copy_folder(&folder.path().join("mirror"), stick.path());
    put_back_by_hand(folder.path(), &saved);
    forget_mirror(folder.path());

    let station = open(folder.path(), &server);
    assert_eq!(doubt(&station).await, Some(DoubtKind::Behind));
    server.state().online = true;
    station.sync_once().await.unwrap();
    let standing = station.status().await.unwrap().standing;
    assert_eq!((standing.doubt, standing.frozen.as_slice(), standing.missing), (None, &[1][..], 3));
    let sale = sell_one(&station, 2).await;
    assert_eq!(station.till().await.unwrap().events[0].products[0].here, Some(9), "from units of its own");
    drop(station);
    copy_folder(stick.path(), &folder.path().join("mirror"));
    let station = open(folder.path(), &server);
    let standing = station.status().await.unwrap().standing;
    assert_eq!((standing.frozen.len(), standing.missing), (0, 0), "the stick was found");
    assert_eq!(station.till().await.unwrap().events[0].products[0].here, Some(18), "nine of each lease");
    station.sync_once().await.unwrap();
    assert_nothing_sold_twice(&server, 2);
    assert_eq!(sold(&server).len(), 2);
    assert!(station.verify_journal().await.unwrap().ok);
    assert_eq!(sale.receipt_number, "42-2-1");
}

#[tokio::test]
async fn with_the_mirror_at_hand_a_database_put_back_is_itself_again_at_once_with_nobody_to_ask() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(willcall_domain::devices::Role::Till));
    let station = ready(folder.path(), &server).await;
    sell_one(&station, 1).await;
    drop(station);
    let saved = save(folder.path());
    server.state().online = false;
    let station = open(folder.path(), &server);
    let lost = sell_one(&station, 2).await;
    drop(station);
    put_back_by_hand(folder.path(), &saved);
    let station = open(folder.path(), &server);
    let status = station.status().await.unwrap();
    assert_eq!((status.standing.doubt, status.incarnation, status.journal_length), (None, 1, 9));
    assert_eq!(sell_one(&station, 2).await.order_id, lost.order_id, "the sale is known");
    let next = sell_one(&station, 3).await;
    assert_eq!(next.receipt_number, "42-1-3");
    assert!(station.verify_journal().await.unwrap().ok);
    server.state().online = true;
    station.sync_once().await.unwrap();
    assert_nothing_sold_twice(&server, 3);
}

#[tokio::test]
async fn a_folder_copied_to_another_machine_is_found_out_on_both_and_nothing_is_sold_twice() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(willcall_domain::devices::Role::Till));
    let copied = tempfile::tempdir().unwrap();
    let station = ready(folder.path(), &server).await;
    drop(station);
    copy_folder(folder.path(), copied.path());
    let original = open(folder.path(), &server);
    sell_one(&original, 1).await;
    server.state().machine = "m2".into();
    let copy = open(copied.path(), &server);
    assert_eq!(doubt(&copy).await, Some(DoubtKind::OtherMachine));
    assert_eq!(copy.sell(cart(2, &[(ADULT, 1)], 2400)).await.unwrap_err().code, Code::InDoubt);
    copy.sync_once().await.unwrap();
    assert_eq!(doubt(&copy).await, None);
    assert_eq!(copy.status().await.unwrap().standing.frozen, [1], "never its own again, whatever turns up");
    assert_eq!(sell_one(&copy, 3).await.receipt_number, "42-2-1");
    copy.sync_once().await.unwrap();
    // The original hears of it, and goes on in an incarnation of its own too.
    sell_one(&original, 4).await;
    original.sync_once().await.unwrap();
    let status = original.status().await.unwrap();
    assert_eq!((status.incarnation, status.standing.frozen.as_slice()), (3, &[1][..]));
    original.sync_once().await.unwrap();
    assert_eq!(doubt(&original).await, None);
    sell_one(&original, 5).await;
    original.sync_once().await.unwrap();
    assert_nothing_sold_twice(&server, 4);
}

#[tokio::test]
async fn a_folder_that_runs_twice_on_one_machine_is_found_out_by_the_server() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(willcall_domain::devices::Role::Door));
    let copied = tempfile::tempdir().unwrap();
    drop(ready(folder.path(), &server).await);
    copy_folder(folder.path(), copied.path());
    let (one, other) = (open(folder.path(), &server), open(copied.path(), &server));
    one.sync_once().await.unwrap();
    one.sync_once().await.unwrap();
    other.sync_once().await.unwrap();
    let status = other.status().await.unwrap();
    assert_eq!(status.incarnation, 2, "its token was older than the last two");
    assert_eq!(one.status().await.unwrap().incarnation, 1);
    other.sync_once().await.unwrap();
    assert_eq!(doubt(&other).await, None, "from now on they are two");
}

#[tokio::test]
async fn who_is_suspended_stays_in_doubt_in_the_incarnation_it_has() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(willcall_domain::devices::Role::Till));
    let station = ready(folder.path(), &server).await;
    server.state().suspended = true;
    for _ in 0..3 {
        station.sync_once().await.unwrap();
        let status = station.status().await.unwrap();
        assert_eq!((status.standing.doubt, status.incarnation), (Some(DoubtKind::TakenForCopy), 2));
    }
    assert_eq!(station.sell(cart(1, &[(ADULT, 1)], 2400)).await.unwrap_err().code, Code::InDoubt);
    let code = server.code(PositionId(Uuid::from_u128(5)), 0);
    assert_eq!(scan(&station, &code).await.class, Class::Admitted, "scans go on");
    server.state().suspended = false;
    station.sync_once().await.unwrap();
    assert_eq!(doubt(&station).await, None);
    sell_one(&station, 2).await;
}

#[tokio::test]
async fn a_mark_that_was_deleted_is_doubt_and_one_that_never_was_is_none() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(willcall_domain::devices::Role::Door));
    let station = ready(folder.path(), &server).await;
    station.settle().await;
    station.sync_once().await.unwrap();
    drop(station);
    let mark = std::fs::read_to_string(folder.path().join("mark.json")).unwrap();
    assert!(mark.contains("\"seq\":1") && mark.contains(&server.state().machine), "{mark}");
    std::fs::remove_file(folder.path().join("mark.json")).unwrap();
    let station = open(folder.path(), &server);
    assert_eq!(doubt(&station).await, Some(DoubtKind::MarkMissing));
    station.sync_once().await.unwrap();
    assert_eq!(doubt(&station).await, None);
    drop(station);
    tamper(folder.path(), "UPDATE standing SET marked = 0");
    std::fs::remove_file(folder.path().join("mark.json")).unwrap();
    assert_eq!(doubt(&open(folder.path(), &server)).await, None, "as after the first start of this program");
}

#[tokio::test]
async fn a_server_that_knows_more_than_is_here_is_believed() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(willcall_domain::devices::Role::Till));
    drop(ready(folder.path(), &server).await);
    let saved = tempfile::tempdir().unwrap();
    copy_folder(folder.path(), saved.path());
    let station = open(folder.path(), &server);
    sell_one(&station, 1).await;
    station.sync_once().await.unwrap();
    drop(station);
    // The whole folder is put back, with its marks: only the server can tell.
    let station = open(saved.path(), &server);
    assert_eq!(doubt(&station).await, None);
    station.sync_once().await.unwrap();
    let status = station.status().await.unwrap();
    assert_eq!((status.incarnation, status.standing.frozen.as_slice()), (2, &[1][..]));
    assert!(status.standing.doubt.is_none(), "the second contact of the same round settles it");
    sell_one(&station, 2).await;
    station.sync_once().await.unwrap();
    assert_nothing_sold_twice(&server, 2);
}

#[tokio::test]
async fn a_database_that_is_gone_comes_back_whole_from_backup_and_mirror() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(willcall_domain::devices::Role::Till));
    let station = ready(folder.path(), &server).await;
    server.state().online = false;
    sell_one(&station, 1).await;
    let backup = station.backup(None).await.unwrap();
    assert_eq!((backup.entries, backup.kept.len()), (6, 1));
    let after = sell_one(&station, 2).await;
    drop(station);
    for tail in ["", "-wal", "-shm"] {
        let _may_be_none = std::fs::remove_file(folder.path().join(format!("willcall.db{tail}")));
    }
    let station = open(folder.path(), &server);
    let status = station.status().await.unwrap();
    let report = status.recovered.clone().unwrap();
    assert!(report.contains("was gone") && report.contains("3 journal entries"), "{report}");
    assert_eq!((status.standing.doubt, status.incarnation, status.journal_length), (None, 1, 9));
    assert_eq!(sell_one(&station, 2).await.order_id, after.order_id);
    let next = sell_one(&station, 3).await;
    assert_eq!(next.receipt_number, "42-1-3", "codes that came with a lease are in the backup");
    assert!(station.verify_journal().await.unwrap().ok);
    server.state().online = true;
    station.sync_once().await.unwrap();
    assert_nothing_sold_twice(&server, 3);
}

#[tokio::test]
async fn a_log_of_writes_without_its_database_is_never_replayed_into_another() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(willcall_domain::devices::Role::Till));
    let station = ready(folder.path(), &server).await;
    server.state().online = false;
    station.backup(None).await.unwrap();
    let (first, second) = (sell_one(&station, 1).await, sell_one(&station, 2).await);
    station.settle().await;
    // A clean end folds the log into the database; a crash leaves it.
    let log = std::fs::read(folder.path().join("willcall.db-wal")).unwrap();
    assert!(!log.is_empty());
    drop(station);
    std::fs::remove_file(folder.path().join("willcall.db")).unwrap();
    std::fs::write(folder.path().join("willcall.db-wal"), &log).unwrap();
    let station = open(folder.path(), &server);
    assert!(station.verify_journal().await.unwrap().ok);
    assert_eq!(doubt(&station).await, None, "backup and mirror have all of it");
    assert_eq!(sell_one(&station, 1).await.order_id, first.order_id);
    assert_eq!(sell_one(&station, 2).await.order_id, second.order_id);
    assert!(aside(folder.path(), "corrupt"), "and nothing was thrown away");
}

#[tokio::test]
async fn a_database_deleted_while_it_is_open_is_copied_at_once_and_nothing_is_lost() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(willcall_domain::devices::Role::Till));
    let station = ready(folder.path(), &server).await;
    server.state().online = false;
    sell_one(&station, 1).await;
    for tail in ["", "-wal", "-shm"] {
        std::fs::remove_file(folder.path().join(format!("willcall.db{tail}"))).unwrap();
    }
    let after = sell_one(&station, 2).await;
    station.settle().await;
    drop(station);
    let station = open(folder.path(), &server);
    let status = station.status().await.unwrap();
    assert_eq!((status.standing.doubt, status.journal_length), (None, 9), "{:?}", status.recovered);
    assert_eq!(sell_one(&station, 2).await.order_id, after.order_id);
}

#[tokio::test]
async fn backups_take_turns_and_one_put_back_keeps_every_newer_fact() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(willcall_domain::devices::Role::Till));
    let station = ready(folder.path(), &server).await;
    sell_one(&station, 1).await;
    let change = willcall_station::copies::places::PlacesChange { keep: Some(2), ..Default::default() };
    station.change_places(change).unwrap();
    let mut last = station.backup(None).await.unwrap();
    for _ in 0..3 {
        server.clock.advance(std::time::Duration::from_secs(60));
        last = station.backup(None).await.unwrap();
    }
    assert_eq!(last.kept.len(), 2, "the oldest went");
    let own = folder.path().join("mine.db");
    let own = station.backup(Some(own)).await.unwrap();
    assert_eq!(own.kept.len(), 0);
    assert_eq!(station.backup(Some(own.file.clone())).await.unwrap_err().code, Code::Conflict, "never over a file");
    let newer = sell_one(&station, 2).await;
    drop(station);
    let config = config(folder.path());
    let (host, transport) = (host(folder.path(), &server), server.clone());
    let nonsense = folder.path().join("nonsense.db");
    std::fs::write(&nonsense, [7; 8192]).unwrap();
    let refused = put_back::restore(config.clone(), host.clone(), transport.clone(), nonsense).await.unwrap_err();
    assert_eq!(refused.fields[0].field, "file");
    assert!(!aside(folder.path(), "replaced"), "nothing was changed");
    let report = put_back::restore(config, host, transport, own.file).await.unwrap();
    assert_eq!((report.entries, report.standing.doubt, report.incarnation), (9, None, 1), "{}", report.report);
    assert!(aside(folder.path(), "replaced"), "what was there is set aside");
    let station = open(folder.path(), &server);
    assert_eq!(sell_one(&station, 2).await.order_id, newer.order_id);
    assert!(station.verify_journal().await.unwrap().ok);
}

fn aside(folder: &Path, word: &str) -> bool {
    let name = |e: std::fs::DirEntry| e.file_name().into_string().unwrap();
    std::fs::read_dir(folder).unwrap().any(|e| name(e.unwrap()).starts_with(&format!("willcall.db.{word}-")))
}

#[tokio::test]
async fn a_database_made_anew_keeps_what_is_unsent_and_gets_the_rest_from_the_server() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(willcall_domain::devices::Role::Till));
    let station = ready(folder.path(), &server).await;
    sell_one(&station, 1).await;
    station.sync_once().await.unwrap();
    server.state().online = false;
    let unsent = sell_one(&station, 2).await;
    drop(station);
    tamper(folder.path(), "UPDATE item SET data = replace(data, 'Adult', 'Wrong')");
    server.state().online = true;
    let report = put_back::rebuild(config(folder.path()), host(folder.path(), &server), server.clone()).await.unwrap();
    assert_eq!((report.entries, report.waiting, report.standing.doubt), (9, 0, None), "{report:?}");
    assert!(report.synced.unwrap().snapshot);
    let station = open(folder.path(), &server);
    assert_eq!(sell_one(&station, 2).await.order_id, unsent.order_id);
    assert_eq!(station.till().await.unwrap().events[0].products[0].name, "Adult");
    let next = sell_one(&station, 3).await;
    assert_eq!(next.receipt_number, "42-1-3", "the codes that came with the lease are there");
    assert!(station.verify_journal().await.unwrap().ok);
    station.sync_once().await.unwrap();
    assert_nothing_sold_twice(&server, 3);
}

#[tokio::test]
async fn a_second_medium_gets_a_copy_of_the_journal_and_catches_up_when_it_was_away() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(willcall_domain::devices::Role::Till));
    let stick = tempfile::tempdir().unwrap();
    let station = ready(folder.path(), &server).await;
    let change = willcall_station::copies::places::PlacesChange {
        mirror: Some(stick.path().join("willcall")),
        ..Default::default()
    };
    station.change_places(change).unwrap();
    server.state().online = false;
    sell_one(&station, 1).await;
    station.settle().await;
    let away = stick.path().join("away");
    std::fs::rename(stick.path().join("willcall"), &away).unwrap();
    std::fs::write(stick.path().join("willcall"), "no folder").unwrap();
    sell_one(&station, 2).await;
    station.settle().await;
    std::fs::remove_file(stick.path().join("willcall")).unwrap();
    std::fs::rename(&away, stick.path().join("willcall")).unwrap();
    drop(station);
    let station = open(folder.path(), &server);
    station.settle().await;
    drop(station);
    // The laptop's disk is gone but for its keys: the stick has all that was never sent.
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let (path, name) = (entry.as_ref().unwrap().path(), entry.unwrap().file_name().into_string().unwrap());
        if path.is_dir() {
            std::fs::remove_dir_all(path).unwrap();
        } else if name.starts_with("willcall.db") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let station = open(folder.path(), &server);
    let status = station.status().await.unwrap();
    assert!(status.waiting >= 6, "two sales of three entries: {:?}", status.recovered);
    server.state().online = true;
    station.sync_once().await.unwrap();
    assert_nothing_sold_twice(&server, 2);
}
