//! A time given by hand: the station refuses it without the right to. The server, which knows who has it now, keeps what
//! was scanned all the same, and tells a person.

use super::enter;
use willcall_domain::{
    checkin::{
        VerdictView,
        wire::{Class, Direction, ScanRequest},
    },
    clock::{Clock, SystemClock, UtcMillis},
    devices::{Right, Role},
    id::DeviceId,
    problem::{Code, Problem},
};
use willcall_server::devices;
use willcall_station::Station;
use willcall_tests::house::{House, Plan};

async fn set_rights(house: &House, device: &str, rights: &[Right]) {
    let found: i64 = sqlx::query_scalar("SELECT device_id FROM device WHERE name = $1")
        .bind(device)
        .fetch_one(&mut house.admin().await.unwrap())
        .await
        .unwrap();
    let mut tx = house.app().unwrap().begin(house.organizer).await.unwrap();
    devices::edit::set_rights(&mut tx, DeviceId(found), rights).await.unwrap();
    tx.commit().await.unwrap();
    house.number().await.unwrap();
}

fn ten_minutes_ago() -> UtcMillis {
    UtcMillis(SystemClock::new().now().0 - 600_000)
}

async fn by_hand(house: &House, station: &Station, code: &str, at: UtcMillis) -> Result<VerdictView, Problem> {
    let (code, list_id) = (code.to_owned(), house.list);
    station.scan(ScanRequest { at: Some(at), ..ScanRequest::new(code, list_id, Direction::Entry) }).await
}

async fn case(house: &House, kind: &str) -> serde_json::Value {
    sqlx::query_scalar("SELECT detail FROM station_case WHERE kind = $1")
        .bind(kind)
        .fetch_one(&mut house.admin().await.unwrap())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_to_a_time_by_hand_travels_and_a_scan_from_after_it_was_withdrawn_is_kept_with_a_case() {
    let house = House::build(Plan::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (house.buy().await.unwrap(), house.buy().await.unwrap());
    let door = house.station("Door 1", Role::Door, folder.path()).await.unwrap();
    let at = ten_minutes_ago();
    assert_eq!(by_hand(&house, &door, &first.code, at).await.unwrap_err().code, Code::Forbidden);
    set_rights(&house, "Door 1", &[Right::TimeByHand]).await;
    door.sync_once().await.unwrap();
    assert_eq!(by_hand(&house, &door, &first.code, at).await.unwrap().class, Class::Admitted);
    door.sync_once().await.unwrap();
    assert_eq!(house.number_of("SELECT count(*) FROM station_case").await.unwrap(), 0, "it had the right");
    // The organizer withdraws it; the door has not heard of it when it scans, and the server has when it learns of it.
    set_rights(&house, "Door 1", &[]).await;
    assert_eq!(by_hand(&house, &door, &second.code, at).await.unwrap().class, Class::Admitted);
    door.sync_once().await.unwrap();
    assert_eq!(case(&house, "time_by_hand").await["at"], at.0);
    let kept = "SELECT count(*) FROM journal_entry WHERE kind = 'scan' AND outcome = 'applied_with_case'";
    assert_eq!(house.number_of(kept).await.unwrap(), 1);
    assert_eq!(house.number_of("SELECT count(*) FROM scan").await.unwrap(), 2, "the scan counts");
    let refused = by_hand(&house, &door, &second.code, at).await.unwrap_err();
    assert_eq!(refused.code, Code::Forbidden, "now it has heard");
    assert_eq!(enter(&door, house.list, &second.code).await.class, Class::Used, "and scans as ever");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_admission_says_that_one_of_its_times_was_given_by_hand() {
    let mut house = House::build(Plan::default()).await.unwrap();
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bought = house.buy().await.unwrap();
    house.number().await.unwrap();
    let a = house.station("Gate A", Role::Door, folders.0.path()).await.unwrap();
    let b = house.station("Gate B", Role::Door, folders.1.path()).await.unwrap();
    set_rights(&house, "Gate B", &[Right::TimeByHand]).await;
    b.sync_once().await.unwrap();
    set_rights(&house, "Gate B", &[]).await;
    house.stop().await;
    assert_eq!(enter(&a, house.list, &bought.code).await.class, Class::Admitted);
    assert_eq!(by_hand(&house, &b, &bought.code, ten_minutes_ago()).await.unwrap().class, Class::Admitted);
    house.start().await.unwrap();
    a.sync_once().await.unwrap();
    b.sync_once().await.unwrap();
    assert_eq!(house.number_of("SELECT count(*) FROM station_case").await.unwrap(), 1, "one entry, one case");
    assert_eq!(case(&house, "double_admission").await["time_by_hand"], true);
}
