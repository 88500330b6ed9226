//! Units between tills through the command line: what a script and a person at a prompt see, and what a till that doubts
//! itself does not do.

use crate::support::*;
use serde_json::Value;
use std::{path::Path, process::Command, sync::Arc};
use willcall_domain::{
    devices::wire::Role,
    id::{DeviceId, QuotaId, RequestId},
    leases::{
        HandOverRow, LeaseRow, LeaseState,
        ledger::HandOverState,
        view::{GiveRequest, OfferStanding, ReturnRequest},
    },
    problem::Code,
    sync::{Fact, Row},
    till::wire::{VoidPaper, VoidRequest},
};
use willcall_station::Station;

fn run(folder: &Path, args: &[&str]) -> (i32, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_willcall-station"));
    command.env("WILLCALL_MACHINE_ID", MACHINE).arg("--data").arg(folder).arg("--key-in-file").args(args);
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), serde_json::from_str(&text).unwrap_or_else(|e| panic!("{text:?}: {e}")))
}

type Till = (tempfile::TempDir, Arc<FakeServer>, Station);

/// Two tills of one house, 42 and 52, each with ten units of two quotas.
async fn two() -> (Till, Till) {
    let (first, second) = (FakeServer::new(Role::Till), FakeServer::numbering(Role::Till, 51));
    // The units of the second are others of the same house.
    second.state().lent_before = 100;
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let a = ready(folders.0.path(), &first).await;
    let b = ready(folders.1.path(), &second).await;
    ((folders.0, first, a), (folders.1, second, b))
}

