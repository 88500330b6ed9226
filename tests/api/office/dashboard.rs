//! The day at a glance.

use super::{Browser, server};
use std::time::Duration;

/// A door of the shop and its scans: three in, one out, one turned away, one undone; one of yesterday.
const SCANS: &str = "
INSERT INTO device (organizer_id, name, role) SELECT organizer_id, 'Door', 'door' FROM organizer WHERE slug = 'harbour';
INSERT INTO scan (organizer_id, scan_id, event_id, list_id, device_id, incarnation, seq, direction, class, at, gate, undone)
SELECT e.organizer_id, gen_random_uuid(), e.event_id, l.list_id, d.device_id, 1, s.seq, s.direction, s.class, s.at, 'North gate', s.undone
FROM event e JOIN checkin_list l USING (organizer_id, event_id) JOIN device d USING (organizer_id),
    (VALUES (1, 'entry', 'admitted', 1793606400000, false), (2, 'entry', 'admitted', 1793606500000, false),
            (3, 'entry', 'look', 1793607400000, false), (4, 'exit', 'admitted', 1793607500000, false),
            (5, 'entry', 'used', 1793607600000, false), (6, 'entry', 'admitted', 1793607700000, true),
            (7, 'entry', 'admitted', 1793520000000, false)) AS s (seq, direction, class, at, undone)
WHERE e.slug = 'concert';";

#[tokio::test]
async fn the_dashboard_counts_money_sales_and_admissions_of_the_day_in_the_events_zone() {
    let server = server().await;
    let (adult, seat) = (server.item("Adult").await.unwrap(), server.item("Seat").await.unwrap());
    let yesterday = server.order("concert", adult, 4).await.unwrap();
    server.pay(yesterday["order_id"].as_str().unwrap().parse().unwrap()).await.unwrap();
    server.clock.advance(Duration::from_secs(24 * 3600));
    let today = server.order("concert", adult, 2).await.unwrap();
    server.pay(today["order_id"].as_str().unwrap().parse().unwrap()).await.unwrap();
    server.order("concert", adult, 3).await.unwrap();
    server.order("talk", seat, 1).await.unwrap();
    server.clock.set(willcall_domain::clock::UtcMillis::parse("2026-11-02T10:00:00Z").unwrap());
    let ines = Browser::ines(&server).await;
    let page = ines.page("/office/harbour").await;
    assert!(page.contains("Monday, 2 November 2026"), "{page}");
    assert!(page.contains("€96.00"), "what came in that day: {page}");
    server.clock.set(willcall_domain::clock::UtcMillis::parse("2026-11-03T10:00:00Z").unwrap());
    let ines = Browser::ines(&server).await;
    let page = ines.page("/office/harbour").await;
    for said in
        ["<p class=\"figure\">€48.00</p>", "<p class=\"figure\">6</p>", "Orders 3", "<p class=\"figure\">€72.00</p>"]
    {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(page.contains("10 positions in 14 days, at most 6 on a day"), "{page}");
    let talk = server.event("talk").await.unwrap();
    let page = ines.page(&format!("/office/harbour?event={talk}")).await;
    assert!(page.contains("<p class=\"figure\">1</p>") && page.contains("1 positions in 14 days"), "{page}");
}

#[tokio::test]
async fn admissions_are_counted_by_quarter_hour_and_gate() {
    let server = server().await;
    sqlx::raw_sql(SCANS).execute(&mut server.admin().await.unwrap()).await.unwrap();
    let ines = Browser::ines(&server).await;
    let page = ines.page("/office/harbour").await;
    assert!(page.contains("3 admitted, at most 2 in a quarter hour"), "{page}");
    assert!(page.contains("<title>09:00: 2</title>") && page.contains("<title>09:15: 1</title>"), "{page}");
    let (_, row) = page.split_once("<th>North gate</th>").expect("the gate");
    let cells: Vec<&str> = row.split("<td class=\"n\">").skip(1).take(4).filter_map(|c| c.split('<').next()).collect();
    assert_eq!(cells, ["3", "1", "1", "09:21"]);
}

#[tokio::test]
async fn a_house_without_events_is_told_how_to_begin() {
    let server = server().await;
    let zoe = Browser::of(&server, "zoe@zebra.example").await;
    let page = zoe.page("/office/zebra").await;
    assert!(page.contains("No events yet") && page.contains("/office/zebra/events/new"), "{page}");
    for path in ["/orders", "/events", "/devices", "/cases", "/events/new", "/devices/new"] {
        zoe.page(&format!("/office/zebra{path}")).await;
    }
}
