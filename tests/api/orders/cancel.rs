//! Cancelling.

use willcall_domain::{id::OrderId, problem::Code};
use willcall_tests::server::TestServer;

fn id(order: &serde_json::Value) -> OrderId {
    order["order_id"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_cancelled_order_frees_its_places_and_stations_hear_that_its_tickets_are_void() {
    let server = TestServer::start().await.unwrap();
    let adult = server.item("Adult").await.unwrap();
    server.resize("Hall", 2).await.unwrap();
    let order = server.order("concert", adult, 2).await.unwrap();
    server.pay(id(&order)).await.unwrap();
    assert_eq!(server.ask_order("concert", adult, 1, None).await.unwrap().status(), 409);
    let changes = "SELECT count(*) FROM change WHERE kind = 'position'";
    let before = server.count(changes).await.unwrap();
    let mut tx = server.app().begin(server.organizer).await.unwrap();
    willcall_server::orders::cancel(&mut tx, id(&order)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(server.sold("Hall").await.unwrap(), 0);
    assert_eq!(server.count(changes).await.unwrap() - before, 2, "each of its two tickets");
    assert_eq!(server.count("SELECT count(*) FROM order_position WHERE canceled").await.unwrap(), 2);
    let kept = "SELECT count(*) FROM payment WHERE state = 'confirmed' AND amount_minor = 4800";
    assert_eq!(server.count(kept).await.unwrap(), 1, "the money was received and stays in the books");
    server.order("concert", adult, 2).await.unwrap();
}

#[tokio::test]
async fn an_order_is_cancelled_once() {
    let server = TestServer::start().await.unwrap();
    let adult = server.item("Adult").await.unwrap();
    let order = server.order("concert", adult, 3).await.unwrap();
    for nth in 1..=2 {
        let mut tx = server.app().begin(server.organizer).await.unwrap();
        let done = willcall_server::orders::cancel(&mut tx, id(&order)).await;
        match nth {
            1 => assert!(done.is_ok()),
            _ => assert_eq!(done.unwrap_err().problem().code, Code::Conflict),
        }
        tx.commit().await.unwrap();
    }
    assert_eq!(server.sold("Hall").await.unwrap(), 0, "places are not freed twice");
    let waited_for = "SELECT count(*) FROM payment WHERE state = 'created'";
    assert_eq!(server.count(waited_for).await.unwrap(), 0, "nobody waits for its money");
}

#[tokio::test]
async fn another_tenants_order_is_not_there() {
    let other = "\n[[organizer]]\nslug = \"zebra\"\nname = \"Zebra\"\n";
    let shop = format!("{}{other}", willcall_tests::server::SHOP);
    let server = TestServer::start_with(&shop, |_| {}).await.unwrap();
    let adult = server.item("Adult").await.unwrap();
    let order = server.order("concert", adult, 1).await.unwrap();
    let zebra = server.app().organizer_by_slug("zebra").await.unwrap().unwrap();
    let mut tx = server.app().begin(zebra).await.unwrap();
    let refused = willcall_server::orders::cancel(&mut tx, id(&order)).await.unwrap_err();
    assert_eq!(refused.problem().code, Code::NotFound);
}
