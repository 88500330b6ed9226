//! The life of one ticket: bought, sold, scanned, synced, with the server gone in between.

use super::enter;
use willcall_domain::{
    checkin::wire::{Class, Mark, Reason},
    devices::Role,
};
use willcall_tests::house::{House, Plan};

#[tokio::test(flavor = "multi_thread")]
async fn a_bought_ticket_enters_once_and_all_goes_on_while_the_server_is_gone_and_arrives_once() {
    let mut house = House::build(Plan::default()).await.unwrap();
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bought = house.buy().await.unwrap();
    house.number().await.unwrap();
    let till = house.station("Till 1", Role::Till, folders.0.path()).await.unwrap();
    let door = house.station("Gate B", Role::Door, folders.1.path()).await.unwrap();

    let first = enter(&till, house.list, &bought.code).await;
    assert_eq!((first.class, first.name.as_deref()), (Class::Admitted, Some("Ada Lovelace")));
    let second = enter(&till, house.list, &bought.code).await;
    assert_eq!((second.class, second.reason), (Class::Used, Some(Reason::AlreadyRedeemed)));
    assert_eq!(second.first_use.unwrap().gate, "Till 1");

    house.stop().await;
    let sale = till.sell(house.adults(2)).await.unwrap();
    assert_eq!(sale.total.minor, 4800);
    let codes: Vec<String> = sale.positions.iter().filter_map(|p| p.code.clone()).collect();
    assert_eq!(codes.len(), 2, "each ticket has a signed code though nobody could be asked");
    assert_eq!(enter(&till, house.list, &codes[0]).await.class, Class::Admitted, "the till knows its own sale");
    let elsewhere = enter(&door, house.list, &codes[1]).await;
    assert_eq!(elsewhere.class, Class::Admitted, "a gate that never heard of the sale checks the signature");
    assert_eq!(elsewhere.marks, vec![Mark::SaleNotSeen]);
    assert!(till.status().await.unwrap().waiting >= 5, "sale, payment, receipt and scans exist only here");

    house.start().await.unwrap();
    for station in [&till, &door, &till, &door] {
        station.sync_once().await.unwrap();
        house.number().await.unwrap();
    }
    assert_eq!(till.status().await.unwrap().waiting, 0);
    let paid = "SELECT count(*) FROM orders WHERE channel = 'till' AND status = 'paid'";
    assert_eq!(house.number_of(paid).await.unwrap(), 1);
    assert_eq!(house.number_of("SELECT count(*) FROM scan").await.unwrap(), 4);
    assert_eq!(house.number_of("SELECT count(*) FROM payment WHERE provider = 'cash'").await.unwrap(), 1);
    assert_eq!(house.number_of("SELECT count(*) FROM station_case").await.unwrap(), 0, "nothing a person must look at");
    let (sold, leased, excess) = house.counted().await.unwrap();
    assert_eq!((sold, excess), (3, 0), "one in the shop, two at the till");
    assert!(leased > 0, "what was lent and not sold is still lent");
    till.sync_once().await.unwrap();
    assert_eq!(house.number_of("SELECT count(*) FROM journal_entry WHERE kind = 'sale'").await.unwrap(), 1);

    let again = enter(&door, house.list, &codes[0]).await;
    assert_eq!(again.reason, Some(Reason::AlreadyRedeemed), "the door has heard of the till's scan");
    for station in [&till, &door] {
        let report = station.verify_journal().await.unwrap();
        assert!(report.ok, "{report:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_order_is_refused_at_the_door_once_it_is_heard_of() {
    let house = House::build(Plan::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bought = house.buy().await.unwrap();
    house.number().await.unwrap();
    let door = house.station("Gate A", Role::Door, folder.path()).await.unwrap();
    house.cancel(bought.order_id).await.unwrap();
    house.number().await.unwrap();
    door.sync_once().await.unwrap();
    let verdict = enter(&door, house.list, &bought.code).await;
    assert_eq!((verdict.class, verdict.reason), (Class::Refused, Some(Reason::Canceled)));
    assert_eq!(house.counted().await.unwrap().0, 0, "its place is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_of_the_other_signed_format_live_the_same_life() {
    let plan = Plan { format: willcall_domain::ticketing::CodeFormat::Sig1, ..Plan::default() };
    let house = House::build(plan).await.unwrap();
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bought = house.buy().await.unwrap();
    house.number().await.unwrap();
    let till = house.station("Till 1", Role::Till, folders.0.path()).await.unwrap();
    let door = house.station("Gate B", Role::Door, folders.1.path()).await.unwrap();
    assert_eq!(enter(&door, house.list, &bought.code).await.class, Class::Admitted);
    assert_eq!(enter(&door, house.list, &bought.code).await.class, Class::Used);
    let sale = till.sell(house.adults(1)).await.unwrap();
    let code = sale.positions[0].code.clone().unwrap();
    assert_eq!(enter(&till, house.list, &code).await.class, Class::Admitted);
    assert_eq!(enter(&door, house.list, &code).await.class, Class::Admitted, "neither gate has heard of the other");
    assert_eq!(enter(&door, house.list, &code).await.class, Class::Used, "but each remembers its own");
    for station in [&till, &door, &till, &door] {
        station.sync_once().await.unwrap();
        house.number().await.unwrap();
    }
    assert_eq!(enter(&door, house.list, &code).await.class, Class::Used);
    let doubles = "SELECT count(*) FROM station_case WHERE kind = 'double_admission'";
    assert_eq!(house.number_of(doubles).await.unwrap(), 1, "the two entries are listed");
}
