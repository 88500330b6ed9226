//! Rights of one till: a lost answer gives nothing twice, a till that doubts itself uses none, and what was taken is in
//! the journal and nowhere else.

use crate::support::*;
use std::path::Path;
use willcall_domain::{
    devices::wire::Role,
    leases::{LeaseState, RightRow, right_view::TakeRightRequest},
    problem::{Code, Problem},
    sync::{Entry, Fact, Row},
    till::wire::{SellRequest, Tender},
};
use willcall_station::Station;

async fn take(station: &Station, code: &str) -> Result<String, Problem> {
    let request = TakeRightRequest { code: code.to_owned(), what: None };
    station.take_right(request).await.map(|right| right.code)
}

async fn held(station: &Station) -> Vec<String> {
    station.rights().await.unwrap().rights.into_iter().map(|right| right.code).collect()
}

/// One adult at half price.
fn half(request: u128, code: &str) -> SellRequest {
    let tender = Tender::Cash { given_minor: 1200 };
    SellRequest { vouchers: vec![code.to_owned()], tender, ..cart(request, &[(ADULT, 1)], 0) }
}

fn taken(server: &FakeServer) -> usize {
    let state = server.state();
    state.journal.values().flatten().filter_map(Entry::fact).filter(|f| matches!(f, Fact::RightTaken { .. })).count()
}

async fn till(folder: &Path) -> (Station, std::sync::Arc<FakeServer>) {
    let server = FakeServer::new(Role::Till);
    (ready(folder, &server).await, server)
}

#[tokio::test]
async fn a_lost_answer_gives_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (station, server) = till(folder.path()).await;
    server.state().lose_next_right = true;
    assert_eq!(take(&station, "spring").await.unwrap_err().code, Code::NeedsLink);
    assert!(held(&station).await.is_empty());
    assert_eq!(take(&station, " Spring").await.unwrap(), "SPRING", "asked again under the same id");
    server.state().lose_next_right = true;
    assert_eq!(take(&station, "SUMMER").await.unwrap_err().code, Code::NeedsLink);
    station.sync_once().await.unwrap();
    station.sync_once().await.unwrap();
    assert_eq!(held(&station).await, ["SUMMER", "SPRING"], "the contact repeats what was not taken");
    assert_eq!(taken(&server), 2);
    let report = station.verify_journal().await.unwrap();
    assert!(report.ok, "{report:?}");
}

#[tokio::test]
async fn a_voucher_is_spent_once_also_where_its_right_is_known_of_before_the_word_that_it_was_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let (station, server) = till(folder.path()).await;
    take(&station, "ONE").await.unwrap();
    take(&station, "TWO").await.unwrap();
    let double = SellRequest { vouchers: vec!["one".into(), "ONE".into()], ..half(1, "one") };
    assert_eq!(station.sell(double).await.unwrap_err().code, Code::Invalid, "single-use");
    let sold = station.sell(half(2, "one")).await.unwrap();
    assert_eq!(sold.total.minor, 1200);
    server.state().online = false;
    assert_eq!(station.sell(half(3, "one")).await.unwrap_err().code, Code::NeedsLink);
    assert_eq!(station.sell(half(2, "one")).await.unwrap().order_id, sold.order_id, "the same request, offline too");
    server.state().online = true;
    // A person gave this till up while it was cut off.
    let body = server.state().held_rights["TWO"].clone();
    let row = RightRow {
        right_id: body.right_id,
        event_id: body.event_id,
        device_id: body.station,
        subject: body.subject,
        state: LeaseState::Lost,
        recalled: false,
        version: 9,
    };
    server.state().head.push(Row::Right(row));
    station.sync_once().await.unwrap();
    assert!(held(&station).await.is_empty());
    server.state().online = false;
    assert_eq!(station.sell(half(4, "two")).await.unwrap_err().code, Code::NeedsLink);
}

#[tokio::test]
async fn a_recalled_right_goes_back_with_an_entry_before_anything_else_can_be_done_by_it() {
    let folder = tempfile::tempdir().unwrap();
    let (station, server) = till(folder.path()).await;
    take(&station, "ONE").await.unwrap();
    let body = server.state().held_rights["ONE"].clone();
    let row = RightRow {
        right_id: body.right_id,
        event_id: body.event_id,
        device_id: body.station,
        subject: body.subject,
        state: LeaseState::Open,
        recalled: true,
        version: 3,
    };
    server.state().head.push(Row::Right(row));
    station.sync_once().await.unwrap();
    station.sync_once().await.unwrap();
    assert!(held(&station).await.is_empty());
    let released = |fact: &Fact| matches!(fact, Fact::RightReleased { right_id, .. } if *right_id == body.right_id);
    assert_eq!(server.state().journal.values().flatten().filter_map(Entry::fact).filter(|f| released(f)).count(), 1);
    let report = station.verify_journal().await.unwrap();
    assert!(report.ok, "{report:?}");
}

/// The database is put back to before the voucher was spent: the till must not spend it again.
#[tokio::test]
async fn a_till_that_was_put_back_uses_no_right_until_all_it_did_is_here_again() {
    let folder = tempfile::tempdir().unwrap();
    let (station, server) = till(folder.path()).await;
    take(&station, "ONE").await.unwrap();
    station.sync_once().await.unwrap();
    drop(station);
    let saved = std::fs::read(folder.path().join("willcall.db")).unwrap();
    let station = open(folder.path(), &server);
    station.sell(half(1, "ONE")).await.unwrap();
    drop(station);
    for tail in ["-wal", "-shm"] {
        let _may_be_none = std::fs::remove_file(folder.path().join(format!("willcall.db{tail}")));
    }
    std::fs::write(folder.path().join("willcall.db"), &saved).unwrap();
    std::fs::remove_dir_all(folder.path().join("mirror")).unwrap();
    server.state().online = false;
    let station = open(folder.path(), &server);
    assert_eq!(station.sell(half(2, "ONE")).await.unwrap_err().code, Code::InDoubt);
    assert_eq!(take(&station, "ONE").await.unwrap_err().code, Code::InDoubt);
    assert!(held(&station).await.is_empty(), "frozen");
    server.state().online = true;
    // The server never heard of the sale: what was lost stays lost, and the right frozen.
    station.sync_once().await.unwrap();
    assert!(held(&station).await.is_empty(), "it may have been spent in what is lost");
    assert_eq!(
        station.sell(half(3, "ONE")).await.unwrap_err().code,
        Code::Conflict,
        "the server does not give it again"
    );
}
