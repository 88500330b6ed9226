//! What an organizer sets up for doors: gates, lists and their rules, devices, operators, questions, products, orders,
//! badges, wristbands; what stations hear of it, and what the record of changes says.

use super::{Browser, server};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use willcall_tests::server::{TestServer, unescape, until};

/// A door that has enrolled; the server's history and its bearer token with a blank between, and its number.
async fn door(server: &TestServer, ines: &Browser) -> (String, i64) {
    let form = [("name", "Door"), ("role", "door"), ("which", "all"), ("rights", "undo"), ("rights", "search")];
    let page = ines.post("/office/harbour/devices/new", &form).await.text().await.unwrap();
    let (_, rest) = page.split_once("id=\"token\">").expect("a token");
    let key = SigningKey::from_bytes(&[7; 32]).verifying_key();
    let ask = json!({
        "token": rest.split('<').next(), "public_key": hex::encode(key.as_bytes()), "software": "test 1"
    });
    let answer = server.http.post(server.url("/api/station/v1/enrol")).json(&ask).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    let (history, token) = (answer["history"].to_string(), answer["device_token"].as_str().unwrap());
    (format!("{} {token}", history.trim_matches('"')), answer["device_id"].as_i64().unwrap())
}

/// What a station hears of a kind of rows, once it is true of one of them.
async fn heard(server: &TestServer, token: &str, kind: &str, is: impl Fn(&Value) -> bool) -> Value {
    until(kind, || async {
        let (history, token) = token.split_once(' ').unwrap();
        let path = format!("/api/station/v1/changes?history={history}&after=0");
        let ask = server.http.get(server.url(&path)).bearer_auth(token);
        let answer: Value = ask.header("willcall-protocol", "3").send().await?.error_for_status()?.json().await?;
        let rows = answer["changes"].as_array().cloned().unwrap_or_default();
        let found = rows.into_iter().find(|row| row["row"] == kind && is(&row["data"]));
        Ok(found.map(|row| row["data"].clone()))
    })
    .await
    .unwrap()
}

async fn event(server: &TestServer) -> String {
    format!("/office/harbour/events/{}", server.event("concert").await.unwrap())
}

async fn audited(server: &TestServer, deed: &str) -> i64 {
    let mut admin = server.admin().await.unwrap();
    let by = sqlx::query_scalar("SELECT count(*) FROM audit WHERE deed = $1 AND staff_id IS NOT NULL");
    by.bind(deed).fetch_one(&mut admin).await.unwrap()
}

#[tokio::test]
async fn a_gate_is_made_renamed_at_its_devices_and_removed_once_nothing_stands_there() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let (token, device) = door(&server, &ines).await;
    ines.send("/office/harbour/gates", &[("name", "North")]).await;
    let taken = ines.refused("/office/harbour/gates", &[("name", "North")]).await;
    assert!(taken.contains("Already used by another"), "{taken}");
    let gate = heard(&server, &token, "gate", |gate| gate["name"] == "North").await["gate_id"].to_string();
    let setup = format!("/office/harbour/devices/{device}/setup");
    let form = [
        ("gate", gate.as_str()),
        ("which", "all"),
        ("badge_print", "once"),
        ("max_data_age", "30"),
        ("guarded", "undo"),
        ("hide_names", "on"),
    ];
    ines.send(&setup, &form).await;
    ines.send(&format!("/office/harbour/gates/{gate}"), &[("name", "North gate")]).await;
    let row = heard(&server, &token, "device", |row| row["gate"] == "North gate").await;
    assert_eq!(
        (&row["badge_print"], &row["max_data_age_min"], &row["guarded"]),
        (&json!("once"), &json!(30), &json!(["undo"]))
    );
    assert_eq!(
        (row["told"].as_bool(), row["hide_names"].as_bool(), row["kiosk"].as_bool()),
        (Some(true), Some(true), Some(false))
    );
    let remove = format!("/office/harbour/gates/{gate}/remove");
    let refused = ines.post(&remove, &[]).await;
    assert_eq!(refused.status(), 409);
    assert!(refused.text().await.unwrap().contains("Devices stand here"));
    ines.send(&setup, &[("gate", ""), ("which", "all"), ("badge_print", "never")]).await;
    ines.send(&remove, &[]).await;
    assert_eq!(server.count("SELECT count(*) FROM gate").await.unwrap(), 0);
    for (deed, times) in [("gate_made", 1), ("gate_changed", 1), ("gate_removed", 1), ("device_changed", 2)] {
        assert_eq!(audited(&server, deed).await, times, "{deed}");
    }
    let log = ines.page("/office/harbour/log").await;
    assert!(
        log.contains("Gate renamed") && log.contains("Name: North → North gate") && log.contains("Ines Petersen"),
        "{log}"
    );
    let vera = Browser::of(&server, "viewer@harbour.example").await;
    assert_eq!(
        vera.post("/office/harbour/gates", &[("name", "South")]).await.status(),
        403,
        "who looks changes nothing"
    );
}

