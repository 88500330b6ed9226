//! Two gates, cut off from each other, admit the same ticket: nobody could know, and afterwards everybody does.

use super::enter;
use std::sync::Arc;
use willcall_domain::{
    checkin::wire::{Class, UndoRequest},
    clock::{Clock, ManualClock, SystemClock, UtcMillis},
    devices::{Right, Role},
    problem::Code,
};
use willcall_server::devices;
use willcall_tests::house::{House, Plan, open_station};

#[tokio::test(flavor = "multi_thread")]
async fn two_entries_that_did_not_know_each_other_become_one_case_that_names_both() {
    let mut house = House::build(Plan::default()).await.unwrap();
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bought = house.buy().await.unwrap();
    house.number().await.unwrap();
    let a = house.station("Gate A", Role::Door, folders.0.path()).await.unwrap();
    let b = house.station("Gate B", Role::Door, folders.1.path()).await.unwrap();
    house.stop().await;
    assert_eq!(enter(&a, house.list, &bought.code).await.class, Class::Admitted);
    assert_eq!(enter(&b, house.list, &bought.code).await.class, Class::Admitted);
    house.start().await.unwrap();
    a.sync_once().await.unwrap();
    b.sync_once().await.unwrap();
    let detail: serde_json::Value =
        sqlx::query_scalar("SELECT detail FROM station_case WHERE kind = 'double_admission'")
            .fetch_one(&mut house.admin().await.unwrap())
            .await
            .unwrap();
    let mut gates: Vec<&str> = detail["scans"].as_array().unwrap().iter().filter_map(|s| s["gate"].as_str()).collect();
    // They were milliseconds apart: which was first is no matter.
    gates.sort_unstable();
    assert_eq!(gates, ["Gate A", "Gate B"]);
    assert_eq!(detail["certainty"], "certain", "nobody left in between, whoever was first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_whose_clock_is_a_day_ahead_refuses_nothing_valid_and_its_double_is_listed_in_order() {
    let mut house = House::build(Plan::default()).await.unwrap();
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bought = house.buy().await.unwrap();
    house.number().await.unwrap();
    let clock = ManualClock::at(UtcMillis(SystemClock::new().now().0 + 86_400_000));
    let ahead = open_station(folders.0.path(), Arc::new(clock)).unwrap();
    ahead.enrol(&house.url(), &house.invite("Gate ahead", Role::Door).await.unwrap()).await.unwrap();
    ahead.sync_once().await.unwrap();
    assert!(ahead.status().await.unwrap().clock_far_off);
    let right = house.station("Gate right", Role::Door, folders.1.path()).await.unwrap();
    house.stop().await;
    assert_eq!(enter(&ahead, house.list, &bought.code).await.class, Class::Admitted);
    assert_eq!(enter(&right, house.list, &bought.code).await.class, Class::Admitted);
    house.start().await.unwrap();
    right.sync_once().await.unwrap();
    ahead.sync_once().await.unwrap();
    let detail: serde_json::Value =
        sqlx::query_scalar("SELECT detail FROM station_case WHERE kind = 'double_admission'")
            .fetch_one(&mut house.admin().await.unwrap())
            .await
            .unwrap();
    let scans = detail["scans"].as_array().unwrap();
    let apart = scans[0]["at"].as_i64().unwrap() - scans[1]["at"].as_i64().unwrap();
    assert!(apart.abs() < 3_600_000, "both stand under the server's time: {scans:?}");
    let skew = "SELECT count(*) FROM station_case WHERE kind = 'clock_skew' AND closed_at IS NULL";
    assert_eq!(house.number_of(skew).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_undone_at_its_gate_lets_the_ticket_in_at_another_and_counts_nowhere() {
    let house = House::build(Plan::default()).await.unwrap();
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bought = house.buy().await.unwrap();
    house.number().await.unwrap();
    let a = house.station("Gate A", Role::Door, folders.0.path()).await.unwrap();
    let b = house.station("Gate B", Role::Door, folders.1.path()).await.unwrap();
    let scanned = enter(&a, house.list, &bought.code).await;
    let undo = UndoRequest { scan_id: scanned.scan_id, reason: "The wrong ticket".to_owned() };
    assert_eq!(a.undo(undo.clone()).await.unwrap_err().code, Code::Forbidden);
    let device = a.status().await.unwrap().enrolment.unwrap().device_id;
    let mut tx = house.app().unwrap().begin(house.organizer).await.unwrap();
    devices::edit::set_rights(&mut tx, device, &[Right::Undo]).await.unwrap();
    tx.commit().await.unwrap();
    house.number().await.unwrap();
    a.sync_once().await.unwrap();
    house.number().await.unwrap();
    b.sync_once().await.unwrap();
    assert_eq!(enter(&b, house.list, &bought.code).await.class, Class::Used);
    assert!(a.undo(undo).await.unwrap().news);
    a.sync_once().await.unwrap();
    house.number().await.unwrap();
    b.sync_once().await.unwrap();
    assert_eq!(b.door().await.unwrap().events[0].lists[0].inside, 0);
    assert_eq!(enter(&b, house.list, &bought.code).await.class, Class::Admitted);
    b.sync_once().await.unwrap();
    house.number().await.unwrap();
    a.sync_once().await.unwrap();
    assert_eq!(a.door().await.unwrap().events[0].lists[0].inside, 1);
    assert_eq!(house.number_of("SELECT count(*) FROM station_case").await.unwrap(), 0, "gate B knew of both");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_entry_that_knew_the_first_is_no_double() {
    let house = House::build(Plan::default()).await.unwrap();
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bought = house.buy().await.unwrap();
    house.number().await.unwrap();
    let a = house.station("Gate A", Role::Door, folders.0.path()).await.unwrap();
    let b = house.station("Gate B", Role::Door, folders.1.path()).await.unwrap();
    assert_eq!(enter(&a, house.list, &bought.code).await.class, Class::Admitted);
    a.sync_once().await.unwrap();
    house.number().await.unwrap();
    b.sync_once().await.unwrap();
    let verdict = enter(&b, house.list, &bought.code).await;
    assert_eq!(verdict.class, Class::Used);
    assert_eq!(verdict.first_use.unwrap().gate, "Gate A");
    b.sync_once().await.unwrap();
    assert_eq!(house.number_of("SELECT count(*) FROM station_case").await.unwrap(), 0);
}
