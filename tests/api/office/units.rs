//! What tills hold, and giving it up.

use super::{Browser, server};
use willcall_tests::server::TestServer;

/// A till that holds four units of the hall and has not been heard of for two hours.
async fn lent(server: &TestServer) -> (String, i64) {
    let event = server.event("concert").await.unwrap();
    let now = server.app().now().0;
    let lend = format!(
        "WITH till AS (
             INSERT INTO device (organizer_id, name, role, all_events, enrolled_at, last_contact_at, waiting)
             VALUES ({organizer}, 'Till 3', 'till', true, {now}, {heard}, 2) RETURNING device_id
         ), hall AS (
             UPDATE quota SET leased = 4 WHERE name = 'Hall' AND event_id = {event} RETURNING quota_id
         )
         INSERT INTO lease (organizer_id, lease_id, event_id, quota_id, device_id, granted, request_id, requested_at,
             accepted_at, grant_body)
         SELECT {organizer}, gen_random_uuid(), {event}, quota_id, device_id, 4, gen_random_uuid(), {now}, {now}, '{{}}'
         FROM till, hall",
        organizer = server.organizer.0,
        heard = now - 2 * 3_600_000,
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(lend)).execute(&mut server.admin().await.unwrap()).await.unwrap();
    (format!("/office/harbour/events/{event}/tills"), server.count("SELECT device_id FROM device").await.unwrap())
}

#[tokio::test]
async fn the_page_says_who_holds_what_and_how_long_it_has_been_silent() {
    let server = server().await;
    let (path, till) = lent(&server).await;
    let ines = Browser::ines(&server).await;
    let page = ines.page(&path).await;
    assert!(page.contains("Size 100 · 0 sold · 4 with tills · 96 free"), "{page}");
    assert!(page.contains("Till 3") && page.contains("heard 2 h ago"), "{page}");
    assert!(page.contains(&format!("/office/harbour/devices/{till}/write-off")), "{page}");
    let viewer = Browser::of(&server, "viewer@harbour.example").await;
    assert!(!viewer.page(&path).await.contains("write-off"), "who may only look is offered nothing to do");
}

#[tokio::test]
async fn giving_up_says_the_worst_case_first_and_frees_the_units() {
    let server = server().await;
    let (path, till) = lent(&server).await;
    let ines = Browser::ines(&server).await;
    let confirm = format!("/office/harbour/devices/{till}/write-off");
    let page = ines.page(&format!("{confirm}?how=stolen")).await;
    let worst = page.find("In the worst case 4 more").unwrap_or_else(|| panic!("{page}"));
    assert!(worst < page.find("They become free").unwrap(), "the worst case comes first");
    assert!(page.contains(r#"value="stolen" checked"#), "{page}");
    assert_eq!(ines.post(&confirm, &[]).await.status(), 422, "lost or stolen must be said");
    let viewer = Browser::of(&server, "viewer@harbour.example").await;
    assert_eq!(viewer.post(&confirm, &[("how", "lost")]).await.status(), 403);
    assert_eq!(server.count("SELECT leased FROM quota WHERE name = 'Hall'").await.unwrap(), 4);
    ines.send(&confirm, &[("how", "lost")]).await;
    assert_eq!(server.count("SELECT leased FROM quota WHERE name = 'Hall'").await.unwrap(), 0);
    let written = "SELECT count(*) FROM write_off WHERE units = 4 AND how = 'lost' AND person = 'Ines Petersen'
        AND waiting = 2 AND heard_at IS NOT NULL";
    assert_eq!(server.count(written).await.unwrap(), 1);
    assert!(ines.page(&path).await.contains("Nothing is with tills."));
    assert!(ines.page(&confirm).await.contains("This station holds nothing."));
}

#[tokio::test]
async fn a_size_below_what_is_with_tills_is_shown_as_a_target() {
    let server = server().await;
    let (path, _) = lent(&server).await;
    let ines = Browser::ines(&server).await;
    let adult = server.item("Adult").await.unwrap();
    server.order("concert", adult, 3).await.unwrap();
    let quota = server.count("SELECT quota_id FROM quota WHERE name = 'Hall'").await.unwrap();
    let edit = path.replace("/tills", &format!("/quotas/{quota}"));
    let adult = adult.to_string();
    ines.send(&edit, &[("name", "Hall"), ("size", "5"), ("items", adult.as_str())]).await;
    let page = ines.page(&path).await;
    assert!(page.contains("Target 5. Still out: 4 with Till 3 (heard 2 h ago)."), "{page}");
    assert!(page.contains("2 asked back"), "{page}");
    assert!(ines.page(&edit).await.contains(r#"value="5""#), "the form shows what was wanted");
    assert_eq!(server.ask_order("concert", server.item("Adult").await.unwrap(), 1, None).await.unwrap().status(), 409);
}

#[tokio::test]
async fn how_much_tills_may_hold_is_set_for_an_event() {
    let server = server().await;
    let (path, _) = lent(&server).await;
    let ines = Browser::ines(&server).await;
    let form = |outage| {
        [("planned_outage_min", outage), ("station_cap", "25"), ("stations_cap_percent", "70"), ("till_sales", "on")]
    };
    let page = ines.refused(&path, &form("5")).await;
    assert!(page.contains("A whole number from 10 to 120."), "{page}");
    ines.send(&path, &form("90")).await;
    let page = ines.page(&path).await;
    assert!(
        page.contains(r#"value="90""#) && page.contains(r#"value="25""#) && page.contains(r#"value="70""#),
        "{page}"
    );
}
