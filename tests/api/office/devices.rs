//! Making, enrolling and revoking devices.

use super::{Browser, server};
use ed25519_dalek::SigningKey;
use reqwest::Response;
use serde_json::{Value, json};
use std::time::Duration;
use willcall_tests::server::{TestServer, unescape};

fn token_in(page: &str) -> String {
    let (_, rest) = page.split_once("id=\"token\">").expect("a token on the page");
    rest.split('<').next().unwrap().to_owned()
}

async fn enrol(server: &TestServer, token: &str) -> Response {
    let key = SigningKey::from_bytes(&[7; 32]).verifying_key();
    let ask = json!({ "token": token, "public_key": hex::encode(key.as_bytes()), "software": "test 1" });
    server.http.post(server.url("/api/station/v1/enrol")).json(&ask).send().await.unwrap()
}

async fn made(browser: &Browser, form: &[(&str, &str)]) -> String {
    let answer = browser.post("/office/harbour/devices/new", form).await;
    let (status, page) = (answer.status(), answer.text().await.unwrap());
    assert_eq!(status, 200, "{page}");
    page
}

#[tokio::test]
async fn a_new_device_enrols_once_with_the_code_that_is_shown_once() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let form = [("name", "Door left"), ("gate", "Foyer"), ("role", "door"), ("which", "all")];
    let page = made(&ines, &form).await;
    let token = token_in(&page);
    let text = json!({ "url": server.app().public_url(), "token": token }).to_string();
    assert!(unescape(&page).contains(&text), "the same as one text: {page}");
    assert!(page.contains("<path class=\"dark\""), "and as a code");
    let list = ines.page("/office/harbour/devices").await;
    assert!(list.contains("Door left") && list.contains("Waits for its machine"), "{list}");
    assert!(!list.contains(&token), "shown once");
    assert_eq!(server.count("SELECT count(*) FROM device WHERE length(enrol_token_hash) = 32").await.unwrap(), 1);
    let answer: Value = enrol(&server, &token).await.json().await.unwrap();
    assert_eq!((answer["name"].as_str(), answer["gate"].as_str()), (Some("Door left"), Some("Foyer")));
    assert_eq!(answer["events"].as_array().unwrap().len(), 2);
    assert_eq!(enrol(&server, &token).await.status(), 401, "used");
    assert!(ines.page("/office/harbour/devices").await.contains("In contact"));
    let id = answer["device_id"].as_i64().unwrap();
    let again = ines.post(&format!("/office/harbour/devices/{id}/invite"), &[]).await;
    assert_eq!(again.status(), 409, "a device is one machine");
}

#[tokio::test]
async fn a_code_runs_out_and_a_new_one_voids_the_old() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let event = server.event("talk").await.unwrap().to_string();
    let form = [("name", "Till 1"), ("gate", ""), ("role", "till"), ("which", "some"), ("events", event.as_str())];
    let first = token_in(&made(&ines, &form).await);
    let id = server.count("SELECT device_id FROM device").await.unwrap();
    let second = ines.post(&format!("/office/harbour/devices/{id}/invite"), &[]).await.text().await.unwrap();
    let second = token_in(&second);
    assert_eq!(enrol(&server, &first).await.status(), 401, "replaced");
    server.clock.advance(Duration::from_secs(25 * 3600));
    assert_eq!(enrol(&server, &second).await.status(), 401, "a day is over");
    let ines = Browser::ines(&server).await;
    assert!(ines.page("/office/harbour/devices").await.contains("Code has run out"));
    let third = ines.post(&format!("/office/harbour/devices/{id}/invite"), &[]).await.text().await.unwrap();
    let answer: Value = enrol(&server, &token_in(&third)).await.json().await.unwrap();
    assert_eq!(answer["role"], "till");
    assert_eq!(answer["events"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_revoked_device_is_refused_and_its_name_is_free() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let form = [("name", "Door"), ("role", "door"), ("which", "all")];
    let answer: Value = enrol(&server, &token_in(&made(&ines, &form).await)).await.json().await.unwrap();
    let changes = || {
        server
            .http
            .get(server.url("/api/station/v1/changes?after=0"))
            .bearer_auth(answer["device_token"].as_str().unwrap())
    };
    assert_ne!(changes().send().await.unwrap().status(), 401);
    let path = format!("/office/harbour/devices/{}/revoke", answer["device_id"]);
    assert!(ines.page(&path).await.contains("Revoke Door"));
    assert_eq!(ines.send(&path, &[]).await, "/office/harbour/devices?done=revoked");
    let refused = changes().send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], "revoked");
    assert_eq!(ines.post(&path, &[]).await.status(), 409, "once");
    made(&ines, &form).await;
}

