//! Making and changing events, products and check-in lists.

use super::{Browser, server};
use willcall_tests::server::field_value;

const EVENT: [(&str, &str); 10] = [
    ("name", "Sommernachtstraum am See"),
    ("slug", ""),
    ("description", "Ein Abend."),
    ("location", "Seebühne"),
    ("zone", "Europe/Berlin"),
    ("currency", "EUR"),
    ("starts_at", "2027-07-04T20:00"),
    ("ends_at", "2027-07-04T23:00"),
    ("admission_at", "2027-07-04T19:00"),
    ("code_format", "wc1"),
];

#[tokio::test]
async fn an_address_with_a_word_where_a_number_should_be_is_the_address_of_nothing() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let page = ines.get("/office/harbour/events/seven").await;
    assert_eq!(page.status(), 404);
    let text = page.text().await.unwrap();
    assert!(text.contains("There is nothing here") && text.contains("belongs to another organizer"), "{text}");
}

fn with<'a>(form: &[(&'a str, &'a str)], changed: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = form.iter().filter(|(name, _)| changed.iter().all(|(n, _)| n != name));
    kept.chain(changed).copied().collect()
}

#[tokio::test]
async fn a_new_event_with_a_product_and_a_quota_is_in_the_shop_once_it_is_live() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let home = ines.send("/office/harbour/events/new", &with(&EVENT, &[("takes_bank_transfer", "on")])).await;
    let home = home.strip_suffix("?done=event").expect("to the event");
    let page = ines.page(home).await;
    assert!(page.contains("All tickets") && page.contains("nobody sees it in the shop yet"), "{page}");
    let keys =
        "SELECT count(*) FROM event_key k JOIN event e USING (event_id) WHERE e.slug = 'sommernachtstraum-am-see'";
    assert_eq!(server.count(keys).await.unwrap(), 2, "it has a key to sign with from the start, and the next one");
    let product = [("name", "Parkett"), ("price", "24,00"), ("tax_rate", "7"), ("active", "on"), ("admission", "on")];
    ines.send(&format!("{home}/products/new"), &product).await;
    let item = server.item("Parkett").await.unwrap();
    let price = "SELECT price_minor + tax_rate_bp FROM item WHERE name = 'Parkett'";
    assert_eq!(server.count(price).await.unwrap(), 2400 + 700);
    assert!(ines.page(home).await.contains("In no quota"), "and says what is still missing");
    ines.send(&format!("{home}/quotas/new"), &[("name", "Saal"), ("size", "120"), ("items", &item.to_string())]).await;
    let shop = "/harbour/sommernachtstraum-am-see";
    assert_eq!(server.get(shop).send().await.unwrap().status(), 404, "not live yet");
    let all: Vec<(&str, &str)> = with(&EVENT, &[("takes_bank_transfer", "on"), ("live", "on")]);
    ines.send(&format!("{home}/edit"), &all).await;
    let page = server.get(shop).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Parkett") && page.contains("€24.00") && page.contains("Seebühne"), "{page}");
    let changes = "SELECT count(DISTINCT kind) FROM change WHERE kind IN ('event', 'item', 'quota', 'list', 'key')
                   AND event_id = (SELECT event_id FROM event WHERE slug = 'sommernachtstraum-am-see')";
    assert_eq!(server.count(changes).await.unwrap(), 5, "stations hear of all of it");
}

#[tokio::test]
async fn a_form_comes_back_with_everything_typed_and_what_is_wrong_beside_its_field() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let bad = [("starts_at", "soon"), ("zone", "Europe/Atlantis"), ("slug", "Über uns"), ("live", "on")];
    let page = ines.refused("/office/harbour/events/new", &with(&EVENT, &bad)).await;
    for (field, value) in
        [("starts_at", "soon"), ("zone", "Europe/Atlantis"), ("slug", "Über uns"), ("location", "Seebühne")]
    {
        assert_eq!(field_value(&page, field).as_deref(), Some(value));
    }
    for field in ["starts_at", "zone", "slug"] {
        assert!(page.contains(&format!("id=\"{field}-wrong\"")), "{field}: {page}");
    }
    assert!(!page.contains("id=\"name-wrong\"") && page.contains("name=\"live\" value=\"on\" checked"), "{page}");
    let taken = ines.refused("/office/harbour/events/new", &with(&EVENT, &[("slug", "concert")])).await;
    assert!(taken.contains("Already used by another"), "{taken}");
    assert_eq!(server.count("SELECT count(*) FROM event").await.unwrap(), 2);
}

