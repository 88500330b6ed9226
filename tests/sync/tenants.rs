//! A device sees its own organizer's rows and no others', and a revoked one nothing at all.

use willcall_domain::{devices::Role, problem::Code};
use willcall_tests::house::{House, Plan};

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_device_is_told_so_and_keeps_what_it_recorded() {
    let house = House::build(Plan::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let till = house.station("Till 1", Role::Till, folder.path()).await.unwrap();
    till.sell(house.adults(1)).await.unwrap();
    let device = till.status().await.unwrap().enrolment.unwrap().device_id;
    let app = house.app().unwrap();
    let mut tx = app.begin(house.organizer).await.unwrap();
    willcall_server::devices::edit::revoke(&mut tx, device).await.unwrap();
    tx.commit().await.unwrap();
    let refused = till.sync_once().await.unwrap_err();
    assert_eq!(refused.code, Code::Revoked);
    assert_eq!(till.till().await.unwrap().sales.len(), 1, "what was sold is still here");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enrolment_token_works_once() {
    let house = House::build(Plan::default()).await.unwrap();
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let token = house.invite("Gate A", Role::Door).await.unwrap();
    let clock = || std::sync::Arc::new(willcall_domain::clock::SystemClock::new());
    let first = willcall_tests::house::open_station(folders.0.path(), clock()).unwrap();
    first.enrol(&house.url(), &token).await.unwrap();
    let second = willcall_tests::house::open_station(folders.1.path(), clock()).unwrap();
    let refused = second.enrol(&house.url(), &token).await.unwrap_err();
    assert_eq!(refused.code, Code::Unauthenticated);
}