#[tokio::test]
async fn a_device_setup_with_wrong_fields_comes_back() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let (_, device) = door(&server, &ines).await;
    let setup = format!("/office/harbour/devices/{device}/setup");
    let page = ines.refused(&setup, &[("which", "some"), ("badge_print", "maybe"), ("max_data_age", "0")]).await;
    for field in ["lists", "badge_print", "max_data_age"] {
        assert!(page.contains(&format!("id=\"{field}-wrong\"")), "{field}: {page}");
    }
    let foreign = [("which", "some"), ("lists", "99999"), ("badge_print", "never")];
    assert_eq!(ines.post(&setup, &foreign).await.status(), 404, "a list of nobody");
}

#[tokio::test]
async fn a_list_says_where_and_when_it_is_offered_and_stations_hear_of_it() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let (token, _) = door(&server, &ines).await;
    ines.send("/office/harbour/gates", &[("name", "North")]).await;
    let gate = server.count("SELECT gate_id FROM gate").await.unwrap().to_string();
    let home = event(&server).await;
    let form = [
        ("name", "North entrance"),
        ("which", "all"),
        ("at", "some"),
        ("gates", gate.as_str()),
        ("shown_from", "2027-07-04T18:00"),
        ("shown_until", "2027-07-04T23:00"),
        ("addon_match", "on"),
    ];
    ines.send(&format!("{home}/lists/new"), &form).await;
    let row = heard(&server, &token, "list", |list| list["name"] == "North entrance").await;
    assert_eq!(row["gates"], json!([gate.parse::<i64>().unwrap()]));
    assert_eq!((row["addon_match"].as_bool(), row["shown_from"].as_i64()), (Some(true), Some(1_814_716_800_000)));
    let list = format!("{home}/lists/{}", row["list_id"]);
    let page = ines.page(&list).await;
    assert!(
        page.contains("value=\"2027-07-04T18:00\"") && page.contains("name=\"addon_match\" value=\"on\" checked"),
        "{page}"
    );
    let late = ines
        .refused(
            &list,
            &[("name", "X"), ("which", "all"), ("shown_from", "2027-07-04T18:00"), ("shown_until", "2027-07-04T17:00")],
        )
        .await;
    assert!(late.contains("id=\"shown_until-wrong\""), "{late}");
    let foreign = [("name", "X"), ("which", "all"), ("at", "some"), ("gates", "99999")];
    assert_eq!(ines.post(&list, &foreign).await.status(), 404);
    assert_eq!((audited(&server, "list_made").await, audited(&server, "list_changed").await), (1, 0));
}

