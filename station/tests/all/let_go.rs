//! What a station lets go of because its server says so: units of an event that tills may not sell for, and an event that
//! it may not see any more, with its tickets a few at a time.

use super::support::*;
use serde_json::json;
use willcall_domain::{
    catalog::EventRow,
    devices::wire::Role,
    id::EventId,
    problem::Code,
    sync::{Fact, Row},
    ticketing::CodeFormat,
};

#[tokio::test]
async fn a_till_that_may_not_sell_for_an_event_says_so_and_gives_its_units_back() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Till));
    let station = ready(folder.path(), &server).await;
    station.sell(cart(1, &[(ADULT, 1)], 2400)).await.unwrap();
    let switched = |till_sales, version| Row::Event(EventRow { till_sales, version, ..event(CodeFormat::Wc1) });
    server.state().head.push(switched(false, 2));
    station.sync_once().await.unwrap();
    assert!(!station.till().await.unwrap().events[0].till_sales, "the screen says it");
    let refused = station.sell(cart(2, &[(ADULT, 1)], 2400)).await.unwrap_err();
    assert_eq!(refused.code, Code::TillSalesOff, "{refused}");
    assert!(station.sell(cart(1, &[(ADULT, 1)], 2400)).await.is_ok(), "what was sold before is what it was");
    station.sync_once().await.unwrap();
    let back: u32 = server
        .state()
        .journal
        .values()
        .flatten()
        .filter_map(|entry| match entry.fact() {
            Some(Fact::LeaseReturned { units, .. }) => Some(units),
            _ => None,
        })
        .sum();
    assert!(back > 0, "what is unsold went back");
    assert_eq!(station.till().await.unwrap().events[0].products[0].here, Some(0));
    server.state().head.push(switched(true, 3));
    station.sync_once().await.unwrap();
    station.sell(cart(3, &[(ADULT, 1)], 2400)).await.unwrap();
}

#[tokio::test]
async fn an_event_that_is_let_go_of_goes_with_all_its_tickets_and_an_own_sale_stays() {
    const TICKETS: u128 = 1_000;
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Till));
    server.state().head.extend((1_000..1_000 + TICKETS).map(|n| Row::Position(position(n, 1))));
    let station = ready(folder.path(), &server).await;
    let sale = station.sell(cart(1, &[(ADULT, 1)], 2400)).await.unwrap();
    station.sync_once().await.unwrap();
    let count = async || station.status().await.unwrap().tickets;
    assert!(count().await > u64::try_from(TICKETS).unwrap_or_default());
    let elsewhere: Row = serde_json::from_value(json!({ "row": "device", "data": {
        "device_id": 42, "name": "Till", "gate": "", "role": "till", "events": [EventId(99)], "revoked": false,
        "version": 9,
    }}))
    .unwrap();
    server.state().head.push(elsewhere);
    station.sync_once().await.unwrap();
    assert_eq!(count().await, 1, "what it sold itself stays");
    assert!(station.till().await.unwrap().events.is_empty());
    assert_eq!(station.sale(&sale.order_code).await.unwrap().order_id, sale.order_id);
}
