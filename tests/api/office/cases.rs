//! Cases in the back office.

use super::{Browser, server};
use willcall_server::jobs::schedule;
use willcall_tests::server::TestServer;

const OPEN: &str = "
INSERT INTO device (organizer_id, name, role) SELECT organizer_id, 'Till 7', 'till' FROM organizer WHERE slug = 'harbour';
INSERT INTO station_case (organizer_id, case_id, device_id, kind, detail, opened_at)
SELECT organizer_id, gen_random_uuid(), device_id, kind, detail::jsonb, 1793610000000 FROM device,
    (VALUES ('excess', '{}'), ('double_admission', '{\"scans\": [{\"gate\": \"Foyer\", \"at\": 1793610000000}]}'),
            ('suspect_station', '{\"incarnation\": 2, \"why\": \"other_machine\"}'),
            ('brand_new', '{\"scans\": 7}')) AS c (kind, detail);";

async fn case_of(server: &TestServer, kind: &str) -> String {
    let id: uuid::Uuid = sqlx::query_scalar("SELECT case_id FROM station_case WHERE kind = $1")
        .bind(kind)
        .fetch_one(&mut server.admin().await.unwrap())
        .await
        .unwrap();
    format!("/office/harbour/cases/{id}/close")
}

#[tokio::test]
async fn cases_say_what_happened_and_what_is_safe_and_are_closed_by_a_person() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    assert!(ines.page("/office/harbour/cases").await.contains("No open cases"));
    sqlx::raw_sql(OPEN).execute(&mut server.admin().await.unwrap()).await.unwrap();
    let page = ines.page("/office/harbour/cases").await;
    for said in [
        "Sold beyond the quota",
        "The sale is honoured",
        "Admitted twice",
        "Foyer · ",
        "Till 7",
        "brand_new",
        "It is on another machine than before",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(page.contains("/write-off?how=lost\""), "units are given up on a page of its own");
    assert!(ines.page("/office/harbour").await.contains("<b class=\"badge\">4</b>"));
    let path = case_of(&server, "excess").await;
    let vera = Browser::of(&server, "viewer@harbour.example").await;
    assert_eq!(vera.post(&path, &[]).await.status(), 403);
    assert_eq!(ines.post(&path, &[("how", "adopt")]).await.status(), 409, "not a way of this case");
    assert_eq!(ines.post(&path, &[("how", "burn")]).await.status(), 422);
    assert_eq!(ines.send(&path, &[("how", "seen"), ("note", "Told Max")]).await, "/office/harbour/cases?done=closed");
    let closed = "SELECT count(*) FROM station_case c JOIN staff s ON s.staff_id = c.closed_by
                  WHERE c.closed_at IS NOT NULL AND s.email = 'ines@harbour.example' AND c.resolution = 'seen'
                      AND c.person = 'Ines Petersen' AND c.version = 2";
    assert_eq!(server.count(closed).await.unwrap(), 1);
    assert_eq!(ines.post(&path, &[]).await.status(), 404, "closed once");
    let done = ines.page("/office/harbour/cases?show=closed").await;
    assert!(done.contains("Seen by Ines Petersen") && done.contains("Told Max"), "{done}");
    assert!(!ines.page("/office/harbour/cases").await.contains("Sold beyond the quota"));
    let zoe = Browser::of(&server, "zoe@zebra.example").await;
    assert!(zoe.page("/office/zebra/cases").await.contains("No open cases"), "another house's cases are not seen");
    assert_eq!(zoe.post(&case_of(&server, "brand_new").await, &[]).await.status(), 404);
}

#[tokio::test]
async fn cases_are_found_by_device_and_event_and_a_unknown_kind_can_only_be_seen() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    sqlx::raw_sql(OPEN).execute(&mut server.admin().await.unwrap()).await.unwrap();
    let device = server.count("SELECT device_id FROM device WHERE name = 'Till 7'").await.unwrap();
    let mine = ines.page(&format!("/office/harbour/cases?device={device}")).await;
    assert!(mine.contains("Admitted twice"));
    let others = ines.page(&format!("/office/harbour/cases?device={}&event=nonsense", device + 1)).await;
    assert!(others.contains("No open cases"));
    let event = server.event("concert").await.unwrap();
    assert!(ines.page(&format!("/office/harbour/cases?event={event}")).await.contains("No open cases"));
    let path = case_of(&server, "brand_new").await;
    assert_eq!(ines.post(&path, &[("how", "retry")]).await.status(), 409);
    ines.send(&path, &[("how", "seen")]).await;
    let german = ines.get("/office/language/de?next=/office/harbour/cases").await;
    assert_eq!(german.status(), 303);
    assert!(ines.page("/office/harbour/cases").await.contains("Zweimal eingelassen"));
}

