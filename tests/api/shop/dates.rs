//! Buying for one of several dates, in a variation, with an add-on: prices and places are the server's.

use serde_json::{Value, json};
use willcall_tests::server::{TestServer, field_value};

const SERIES: &str = r##"
[[organizer]]
slug = "harbour"
name = "Harbour Hall"
accent = "#1f6f78"

[[organizer.event]]
slug = "lights"
name = "Harbour Lights"
starts_at = "+1d 20:00"

[[organizer.event.date]]
name = "Opening night"
starts_at = "+10d 20:00"
ends_at = "+10d 22:30"

[[organizer.event.date]]
starts_at = "+11d 20:00"
ends_at = "+11d 22:30"
times = 2

[[organizer.event.item]]
name = "Seat"
category = "Tickets"
price = "29.00"
tax_rate = "7"

[[organizer.event.item.variation]]
name = "Regular"

[[organizer.event.item.variation]]
name = "Reduced"
price = "19.00"

[[organizer.event.item]]
name = "Parking"
category = "Extras"
price = "6.00"
tax_rate = "19"
admission = false
addon_to = ["Seat"]

[[organizer.event.quota]]
name = "Hall"
size = 4
items = ["Seat"]
each_date = true

[[organizer.event.quota]]
name = "Yard"
size = 30
items = ["Parking"]
"##;

async fn server() -> TestServer {
    TestServer::start_with(SERIES, |_| {}).await.unwrap()
}

/// Dates, the seat, its variations, parking, as the API names them.
async fn shelf(server: &TestServer) -> (Vec<i64>, i64, [i64; 2], i64) {
    let event: Value = server.get("/api/v1/harbour/events/lights").send().await.unwrap().json().await.unwrap();
    let number = |value: &Value| value.as_i64().unwrap();
    let dates = event["dates"].as_array().unwrap().iter().map(|d| number(&d["date_id"])).collect();
    let items = event["items"].as_array().unwrap();
    let variations = &items[0]["variations"];
    let kinds = [number(&variations[0]["variation_id"]), number(&variations[1]["variation_id"])];
    assert_eq!(items[1]["addon_to"], json!([items[0]["item_id"]]));
    (dates, number(&items[0]["item_id"]), kinds, number(&items[1]["item_id"]))
}

