//! Marking an order as paid.

use willcall_domain::id::OrderId;
use willcall_tests::server::TestServer;

#[tokio::test]
async fn a_paid_order_shows_its_tickets_and_is_paid_once() {
    let server = TestServer::start().await.unwrap();
    let adult = server.item("Adult").await.unwrap();
    let order = server.order("concert", adult, 1).await.unwrap();
    let id: OrderId = order["order_id"].as_str().unwrap().parse().unwrap();
    let url = order["url"].as_str().unwrap();
    let before = server.http.get(url).send().await.unwrap().text().await.unwrap();
    assert!(
        before.contains("IBAN DE02") && before.contains(order["code"].as_str().unwrap()),
        "what to transfer: {before}"
    );
    assert!(!before.contains("tickets.pdf"), "no tickets before the money");
    server.pay(id).await.unwrap();
    let after = server.http.get(url).send().await.unwrap().text().await.unwrap();
    assert!(after.contains("tickets.pdf") && !after.contains("IBAN"), "{after}");
    assert!(server.pay(id).await.is_err(), "not twice");
    let received = "SELECT count(*) FROM payment WHERE state = 'confirmed' AND amount_minor = 2400";
    assert_eq!(server.count(received).await.unwrap(), 1);
    assert_eq!(server.sold("Hall").await.unwrap(), 1, "its place was taken when it was placed");
}
