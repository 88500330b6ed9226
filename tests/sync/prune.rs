//! What is kept of the change feed: what somebody may still ask for, and no more.

use willcall_domain::{devices::Role, sync::feed};
use willcall_server::sync::{Subject, note, prune};
use willcall_station::Station;
use willcall_tests::house::{House, Plan};

/// So many changes that say nothing new.
async fn pass_time(house: &House, changes: i64) {
    sqlx::query(
        "INSERT INTO change (organizer_id, event_id, kind, subject, at)
         SELECT $1, $2, 'item', $3, 0 FROM generate_series(1, $4)",
    )
    .bind(house.organizer.0)
    .bind(house.event.0)
    .bind(house.programme.to_string())
    .bind(changes)
    .execute(&mut house.admin().await.unwrap())
    .await
    .unwrap();
    house.number().await.unwrap();
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
    note(&mut tx, Subject::Item(house.adult, house.event)).await.unwrap();
    tx.commit().await.unwrap();
    house.number().await.unwrap();
}

async fn product(station: &Station, house: &House) -> String {
    let (_, items) = station.catalog().await.unwrap();
    items.into_iter().find(|item| item.item_id == house.adult).unwrap().name
}

/// Reads all there is, and says so with the next contact.
async fn reads_all(station: &Station) -> bool {
    let first = station.sync_once().await.unwrap();
    let second = station.sync_once().await.unwrap();
    assert!(first.caught_up && second.caught_up, "{first:?} {second:?}");
    first.snapshot || second.snapshot
}

async fn pruned(house: &House) -> u64 {
    prune::prune(house.app().unwrap(), house.organizer).await.unwrap()
}

async fn first(house: &House) -> i64 {
    house.number_of("SELECT min(position) FROM change").await.unwrap()
}

async fn head(house: &House) -> i64 {
    house.number_of("SELECT position FROM change_head").await.unwrap()
}

async fn metric(house: &House, name: &str) -> i64 {
    let text = reqwest::get(format!("{}/metrics", house.url())).await.unwrap().text().await.unwrap();
    let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap().to_owned();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_all_stations_have_read_is_let_go_of_and_the_slowest_is_waited_for() {
    let house = House::build(Plan::default()).await.unwrap();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let quick = house.station("Gate A", Role::Door, folders[0].path()).await.unwrap();
    let slow = house.station("Gate B", Role::Door, folders[1].path()).await.unwrap();
    reads_all(&quick).await;
    reads_all(&slow).await;
    let here = head(&house).await;
    assert_eq!(pruned(&house).await, 0, "there is not much yet");

    pass_time(&house, feed::KEPT + 7_000).await;
    assert!(!reads_all(&quick).await, "it follows");
    assert_eq!(metric(&house, "willcall_change_feed_behind").await, feed::KEPT + 7_000, "the slow one has not read");
    assert_eq!(pruned(&house).await, here.unsigned_abs(), "only what the slow one has read too");
    assert_eq!(first(&house).await, here + 1);
    assert!(!reads_all(&slow).await, "and it goes on without a snapshot");

    assert_eq!(pruned(&house).await, 7_000, "in several parts");
    assert_eq!(first(&house).await, head(&house).await - feed::KEPT + 1);
    assert_eq!(metric(&house, "willcall_change_feed_kept").await, feed::KEPT);
    assert_eq!(metric(&house, "willcall_change_feed_behind").await, 0);
    assert_eq!(pruned(&house).await, 0, "once");
    rename(&house, "Adult, today").await;
    assert!(!reads_all(&slow).await && product(&slow, &house).await == "Adult, today");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_whose_changes_are_gone_takes_a_snapshot_and_lacks_nothing() {
    let house = House::build(Plan::default()).await.unwrap();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let away = house.station("Gate A", Role::Door, folders[0].path()).await.unwrap();
    reads_all(&away).await;
    rename(&house, "Adult, while it was away").await;
    // It is not waited for for ever.
    pass_time(&house, feed::FAR_BEHIND + 6_000).await;
    assert!(pruned(&house).await > 6_000);
    assert_eq!(first(&house).await, head(&house).await - feed::FAR_BEHIND + 1);
    assert!(reads_all(&away).await, "it takes a snapshot");
    assert_eq!(product(&away, &house).await, "Adult, while it was away");

    // One that had read on, and stands again where it was before: a backup was put back.
    let restored = house.station("Gate B", Role::Door, folders[1].path()).await.unwrap();
    reads_all(&restored).await;
    pass_time(&house, feed::KEPT + 1_000).await;
    reads_all(&away).await;
    rename(&house, "Adult, lately").await;
    pass_time(&house, feed::KEPT).await;
    sqlx::query("UPDATE device SET read_to = (SELECT position FROM change_head)")
        .execute(&mut house.admin().await.unwrap())
        .await
        .unwrap();
    assert!(pruned(&house).await > 1_000, "all are said to have read all");
    assert!(reads_all(&restored).await, "it is not told of a part only");
    assert_eq!(product(&restored, &house).await, "Adult, lately");
}
