//! Placing an order through the API.

use serde_json::{Value, json};
use std::collections::HashSet;
use willcall_tests::server::TestServer;

#[tokio::test]
async fn an_order_takes_its_places_and_answers_with_its_secret_page() {
    let server = TestServer::start().await.unwrap();
    let adult = server.item("Adult").await.unwrap();
    let order = server.order("concert", adult, 2).await.unwrap();
    assert_eq!(order["status"], "pending");
    assert_eq!(order["total"], json!({ "minor": 4800, "currency": "EUR" }));
    assert_eq!(order["positions"].as_array().unwrap().len(), 2);
    assert_eq!(order["tickets_url"], Value::Null, "nothing is paid yet");
    assert_eq!(server.sold("Hall").await.unwrap(), 2);
    let page = server.http.get(order["url"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert_eq!(
        server.count("SELECT count(*) FROM payment WHERE state = 'created' AND amount_minor = 4800").await.unwrap(),
        1
    );
    let noted = server.count("SELECT count(*) FROM change WHERE kind = 'position'").await.unwrap();
    assert_eq!(noted, 2, "stations hear of each ticket");
}

#[tokio::test]
async fn the_event_tells_what_is_for_sale_and_how_many_are_left() {
    let server = TestServer::start().await.unwrap();
    let adult = server.item("Adult").await.unwrap();
    server.order("concert", adult, 3).await.unwrap();
    let event: Value =
        server.http.get(server.url("/api/v1/harbour/events/concert")).send().await.unwrap().json().await.unwrap();
    let left: Vec<_> =
        event["items"].as_array().unwrap().iter().map(|i| (i["name"].as_str().unwrap(), &i["available"])).collect();
    assert_eq!(left, [("Adult", &json!(97)), ("Child", &json!(97)), ("Programme", &Value::Null)]);
    let nothing = server.http.get(server.url("/api/v1/harbour/events/nothing")).send().await.unwrap();
    assert_eq!(
        (nothing.status().as_u16(), nothing.headers()["content-type"].to_str().unwrap()),
        (404, "application/problem+json")
    );
}

/// Many buyers want the last places at the same moment, each several: the quota is one row, and whoever comes too late
/// must be told the true number, not an error.
#[tokio::test(flavor = "multi_thread")]
async fn however_many_buy_at_once_exactly_the_size_is_sold() {
    let server = TestServer::start().await.unwrap();
    let adult = server.item("Adult").await.unwrap();
    server.resize("Hall", 50).await.unwrap();
    let buyers = (0..80).map(|_| server.ask_order("concert", adult, 1, None));
    let mut codes = HashSet::new();
    let mut refused = 0;
    for answer in futures_util::future::join_all(buyers).await {
        let answer = answer.unwrap();
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap();
        match status {
            201 => assert!(codes.insert(body["code"].as_str().unwrap().to_owned()), "an order code was given twice"),
            _ => {
                assert_eq!((status, body["code"].as_str()), (409, Some("sold-out")), "{body}");
                refused += 1;
            }
        }
    }
    assert_eq!((codes.len(), refused), (50, 30));
    assert_eq!(server.sold("Hall").await.unwrap(), 50);
    assert_eq!(
        server.count("SELECT count(*) FROM order_position").await.unwrap(),
        50,
        "a refused order leaves nothing"
    );
    assert_eq!(server.count("SELECT count(*) FROM job WHERE kind = 'orders.send_confirmation'").await.unwrap(), 50);
}

#[tokio::test]
async fn an_order_of_more_than_is_left_is_told_how_many_there_are_and_takes_none() {
    let server = TestServer::start().await.unwrap();
    let adult = server.item("Adult").await.unwrap();
    server.resize("Hall", 3).await.unwrap();
    let answer = server.ask_order("concert", adult, 4, None).await.unwrap();
    assert_eq!(answer.status(), 409);
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["code"], "sold-out");
    assert!(problem["detail"].as_str().unwrap().contains("3 left"), "{problem}");
    assert_eq!(server.sold("Hall").await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_again_even_at_the_same_moment_is_one_order() {
    let server = TestServer::start().await.unwrap();
    let adult = server.item("Adult").await.unwrap();
    let same = (0..10).map(|_| server.ask_order("concert", adult, 2, Some("a buyer's click")));
    let mut answers = HashSet::new();
    for answer in futures_util::future::join_all(same).await {
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 201);
        answers.insert(answer.text().await.unwrap());
    }
    assert_eq!(answers.len(), 1, "each is answered with the very same order");
    assert_eq!(server.count("SELECT count(*) FROM orders").await.unwrap(), 1);
    assert_eq!(server.sold("Hall").await.unwrap(), 2);
    let other = server.ask_order("concert", adult, 3, Some("a buyer's click")).await.unwrap();
    assert_eq!(other.status(), 409, "another request under the same key is not taken for the first");
}

#[tokio::test]
async fn every_wrong_field_is_named_and_nothing_is_stored() {
    let server = TestServer::start().await.unwrap();
    let adult = server.item("Adult").await.unwrap();
    let url = server.url("/api/v1/harbour/events/concert/orders");
    let send = |body: Value| server.http.post(&url).json(&body).send();
    let lines = json!([{ "item_id": adult, "quantity": 1, "attendee_names": ["x".repeat(201)] }]);
    let problem: Value =
        send(json!({ "name": " ", "email": "ada@", "lines": lines })).await.unwrap().json().await.unwrap();
    let fields: Vec<_> = problem["fields"].as_array().unwrap().iter().map(|f| f["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["name", "email", "lines[0].attendee_names[0]"], "{problem}");
    for (body, status, why) in [
        (json!({ "name": "A", "email": "a@b.org", "lines": [] }), 422, "an empty cart"),
        (json!({ "name": "A", "email": "a@b.org", "lines": [{ "item_id": adult, "quantity": 101 }] }), 422, "too many"),
        (
            json!({ "name": "A", "email": "a@b.org", "lines": [{ "item_id": adult, "quantity": -1 }] }),
            422,
            "fewer than none",
        ),
        (
            json!({ "name": "A", "email": "a@b.org", "lines": [{ "item_id": 424_242, "quantity": 1 }] }),
            422,
            "unknown product",
        ),
        (
            json!({ "name": "A", "email": "a@b.org", "payment": "cash", "lines": [{ "item_id": adult, "quantity": 1 }] }),
            422,
            "cash",
        ),
        (
            json!({ "name": "A", "email": "a@b.org", "payment": "free", "lines": [{ "item_id": adult, "quantity": 1 }] }),
            422,
            "free",
        ),
        (json!("no order at all"), 422, "no order"),
    ] {
        let answer = send(body).await.unwrap();
        assert_eq!(answer.status(), status, "{why}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{why}");
    }
    assert_eq!(server.count("SELECT count(*) FROM orders").await.unwrap(), 0);
    assert_eq!(server.sold("Hall").await.unwrap(), 0);
}

#[tokio::test]
async fn what_costs_nothing_is_paid_at_once() {
    let server = TestServer::start().await.unwrap();
    let seat = server.item("Seat").await.unwrap();
    let order = server.order("talk", seat, 1).await.unwrap();
    assert_eq!(order["status"], "paid");
    assert_eq!(order["expires_at"], Value::Null);
    assert!(order["tickets_url"].as_str().unwrap().ends_with("/tickets.pdf"));
    assert_eq!(
        server.count("SELECT count(*) FROM payment WHERE state = 'confirmed' AND provider = 'free'").await.unwrap(),
        1
    );
}

#[tokio::test]
async fn an_event_that_is_not_live_or_over_sells_nothing() {
    let server = TestServer::start().await.unwrap();
    let adult = server.item("Adult").await.unwrap();
    server.meddle("UPDATE event SET live = false WHERE slug = 'concert'").await.unwrap();
    assert_eq!(server.ask_order("concert", adult, 1, None).await.unwrap().status(), 404);
    server.meddle("UPDATE event SET live = true, ends_at = starts_at WHERE slug = 'concert'").await.unwrap();
    server.clock.advance(std::time::Duration::from_secs(60 * 86_400));
    let answer = server.ask_order("concert", adult, 1, None).await.unwrap();
    let problem: Value = answer.json().await.unwrap();
    assert_eq!((problem["code"].as_str(), problem["detail"].as_str()), (Some("conflict"), Some("Sales are closed.")));
}

#[tokio::test]
async fn one_client_cannot_place_orders_without_end() {
    let server =
        TestServer::start_with(willcall_tests::server::SHOP, |config| config.bind.rate_limits = true).await.unwrap();
    let adult = server.item("Adult").await.unwrap();
    let mut taken = 0;
    let refused = loop {
        let answer = server.ask_order("concert", adult, 1, None).await.unwrap();
        if answer.status() != 201 {
            break answer;
        }
        taken += 1;
        assert!(taken <= 100, "there is no limit");
    };
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    assert!(taken >= 20, "a family or an office behind one address can still order: {taken}");
}

/// The second of two quotas is full: the place already taken in the first must come back with the rest.
#[tokio::test]
async fn an_order_over_several_quotas_takes_all_of_them_or_none() {
    let server = TestServer::start().await.unwrap();
    let (adult, programme) = (server.item("Adult").await.unwrap(), server.item("Programme").await.unwrap());
    server.resize("Programmes", 1).await.unwrap();
    let lines = |programmes: u32| {
        let body = json!({
            "name": "Ada", "email": "ada@example.org",
            "lines": [{ "item_id": adult, "quantity": 2 }, { "item_id": programme, "quantity": programmes }],
        });
        server.http.post(server.url("/api/v1/harbour/events/concert/orders")).json(&body).send()
    };
    assert_eq!(lines(2).await.unwrap().status(), 409);
    assert_eq!((server.sold("Hall").await.unwrap(), server.sold("Programmes").await.unwrap()), (0, 0));
    assert_eq!(lines(1).await.unwrap().status(), 201);
    assert_eq!((server.sold("Hall").await.unwrap(), server.sold("Programmes").await.unwrap()), (2, 1));
}