#[tokio::test]
async fn a_price_that_is_none_is_kept_as_typed_and_stores_nothing() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let event = server.event("concert").await.unwrap();
    let path = format!("/office/harbour/events/{event}/products/new");
    let form =
        [("name", "Balkon"), ("price", "24.0x"), ("tax_rate", "seven"), ("rank", "1"), ("checkin_text", "<b>Halt</b>")];
    let page = ines.refused(&path, &form).await;
    assert_eq!(field_value(&page, "price").as_deref(), Some("24.0x"));
    assert_eq!(field_value(&page, "checkin_text").as_deref(), Some("<b>Halt</b>"));
    assert!(page.contains("This is no amount in EUR") && page.contains("id=\"tax_rate-wrong\""), "{page}");
    assert!(!page.contains("<b>Halt</b>"), "what was typed is text, never markup");
    assert_eq!(server.count("SELECT count(*) FROM item WHERE name = 'Balkon'").await.unwrap(), 0);
}

#[tokio::test]
async fn a_changed_product_rises_in_version_and_what_was_sold_keeps_its_price() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let (event, adult) = (server.event("concert").await.unwrap(), server.item("Adult").await.unwrap());
    server.order("concert", adult, 2).await.unwrap();
    let path = format!("/office/harbour/events/{event}/products/{adult}");
    let page = ines.page(&path).await;
    assert_eq!(field_value(&page, "price").as_deref(), Some("24.00"));
    let form = [
        ("name", "Adult"),
        ("category", "Tickets"),
        ("price", "30"),
        ("tax_rate", "7"),
        ("rank", "1"),
        ("active", "on"),
        ("admission", "on"),
    ];
    ines.send(&path, &form).await;
    assert_eq!(server.count("SELECT version FROM item WHERE name = 'Adult'").await.unwrap(), 2);
    assert_eq!(server.count("SELECT sum(price_minor)::bigint FROM order_position").await.unwrap(), 4800);
    ines.send(&path, &form).await;
    assert_eq!(server.count("SELECT version FROM item WHERE name = 'Adult'").await.unwrap(), 2, "nothing changed");
}

#[tokio::test]
async fn the_currency_stays_once_there_are_prices_in_it() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let event = server.event("concert").await.unwrap();
    let form = with(&EVENT, &[("slug", "concert"), ("currency", "JPY")]);
    let page = ines.refused(&format!("/office/harbour/events/{event}/edit"), &form).await;
    assert!(page.contains("There are products or orders in EUR already"), "{page}");
    assert_eq!(field_value(&page, "currency").as_deref(), Some("JPY"));
}

#[tokio::test]
async fn a_check_in_list_admits_what_was_chosen() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let (event, child) = (server.event("concert").await.unwrap(), server.item("Child").await.unwrap().to_string());
    let home = format!("/office/harbour/events/{event}");
    let nothing = ines.refused(&format!("{home}/lists/new"), &[("name", "Kids"), ("which", "some")]).await;
    assert!(nothing.contains("choose at least one"), "{nothing}");
    let form = [("name", "Kids"), ("which", "some"), ("items", child.as_str()), ("allow_multiple_entries", "on")];
    ines.send(&format!("{home}/lists/new"), &form).await;
    let kept = "SELECT count(*) FROM checkin_list l JOIN checkin_list_item i USING (list_id)
                WHERE l.name = 'Kids' AND NOT l.all_items AND l.allow_multiple_entries AND NOT l.allow_entry_after_exit";
    assert_eq!(server.count(kept).await.unwrap(), 1);
    let foreign = server.item("Seat").await.unwrap().to_string();
    let form = [("name", "Kids 2"), ("which", "some"), ("items", foreign.as_str())];
    assert_eq!(ines.post(&format!("{home}/lists/new"), &form).await.status(), 404, "a product of another event");
}
