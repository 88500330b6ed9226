//! A link that dies at the worst moment: what was sent arrives, the answer does not. Sent again, it is there once.

use super::enter;
use std::time::Duration;
use willcall_domain::{checkin::wire::Class, devices::Role};
use willcall_tests::{
    house::{House, Plan},
    proxy::{Fault, Proxy, Upstream},
};

#[tokio::test(flavor = "multi_thread")]
async fn entries_whose_answer_was_lost_are_sent_again_and_stored_once() {
    let house = House::build(Plan::default()).await.unwrap();
    let address = house.url().trim_start_matches("http://").parse().unwrap();
    let proxy = Proxy::start(Upstream::Tcp(address)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = proxy.url();
    let till = house.station_at("Till 1", Role::Till, folder.path(), &url).await.unwrap();
    let bought = house.buy().await.unwrap();
    for fault in [Fault::Truncated, Fault::WrongBody, Fault::Reset, Fault::Delay(Duration::from_millis(20))] {
        till.sell(house.adults(1)).await.unwrap();
        proxy.set(fault);
        // Refused or not, nothing may be lost or doubled.
        drop(till.sync_once().await);
    }
    proxy.set(Fault::Ok);
    house.number().await.unwrap();
    till.sync_once().await.unwrap();
    assert_eq!(enter(&till, house.list, &bought.code).await.class, Class::Admitted);
    till.sync_once().await.unwrap();
    assert_eq!(till.status().await.unwrap().waiting, 0);
    assert_eq!(house.number_of("SELECT count(*) FROM orders WHERE channel = 'till'").await.unwrap(), 4);
    let (sold, _, excess) = house.counted().await.unwrap();
    assert_eq!((sold, excess), (5, 0));
    let gaps = "SELECT max(seq) - count(*) FROM journal_entry";
    assert_eq!(house.number_of(gaps).await.unwrap(), 0);
}
