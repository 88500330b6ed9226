//! A till whose line is dead, or which is dead itself: any station that has a link carries its journal to the server, and
//! reads nothing of it.

use std::fs;
use willcall_domain::{devices::Role, problem::Code};
use willcall_station::Station;
use willcall_tests::house::{House, Plan};

async fn sales(house: &House) -> i64 {
    house.number_of("SELECT count(*) FROM orders WHERE channel = 'till'").await.unwrap()
}

/// Where the till's own copy of its journal lies.
fn mirror(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "mirror") {
                found.push(path);
            }
        }
    }
    found
}

async fn device(station: &Station) -> willcall_domain::id::DeviceId {
    station.status().await.unwrap().enrolment.unwrap().device_id
}

#[tokio::test(flavor = "multi_thread")]
async fn another_station_carries_a_till_s_journal_up_once_and_cannot_read_it() {
    let house = House::build(Plan { places: 20, ..Plan::default() }).await.unwrap();
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let till = house.station("Till 1", Role::Till, folders.0.path()).await.unwrap();
    let gate = house.station("North", Role::Door, folders.1.path()).await.unwrap();
    till.sync_once().await.unwrap();
    let file = folders.2.path().join("till-1.mirror");
    let nothing = till.export_journal(file.clone()).await.unwrap_err();
    assert_eq!(nothing.code, Code::NotFound, "{nothing}");
    till.sell(house.adults(2)).await.unwrap();
    till.sell(house.adults(1)).await.unwrap();
    let written = till.export_journal(file.clone()).await.unwrap();
    assert!(written.entries >= 2, "{written:?}");
    assert!(till.export_journal(file.clone()).await.is_err(), "a file that is there stays as it is");
    let bytes = fs::read(&file).unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains("sale"), "nothing of it can be read");
    assert_eq!(sales(&house).await, 0);

    let carried = gate.carry_journal(file.clone()).await.unwrap();
    let [one] = &carried.journals[..] else { panic!("{carried:?}") };
    assert_eq!(one.station, device(&till).await);
    assert_eq!((one.applied, one.with_case, one.parked, carried.unreadable), (written.entries, 0, 0, 0));
    assert_eq!(sales(&house).await, 2);
    let again = gate.carry_journal(file.clone()).await.unwrap();
    assert_eq!(again.journals, carried.journals, "a second time answers the same");
    till.sync_once().await.unwrap();
    assert_eq!(till.status().await.unwrap().waiting, 0, "and the till learns that all of it is there");
    assert_eq!(sales(&house).await, 2);
    assert_eq!(house.number_of("SELECT count(*) FROM station_case").await.unwrap(), 0);
    assert!(till.verify_journal().await.unwrap().ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mirror_of_a_till_that_is_gone_for_ever_is_enough() {
    let house = House::build(Plan { places: 20, ..Plan::default() }).await.unwrap();
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let till = house.station("Till 1", Role::Till, folders.0.path()).await.unwrap();
    let gate = house.station("North", Role::Door, folders.1.path()).await.unwrap();
    till.sync_once().await.unwrap();
    till.sell(house.adults(3)).await.unwrap();
    drop(till);
    let stick = folders.2.path();
    for file in mirror(folders.0.path()) {
        fs::copy(&file, stick.join(file.file_name().unwrap())).unwrap();
    }
    fs::remove_dir_all(folders.0.path()).unwrap();

    let carried = gate.carry_journal(stick.to_owned()).await.unwrap();
    assert!(carried.files >= 1 && carried.unreadable == 0, "{carried:?}");
    assert_eq!(sales(&house).await, 1);
    assert_eq!(house.counted().await.unwrap().0, 3);
    assert_eq!(house.number_of("SELECT count(*) FROM station_case").await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_damaged_or_another_organizer_s_is_refused_with_a_sentence_and_the_whole_records_count() {
    let house = House::build(Plan { places: 20, ..Plan::default() }).await.unwrap();
    let elsewhere = House::build(Plan::default()).await.unwrap();
    let folders: Vec<_> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
    let till = house.station("Till 1", Role::Till, folders[0].path()).await.unwrap();
    let gate = house.station("North", Role::Door, folders[1].path()).await.unwrap();
    let stranger = elsewhere.station("South", Role::Door, folders[2].path()).await.unwrap();
    till.sync_once().await.unwrap();
    till.sell(house.adults(1)).await.unwrap();
    let file = folders[3].path().join("till-1.mirror");
    till.export_journal(file.clone()).await.unwrap();
    let whole = fs::read(&file).unwrap();

    let refused = stranger.carry_journal(file.clone()).await.unwrap_err();
    assert_eq!(refused.code, Code::Invalid, "{refused}");
    assert!(refused.detail.contains("another server or organizer"), "{refused}");
    fs::write(&file, b"PK\x03\x04 something else").unwrap();
    assert_eq!(gate.carry_journal(file.clone()).await.unwrap_err().code, Code::Invalid);
    let missing = gate.carry_journal(folders[3].path().join("nothing")).await.unwrap_err();
    assert_eq!(missing.code, Code::NotFound, "{missing}");
    assert_eq!(
        gate.carry_journal(folders[2].path().join("..").join("nowhere")).await.unwrap_err().code,
        Code::NotFound
    );

    // The last byte lost, a byte of the first record changed: the rest counts, and what does not is told.
    let head = willcall_domain::sync::mirror::split(&whole).unwrap().head.len();
    let mut scratched = whole[..whole.len() - 1].to_vec();
    scratched[head + 40] ^= 1;
    fs::write(&file, &scratched).unwrap();
    let carried = gate.carry_journal(file.clone()).await.unwrap();
    assert_eq!((carried.unreadable, carried.cut_off), (1, 1), "{carried:?}");
    fs::write(&file, &whole).unwrap();
    gate.carry_journal(file).await.unwrap();
    till.sync_once().await.unwrap();
    assert_eq!((sales(&house).await, till.status().await.unwrap().waiting), (1, 0));
    assert_eq!(
        house.number_of("SELECT count(*) FROM station_case WHERE closed_at IS NULL").await.unwrap(),
        0,
        "what was missing came whole"
    );
}
