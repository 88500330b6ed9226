//! Vouchers: made, listed, given a home till, switched off; each change is written down with who made it.

use super::{Browser, server};
use willcall_tests::server::{TestServer, field_value};

/// A till of the house; answers the address of the event's vouchers and the till's number.
async fn till(server: &TestServer) -> (String, i64) {
    let event = server.event("concert").await.unwrap();
    let insert = format!(
        "INSERT INTO device (organizer_id, name, role, all_events, enrolled_at) VALUES ({}, 'Till 3', 'till', true, 0)",
        server.organizer.0
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(insert)).execute(&mut server.admin().await.unwrap()).await.unwrap();
    (format!("/office/harbour/events/{event}/vouchers"), server.count("SELECT device_id FROM device").await.unwrap())
}

#[tokio::test]
async fn vouchers_are_made_and_listed_and_only_by_who_may_change_something() {
    let server = server().await;
    let (path, till) = till(&server).await;
    let ines = Browser::ines(&server).await;
    assert!(ines.page(&path).await.contains("No vouchers yet."));
    let event = path.trim_end_matches("/vouchers");
    assert!(ines.page(event).await.contains(&path), "the event's page leads there");
    let new = format!("{path}/new");
    let till = till.to_string();
    let form = [
        ("codes", "spring-1 Spring-2"),
        ("kind", "percent_off"),
        ("value", "50"),
        ("item", ""),
        ("home", till.as_str()),
    ];
    ines.send(&new, &form).await;
    let page = ines.page(&path).await;
    for said in ["SPRING-1", "SPRING-2", "50", "Any product", "Till 3", "Free"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let refused = ines.refused(&new, &[("codes", "spring-2 new-1"), ("kind", "set_price"), ("value", "5")]).await;
    assert!(refused.contains("SPRING-2") || refused.contains("spring-2"), "what was typed stays: {refused}");
    assert_eq!(server.count("SELECT count(*) FROM voucher").await.unwrap(), 2, "all or none");
    ines.send(&new, &[("count", "12"), ("kind", "amount_off"), ("value", "3")]).await;
    assert_eq!(server.count("SELECT count(*) FROM voucher").await.unwrap(), 14);
    let viewer = Browser::of(&server, "viewer@harbour.example").await;
    assert!(!viewer.page(&path).await.contains(&new), "who may only look is offered nothing to do");
    assert_eq!(viewer.post(&new, &form).await.status(), 403);
    ines.get(&format!("/office/language/de?next={path}")).await;
    assert!(ines.page(&path).await.contains("Heimkasse"));
}

#[tokio::test]
async fn naming_a_home_till_and_switching_off_are_written_down_with_who_did_it() {
    let server = server().await;
    let (path, till) = till(&server).await;
    let ines = Browser::ines(&server).await;
    ines.send(&format!("{path}/new"), &[("codes", "SPRING"), ("kind", "set_price"), ("value", "5")]).await;
    let voucher = format!("{path}/{}", server.count("SELECT voucher_id FROM voucher").await.unwrap());
    let till = till.to_string();
    ines.send(&voucher, &[("home", till.as_str()), ("active", "on")]).await;
    assert_eq!(server.count("SELECT count(*) FROM voucher WHERE home_device_id IS NOT NULL").await.unwrap(), 1);
    ines.send(&voucher, &[("home", till.as_str())]).await;
    assert_eq!(server.count("SELECT count(*) FROM voucher WHERE NOT active").await.unwrap(), 1);
    let page = ines.page(&voucher).await;
    for said in ["Made", "Home till: Till 3", "Switched off", "Ines Petersen"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let logged = "SELECT count(*) FROM voucher_log WHERE person = 'Ines Petersen'";
    assert_eq!(server.count(logged).await.unwrap(), 3);
    ines.send(&voucher, &[("home", till.as_str())]).await;
    assert_eq!(server.count(logged).await.unwrap(), 3, "what changes nothing is not written down");
    let refused = ines.refused(&voucher, &[("home", "999")]).await;
    assert!(field_value(&refused, "csrf").is_some(), "the form comes again: {refused}");
    let viewer = Browser::of(&server, "viewer@harbour.example").await;
    assert_eq!(viewer.post(&voucher, &[("home", "")]).await.status(), 403);
}
