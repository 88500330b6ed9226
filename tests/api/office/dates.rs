//! Dates, variations and add-ons as an organizer makes them.

use super::{Browser, server};
use willcall_tests::server::TestServer;

async fn home(server: &TestServer) -> String {
    format!("/office/harbour/events/{}", server.event("concert").await.unwrap())
}

async fn ids(server: &TestServer, sql: &'static str) -> Vec<i64> {
    sqlx::query_scalar(sql).fetch_all(&mut server.admin().await.unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_series_is_made_by_a_rule_with_places_for_each_date_and_the_event_lasts_as_long_as_it() {
    let server = server().await;
    let (ines, home) = (Browser::ines(&server).await, home(&server).await);
    let adult = server.item("Adult").await.unwrap().to_string();
    let form = [
        ("name", ""),
        ("starts_at", "2026-12-04T20:00"),
        ("ends_at", "2026-12-04T22:00"),
        ("admission_at", ""),
        ("active", "on"),
        ("every", "7"),
        ("times", "5"),
        ("size", "40"),
        ("quota_name", "Places"),
        ("items", adult.as_str()),
    ];
    ines.send(&format!("{home}/dates/new"), &form).await;
    let starts = ids(&server, "SELECT starts_at FROM event_date ORDER BY 1").await;
    assert_eq!(starts.len(), 5);
    assert!(starts.windows(2).all(|two| two[1] - two[0] == 7 * 86_400_000));
    assert_eq!(
        server
            .count("SELECT count(*) FROM quota WHERE name = 'Places' AND size = 40 AND date_id IS NOT NULL")
            .await
            .unwrap(),
        5
    );
    let spans =
        "SELECT count(*) FROM event e WHERE slug = 'concert' AND starts_at = (SELECT min(starts_at) FROM event_date)
                 AND ends_at = (SELECT max(ends_at) FROM event_date)";
    assert_eq!(server.count(spans).await.unwrap(), 1);
    assert_eq!(server.count("SELECT count(*) FROM audit WHERE deed = 'date_made'").await.unwrap(), 1);
    assert_eq!(server.count("SELECT count(*) FROM change WHERE kind = 'date'").await.unwrap(), 5);
    let page = ines.page(&format!("{home}/dates")).await;
    assert!(page.contains("Fri 4 Dec 2026, 20:00") && page.contains("Fri 1 Jan 2027, 20:00"), "{page}");
    let event = ines.page(&home).await;
    assert!(event.contains("Dates (5)") && event.contains("Places, 4 Dec 2026, 20:00"), "{event}");
}

#[tokio::test]
async fn a_series_with_mistakes_comes_back_with_each_reason_and_makes_nothing() {
    let server = server().await;
    let (ines, home) = (Browser::ines(&server).await, home(&server).await);
    let form =
        [("name", "x"), ("starts_at", "soon"), ("every", "7"), ("times", "367"), ("size", "40"), ("quota_name", "")];
    let page = ines.refused(&format!("{home}/dates/new"), &form).await;
    for reason in ["A whole number from 1 to 366.", "Please choose at least one."] {
        assert!(page.contains(reason), "{reason}: {page}");
    }
    assert_eq!(server.count("SELECT count(*) FROM event_date").await.unwrap(), 0);
    let vera = Browser::of(&server, "viewer@harbour.example").await;
    assert_eq!(vera.post(&format!("{home}/dates/new"), &form).await.status(), 403, "who may only look makes nothing");
}

#[tokio::test]
async fn a_date_is_changed_switched_off_and_removed_only_while_nothing_was_sold_for_it() {
    let server = server().await;
    let (ines, home) = (Browser::ines(&server).await, home(&server).await);
    let adult = server.item("Adult").await.unwrap();
    let items = adult.to_string();
    let times = [("starts_at", "2026-12-04T20:00"), ("active", "on")];
    let new = [
        times[0],
        times[1],
        ("every", "1"),
        ("times", "2"),
        ("size", "9"),
        ("quota_name", "Places"),
        ("items", &items),
    ];
    ines.send(&format!("{home}/dates/new"), &new).await;
    let dates = ids(&server, "SELECT date_id FROM event_date ORDER BY starts_at").await;
    let one = |n: usize| format!("{home}/dates/{}", dates[n]);
    ines.send(&one(0), &[("name", "Opening night"), ("starts_at", "2026-12-04T19:30")]).await;
    let changed = "SELECT count(*) FROM event_date WHERE name = 'Opening night' AND NOT active AND version = 2";
    assert_eq!(server.count(changed).await.unwrap(), 1);
    ines.send(&one(0), &[times[0], times[1]]).await;
    let lines = serde_json::json!([{ "item_id": adult, "date_id": dates[0], "quantity": 1 }]);
    let body = serde_json::json!({ "name": "Ada", "email": "ada@example.org", "lines": lines });
    let url = server.url("/api/v1/harbour/events/concert/orders");
    assert_eq!(server.http.post(url).json(&body).send().await.unwrap().status(), 201);
    let refused = ines.post(&format!("{}/remove", one(0)), &[]).await;
    assert_eq!(refused.status(), 409);
    assert!(refused.text().await.unwrap().contains("cannot be removed; switch it off"));
    ines.send(&format!("{}/remove", one(1)), &[]).await;
    assert_eq!(server.count("SELECT count(*) FROM event_date").await.unwrap(), 1);
    assert_eq!(
        server.count("SELECT count(*) FROM quota WHERE name = 'Places'").await.unwrap(),
        1,
        "its places went with it"
    );
    assert_eq!(server.count("SELECT count(*) FROM change WHERE kind IN ('date', 'quota') AND gone").await.unwrap(), 2);
}

#[tokio::test]
async fn variations_are_made_changed_and_switched_off_and_stations_hear_of_the_product() {
    let server = server().await;
    let (ines, home) = (Browser::ines(&server).await, home(&server).await);
    let product = format!("{home}/products/{}", server.item("Adult").await.unwrap());
    let version = "SELECT version FROM item WHERE name = 'Adult'";
    let before = server.count(version).await.unwrap();
    let form = [
        ("name", "Student"),
        ("price", "12.00"),
        ("rank", "10"),
        ("active", "on"),
        ("checkin_text", "Ask for the card."),
    ];
    assert_eq!(ines.send(&format!("{product}/variations/new"), &form).await, format!("{product}?done=saved"));
    assert_eq!(server.count(version).await.unwrap(), before + 1);
    let page = ines.page(&product).await;
    assert!(page.contains("Student") && page.contains("€12.00"), "{page}");
    let id = server.count("SELECT variation_id FROM variation").await.unwrap();
    let page = ines.refused(&format!("{product}/variations/{id}"), &[("name", ""), ("price", "cheap")]).await;
    assert!(page.contains("cheap"), "what was typed is still there: {page}");
    ines.send(&format!("{product}/variations/{id}"), &[("name", "Student"), ("price", "")]).await;
    assert_eq!(
        server.count("SELECT count(*) FROM variation WHERE price_minor IS NULL AND NOT active").await.unwrap(),
        1
    );
    assert_eq!(server.count("SELECT count(*) FROM audit WHERE deed LIKE 'variation_%'").await.unwrap(), 2);
    let event = server.get("/api/v1/harbour/events/concert").send().await.unwrap().text().await.unwrap();
    assert!(!event.contains("Student"), "switched off: {event}");
}

#[tokio::test]
async fn an_add_on_names_what_it_is_sold_with_and_never_makes_a_chain() {
    let server = server().await;
    let (ines, home) = (Browser::ines(&server).await, home(&server).await);
    let (adult, programme) = (server.item("Adult").await.unwrap(), server.item("Programme").await.unwrap());
    let (to_adult, to_programme) = (adult.to_string(), programme.to_string());
    let programmes = format!("{home}/products/{programme}");
    let form =
        |with: &'static str| [("name", with), ("price", "4.50"), ("tax_rate", "7"), ("rank", "3"), ("active", "on")];
    let mut addon = form("Programme").to_vec();
    addon.push(("addon_to", &to_adult));
    ines.send(&programmes, &addon).await;
    let kept = "SELECT count(*) FROM item_addon a JOIN item i USING (item_id) WHERE i.name = 'Programme'";
    assert_eq!(server.count(kept).await.unwrap(), 1);
    let mut chain = form("Adult").to_vec();
    chain.push(("addon_to", &to_programme));
    let page = ines.refused(&format!("{home}/products/{adult}"), &chain).await;
    assert!(page.contains("cannot have such products itself"), "{page}");
    ines.send(&programmes, &form("Programme")).await;
    assert_eq!(server.count(kept).await.unwrap(), 0);
}

#[tokio::test]
async fn a_quota_counts_one_date_or_all_and_is_counted_anew_when_that_changes() {
    let server = server().await;
    let (ines, home) = (Browser::ines(&server).await, home(&server).await);
    let (adult, child) = (server.item("Adult").await.unwrap(), server.item("Child").await.unwrap());
    let new = [("starts_at", "2026-12-04T20:00"), ("active", "on"), ("every", "1"), ("times", "2")];
    ines.send(&format!("{home}/dates/new"), &new).await;
    let dates = ids(&server, "SELECT date_id FROM event_date ORDER BY starts_at").await;
    for (date, n) in [(dates[0], 2), (dates[1], 3)] {
        let lines = serde_json::json!([{ "item_id": adult, "date_id": date, "quantity": n }]);
        let body = serde_json::json!({ "name": "Ada", "email": "ada@example.org", "lines": lines });
        let url = server.url("/api/v1/harbour/events/concert/orders");
        assert_eq!(server.http.post(url).json(&body).send().await.unwrap().status(), 201);
    }
    assert_eq!(server.sold("Hall").await.unwrap(), 5, "of every date");
    let hall = server.count("SELECT quota_id FROM quota WHERE name = 'Hall'").await.unwrap();
    let (a, c, first) = (adult.to_string(), child.to_string(), dates[0].to_string());
    let form = |date| [("name", "Hall"), ("size", "100"), ("items", a.as_str()), ("items", c.as_str()), ("date", date)];
    let path = format!("{home}/quotas/{hall}");
    ines.send(&path, &form(&first)).await;
    assert_eq!(server.sold("Hall").await.unwrap(), 2, "of that date");
    ines.send(&path, &form("")).await;
    assert_eq!(server.sold("Hall").await.unwrap(), 5);
}