#[tokio::test]
async fn a_rule_is_built_in_blocks_tried_out_before_it_is_kept_and_said_in_words() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let adult = server.item("Adult").await.unwrap();
    let order = server.order("concert", adult, 1).await.unwrap();
    let code = order["code"].as_str().unwrap();
    ines.send(&format!("/office/harbour/orders/{code}/mark-paid"), &[]).await;
    let home = event(&server).await;
    let list = server
        .count("SELECT min(list_id) FROM checkin_list l JOIN event e USING (event_id) WHERE e.slug = 'concert'")
        .await
        .unwrap();
    let rule = format!("{home}/lists/{list}/rule");
    let child = server.item("Child").await.unwrap().to_string();
    let mut form = vec![
        ("mode", "blocks"),
        ("blocks", "1"),
        ("b0-join", "and"),
        ("b0-n", "1"),
        ("b0c0-kind", "product"),
        ("b0c0-ids", child.as_str()),
        ("sim_text", code),
        ("sim_direction", "entry"),
        ("act", "simulate"),
    ];
    let page = ines.post(&rule, &form).await;
    assert_eq!(page.status(), 200);
    let page = unescape(&page.text().await.unwrap());
    assert!(page.contains("the product is Child") && page.contains("Would be refused"), "{page}");
    assert!(page.contains("Another product is needed"), "and the nearest way in: {page}");
    assert_eq!(
        server.count("SELECT count(*) FROM checkin_list WHERE rules IS NOT NULL").await.unwrap(),
        0,
        "only tried"
    );
    form.retain(|(name, _)| *name != "act");
    let saved = [form.as_slice(), &[("act", "save")]].concat();
    ines.send(&rule, &saved).await;
    assert_eq!(audited(&server, "rule_changed").await, 1);
    assert!(ines.page(&rule).await.contains("the product is Child"), "it comes back in blocks");
    let nothing = [("mode", "blocks"), ("blocks", "0"), ("sim_text", code), ("act", "simulate")];
    let page = ines.post(&rule, &nothing).await.text().await.unwrap();
    assert!(page.contains("Would be let in"), "{page}");
    let broken = [
        ("mode", "blocks"),
        ("blocks", "1"),
        ("b0-n", "1"),
        ("b0c0-kind", "number"),
        ("b0c0-number", "many"),
        ("b0c0-counted", "entries_number"),
        ("b0c0-order", "<"),
        ("act", "save"),
    ];
    let page = ines.refused(&rule, &broken).await;
    assert!(
        page.contains("Condition 1 of block 1") && page.contains("value=\"many\""),
        "nothing typed is lost: {page}"
    );
    let text = r#"{"fly": [1]}"#;
    let page = ines.refused(&rule, &[("mode", "text"), ("text", text), ("act", "save")]).await;
    assert!(unescape(&page).contains("no operator \"fly\""), "{page}");
    ines.send(&rule, &[("mode", "text"), ("text", ""), ("act", "save")]).await;
    assert_eq!(server.count("SELECT count(*) FROM checkin_list WHERE rules IS NOT NULL").await.unwrap(), 0);
}

#[tokio::test]
async fn an_operator_has_a_pin_that_nobody_reads_again_and_stations_hear_of_both() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let (token, _) = door(&server, &ines).await;
    let page = ines.refused("/office/harbour/operators/new", &[("name", "Kim"), ("pin", "12"), ("active", "on")]).await;
    assert!(page.contains("id=\"pin-wrong\"") && !page.contains("value=\"12\""), "{page}");
    let form = [("name", "Kim"), ("pin", "471108"), ("rights", "undo"), ("rights", "fly"), ("active", "on")];
    ines.send("/office/harbour/operators/new", &form).await;
    let row = heard(&server, &token, "operator", |row| row["name"] == "Kim").await;
    let pin = row["pin"].as_str().unwrap().to_owned();
    assert!(pin.starts_with("$argon2id$") && !pin.contains("471108"), "{pin}");
    assert_eq!(row["rights"], json!(["undo"]));
    let path = format!("/office/harbour/operators/{}", row["operator_id"]);
    ines.send(&path, &[("name", "Kim"), ("pin", ""), ("active", "on")]).await;
    let row = heard(&server, &token, "operator", |row| row["rights"] == json!([])).await;
    assert_eq!(row["pin"].as_str(), Some(pin.as_str()), "an empty field keeps the PIN");
    ines.send(&path, &[("name", "Kim"), ("pin", "")]).await;
    assert!(ines.page("/office/harbour/operators").await.contains("Switched off"));
    assert_eq!((audited(&server, "operator_made").await, audited(&server, "operator_changed").await), (1, 2));
    let told = "SELECT count(*) FROM audit WHERE detail::text LIKE '%471108%' OR subject LIKE '%Kim%'";
    assert_eq!(server.count(told).await.unwrap(), 0, "neither PIN nor name");
}