#[tokio::test]
async fn a_device_without_name_role_or_events_comes_back() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let page = ines.refused("/office/harbour/devices/new", &[("name", ""), ("gate", "Foyer"), ("which", "some")]).await;
    for field in ["name", "role", "events"] {
        assert!(page.contains(&format!("id=\"{field}-wrong\"")), "{field}: {page}");
    }
    made(&ines, &[("name", "Door"), ("role", "door"), ("which", "all")]).await;
    let taken =
        ines.refused("/office/harbour/devices/new", &[("name", "Door"), ("role", "till"), ("which", "all")]).await;
    assert!(taken.contains("Already used by another"), "{taken}");
}

#[tokio::test]
async fn rights_are_given_with_the_device_or_later_and_taken_again() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    let form = [("name", "Door"), ("role", "door"), ("which", "all"), ("rights", "time_by_hand"), ("rights", "fly")];
    let answer: Value = enrol(&server, &token_in(&made(&ines, &form).await)).await.json().await.unwrap();
    assert_eq!(answer["rights"], json!(["time_by_hand"]), "what nobody knows is no right");
    assert_eq!(answer["organizer"]["tax_number"], "DE811111111", "and who sells");
    let right = "Scan under a time given by hand";
    assert!(ines.page("/office/harbour/devices").await.contains(right));
    let path = format!("/office/harbour/devices/{}/rights", answer["device_id"]);
    let checked = "value=\"time_by_hand\" checked";
    let page = ines.page(&path).await;
    assert!(page.contains("Rights of Door") && page.contains(checked), "{page}");
    let rights = || server.count("SELECT cardinality(rights)::bigint FROM device");
    assert_eq!(ines.send(&path, &[]).await, "/office/harbour/devices?done=saved");
    assert_eq!(rights().await.unwrap(), 0);
    assert!(!ines.page(&path).await.contains(checked));
    assert!(!ines.page("/office/harbour/devices").await.contains(right));
    ines.send(&path, &[("rights", "time_by_hand")]).await;
    assert_eq!(rights().await.unwrap(), 1);
    let told = "SELECT count(*) FROM change WHERE kind = 'device'";
    assert_eq!(server.count(told).await.unwrap(), 4, "made, enrolled, taken, given: it hears of each");
    let vera = Browser::of(&server, "viewer@harbour.example").await;
    assert_eq!(vera.post(&path, &[]).await.status(), 403);
    let zoe = Browser::of(&server, "zoe@zebra.example").await;
    assert_eq!(zoe.post(&path.replace("harbour", "zebra"), &[]).await.status(), 404, "another house's device");
    assert_eq!(rights().await.unwrap(), 1);
    ines.send(&path.replace("rights", "revoke"), &[]).await;
    assert_eq!(ines.post(&path, &[]).await.status(), 409, "a revoked device gets none");
}

#[tokio::test]
async fn a_clock_that_is_far_off_is_shown_and_counted() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    enrol(&server, &token_in(&made(&ines, &[("name", "Door"), ("role", "door"), ("which", "all")]).await)).await;
    let metrics = async || server.get("/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics().await.contains("willcall_stations_clock_off 0"));
    server.meddle("UPDATE device SET clock_ahead_ms = -86400000").await.unwrap();
    assert!(ines.page("/office/harbour/devices").await.contains("Clock 1,440 min behind"));
    let text = metrics().await;
    assert!(text.contains("willcall_stations_clock_off 1") && text.contains("skew_seconds_max 86400.000"), "{text}");
    server.meddle("UPDATE device SET clock_ahead_ms = 200000").await.unwrap();
    assert!(!ines.page("/office/harbour/devices").await.contains("Clock "), "a few minutes are nobody's business");
}
