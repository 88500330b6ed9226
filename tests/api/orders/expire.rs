//! Orders that are not paid in time.

use std::time::Duration;
use willcall_domain::id::OrderId;
use willcall_server::jobs::schedule;
use willcall_tests::server::{TestServer, until};

const WEEK: Duration = Duration::from_secs(7 * 86_400);

#[tokio::test]
async fn an_order_that_is_not_paid_in_time_gives_its_places_back_and_one_that_is_paid_does_not() {
    let server = TestServer::start().await.unwrap();
    let adult = server.item("Adult").await.unwrap();
    let late = server.order("concert", adult, 2).await.unwrap();
    let paid = server.order("concert", adult, 3).await.unwrap();
    let paid_id: OrderId = paid["order_id"].as_str().unwrap().parse().unwrap();
    server.pay(paid_id).await.unwrap();
    server.clock.advance(WEEK - Duration::from_secs(1));
    schedule::look(server.app(), 1).await.unwrap();
    server.idle().await.unwrap();
    assert_eq!(server.sold("Hall").await.unwrap(), 5, "its time has not come");
    server.clock.advance(Duration::from_secs(2));
    schedule::look(server.app(), 1).await.unwrap();
    until("the places to be free", || async { Ok((server.sold("Hall").await? == 3).then_some(())) }).await.unwrap();
    server.idle().await.unwrap();
    let page = server.http.get(late["url"].as_str().unwrap()).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("This order has run out"), "{page}");
    let page = server.http.get(paid["url"].as_str().unwrap()).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Your tickets are ready"), "{page}");
}

/// The money is marked as received in the moment in which the order runs out: only one of both may happen.
#[tokio::test]
async fn an_order_that_ran_out_cannot_be_paid_any_more() {
    let server = TestServer::start().await.unwrap();
    let adult = server.item("Adult").await.unwrap();
    let order = server.order("concert", adult, 1).await.unwrap();
    let id: OrderId = order["order_id"].as_str().unwrap().parse().unwrap();
    server.clock.advance(WEEK + Duration::from_secs(1));
    let mut tx = server.app().begin(server.organizer).await.unwrap();
    assert!(willcall_server::orders::expire::expire(&mut tx, id).await.unwrap().is_some());
    assert!(willcall_server::orders::expire::expire(&mut tx, id).await.unwrap().is_none(), "it runs out once");
    tx.commit().await.unwrap();
    assert!(server.pay(id).await.is_err());
    assert_eq!(server.sold("Hall").await.unwrap(), 0);
}