#[tokio::test]
async fn personal_data_of_an_order_is_erased_for_good_and_machines_that_have_not_are_listed() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let adult = server.item("Adult").await.unwrap();
    let order = server.order("concert", adult, 1).await.unwrap();
    let code = order["code"].as_str().unwrap().to_owned();
    let path = format!("/office/harbour/orders/{code}");
    assert_eq!(ines.post(&format!("{path}/erase"), &[]).await.status(), 409, "it waits to be paid");
    ines.send(&format!("{path}/mark-paid"), &[]).await;
    let door = "INSERT INTO device (organizer_id, name, role, all_events, enrolled_at)
                SELECT organizer_id, 'Door 3', 'door', true, 1 FROM organizer WHERE slug = 'harbour'";
    server.meddle(door).await.unwrap();
    assert!(ines.page(&path).await.contains("Ada Lovelace"));
    assert!(ines.page(&format!("{path}/erase")).await.contains("erased for good"));
    ines.send(&format!("{path}/erase"), &[]).await;
    let page = ines.page(&path).await;
    assert!(!page.contains("Ada") && !page.contains("ada@example.org"), "{page}");
    assert!(page.contains("Door 3: told") && page.contains("not confirmed yet"), "{page}");
    for left in [
        "SELECT count(*) FROM orders WHERE name <> '' OR email <> ''",
        "SELECT count(*) FROM order_position WHERE attendee_name <> ''",
        "SELECT count(*) FROM artefact",
    ] {
        assert_eq!(server.count(left).await.unwrap(), 0, "{left}");
    }
    assert_eq!(server.count("SELECT count(*) FROM change WHERE kind = 'erase'").await.unwrap(), 1);
    let vera = Browser::of(&server, "viewer@harbour.example").await;
    assert_eq!(vera.post(&format!("{path}/erase"), &[]).await.status(), 403);

    let cases = "SELECT count(*) FROM station_case WHERE kind = 'not_erased' AND closed_at IS NULL";
    schedule::look(server.app(), 0).await.unwrap();
    assert_eq!(server.count(cases).await.unwrap(), 0, "a machine has a week to hear of it");
    server.meddle("UPDATE erasure SET at = at - 8 * 86400000").await.unwrap();
    for _ in 0..2 {
        schedule::look(server.app(), 0).await.unwrap();
    }
    assert_eq!(server.count(cases).await.unwrap(), 1, "one case, however often it is looked");
}

#[tokio::test]
async fn a_double_admission_says_how_sure_it_is_which_half_was_undone_and_that_a_time_was_given_by_hand() {
    const DOUBLES: &str = "
    INSERT INTO device (organizer_id, name, role) SELECT organizer_id, 'Door 5', 'door' FROM organizer WHERE slug = 'harbour';
    INSERT INTO station_case (organizer_id, case_id, device_id, kind, detail, opened_at)
    SELECT organizer_id, gen_random_uuid(), device_id, 'double_admission', detail::jsonb, 1793610000000 FROM device,
        (VALUES ('{\"certainty\": \"certain\", \"time_by_hand\": true, \"scans\": [
                     {\"gate\": \"Foyer\", \"at\": 1793610000000, \"undone\": true},
                     {\"gate\": \"Garden\", \"at\": 1793610060000, \"undone\": false}]}'),
                ('{\"certainty\": \"possible\", \"scans\": [{\"gate\": \"Balcony\", \"at\": 1793610000000}]}')) AS c (detail)
    WHERE name = 'Door 5';";
    let server = server().await;
    let ines = Browser::ines(&server).await;
    sqlx::raw_sql(DOUBLES).execute(&mut server.admin().await.unwrap()).await.unwrap();
    let page = ines.page("/office/harbour/cases").await;
    let card = |gate: &str| page.split("<section").find(|card| card.contains(gate)).unwrap();
    let (certain, possible) = (card("Foyer"), card("Balcony"));
    assert!(certain.contains("Certain: whoever was first") && certain.contains("Time given by hand"), "{certain}");
    let line = |gate: &str| certain.split("<p").find(|line| line.contains(gate)).unwrap();
    assert!(line("Foyer").contains("undone") && !line("Garden").contains("undone"), "{certain}");
    assert!(possible.contains("Possible: the clocks") && !possible.contains("Time given by hand"), "{possible}");
}

#[tokio::test]
async fn who_was_let_in_on_the_signature_alone_is_listed_until_the_order_is_known() {
    const SCANS: &str = "
    INSERT INTO device (organizer_id, name, role) SELECT organizer_id, 'Door 6', 'door' FROM organizer WHERE slug = 'harbour';
    INSERT INTO scan (organizer_id, scan_id, event_id, list_id, position_id, device_id, incarnation, seq, direction, class,
        at, gate)
    SELECT l.organizer_id, gen_random_uuid(), l.event_id, l.list_id, s.ticket, d.device_id, 1, s.nth, 'entry', s.class,
        1793610000000, s.gate
    FROM device d JOIN checkin_list l USING (organizer_id) JOIN event e USING (organizer_id, event_id),
        (VALUES (1, '0a0a0a0a-0000-7000-8000-000000000001'::uuid, 'admitted', 'North'),
                (2, '0a0a0a0a-0000-7000-8000-000000000002', 'refused', 'South'),
                (3, (SELECT position_id FROM order_position LIMIT 1), 'admitted', 'West')) AS s (nth, ticket, class, gate)
    WHERE d.name = 'Door 6' AND e.slug = 'concert';";
    let server = server().await;
    let ines = Browser::ines(&server).await;
    assert!(ines.page("/office/harbour/cases/signature-only").await.contains("Nobody: every ticket"));
    let adult = server.item("Adult").await.unwrap();
    server.order("concert", adult, 1).await.unwrap();
    sqlx::raw_sql(SCANS).execute(&mut server.admin().await.unwrap()).await.unwrap();
    let page = ines.page("/office/harbour/cases/signature-only").await;
    assert!(page.contains("North") && page.contains("0a0a0a0a"), "{page}");
    assert!(!page.contains("South") && !page.contains("West"), "refused ones and known ones are not: {page}");
    let zoe = Browser::of(&server, "zoe@zebra.example").await;
    assert!(!zoe.page("/office/zebra/cases/signature-only").await.contains("North"));
}