#[tokio::test]
async fn a_question_keeps_the_numbers_of_its_options_whatever_their_order() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let (token, _) = door(&server, &ines).await;
    let home = event(&server).await;
    let adult = server.item("Adult").await.unwrap().to_string();
    let form = |options: &'static str| {
        vec![
            ("text", "Which meal?"),
            ("kind", "choice"),
            ("options", options),
            ("ask_at_checkin", "on"),
            ("active", "on"),
            ("rank", "10"),
        ]
    };
    let with = |mut form: Vec<(&'static str, &'static str)>, item: &'static str| {
        form.push(("items", item));
        form
    };
    let adult: &'static str = adult.leak();
    ines.send(&format!("{home}/questions/new"), &with(form("Meat\nVegan"), adult)).await;
    let row = heard(&server, &token, "question", |row| row["text"] == "Which meal?").await;
    let option = |row: &Value, text: &str| {
        let all = row["options"].as_array().unwrap();
        all.iter().find(|one| one["text"] == text).map(|one| one["option_id"].as_i64().unwrap())
    };
    let vegan = option(&row, "Vegan");
    assert!(vegan.is_some() && row["ask_at_checkin"] == true, "{row}");
    let path = format!("{home}/questions/{}", row["question_id"]);
    ines.send(&path, &with(form("Vegan\nNone"), adult)).await;
    let row = heard(&server, &token, "question", |row| row["version"] == 2).await;
    assert_eq!((option(&row, "Vegan"), option(&row, "Meat")), (vegan, None), "{row}");
    let page =
        ines.refused(&format!("{home}/questions/new"), &[("text", ""), ("kind", "choice"), ("options", "One")]).await;
    for field in ["text", "options", "items"] {
        assert!(page.contains(&format!("id=\"{field}-wrong\"")), "{field}: {page}");
    }
    assert_eq!((audited(&server, "question_made").await, audited(&server, "question_changed").await), (1, 1));
}

#[tokio::test]
async fn what_a_product_asks_of_the_door_travels_with_it() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let (token, _) = door(&server, &ines).await;
    let home = event(&server).await;
    let adult = server.item("Adult").await.unwrap();
    let path = format!("{home}/products/{adult}/door");
    assert!(ines.page(&path).await.contains("No exchange"));
    let page = ines.refused(&path, &[("medium", "melt"), ("max_data_age", "soon")]).await;
    assert!(page.contains("id=\"medium-wrong\"") && page.contains("id=\"max_data_age-wrong\""), "{page}");
    let form = [("attention", "on"), ("medium", "must"), ("max_data_age", "15"), ("look_if_unseen", "on")];
    ines.send(&path, &form).await;
    let row = heard(&server, &token, "item", |row| row["item_id"] == adult.0).await;
    let wanted = json!({ "attention": true, "needs_approval": false, "medium": "must", "max_data_age_min": 15, "look_if_unseen": true });
    assert_eq!(row["door"], wanted);
    assert_eq!(audited(&server, "item_changed").await, 1);
}

