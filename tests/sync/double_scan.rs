//! Two gates, cut off from each other, admit the same ticket: nobody could know, and afterwards everybody does.

use super::enter;
use willcall_domain::{checkin::wire::Class, devices::Role};
use willcall_tests::house::{House, Plan};

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
    let gates: Vec<&str> = detail["scans"].as_array().unwrap().iter().filter_map(|s| s["gate"].as_str()).collect();
    assert_eq!(gates, ["Gate A", "Gate B"]);
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
