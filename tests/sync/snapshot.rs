//! Snapshots as they come over bad lines and from earlier days: whole or not at all, and never older over newer.

use super::enter;
use std::{io::Read as _, sync::Arc};
use willcall_domain::{
    catalog::ItemRow,
    checkin::wire::Class,
    devices::Role,
    id::HistoryId,
    sync::{Change, ChangesAnswer, Row, change::Gone},
};
use willcall_station::Station;
use willcall_tests::{
    crowd,
    house::{House, Plan, open_station_over},
    meddler::Meddler,
    proxy::{Fault, Proxy, Upstream},
};

fn text(packed: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(packed).read_to_string(&mut text).unwrap();
    text
}

async fn product(station: &Station, house: &House) -> String {
    let (_, items) = station.catalog().await.unwrap();
    items.into_iter().find(|item| item.item_id == house.adult).unwrap().name
}

async fn rename(house: &House, name: &'static str) {
    let mut tx = house.app().unwrap().begin(house.organizer).await.unwrap();
    sqlx::query("UPDATE item SET name = $3, version = version + 1 WHERE organizer_id = $1 AND item_id = $2")
        .bind(house.organizer.0)
        .bind(house.adult.0)
        .bind(name)
        .execute(tx.conn())
        .await
        .unwrap();
    let subject = willcall_server::sync::Subject::Item(house.adult, house.event);
    willcall_server::sync::note(&mut tx, subject).await.unwrap();
    tx.commit().await.unwrap();
    house.number().await.unwrap();
}