#[tokio::test]
async fn a_ticket_is_blocked_and_lifted_and_a_note_travels_to_doors_that_see_names_only() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let (token, device) = door(&server, &ines).await;
    let adult = server.item("Adult").await.unwrap();
    let order = server.order("concert", adult, 1).await.unwrap();
    let code = order["code"].as_str().unwrap();
    let path = format!("/office/harbour/orders/{code}");
    let ticket = heard(&server, &token, "position", |row| row["order_code"] == code).await;
    let position = ticket["position_id"].as_str().unwrap();
    ines.send(&format!("{path}/tickets/{position}/block"), &[]).await;
    heard(&server, &token, "position", |row| row["blocked"] == true).await;
    let urgent = "SELECT count(*) FROM change WHERE kind = 'position' AND urgent";
    assert_eq!(server.count(urgent).await.unwrap(), 1, "a block waits for nothing");
    assert_eq!(ines.post(&format!("{path}/tickets/{position}/block"), &[]).await.status(), 409, "once");
    assert!(ines.page(&path).await.contains("Unblock"));
    ines.send(&format!("{path}/tickets/{position}/unblock"), &[]).await;
    let note = [("checkin_text", "Lend a  wheelchair"), ("attention", "on"), ("valid_if_pending", "on")];
    ines.send(&format!("{path}/note"), &note).await;
    let row = heard(&server, &token, "position", |row| row["door"]["attention"] == true).await;
    assert_eq!(row["door"]["valid_if_pending"], true);
    assert!(row["door"]["checkin_text"].as_str().unwrap_or_default().is_empty(), "this door sees no names: {row}");
    let rights = [("which", "all"), ("rights", "names")];
    ines.send(&format!("/office/harbour/devices/{device}/rights"), &rights).await;
    heard(&server, &token, "position", |row| row["door"]["checkin_text"] == "Lend a wheelchair").await;
    for (deed, times) in [("ticket_blocked", 1), ("ticket_unblocked", 1), ("order_noted", 1)] {
        assert_eq!(audited(&server, deed).await, times, "{deed}");
    }
    let told = "SELECT count(*) FROM audit WHERE detail::text LIKE '%wheelchair%'";
    assert_eq!(server.count(told).await.unwrap(), 0, "the words are personal data");
}

#[tokio::test]
async fn an_order_that_waits_for_approval_is_approved_once() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let adult = server.item("Adult").await.unwrap();
    let order = server.order("concert", adult, 1).await.unwrap();
    let path = format!("/office/harbour/orders/{}", order["code"].as_str().unwrap());
    assert_eq!(ines.post(&format!("{path}/approve"), &[]).await.status(), 409, "it waits for nothing");
    server.meddle("UPDATE orders SET needs_approval = true").await.unwrap();
    assert!(ines.page(&path).await.contains("Waits for approval"));
    ines.send(&format!("{path}/approve"), &[]).await;
    assert!(!ines.page(&path).await.contains("Waits for approval"));
    assert_eq!(audited(&server, "order_approved").await, 1);
}

#[tokio::test]
async fn a_badge_is_shown_as_it_will_be_printed_before_it_is_kept() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let (token, _) = door(&server, &ines).await;
    let home = event(&server).await;
    let page = ines.page(&format!("{home}/badges/new")).await;
    assert!(page.contains("<svg class=\"sheet\"") && page.contains("Winter Concert"), "{page}");
    let element = |x: &'static str| {
        vec![
            ("name", "Crew card"),
            ("which", "all"),
            ("width", "86"),
            ("height", "54"),
            ("elements", "1"),
            ("part-0", "text"),
            ("text-0", "<b>Crew</b>"),
            ("x-0", x),
            ("y-0", "10"),
            ("width-0", "60"),
            ("height-0", "12,5"),
            ("size-0", "18"),
            ("bold-0", "on"),
            ("align-0", "left"),
        ]
    };
    let with = |x, act| [element(x).as_slice(), &[("act", act)]].concat();
    let shown = ines.post(&format!("{home}/badges/new"), &with("4", "add")).await.text().await.unwrap();
    assert!(shown.contains("&lt;b&gt;Crew&lt;/b&gt;") && shown.contains("name=\"part-1\""), "{shown}");
    let off = ines.refused(&format!("{home}/badges/new"), &with("40", "save")).await;
    assert!(off.contains("Element 1 leaves the card") && off.contains("value=\"12,5\""), "{off}");
    ines.send(&format!("{home}/badges/new"), &with("4", "save")).await;
    let row = heard(&server, &token, "badge", |row| row["name"] == "Crew card").await;
    assert_eq!(row["layout"]["elements"][0]["what"], json!({ "part": "text", "text": "<b>Crew</b>" }));
    assert_eq!(row["layout"]["elements"][0]["height"], 125);
    assert_eq!(audited(&server, "badge_made").await, 1);
}

