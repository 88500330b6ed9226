//! Searching orders, and what is done with one.

use super::{Browser, server};
use serde_json::Value;
use willcall_tests::server::TestServer;

/// Orders one ticket, bought by `name`.
async fn bought(server: &TestServer, name: &str, email: &str) -> String {
    let adult = server.item("Adult").await.unwrap();
    let order = server.order("concert", adult, 1).await.unwrap();
    let code = order["code"].as_str().unwrap().to_owned();
    let mut admin = server.admin().await.unwrap();
    let rename = sqlx::query("UPDATE orders SET name = $2, email = $3 WHERE code = $1");
    rename.bind(&code).bind(name).bind(email).execute(&mut admin).await.unwrap();
    code
}

async fn found(browser: &Browser, query: &str) -> Vec<String> {
    let page = browser.page(&format!("/office/harbour/orders?{query}")).await;
    let codes = page.split("class=\"cover mono\"").skip(1);
    codes.filter_map(|rest| rest.split(['>', '<']).nth(1)).map(str::to_owned).collect()
}

#[tokio::test]
async fn an_order_is_found_by_folded_name_by_code_and_by_the_beginning_of_its_e_mail() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let muller = bought(&server, "Jürgen Müller", "jm@example.org").await;
    let lukasz = bought(&server, "Łukasz Weiß", "lw@example.org").await;
    let percent = bought(&server, "100% Chor_Verein", "chor@example.org").await;
    for query in ["q=muller", "q=MULLER", "q=M%C3%BCller", "q=jurgen+mu", "q=JM%40exam"] {
        assert_eq!(found(&ines, query).await, std::slice::from_ref(&muller), "{query}");
    }
    for query in ["q=lukasz", "q=weiss", "q=WEI%C3%9F"] {
        assert_eq!(found(&ines, query).await, std::slice::from_ref(&lukasz), "{query}");
    }
    assert_eq!(found(&ines, &format!("q={}", &muller.to_lowercase()[..4])).await, std::slice::from_ref(&muller));
    assert_eq!(found(&ines, "q=100%25").await, std::slice::from_ref(&percent), "a percent sign is a percent sign");
    assert_eq!(found(&ines, "q=r_V").await, std::slice::from_ref(&percent), "and an underscore is one");
    assert_eq!(found(&ines, "q=example").await, Vec::<String>::new(), "an e-mail is found by its beginning");
    assert_eq!(found(&ines, "").await.len(), 3);
    let mut admin = server.admin().await.unwrap();
    let named = sqlx::query(
        "UPDATE order_position SET attendee_name = 'Zoë Åström' WHERE order_id = (SELECT order_id FROM orders WHERE code = $1)",
    );
    named.bind(&percent).execute(&mut admin).await.unwrap();
    assert_eq!(found(&ines, "q=zoe+astrom").await, [percent], "also by the name on a ticket");
}

#[tokio::test]
async fn orders_are_filtered_by_status_and_event_and_paged() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let first = bought(&server, "Ada", "ada@example.org").await;
    ines.send(&format!("/office/harbour/orders/{first}/mark-paid"), &[]).await;
    for _ in 0..51 {
        bought(&server, "Grace", "grace@example.org").await;
    }
    assert_eq!(found(&ines, "status=paid").await, [first]);
    assert_eq!(found(&ines, "status=canceled").await.len(), 0);
    let (concert, talk) = (server.event("concert").await.unwrap(), server.event("talk").await.unwrap());
    assert_eq!(found(&ines, &format!("event={talk}")).await.len(), 0);
    assert_eq!(found(&ines, &format!("event={concert}")).await.len(), 50);
    let second = found(&ines, &format!("event={concert}&page=2")).await;
    assert_eq!(second.len(), 2);
    let first = found(&ines, "page=1").await;
    assert!(second.iter().all(|code| !first.contains(code)), "no order stands on two pages");
    for page in ["0", "-1", "999", "x", "9223372036854775807"] {
        assert!(!found(&ines, &format!("page={page}")).await.is_empty(), "page {page}");
    }
}

#[tokio::test]
async fn an_order_shows_what_was_sold_and_what_became_of_it() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let code = bought(&server, "Ada Lovelace", "ada@example.org").await;
    let path = format!("/office/harbour/orders/{code}");
    let page = ines.page(&path).await;
    for said in
        ["Ada Lovelace", "ada@example.org", "Adult", "€24.00", "Not paid", "Bank transfer", "Expected", "Not in yet"]
    {
        assert!(page.contains(said), "{said}: {page}");
    }
    let (_, link) = page.split_once(&format!("href=\"/harbour/concert/order/{code}/")).expect("the buyer's own page");
    let link = format!("/harbour/concert/order/{code}/{}", link.split('"').next().unwrap());
    assert_eq!(server.get(&link).send().await.unwrap().status(), 200);
    assert_eq!(ines.get("/office/harbour/orders/NOSUCH").await.status(), 404);
}