async fn order(server: &TestServer, lines: Value) -> (u16, Value) {
    let body = json!({ "name": "Ada", "email": "ada@example.org", "lines": lines });
    let answer = server.http.post(server.url("/api/v1/harbour/events/lights/orders")).json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn sold(server: &TestServer) -> Vec<(i64, i64)> {
    let sql = "SELECT coalesce(date_id, 0), sold FROM quota ORDER BY date_id NULLS LAST";
    sqlx::query_as(sql).fetch_all(&mut server.admin().await.unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_buyer_without_scripts_chooses_a_date_and_what_to_have_with_it() {
    let server = server().await;
    let (dates, seat, [_, reduced], parking) = shelf(&server).await;
    let text = async |path: String| server.get(&path).send().await.unwrap().text().await.unwrap();
    let event = text("/harbour/lights".into()).await;
    assert!(event.contains("Choose a date") && event.contains("Opening night"), "{event}");
    assert!(!event.contains("<select"), "nothing can be chosen before a date is: {event}");
    assert_eq!(event.matches("/harbour/lights?date=").count(), dates.len(), "{event}");
    let page = text(format!("/harbour/lights?date={}", dates[0])).await;
    assert!(page.contains("Harbour Lights · Opening night") && page.contains("Only together with Seat"), "{page}");
    let (seats, cars) = (format!("i{seat}v{reduced}"), format!("i{parking}"));
    assert!(page.contains(&format!("name=\"{seats}\"")) && page.contains("€19.00"), "{page}");
    let date = field_value(&page, "date").unwrap();
    let chosen = [("date", date.as_str()), (seats.as_str(), "2"), (cars.as_str(), "1")];
    let answer = server.post("/harbour/lights/checkout", &chosen).send().await.unwrap();
    assert_eq!(answer.status(), 303);
    let path = answer.headers()["location"].to_str().unwrap().to_owned();
    let checkout = text(path).await;
    assert!(checkout.contains("€44.00") && checkout.contains("Ticket 2, Seat, Reduced"), "{checkout}");
    let key = field_value(&checkout, "key").unwrap();
    let name = format!("n{seat}v{reduced}_2");
    let form = [
        chosen[0],
        chosen[1],
        chosen[2],
        ("key", key.as_str()),
        ("name", "Ada"),
        ("email", "ada@example.org"),
        (name.as_str(), "Grace Hopper"),
        ("payment", "bank_transfer"),
    ];
    let placed = server.post("/harbour/lights/order", &form).send().await.unwrap();
    assert_eq!(placed.status(), 303);
    let order = text(placed.headers()["location"].to_str().unwrap().to_owned()).await;
    assert!(order.contains("Harbour Lights · Opening night") && order.contains("Grace Hopper"), "{order}");
    assert_eq!(sold(&server).await, [(dates[0], 2), (dates[1], 0), (dates[2], 0), (0, 1)]);
    let belongs = "SELECT count(*) FROM order_position a JOIN order_position t ON t.position_id = a.addon_to
                   WHERE a.date_id = t.date_id AND t.variation_id IS NOT NULL";
    assert_eq!(server.count(belongs).await.unwrap(), 1);
}

#[tokio::test]
async fn a_form_that_asks_for_what_cannot_be_sold_comes_back_with_the_reason() {
    let server = server().await;
    let (dates, seat, [regular, _], parking) = shelf(&server).await;
    let (seats, cars, date) = (format!("i{seat}v{regular}"), format!("i{parking}"), dates[0].to_string());
    for (chosen, reason) in [
        (vec![("date", date.as_str()), (cars.as_str(), "1")], "Parking is sold only together with Seat."),
        (vec![(seats.as_str(), "1")], "Please choose a date."),
        (vec![("date", "999999"), (seats.as_str(), "1")], "This date is no longer sold."),
        (vec![("date", date.as_str()), (seats.as_str(), "5")], "only 4 are left"),
    ] {
        let answer = server.post("/harbour/lights/checkout", &chosen).send().await.unwrap();
        assert_eq!(answer.status(), 422, "{chosen:?}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(reason), "{chosen:?}: {page}");
    }
    assert_eq!(server.count("SELECT count(*) FROM orders").await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_date_sells_out_by_itself_and_a_cancelled_order_frees_the_right_one() {
    let server = server().await;
    let (dates, seat, [regular, reduced], parking) = shelf(&server).await;
    let line =
        |date: i64, kind: i64, n: u32| json!({ "item_id": seat, "variation_id": kind, "date_id": date, "quantity": n });
    // Eight at once for four places of one evening, while the other evening is bought, too.
    let asks = (0..8).map(|_| order(&server, json!([line(dates[1], regular, 1)])));
    let (first, other) = tokio::join!(
        async { futures_util::future::join_all(asks).await },
        order(&server, json!([line(dates[2], reduced, 2), { "item_id": parking, "quantity": 3, "addon_to": 0 }])),
    );
    assert_eq!(first.iter().filter(|(status, _)| *status == 201).count(), 4);
    assert!(first.iter().all(|(status, body)| *status == 201 || body["code"] == "sold-out"), "{first:?}");
    assert_eq!(other.0, 201, "{other:?}");
    let positions = other.1["positions"].as_array().unwrap();
    let parent = |n: usize| positions[n]["addon_to"].as_str().unwrap().to_owned();
    let ids = [positions[0]["position_id"].as_str().unwrap(), positions[1]["position_id"].as_str().unwrap()];
    assert_eq!([parent(2), parent(3), parent(4)], [ids[0], ids[1], ids[0]], "one to each, in turn");
    assert_eq!(sold(&server).await, [(dates[0], 0), (dates[1], 4), (dates[2], 2), (0, 3)]);
    let page = server.get(&format!("/harbour/lights?date={}", dates[1])).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Sold out"), "{page}");
    let gone = other.1["order_id"].as_str().unwrap().parse().unwrap();
    let mut tx = server.app().begin(server.organizer).await.unwrap();
    willcall_server::orders::cancel(&mut tx, gone).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(sold(&server).await, [(dates[0], 0), (dates[1], 4), (dates[2], 0), (0, 0)]);
}

#[tokio::test]
async fn the_rules_of_dates_variations_and_add_ons_hold_at_the_api() {
    let server = server().await;
    let (dates, seat, [regular, _], parking) = shelf(&server).await;
    let good = json!({ "item_id": seat, "variation_id": regular, "date_id": dates[0], "quantity": 1 });
    let with = |field: &str, value: Value| {
        let mut line = good.clone();
        line[field] = value;
        line
    };
    for (lines, about) in [
        (json!([with("date_id", Value::Null)]), "no date"),
        (json!([with("variation_id", Value::Null)]), "no variation"),
        (json!([with("variation_id", json!(999_999))]), "no such variation"),
        (json!([with("date_id", json!(999_999))]), "no such date"),
        (json!([with("addon_to", json!(0))]), "a seat is no add-on"),
        (json!([{ "item_id": parking, "date_id": dates[0], "quantity": 1 }]), "parking alone"),
        (json!([good, { "item_id": parking, "quantity": 1, "addon_to": 7 }]), "no such line"),
        (json!([good, { "item_id": parking, "date_id": dates[1], "quantity": 1, "addon_to": 0 }]), "another evening"),
    ] {
        let (status, body) = order(&server, lines).await;
        assert_eq!(status, 422, "{about}: {body}");
    }
    assert_eq!(server.count("SELECT count(*) FROM orders").await.unwrap(), 0);
    server.meddle("UPDATE event_date SET active = false WHERE name = 'Opening night'").await.unwrap();
    assert_ne!(order(&server, json!([good])).await.0, 201, "switched off");
}

#[tokio::test]
async fn the_pdf_and_the_code_of_a_ticket_say_its_date_and_variation() {
    let server = server().await;
    let (dates, seat, [_, reduced], _) = shelf(&server).await;
    let (_, placed) =
        order(&server, json!([{ "item_id": seat, "variation_id": reduced, "date_id": dates[0], "quantity": 1 }])).await;
    let id = placed["order_id"].as_str().unwrap().parse().unwrap();
    server.pay(id).await.unwrap();
    let url = placed["url"].as_str().unwrap().replace(&server.url(""), "");
    let pdf = server.get(&format!("{url}/tickets.pdf")).send().await.unwrap();
    assert_eq!(pdf.headers()["content-type"], "application/pdf");
    assert!(pdf.bytes().await.unwrap().starts_with(b"%PDF"));
    let mut tx = server.app().begin(server.organizer).await.unwrap();
    let found = willcall_server::orders::find(&mut tx, id).await.unwrap().unwrap();
    let article = found.positions[0].article();
    assert_eq!(article.date_id.map(|d| d.0), Some(dates[0]));
    let event = server.event("lights").await.unwrap();
    let signer = willcall_server::ticketing::signer(&mut tx, server.app(), event).await.unwrap();
    let code = signer.code(&willcall_server::ticketing::CodeOf {
        position_id: found.positions[0].position_id,
        issue: found.positions[0].issue,
        article,
        flags: willcall_domain::ticketing::Flags::default(),
        valid_from: None,
        valid_until: None,
    });
    let read = willcall_domain::ticketing::read(&code.unwrap());
    let willcall_domain::ticketing::Code::Wc1(read) = read else { panic!("no wc1 code") };
    assert_eq!((i64::from(read.claims.date), i64::from(read.claims.variation)), (dates[0], reduced));
}
