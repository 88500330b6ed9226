//! Buying with a browser that runs no script: forms there and back.

use reqwest::Response;
use willcall_tests::server::{TestServer, field_value, unescape};

fn to(answer: &Response) -> String {
    assert_eq!(answer.status(), 303, "a form is answered with where to look");
    answer.headers()["location"].to_str().unwrap().to_owned()
}

async fn text(answer: Response) -> String {
    answer.text().await.unwrap()
}

/// Chooses on the event page; answers the checkout's address and page.
async fn checkout(server: &TestServer, event: &str, chosen: &[(&str, &str)]) -> (String, String) {
    let answer = server.post(&format!("/harbour/{event}/checkout"), chosen).send().await.unwrap();
    let path = to(&answer);
    let page = server.get(&path).send().await.unwrap();
    assert_eq!(page.status(), 200);
    (path, text(page).await)
}

#[tokio::test]
async fn a_buyer_without_scripts_gets_from_the_start_page_to_the_order() {
    let server = TestServer::start().await.unwrap();
    let start = text(server.get("/").send().await.unwrap()).await;
    assert!(start.contains("href=\"/harbour/concert\""), "{start}");
    let event = text(server.get("/harbour/concert").send().await.unwrap()).await;
    let (adult, programme) = (server.item("Adult").await.unwrap(), server.item("Programme").await.unwrap());
    assert!(event.contains(&format!("name=\"i{adult}\"")) && event.contains("incl. 7\u{a0}% VAT"), "{event}");
    let (adult, programme) = (format!("i{adult}"), format!("i{programme}"));
    let (_, page) = checkout(&server, "concert", &[(&adult, "2"), (&programme, "1")]).await;
    assert!(page.contains("€52.50"), "{page}");
    assert!(
        page.contains("Ticket 1, Adult") && page.contains("Ticket 2, Adult") && !page.contains("Ticket 3"),
        "{page}"
    );
    let key = field_value(&page, "key").unwrap();
    let first_name = adult.replacen('i', "n", 1) + "_1";
    let form = [
        (adult.as_str(), "2"),
        (&programme, "1"),
        ("key", &key),
        ("name", "Ada Lovelace"),
        ("email", "ada@example.org"),
        (&first_name, "Grace Hopper"),
        ("payment", "bank_transfer"),
    ];
    let path = to(&server.post("/harbour/concert/order", &form).send().await.unwrap());
    let order = text(server.get(&path).send().await.unwrap()).await;
    assert!(order.contains("One step left: transfer €52.50") && order.contains("Grace Hopper"), "{order}");
    assert_eq!(server.sold("Hall").await.unwrap(), 2);
    let again = to(&server.post("/harbour/concert/order", &form).send().await.unwrap());
    assert_eq!(again, path, "a second click shows the same order");
    assert_eq!(server.count("SELECT count(*) FROM orders").await.unwrap(), 1);
    assert_eq!(server.sold("Hall").await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_click_at_the_same_moment_is_one_order() {
    let server = TestServer::start().await.unwrap();
    let seat = format!("i{}", server.item("Seat").await.unwrap());
    let (_, page) = checkout(&server, "talk", &[(&seat, "1")]).await;
    let key = field_value(&page, "key").unwrap();
    let form = [
        (seat.as_str(), "1"),
        ("key", key.as_str()),
        ("name", "Ada"),
        ("email", "ada@example.org"),
        ("payment", "free"),
    ];
    let clicks = (0..8).map(|_| server.post("/harbour/talk/order", &form).send());
    let mut paths: Vec<_> = futures_util::future::join_all(clicks).await.into_iter().map(|a| to(&a.unwrap())).collect();
    paths.dedup();
    assert_eq!(paths.len(), 1);
    assert_eq!(server.sold("Foyer").await.unwrap(), 1);
}

#[tokio::test]
async fn a_form_with_mistakes_comes_back_with_everything_that_was_typed_and_each_reason_beside_its_field() {
    let server = TestServer::start().await.unwrap();
    let item = server.item("Adult").await.unwrap();
    let adult = format!("i{item}");
    let (_, page) = checkout(&server, "concert", &[(&adult, "1")]).await;
    let key = field_value(&page, "key").unwrap();
    let ticket = format!("n{item}_1");
    let long = "ü".repeat(201);
    let form = [
        (adult.as_str(), "1"),
        ("key", &key),
        ("name", "  "),
        ("email", "ada \"<script>\"@nowhere"),
        (&ticket, long.as_str()),
        ("payment", ""),
    ];
    let answer = server.post("/harbour/concert/order", &form).send().await.unwrap();
    assert_eq!(answer.status(), 422);
    let page = text(answer).await;
    assert_eq!(field_value(&page, "email").unwrap(), "ada \"<script>\"@nowhere", "as it was typed, and harmless");
    assert!(!page.contains("<script>"));
    assert_eq!(field_value(&page, &ticket).unwrap(), long);
    assert_eq!(field_value(&page, "key").unwrap(), key, "still the same request");
    assert_eq!(field_value(&page, &adult).unwrap(), "1");
    for (id, reason) in [
        ("name-error", "Please tell us your name."),
        ("email-error", "That is no complete e-mail address; it looks like name@example.org."),
        (&format!("{ticket}-error"), "At most 200 characters, please."),
    ] {
        let told = page.split(&format!("id=\"{id}\">")).nth(1).and_then(|rest| rest.split('<').next()).map(unescape);
        assert_eq!(told.as_deref(), Some(reason), "beside {id}");
        assert!(page.contains("href=\"#name\"") && page.contains("href=\"#email\""), "and in the box above");
    }
    assert!(page.contains("Please choose how to pay."), "{page}");
    assert_eq!(server.count("SELECT count(*) FROM orders").await.unwrap(), 0);
}

#[tokio::test]
async fn what_sold_out_meanwhile_is_said_and_the_details_are_kept() {
    let server = TestServer::start().await.unwrap();
    let item = server.item("Adult").await.unwrap();
    let adult = format!("i{item}");
    let (_, page) = checkout(&server, "concert", &[(&adult, "3")]).await;
    let key = field_value(&page, "key").unwrap();
    server.resize("Hall", 2).await.unwrap();
    let form = [
        (adult.as_str(), "3"),
        ("key", &key),
        ("name", "Ada"),
        ("email", "ada@example.org"),
        ("payment", "bank_transfer"),
    ];
    let answer = server.post("/harbour/concert/order", &form).send().await.unwrap();
    assert_eq!(answer.status(), 409);
    let page = text(answer).await;
    assert!(page.contains("Of Adult only 2 are left."), "{page}");
    assert_eq!(field_value(&page, "name").unwrap(), "Ada");
    assert!(page.contains(&format!("/harbour/concert?{adult}=3#tickets")), "the way to change it: {page}");
}

#[tokio::test]
async fn choosing_nothing_or_too_much_is_said_on_the_event_page_with_the_choice_kept() {
    let server = TestServer::start().await.unwrap();
    let child = format!("i{}", server.item("Child").await.unwrap());
    let answer = server.post("/harbour/concert/checkout", &[(&child, "0")]).send().await.unwrap();
    assert_eq!(answer.status(), 422);
    assert!(text(answer).await.contains("Choose at least one ticket."));
    server.resize("Hall", 4).await.unwrap();
    let answer = server.post("/harbour/concert/checkout", &[(&child, "7")]).send().await.unwrap();
    assert_eq!(answer.status(), 422);
    let page = text(answer).await;
    assert!(page.contains("Of Child only 4 are left."), "{page}");
    assert!(page.contains("<option value=\"4\" selected>"), "as many as there are: {page}");
}

#[tokio::test]
async fn a_form_from_another_site_is_refused_and_a_program_without_a_browser_is_not() {
    let server = TestServer::start().await.unwrap();
    let seat = format!("i{}", server.item("Seat").await.unwrap());
    let form = [(seat.as_str(), "1"), ("name", "Ada"), ("email", "ada@example.org"), ("payment", "free")];
    let url = server.url("/harbour/talk/order");
    for (header, value) in [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
        let answer = server.http.post(&url).header(header, value).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), 403, "{header}: {value}");
    }
    assert_eq!(server.count("SELECT count(*) FROM orders").await.unwrap(), 0);
    assert_eq!(server.http.post(&url).form(&form).send().await.unwrap().status(), 303);
}

#[tokio::test]
async fn an_order_that_cannot_be_paid_here_is_not_placed() {
    let server = TestServer::start().await.unwrap();
    let item = server.item("Adult").await.unwrap();
    server.meddle("UPDATE event SET takes_bank_transfer = false").await.unwrap();
    let adult = format!("i{item}");
    let (_, page) = checkout(&server, "concert", &[(&adult, "1")]).await;
    assert!(page.contains("This order cannot be paid online"), "{page}");
    assert!(!page.contains("type=\"submit\""), "and there is no button that would not work");
    let form = [(adult.as_str(), "1"), ("name", "Ada"), ("email", "ada@example.org"), ("payment", "bank_transfer")];
    let answer = server.post("/harbour/concert/order", &form).send().await.unwrap();
    assert_eq!(answer.status(), 422);
    assert_eq!(server.count("SELECT count(*) FROM orders").await.unwrap(), 0);
}