/// A station over a line that can be meddled with, enrolled and not synced.
async fn enrolled(house: &House, name: &str, folder: &std::path::Path) -> (Station, Arc<Meddler>) {
    let line = Meddler::new().unwrap();
    let station = open_station_over(folder, line.clone()).unwrap();
    let token = house.invite(name, Role::Door).await.unwrap();
    station.enrol(&house.url(), &token).await.unwrap();
    (station, line)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_one_instant_sorted_and_says_how_many_rows_it_has() {
    let house = House::build(Plan { places: 5_000, ..Plan::default() }).await.unwrap();
    crowd::fill(&house, 3_000).await.unwrap();
    house.number().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (door, line) = enrolled(&house, "Gate A", folder.path()).await;
    door.sync_once().await.unwrap();
    let text = text(&line.last_snapshot());
    let lines: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines[0]["events"], serde_json::json!([house.event]));
    assert_eq!(lines.last().unwrap()["rows"], lines.len() - 2);
    let ids: Vec<&str> =
        lines.iter().filter(|l| l["row"] == "position").filter_map(|l| l["data"]["position_id"].as_str()).collect();
    assert!(ids.len() == 3_000 && ids.is_sorted());
    assert!(lines.iter().all(|l| l["row"] != "quota"), "what is left to sell is nothing to a door");
    assert!(line.last_snapshot().len() < 3_000 * 200, "{} bytes", line.last_snapshot().len());
    assert_eq!(door.status().await.unwrap().tickets, 3_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_cut_in_half_or_is_not_the_servers_is_refused_counted_and_seen() {
    let house = House::build(Plan { places: 5_000, ..Plan::default() }).await.unwrap();
    let positions = crowd::fill(&house, 2_000).await.unwrap();
    let codes = crowd::codes(&house, positions).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (door, line) = enrolled(&house, "Gate A", folder.path()).await;
    line.cut_snapshots(20_000);
    let report = door.sync_once().await.unwrap();
    assert_eq!((report.snapshot, report.problems.len()), (false, 1), "{report:?}");
    for bytes in [&b"<!doctype html><title>Welcome</title>"[..], &[0x1f, 0x8b, 7, 7, 7], b"{}\n{}\n"] {
        line.next_snapshot(bytes.to_vec());
        assert_eq!(door.sync_once().await.unwrap().problems.len(), 1);
    }
    let status = door.status().await.unwrap();
    assert_eq!((status.tickets, door.door().await.unwrap().events.len()), (0, 0), "nothing of it is there");
    assert_eq!(status.link.refused, 4);
    assert!(!status.link.detail.is_empty() && !status.link.connected, "{:?}", status.link);
    line.be_honest();
    assert!(door.sync_once().await.unwrap().caught_up);
    assert_eq!(door.status().await.unwrap().tickets, 2_000);
    assert_eq!(enter(&door, house.list, &codes[5].1).await.class, Class::Admitted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_breaks_in_the_middle_of_a_snapshot_leaves_what_was_there() {
    let house = House::build(Plan { places: 5_000, ..Plan::default() }).await.unwrap();
    crowd::fill(&house, 2_000).await.unwrap();
    let upstream = house.url().trim_start_matches("http://").parse().unwrap();
    let proxy = Arc::new(Proxy::start(Upstream::Tcp(upstream)).await.unwrap());
    let folder = tempfile::tempdir().unwrap();
    let door = willcall_tests::house::open_station(folder.path(), Arc::new(willcall_domain::clock::SystemClock::new()))
        .unwrap();
    let token = house.invite("Gate A", Role::Door).await.unwrap();
    door.enrol(&proxy.url(), &token).await.unwrap();
    proxy.set(Fault::Bandwidth(100_000));
    let syncing = tokio::spawn({
        let door = door.clone();
        async move { door.sync_once().await }
    });
    // The snapshot has its own answer on its way when more than the small ones have passed.
    assert!(proxy.wait_passed_down(30_000, std::time::Duration::from_secs(20)).await);
    proxy.set(Fault::Reset);
    drop(syncing.await.unwrap());
    assert_eq!(door.status().await.unwrap().tickets, 0, "nothing of the half is there");
    proxy.set(Fault::Ok);
    assert!(door.sync_once().await.unwrap().caught_up);
    assert_eq!(door.status().await.unwrap().tickets, 2_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_yesterday_replaces_nothing_and_an_older_server_is_not_followed() {
    let house = House::build(Plan::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bought = house.buy().await.unwrap();
    house.number().await.unwrap();
    let (door, line) = enrolled(&house, "Gate A", folder.path()).await;
    door.sync_once().await.unwrap();
    let yesterday = line.last_snapshot();
    rename(&house, "Adult, today").await;
    house.cancel(bought.order_id).await.unwrap();
    house.number().await.unwrap();
    door.sync_once().await.unwrap();
    assert_eq!(product(&door, &house).await, "Adult, today");

    // Another event makes it fetch rows, and what comes is of yesterday.
    house.another_event("autumn").await.unwrap();
    house.number().await.unwrap();
    line.next_snapshot(yesterday.clone());
    door.sync_once().await.unwrap();
    assert_eq!(product(&door, &house).await, "Adult, today", "an older row never replaces a newer");
    assert_eq!(enter(&door, house.list, &bought.code).await.class, Class::Refused, "a revoked ticket stays revoked");
    assert!(door.sync_once().await.unwrap().caught_up, "and the cursor went not back");

    // A server that knows less than it did is not followed.
    let here = |history: HistoryId| ChangesAnswer {
        history,
        changes: vec![],
        next: 0,
        head: 0,
        snapshot_needed: true,
        urgent: None,
        again_within_ms: None,
    };
    let history = house.app().unwrap().history;
    line.next_page(here(history));
    line.next_snapshot(yesterday);
    let report = door.sync_once().await.unwrap();
    assert!(report.problems[0].detail.contains("recover"), "{report:?}");
    assert_eq!(product(&door, &house).await, "Adult, today");
}

#[tokio::test(flavor = "multi_thread")]
async fn deltas_out_of_their_order_leave_the_newest_and_a_tombstone_is_not_undone() {
    let house = House::build(Plan::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (door, line) = enrolled(&house, "Gate A", folder.path()).await;
    door.sync_once().await.unwrap();
    rename(&house, "Adult, newest").await;
    door.sync_once().await.unwrap();
    let (_, items) = door.catalog().await.unwrap();
    let newest = items.into_iter().find(|item| item.item_id == house.adult).unwrap();
    let older = |name: &str, by: i64| ItemRow { name: name.into(), version: newest.version - by, ..newest.clone() };
    let page = async |rows: Vec<Row>| {
        let mut head = house.number_of("SELECT position FROM change_head").await.unwrap();
        head += 0;
        line.next_page(ChangesAnswer {
            history: house.app().unwrap().history,
            changes: rows.into_iter().map(|row| Change { position: head, row }).collect(),
            next: head,
            head,
            snapshot_needed: false,
            urgent: None,
            again_within_ms: None,
        });
        door.sync_once().await.unwrap();
    };
    page(vec![Row::Item(older("Adult, oldest", 1)), Row::Item(older("Adult, older still", 2))]).await;
    assert_eq!(product(&door, &house).await, "Adult, newest");
    let gone = Gone { kind: "item".into(), id: house.programme.to_string(), version: 50 };
    let programme = ItemRow { item_id: house.programme, name: "Programme".into(), version: 49, ..newest.clone() };
    page(vec![Row::Gone(gone), Row::Item(programme.clone())]).await;
    page(vec![Row::Item(programme.clone())]).await;
    let names = |items: Vec<ItemRow>| items.into_iter().map(|item| item.item_id).collect::<Vec<_>>();
    assert_eq!(names(door.catalog().await.unwrap().1), [house.adult], "a deleted row does not come back");
    page(vec![Row::Item(ItemRow { version: 51, ..programme })]).await;
    assert_eq!(names(door.catalog().await.unwrap().1).len(), 2, "but one that is newer than its deletion does");
}
