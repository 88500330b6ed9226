//! What every request meets: problems in one shape, limits, who may call.

use crate::support::World;
use axum::http::{StatusCode, header};
use flate2::{Compression, write::GzEncoder};
use std::io::Write;
use willcall_domain::id::DeviceId;
use willcall_server::http::{caller, token::Token};

const JSON: (header::HeaderName, &str) = (header::CONTENT_TYPE, "application/json");

#[tokio::test]
async fn an_unknown_address_a_wrong_method_and_broken_json_are_problems_with_a_request_id() {
    let world = World::new().await;
    let unknown = world.get("/api/nothing", &[]).await;
    let method = world.get("/api/station/v1/enrol", &[]).await;
    let broken = world.post("/api/station/v1/enrol", &[JSON], "{").await;
    let missing = world.post("/api/station/v1/enrol", &[JSON], "{\"token\": \"x\"}").await;
    for (what, answer, status, code) in [
        ("address", &unknown, StatusCode::NOT_FOUND, "not-found"),
        ("method", &method, StatusCode::METHOD_NOT_ALLOWED, "method"),
        ("broken JSON", &broken, StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
        ("missing field", &missing, StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
    ] {
        assert_eq!(answer.status, status, "{what}: {}", answer.text);
        assert_eq!(answer.header(header::CONTENT_TYPE), "application/problem+json", "{what}");
        let problem = answer.json();
        assert_eq!(problem["code"], code, "{what}");
        assert!(problem["title"].as_str().is_some_and(|t| !t.is_empty()), "{what}");
        let id = problem["request_id"].as_str().unwrap();
        assert_eq!(id, answer.header("x-request-id".parse().unwrap()), "{what}: the id in the log");
    }
    assert!(missing.json()["detail"].as_str().unwrap().contains("public_key"), "{}", missing.text);
}

#[tokio::test]
async fn a_browser_gets_a_page_and_a_program_gets_json_for_the_same_problem() {
    let world = World::new().await;
    let page = world.get("/no/such/page/here/at/all", &[(header::ACCEPT, "text/html,*/*")]).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.header(header::CONTENT_TYPE).starts_with("text/html"), "{}", page.text);
    let api = world.get("/api/nothing", &[(header::ACCEPT, "text/html")]).await;
    assert_eq!(api.header(header::CONTENT_TYPE), "application/problem+json", "the API never answers pages");
}

#[tokio::test]
async fn an_error_has_its_words_also_for_who_takes_packed_answers() {
    let world = World::new().await;
    let answer = world.post("/api/station/v1/enrol", &[JSON, (header::ACCEPT_ENCODING, "gzip")], "{}").await;
    assert_eq!(answer.header(header::CONTENT_ENCODING), "gzip");
    assert_eq!(answer.json()["code"], "invalid", "{}", answer.text);
    assert!(answer.json()["detail"].as_str().unwrap().contains("missing field `token`"), "{}", answer.text);
}

#[tokio::test]
async fn what_the_framework_refuses_is_a_page_of_the_house_in_the_readers_language() {
    let world = World::with(|config| config.bind.max_body = 1_000).await;
    let browser = [(header::ACCEPT, "text/html"), (header::ACCEPT_LANGUAGE, "de")];
    let form = (header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let large =
        world.post("/house/event/order", &[browser[0].clone(), browser[1].clone(), form], "a".repeat(2_000)).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", large.text);
    let method = world.post("/livez", &browser, "").await;
    assert_eq!(method.status, StatusCode::METHOD_NOT_ALLOWED, "{}", method.text);
    assert_eq!(method.header(header::ALLOW), "GET,HEAD");
    let no_text = world.get("/house/event/order/%ff/x", &browser).await;
    assert_eq!(no_text.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", no_text.text);
    for page in [large, method, no_text] {
        let words = ["Das konnten wir nicht lesen", "lang=\"de\""];
        assert!(words.iter().all(|said| page.text.contains(said)), "{}", page.text);
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_packed_or_unpacked_is_refused_before_it_is_read() {
    let world = World::with(|config| config.bind.max_body = 10_000).await;
    let blanks = vec![b' '; 1_000_000];
    let plain = world.post("/api/station/v1/enrol", &[JSON], blanks.clone()).await;
    assert_eq!((plain.status, &plain.json()["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &"too-large".into()));
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(&blanks).unwrap();
    let packed = packer.finish().unwrap();
    assert!(packed.len() < 10_000, "what arrives is small");
    let gzip = (header::CONTENT_ENCODING, "gzip");
    let bomb = world.post("/api/station/v1/enrol", &[JSON, gzip.clone()], packed).await;
    assert_eq!((bomb.status, &bomb.json()["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &"too-large".into()));
    let garbage = world.post("/api/station/v1/enrol", &[JSON, gzip], "not gzip at all").await;
    assert!(garbage.status.is_client_error(), "{} {}", garbage.status, garbage.text);
}

#[tokio::test]
async fn a_packed_body_is_read_like_a_plain_one() {
    let world = World::new().await;
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(br#"{"token":"x","public_key":"nonsense","software":"test"}"#).unwrap();
    let gzip = (header::CONTENT_ENCODING, "gzip");
    let answer = world.post("/api/station/v1/enrol", &[JSON, gzip], packer.finish().unwrap()).await;
    assert_eq!(answer.json()["fields"][0]["field"], "public_key", "{}", answer.text);
}

#[tokio::test]
async fn enrolment_is_tried_ten_times_and_then_has_to_wait() {
    let world = World::with(|config| config.bind.rate_limits = true).await;
    let body = format!(r#"{{"token":"x","public_key":"{}","software":"test"}}"#, "00".repeat(32));
    for n in 0..10 {
        let answer = world.post("/api/station/v1/enrol", &[JSON], body.clone()).await;
        assert_ne!(answer.status, StatusCode::TOO_MANY_REQUESTS, "attempt {n}");
    }
    let answer = world.post("/api/station/v1/enrol", &[JSON], body.clone()).await;
    assert_eq!((answer.status, &answer.json()["code"]), (StatusCode::TOO_MANY_REQUESTS, &"too-many-requests".into()));
    let wait: u64 = answer.header(header::RETRY_AFTER).parse().unwrap();
    assert_eq!(wait, 6);
    world.clock.advance(std::time::Duration::from_secs(wait));
    let answer = world.post("/api/station/v1/enrol", &[JSON], body).await;
    assert_ne!(answer.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_device_is_known_by_its_token_until_it_is_revoked() {
    let world = World::new().await;
    let made = world.twins().await;
    let (organizer, device) = (made.organizers[0].organizer_id, made.organizers[0].devices[0].device_id);
    let invited = made.organizers[0].devices[0].token.clone().unwrap();
    let key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let body = format!(r#"{{"token":"{invited}","public_key":"{key}","software":"test"}}"#);
    let enrolled = world.post("/api/station/v1/enrol", &[JSON], body.clone()).await;
    assert_eq!(enrolled.status, StatusCode::OK, "{}", enrolled.text);
    let again = world.post("/api/station/v1/enrol", &[JSON], body).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED, "a token works once");
    let bearer = format!("Bearer {}", enrolled.json()["device_token"].as_str().unwrap());
    let known = async |bearer: &str| world.get("/api/station/v1/snapshot", &[(header::AUTHORIZATION, bearer)]).await;
    assert_eq!(known(&bearer).await.status, StatusCode::OK);
    let nobody = known(&format!("Bearer {}", Token::device(organizer, device, &*world.app.entropy).text())).await;
    assert_eq!((nobody.status, &nobody.json()["code"]), (StatusCode::UNAUTHORIZED, &"unauthenticated".into()));
    let foreign =
        bearer.replacen(&format!("wcd_{organizer}_"), &format!("wcd_{}_", made.organizers[1].organizer_id), 1);
    assert_eq!(known(&foreign).await.json()["code"], "unauthenticated", "a token is of one organizer");
    let mut tx = world.app.begin(organizer).await.unwrap();
    willcall_server::devices::edit::revoke(&mut tx, DeviceId(device.0)).await.unwrap();
    tx.commit().await.unwrap();
    let revoked = known(&bearer).await;
    assert_eq!((revoked.status, &revoked.json()["code"]), (StatusCode::UNAUTHORIZED, &"revoked".into()));
}

#[tokio::test]
async fn a_session_opens_with_its_cookie_and_ends_by_closing_and_by_time() {
    let world = World::new().await;
    let organizer = world.twins().await.organizers[0].organizer_id;
    let mut tx = world.app.begin(organizer).await.unwrap();
    let staff: i64 = sqlx::query_scalar("SELECT staff_id FROM staff").fetch_one(tx.conn()).await.unwrap();
    let cookie = caller::open_session(&world.app, &mut tx, willcall_domain::id::StaffId(staff)).await.unwrap();
    tx.commit().await.unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let pair = cookie.split(';').next().unwrap().to_owned();
    let who = async |pair: &str| {
        let request = axum::http::Request::get("/office").header(header::COOKIE, pair).body(()).unwrap();
        let (mut parts, ()) = request.into_parts();
        <caller::StaffCaller as axum::extract::FromRequestParts<_>>::from_request_parts(&mut parts, &world.app).await
    };
    let known = who(&pair).await.unwrap();
    assert_eq!((known.organizer, known.staff.0), (organizer, staff));
    assert!(who("willcall_session=wcs_1_1_00").await.is_err());
    let form = (header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    for forged in ["", "csrf=", "csrf=00", "other=1"] {
        let answer = world.post("/office/sign-out", &[(header::COOKIE, &pair), form.clone()], forged).await;
        assert_eq!((answer.status, &answer.json()["code"]), (StatusCode::FORBIDDEN, &"forbidden".into()), "{forged:?}");
    }
    assert!(who(&pair).await.is_ok(), "a form from elsewhere signs nobody out");
    world.clock.advance(std::time::Duration::from_secs(15 * 3600));
    assert!(who(&pair).await.is_err(), "a day later it is over");
    world.clock.set(crate::support::NOW);
    caller::close_session(&world.app, &known).await.unwrap();
    assert!(who(&pair).await.is_err(), "closed is closed");
}

#[tokio::test]
async fn watchers_hear_that_the_server_lives_is_ready_and_what_it_counted() {
    let world = World::new().await;
    assert_eq!(world.get("/livez", &[]).await.status, StatusCode::OK);
    assert_eq!(world.get("/readyz", &[]).await.status, StatusCode::OK);
    let metrics = world.get("/metrics", &[]).await;
    let line = "willcall_request_duration_seconds_count{method=\"GET\",route=\"/livez\",status=\"200\"} 1";
    assert!(metrics.text.contains(line), "{}", metrics.text);
    assert!(metrics.text.contains("willcall_change_feed_lag_seconds 0"), "{}", metrics.text);
}
