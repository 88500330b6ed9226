//! What every page of the shop keeps: its headers, its weight, its language, its manners when something is not there.

use std::collections::BTreeSet;
use willcall_tests::server::TestServer;

#[tokio::test]
async fn pages_set_no_cookie_run_no_script_and_ask_nobody_else() {
    let server = TestServer::start().await.unwrap();
    let seat = server.item("Seat").await.unwrap();
    let order = server.order("talk", seat, 1).await.unwrap();
    let order = order["url"].as_str().unwrap().replace(&server.url(""), "");
    for path in ["/", "/harbour", "/harbour/concert", "/harbour/talk?lang=de", &order, "/no/such/page"] {
        let answer = server.get(path).send().await.unwrap();
        let headers = answer.headers().clone();
        assert!(!headers.contains_key("set-cookie"), "{path}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("default-src 'none'") && !policy.contains("script-src") && !policy.contains("unsafe"),
            "{path}"
        );
        assert_eq!(headers["referrer-policy"], "same-origin", "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        let page = answer.text().await.unwrap();
        assert!(!page.contains("<script") && !page.contains("style=\""), "{path}");
        for address in page.split(['"', '\'']).filter(|a| a.starts_with("http")) {
            assert!(address.starts_with(&server.url("")), "{path} names {address}");
        }
    }
    assert_eq!(server.get(&order).send().await.unwrap().headers()["cache-control"], "no-store");
}

#[tokio::test]
async fn a_cold_page_with_all_it_loads_is_light() {
    let server = TestServer::start().await.unwrap();
    let load = async |path: &str| {
        let answer = server.get(path).header("accept-encoding", "gzip").send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer
    };
    let plain = server.get("/harbour/concert").send().await.unwrap().text().await.unwrap();
    let mut weight = load("/harbour/concert").await.bytes().await.unwrap().len();
    let named: BTreeSet<&str> = plain.split('"').filter(|a| a.starts_with("/static/")).collect();
    assert!(named.len() >= 3, "{named:?}");
    for path in named {
        let answer = load(path).await;
        assert_eq!(answer.headers()["cache-control"], "public, max-age=31536000, immutable", "{path}");
        weight += answer.bytes().await.unwrap().len();
    }
    assert!(weight <= 150_000, "{weight} bytes");
}

#[tokio::test]
async fn the_language_follows_the_browser_unless_one_is_chosen_and_stays_chosen() {
    let server = TestServer::start().await.unwrap();
    let page = async |path: &str, accepts: &str| {
        server.get(path).header("accept-language", accepts).send().await.unwrap().text().await.unwrap()
    };
    assert!(page("/harbour/concert", "de-AT,de;q=0.9,en;q=0.5").await.contains("<html lang=\"de\">"));
    assert!(page("/harbour/concert", "fr").await.contains("<html lang=\"en\">"));
    let chosen = page("/harbour/concert?lang=de", "en").await;
    assert!(chosen.contains("<html lang=\"de\">") && chosen.contains("inkl. 7\u{a0}% MwSt."), "{chosen}");
    assert!(chosen.contains("action=\"/harbour/concert/checkout?lang=de\""), "the choice goes along: {chosen}");
}

#[tokio::test]
async fn what_is_not_there_is_a_friendly_page_for_people_and_a_problem_for_programs() {
    let server = TestServer::start().await.unwrap();
    for path in [
        "/nobody",
        "/harbour/nothing",
        "/harbour/nothing/checkout",
        "/harbour/talk/order/AAAA/x",
        "/a/b/c/d/e/f",
        "/static/x.css",
    ] {
        let answer = server.get(path).header("accept-language", "de").send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
        if !path.starts_with("/static/") {
            assert!(answer.text().await.unwrap().contains("Hier ist nichts"), "{path}");
        }
    }
    let answer = server.http.get(server.url("/api/v1/nobody/events/x")).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
}

#[tokio::test]
async fn a_slash_behind_an_address_leads_to_the_page_and_a_refused_forms_address_back_to_the_event() {
    let server = TestServer::start().await.unwrap();
    for (path, to) in [
        ("/harbour/", "/harbour"),
        ("/harbour/concert/?lang=de", "/harbour/concert?lang=de"),
        ("/harbour/concert/order", "/harbour/concert"),
    ] {
        let answer = server.get(path).send().await.unwrap();
        assert!(answer.status().is_redirection(), "{path}");
        assert_eq!(answer.headers()["location"].to_str().unwrap(), to, "{path}");
    }
}

/// The database is away: the page must say so in the visitor's language, with what to tell the organizer, and no more.
#[tokio::test]
async fn a_page_that_fails_says_what_to_do_and_names_the_request() {
    let server = TestServer::start().await.unwrap();
    server.meddle("ALTER TABLE quota RENAME TO mislaid").await.unwrap();
    let answer = server.get("/harbour/concert?lang=de").send().await.unwrap();
    assert_eq!(answer.status(), 500);
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    let page = answer.text().await.unwrap();
    assert!(page.contains("Bei uns ist etwas schiefgegangen") && page.contains(&id), "{page}");
    assert!(!page.contains("mislaid") && !page.contains("relation"), "causes are logged, never shown: {page}");
}

#[tokio::test]
async fn an_event_that_is_not_live_is_not_shown_anywhere() {
    let server = TestServer::start().await.unwrap();
    server.meddle("UPDATE event SET live = false WHERE slug = 'concert'").await.unwrap();
    assert_eq!(server.get("/harbour/concert").send().await.unwrap().status(), 404);
    for path in ["/", "/harbour"] {
        let page = server.get(path).send().await.unwrap().text().await.unwrap();
        assert!(!page.contains("Winter Concert") && page.contains("Talk &#38; Tea"), "{path}: {page}");
    }
}

#[tokio::test]
async fn what_is_left_is_said_in_words() {
    let server = TestServer::start().await.unwrap();
    let page = async || server.get("/harbour/concert").send().await.unwrap().text().await.unwrap();
    assert!(!page().await.contains("left"), "a hundred are no news");
    server.resize("Hall", 4).await.unwrap();
    assert!(page().await.contains("Only 4 left"));
    let adult = server.item("Adult").await.unwrap();
    server.order("concert", adult, 4).await.unwrap();
    let sold_out = page().await;
    assert!(sold_out.contains("Sold out") && !sold_out.contains(&format!("name=\"i{adult}\"")), "{sold_out}");
    assert!(sold_out.contains("type=\"submit\""), "programmes can still be had");
}

/// A thousand people look at the page while others buy: it comes from memory, and must never say more than is left once
/// an order was answered.
#[tokio::test]
async fn a_page_from_memory_is_as_new_as_the_last_order_that_was_answered() {
    let server = TestServer::start().await.unwrap();
    server.resize("Hall", 6).await.unwrap();
    let adult = server.item("Adult").await.unwrap();
    for left in (1..6).rev() {
        server.order("concert", adult, 1).await.unwrap();
        let page = server.get("/harbour/concert").send().await.unwrap().text().await.unwrap();
        assert!(page.contains(&format!("Only {left} left")), "{left}: {page}");
    }
}