async fn free(station: &Station) -> u32 {
    let view = station.leases().await.unwrap();
    view.quotas.iter().find(|q| q.quota_id == QuotaId(1)).unwrap().free
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_hands_units_over_and_another_takes_them_in() {
    let ((at_a, _, a), (at_b, _, b)) = two().await;
    drop((a, b));
    let (a, b) = (at_a.path(), at_b.path());
    let file = a.join("stick.json");
    let path = file.to_str().unwrap();
    let (code, list) = run(a, &["lease"]);
    assert_eq!((code, list["station"].as_i64(), list["quotas"][0]["free"].as_i64()), (0, Some(42), Some(10)));
    assert_eq!(list["needs_link"], false);
    let (code, given) = run(a, &["lease", "give", "--to", "52", "--units", "3", "1", path]);
    assert_eq!((code, given["hand_overs"][0]["state"].as_str()), (0, Some("in_flight")), "{given}");
    let id = given["hand_overs"][0]["hand_over_id"].as_str().unwrap().to_owned();
    let (code, again) = run(a, &["lease", "give", "--to", "52", "--units", "3", "1", path]);
    assert!(code == 2 && again["detail"].as_str().unwrap().contains("is there already"), "{again}");
    let (code, many) = run(a, &["lease", "give", "--to", "52", "--units", "30", "1", "other.json"]);
    assert!(code == 2 && many["detail"].as_str().unwrap().contains("7 can be handed over"), "{many}");
    let (code, own) = run(a, &["lease", "give", "--to", "42", "--units", "1", "1", "other.json"]);
    assert!(code == 2 && own["detail"].as_str().unwrap().contains("own number"), "{own}");
    let (code, none) = run(a, &["lease", "give", "--to", "52", "--units", "1", "Balcony", "other.json"]);
    assert!(code == 2 && none["detail"].as_str().unwrap().contains("nothing is here"), "{none}");
    let (_, list) = run(a, &["lease", "list"]);
    assert_eq!((list["quotas"][0]["free"].as_i64(), list["quotas"][0]["on_the_way"].as_i64()), (Some(7), Some(3)));
    let (code, look) = run(b, &["lease", "look", path]);
    assert_eq!((code, look["standing"].as_str(), look["from"].as_i64()), (0, Some("takeable"), Some(42)), "{look}");
    assert_eq!(run(a, &["lease", "look", path]).1["standing"], "own");
    let (code, taken) = run(b, &["lease", "take", path]);
    assert_eq!((code, taken["quotas"][0]["free"].as_i64()), (0, Some(13)), "{taken}");
    let (code, twice) = run(b, &["lease", "take", path]);
    assert!(code == 2 && twice["detail"].as_str().unwrap().contains("taken in here before"), "{twice}");
    let (code, no) = run(b, &["lease", "decline", path]);
    assert_eq!(code, 2, "{no}");
    let second = a.join("second.json");
    let (code, written) = run(a, &["lease", "again", &id, "--file", second.to_str().unwrap()]);
    assert_eq!((code, written["hand_overs"][0]["units"].as_i64()), (0, Some(3)), "{written}");
    let (code, sold) = run(b, &["sell", "Adult:13", "--pay", "cash:312.00"]);
    assert_eq!((code, sold["positions"].as_array().unwrap().len()), (0, 13), "{sold}");
    let (code, spent) = run(b, &["sell", "Adult", "--pay", "cash:24.00"]);
    assert_eq!((code, spent["code"].as_str()), (2, Some("lease-spent")));
    for folder in [a, b] {
        let (code, report) = run(folder, &["journal", "verify"]);
        assert_eq!((code, report["ok"].as_bool()), (0, Some(true)), "{report}");
    }
    let (code, back) = run(a, &["lease", "return", "--units", "2", "1"]);
    assert_eq!((code, back["units"].as_i64()), (0, Some(2)), "{back}");
    let (code, over) = run(a, &["lease", "return", "--units", "6", "1"]);
    assert!(code == 2 && over["detail"].as_str().unwrap().contains("5 units"), "{over}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_is_undone_at_a_prompt() {
    let server = FakeServer::new(Role::Till);
    let folder = tempfile::tempdir().unwrap();
    drop(ready(folder.path(), &server).await);
    let folder = folder.path();
    let (_, sold) = run(folder, &["sell", "Adult:2", "Mug", "--pay", "cash:60.00"]);
    let code = sold["order_code"].as_str().unwrap();
    let (exit, unsaid) = run(folder, &["void", code]);
    assert_eq!((exit, unsaid["code"].as_str()), (2, Some("invalid")), "a reason is asked for: {unsaid}");
    let (exit, part) = run(folder, &["void", &code.to_lowercase(), "--position", "1", "--reason", "Ill"]);
    assert_eq!((exit, part["voids"][0]["total"]["minor"].as_i64()), (0, Some(-2400)), "{part}");
    let (exit, beyond) = run(folder, &["void", code, "--position", "4", "--reason", "Ill"]);
    assert!(exit == 2 && beyond["fields"][0]["detail"].as_str().unwrap().contains("from 1 to 3"), "{beyond}");
    let both = ["void", code, "--reason", "Ill", "--paper-back", "Ada", "--paper-out"];
    assert_eq!(run(folder, &both).0, 2, "one or the other");
    let (exit, rest) = run(folder, &["void", code, "--reason", "Ill", "--paper-back", "Ada"]);
    assert_eq!((exit, rest["voids"][1]["total"]["minor"].as_i64()), (0, Some(-3250)), "{rest}");
    assert_eq!(rest["voids"][1]["paper"], "taken_back");
    let (exit, done) = run(folder, &["void", code, "--reason", "Ill"]);
    assert!(exit == 2 && done["detail"].as_str().unwrap().contains("second time"), "{done}");
    assert_eq!(run(folder, &["void", "NONE", "--reason", "Ill"]).1["code"], "not-found");
    let (exit, report) = run(folder, &["journal", "verify"]);
    assert_eq!((exit, report["ok"].as_bool()), (0, Some(true)), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_till_without_the_servers_word_on_its_key_hands_nothing_over() {
    let ((at_a, server, a), _b) = two().await;
    let give = GiveRequest { quota_id: QuotaId(1), units: 1, to: DeviceId(52) };
    server.state().online = false;
    a.change_key().await.unwrap();
    assert!(a.leases().await.unwrap().needs_link);
    let refused = a.give_units(give, at_a.path().join("x.json")).await.unwrap_err();
    assert!(refused.code == Code::Conflict && refused.detail.contains("Give it a link"), "{refused}");
    assert_eq!(std::fs::read_dir(at_a.path()).unwrap().flatten().filter(|f| f.path().ends_with("x.json")).count(), 0);
    server.state().online = true;
    // The change is sent with the first round and certified with the next contact.
    a.sync_once().await.unwrap();
    a.sync_once().await.unwrap();
    a.give_units(give, at_a.path().join("x.json")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_written_moves_nothing_and_a_full_list_of_leases_gives_in_parts() {
    let ((at_a, server, a), (_at_b, _, b)) = two().await;
    let give = |units| GiveRequest { quota_id: QuotaId(1), units, to: DeviceId(52) };
    let refused = a.give_units(give(2), at_a.path().join("no such folder").join("x")).await.unwrap_err();
    assert_eq!((refused.fields[0].field.as_str(), free(&a).await), ("file", 10));
    // Most are sold, so more is lent: two leases.
    a.sell(cart(1, &[(ADULT, 7)], 16_800)).await.unwrap();
    a.sync_once().await.unwrap();
    let had = free(&a).await;
    assert!(had > 3, "{had}");
    let path = at_a.path().join("parts.json");
    let given = a.give_units(give(had), path.clone()).await.unwrap();
    assert_eq!(given.hand_overs.len(), 2, "a part each");
    assert_eq!((free(&a).await, given.hand_overs.iter().map(|h| h.units).sum::<u32>()), (0, had));
    let offer = b.look_into(path.clone()).await.unwrap();
    assert_eq!((offer.standing, offer.parts.len()), (OfferStanding::Takeable, 2));
    b.take_units(path).await.unwrap();
    assert_eq!(free(&b).await, 10 + had);
    let back = b.return_units(ReturnRequest { quota_id: QuotaId(1), units: None }).await.unwrap();
    assert_eq!((back.units, free(&b).await), (10 + had, 0));
    assert!(b.verify_journal().await.unwrap().ok && a.verify_journal().await.unwrap().ok);
    drop(server);
}

fn declined(given: &willcall_domain::leases::view::HandOverView, state: HandOverState, version: i64) -> Row {
    Row::HandOver(HandOverRow {
        hand_over_id: given.hand_over_id,
        lease_id: willcall_domain::id::LeaseId(uuid::Uuid::nil()),
        event_id: EVENT,
        device_id: given.from,
        state,
        version,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_declined_stays_the_tills_own_whatever_is_heard_later_and_what_was_given_up_does_not_come_back() {
    let ((at_a, server, a), _b) = two().await;
    let give = GiveRequest { quota_id: QuotaId(1), units: 2, to: DeviceId(52) };
    let first = a.give_units(give, at_a.path().join("1")).await.unwrap().hand_overs.remove(0);
    let second = a.give_units(give, at_a.path().join("2")).await.unwrap().hand_overs.remove(0);
    assert_eq!(free(&a).await, 6);
    for rows in [
        vec![declined(&first, HandOverState::Declined, 2), declined(&second, HandOverState::Lost, 2)],
        vec![declined(&first, HandOverState::InFlight, 3), declined(&second, HandOverState::Lost, 3)],
    ] {
        server.state().head.extend(rows);
        a.sync_once().await.unwrap();
        assert_eq!(free(&a).await, 8);
    }
    assert_eq!(a.sell(cart(2, &[(ADULT, 8)], 19_200)).await.unwrap().positions.len(), 8, "with its tickets");
    assert!(a.write_hand_over(vec![first.hand_over_id], at_a.path().join("3")).await.is_err());
    assert!(a.verify_journal().await.unwrap().ok);
}

/// A station put back to what it was before `lost` happened; the copies of its journal are gone too.
async fn put_back<F: Future<Output = ()>>(
    folder: &Path,
    server: &Arc<FakeServer>,
    station: Station,
    lost: impl FnOnce(Station) -> F,
) -> Station {
    let backup = folder.join("kept.db");
    station.backup(Some(backup.clone())).await.unwrap();
    lost(station.clone()).await;
    station.settle().await;
    drop(station);
    std::fs::remove_dir_all(folder.join("mirror")).unwrap();
    std::fs::copy(&backup, folder.join("willcall.db")).unwrap();
    for left in ["willcall.db-wal", "willcall.db-shm"] {
        let _there_was_none = std::fs::remove_file(folder.join(left));
    }
    open(folder, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_of_a_time_of_which_entries_are_lost_is_not_undone() {
    let server = FakeServer::new(Role::Till);
    let folder = tempfile::tempdir().unwrap();
    let station = ready(folder.path(), &server).await;
    let sale = station.sell(cart(1, &[(ADULT, 1)], 2_400)).await.unwrap();
    let ask = |n: u128| VoidRequest {
        request_id: RequestId(uuid::Uuid::from_u128(n)),
        order_id: sale.order_id,
        positions: vec![],
        reason: "Ill".into(),
        paper: VoidPaper::NotPrinted,
    };
    let undo = ask(7);
    let station = put_back(folder.path(), &server, station, |s| async move { _ = s.void(undo).await.unwrap() }).await;
    let doubting = station.void(ask(8)).await.unwrap_err();
    assert_eq!(doubting.code, Code::InDoubt, "its money may have gone back already: {doubting}");
    station.sync_once().await.unwrap();
    let refused = station.void(ask(9)).await.unwrap_err();
    assert!(refused.code == Code::Conflict && refused.detail.contains("journal is lost"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_that_lost_a_part_of_its_journal_takes_nothing_that_it_may_have_taken_before() {
    let ((at_a, of_a, a), (at_b, server, b)) = two().await;
    let path = at_a.path().join("x");
    a.give_units(GiveRequest { quota_id: QuotaId(1), units: 2, to: DeviceId(52) }, path.clone()).await.unwrap();
    let b = put_back(at_b.path(), &server, b, |b| {
        let path = path.clone();
        async move { _ = b.take_units(path).await.unwrap() }
    })
    .await;
    assert_eq!(b.look_into(path.clone()).await.unwrap().standing, OfferStanding::InDoubt);
    assert_eq!(b.take_units(path.clone()).await.unwrap_err().code, Code::InDoubt);
    b.sync_once().await.unwrap();
    let standing = b.look_into(path.clone()).await.unwrap().standing;
    assert_eq!(standing, OfferStanding::MayBeTaken, "its own entry of it may be among the lost ones");
    assert!(b.take_units(path.clone()).await.is_err() && b.decline_units(path).await.is_err());
    // What is given from now on cannot have been taken before.
    for house in [&of_a, &server] {
        house.clock.advance(std::time::Duration::from_secs(3600));
    }
    let later = at_a.path().join("y");
    a.sync_once().await.unwrap();
    a.give_units(GiveRequest { quota_id: QuotaId(1), units: 2, to: DeviceId(52) }, later.clone()).await.unwrap();
    assert_eq!(b.look_into(later.clone()).await.unwrap().standing, OfferStanding::Takeable);
    let had = free(&b).await;
    b.take_units(later).await.unwrap();
    assert_eq!(free(&b).await, had + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_that_ends_writes_back_all_it_holds_before_its_last_entry() {
    let server = FakeServer::new(Role::Till);
    let folder = tempfile::tempdir().unwrap();
    let station = ready(folder.path(), &server).await;
    station.sell(cart(1, &[(ADULT, 1)], 2_400)).await.unwrap();
    server.state().revoked = true;
    assert!(station.sync_once().await.is_err());
    server.state().takes_from_revoked = true;
    station.enrol("https://tickets.example", "good").await.unwrap();
    let kinds: Vec<Fact> = {
        let answered = station.sync_once().await.unwrap();
        assert!(answered.problems.is_empty(), "{answered:?}");
        let state = server.state();
        state.journal[&(DeviceId(42), 1)].iter().filter_map(willcall_domain::sync::Entry::fact).collect()
    };
    let returned: u32 =
        kinds.iter().map(|fact| if let Fact::LeaseReturned { units, .. } = fact { *units } else { 0 }).sum();
    assert_eq!(returned, 9 + 10, "what was not sold, of both quotas");
    assert!(matches!(kinds.last(), Some(Fact::Closed { .. })), "{:?}", kinds.last());
    assert!(station.verify_journal().await.unwrap().ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_lease_the_server_has_closed_nothing_is_given_or_returned() {
    let ((at_a, server, a), _b) = two().await;
    let lease = a.leases().await.unwrap().quotas[0].leases[0].lease_id;
    let row = LeaseRow {
        lease_id: lease,
        quota_id: QuotaId(1),
        event_id: EVENT,
        device_id: DeviceId(42),
        state: LeaseState::Stolen,
        keep: None,
        version: 9,
    };
    server.state().units_left = 0;
    server.state().head.push(Row::Lease(row));
    a.sync_once().await.unwrap();
    let give = GiveRequest { quota_id: QuotaId(1), units: 1, to: DeviceId(52) };
    assert_eq!(a.give_units(give, at_a.path().join("x")).await.unwrap_err().code, Code::LeaseSpent);
    let back = a.return_units(ReturnRequest { quota_id: QuotaId(1), units: Some(1) }).await.unwrap_err();
    assert_eq!(back.code, Code::LeaseSpent);
}