#[tokio::test]
async fn a_wristband_is_given_to_a_ticket_once_and_switched_off_at_once() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let (token, _) = door(&server, &ines).await;
    let adult = server.item("Adult").await.unwrap();
    let order = server.order("concert", adult, 2).await.unwrap();
    let code = order["code"].as_str().unwrap();
    let media = format!("{}/media", event(&server).await);
    let form = |nth: &'static str| vec![("identifier", "04A2-77"), ("kind", "nfc_uid"), ("order", code), ("nth", nth)];
    let page = ines.refused(&media, &form("")).await;
    assert!(page.contains("id=\"nth-wrong\""), "two tickets: which? {page}");
    ines.send(&media, &form("2")).await;
    let row = heard(&server, &token, "medium", |row| row["active"] == true).await;
    assert!(row["identifier_hash"].as_str().unwrap().len() == 64 && row.get("identifier").is_none(), "{row}");
    assert!(ines.refused(&media, &form("1")).await.contains("id=\"identifier-wrong\""), "one ticket a wristband");
    let found = ines.page(&format!("{media}?q=04A2-77")).await;
    assert!(found.contains("04A2-77") && found.contains(code), "{found}");
    ines.send(&format!("{media}/{}/off", row["medium_id"].as_str().unwrap()), &[]).await;
    heard(&server, &token, "medium", |row| row["active"] == false).await;
    assert_eq!((audited(&server, "medium_made").await, audited(&server, "medium_changed").await), (1, 1));
}

#[tokio::test]
async fn the_door_list_is_downloaded_by_those_who_may_and_that_is_written_down() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let adult = server.item("Adult").await.unwrap();
    let order = server.order("concert", adult, 2).await.unwrap();
    let code = order["code"].as_str().unwrap();
    let list = server
        .count("SELECT min(list_id) FROM checkin_list l JOIN event e USING (event_id) WHERE e.slug = 'concert'")
        .await
        .unwrap();
    let path = format!("{}/lists/{list}/door-list", event(&server).await);
    let csv = ines.page(&format!("{path}/csv")).await;
    assert_eq!(csv.matches(code).count(), 2, "{csv}");
    assert!(csv.contains("NOT PAID"), "{csv}");
    let pdf = ines.get(&format!("{path}/pdf")).await.bytes().await.unwrap();
    assert!(pdf.starts_with(b"%PDF-"));
    assert_eq!(audited(&server, "door_list_taken").await, 2);
    let vera = Browser::of(&server, "viewer@harbour.example").await;
    assert_eq!(vera.get(&format!("{path}/csv")).await.status(), 403, "names leave the house with it");
}

#[tokio::test]
async fn arrivals_and_refusals_are_counted_by_gate_and_reason() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let (_, device) = door(&server, &ines).await;
    let mut admin = server.admin().await.unwrap();
    sqlx::query(
        "INSERT INTO scan (organizer_id, scan_id, event_id, list_id, payload_hash, device_id, incarnation, seq, direction,
             class, reason, at, gate)
         SELECT l.organizer_id, gen_random_uuid(), l.event_id, l.list_id, repeat('ab', 32), $1, 1, n,
             CASE WHEN n = 3 THEN 'exit' ELSE 'entry' END, CASE WHEN n < 4 THEN 'admitted' ELSE 'refused' END,
             CASE WHEN n < 4 THEN NULL ELSE 'wrong_event' END, $2 - n * 60000, 'North'
         FROM (SELECT * FROM checkin_list WHERE event_id = (SELECT event_id FROM event WHERE slug = 'concert')
               ORDER BY list_id LIMIT 1) l, generate_series(1, 4) AS n",
    )
    .bind(device)
    .bind(server.app().now().0)
    .execute(&mut admin)
    .await
    .unwrap();
    let home = event(&server).await;
    let page = ines.page(&format!("{home}/arrivals")).await;
    assert!(page.contains("http-equiv=\"refresh\"") && page.contains("2 came in these six hours"), "{page}");
    assert!(page.contains("data-label=\"Inside\">1<"), "two in, one out: {page}");
    let page = ines.page(&format!("{home}/refused?reason=wrong_event")).await;
    assert!(page.contains("For another event") && page.contains("abababababab"), "{page}");
    assert!(ines.page(&format!("{home}/refused?reason=blocked")).await.contains("Nobody was turned away"));
}