#[tokio::test]
async fn an_order_is_marked_as_paid_once_and_its_mail_goes_out() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let code = bought(&server, "Ada Lovelace", "ada@example.org").await;
    let path = format!("/office/harbour/orders/{code}");
    assert_eq!(ines.send(&format!("{path}/mark-paid"), &[]).await, format!("{path}?done=paid"));
    assert!(ines.page(&format!("{path}?done=paid")).await.contains("Marked as paid"));
    let again = ines.post(&format!("{path}/mark-paid"), &[]).await;
    assert_eq!(again.status(), 409);
    let page = again.text().await.unwrap();
    assert!(page.contains("role=\"alert\"") && page.contains("Received"), "the present state, and why not: {page}");
    assert_eq!(server.count("SELECT count(*) FROM payment WHERE state = 'confirmed'").await.unwrap(), 1);
    server.idle().await.unwrap();
    let mails = server.mails(1).await.unwrap().len();
    assert_eq!(ines.send(&format!("{path}/resend"), &[]).await, format!("{path}?done=resent"));
    server.mails(mails + 1).await.unwrap();
}

#[tokio::test]
async fn an_order_is_cancelled_after_a_second_look_and_its_codes_end() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let code = bought(&server, "Ada Lovelace", "ada@example.org").await;
    let path = format!("/office/harbour/orders/{code}");
    ines.send(&format!("{path}/mark-paid"), &[]).await;
    let asked = ines.page(&format!("{path}/cancel")).await;
    assert!(asked.contains("Received: €24.00"), "what it means is said first: {asked}");
    assert_eq!(server.sold("Hall").await.unwrap(), 1, "asking cancels nothing");
    let changes = "SELECT count(*) FROM change WHERE kind = 'position'";
    let before = server.count(changes).await.unwrap();
    ines.send(&format!("{path}/cancel"), &[]).await;
    assert_eq!(server.sold("Hall").await.unwrap(), 0);
    assert_eq!(server.count(changes).await.unwrap(), before + 1, "stations hear that its code is refused");
    let page = ines.page(&path).await;
    assert!(page.contains("Canceled") && page.contains("Code revoked") && !page.contains("mark-paid"), "{page}");
    assert_eq!(ines.post(&format!("{path}/cancel"), &[]).await.status(), 409);
}

#[tokio::test]
async fn orders_are_exported_whole_and_hold_no_formulas() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let evil = bought(&server, "=HYPERLINK(\"http://evil.example\")", "evil@example.org").await;
    bought(&server, "Kern, Mira", "mira@example.org").await;
    let answer = ines.get("/office/harbour/orders.csv?q=evil").await;
    assert_eq!(answer.headers()["content-type"], "text/csv; charset=utf-8");
    let csv = answer.text().await.unwrap();
    let lines: Vec<&str> = csv.trim_start_matches('\u{feff}').lines().collect();
    assert_eq!(lines.len(), 2, "{csv}");
    assert_eq!(lines[0], "order,status,name,email,event,channel,placed_at,positions,total,currency");
    let row = format!(
        "{evil},pending,\"'=HYPERLINK(\"\"http://evil.example\"\")\",evil@example.org,Winter Concert,web,2026-11-02 10:00:00+01:00,1,24.00,EUR"
    );
    assert_eq!(lines[1], row);
    let all = ines.get("/office/harbour/orders.csv").await.text().await.unwrap();
    assert_eq!(all.lines().count(), 3);
    assert!(all.contains("\"Kern, Mira\""));
}

#[tokio::test]
async fn scans_of_an_orders_tickets_are_told_in_order() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let code = bought(&server, "Ada", "ada@example.org").await;
    let mut admin = server.admin().await.unwrap();
    let scans: Value =
        serde_json::json!([["entry", "admitted", 1000], ["entry", "used", 2000], ["exit", "admitted", 3000]]);
    sqlx::raw_sql("INSERT INTO device (organizer_id, name, role) SELECT organizer_id, 'Door', 'door' FROM organizer WHERE slug = 'harbour'")
        .execute(&mut admin)
        .await
        .unwrap();
    for scan in scans.as_array().unwrap() {
        let insert = sqlx::query(
            "INSERT INTO scan (organizer_id, scan_id, event_id, list_id, position_id, device_id, incarnation, seq, direction, class, at, gate)
             SELECT p.organizer_id, gen_random_uuid(), p.event_id, l.list_id, p.position_id, d.device_id, 1, $4, $2, $3, 1793610000000 + $4, 'Foyer'
             FROM order_position p JOIN orders o USING (organizer_id, order_id)
             JOIN checkin_list l ON l.event_id = p.event_id JOIN device d ON d.organizer_id = p.organizer_id
             WHERE o.code = $1",
        );
        let (direction, class) = (scan[0].as_str().unwrap(), scan[1].as_str().unwrap());
        insert.bind(&code).bind(direction).bind(class).bind(scan[2].as_i64()).execute(&mut admin).await.unwrap();
    }
    let page = ines.page(&format!("/office/harbour/orders/{code}")).await;
    let order: Vec<usize> = ["Admitted</span>", "Already used</span>", "Went out</span>"]
        .iter()
        .map(|said| page.find(said).expect(said))
        .collect();
    assert!(order.is_sorted(), "{page}");
    assert!(page.contains("Out since"), "the last counted scan says where it is: {page}");
    assert!(ines.page(&format!("/office/harbour/orders/{code}/cancel")).await.contains("Already admitted: 1"));
}
