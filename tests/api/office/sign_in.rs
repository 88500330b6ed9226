//! Signing in and out.

use super::{Browser, PASSWORD, server, server_with, to};
use std::time::Duration;
use willcall_tests::server::field_value;

#[tokio::test]
async fn staff_sign_in_see_their_desk_and_sign_out() {
    let server = server().await;
    let browser = Browser::new(&server);
    assert_eq!(
        to(&browser.get("/office/harbour/orders?q=a").await),
        "/office/sign-in?next=%2Foffice%2Fharbour%2Forders%3Fq%3Da"
    );
    let answer = browser.sign_in("Ines@Harbour.example ", PASSWORD).await;
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    assert!(!cookie.contains("Secure"), "no https here: {cookie}");
    assert_eq!(to(&answer), "/office/harbour");
    for address in ["/office", "/office/"] {
        assert_eq!(to(&browser.get(address).await), "/office/harbour", "{address} leads home");
    }
    let page = browser.page("/office/harbour").await;
    assert!(page.contains("Ines Petersen") && page.contains("Harbour Hall"), "{page}");
    let token = cookie.split(['=', ';']).nth(1).unwrap();
    assert!(!page.contains(token), "the session's secret is in the cookie only");
    let csrf = field_value(&page, "csrf").unwrap();
    assert_eq!(to(&browser.post_bare("/office/sign-out", &[("csrf", &csrf)]).await), "/office/sign-in");
    assert_eq!(browser.get("/office/harbour").await.status(), 303, "signed out");
    assert_eq!(server.count("SELECT count(*) FROM session").await.unwrap(), 0);
}

#[tokio::test]
async fn a_cookie_is_secure_where_the_address_is() {
    let server = server_with(|c| c.bind.public_url = Some("https://tickets.example.org".parse().unwrap())).await;
    let answer = Browser::new(&server).sign_in("ines@harbour.example", PASSWORD).await;
    assert!(answer.headers()["set-cookie"].to_str().unwrap().contains("; Secure"));
}

#[tokio::test]
async fn an_unknown_e_mail_and_a_wrong_password_get_the_same_answer() {
    let server = server().await;
    let browser = Browser::new(&server);
    let mut pages = Vec::new();
    for (email, password) in
        [("ines@harbour.example", "wrong"), ("nobody@harbour.example", PASSWORD), ("ines@harbour.example", "")]
    {
        let answer = browser.sign_in(email, password).await;
        assert_eq!(answer.status(), 401);
        assert!(answer.headers().get("set-cookie").is_none());
        let page = answer.text().await.unwrap();
        assert_eq!(field_value(&page, "email").as_deref(), Some(email), "what was typed is still there");
        assert_eq!(field_value(&page, "password"), None, "but no password");
        pages.push(page.replace(email, ""));
    }
    assert_eq!(pages[0], pages[1]);
    assert_eq!(server.count("SELECT count(*) FROM session").await.unwrap(), 0);
}

#[tokio::test]
async fn who_tries_too_often_waits_even_with_the_right_password() {
    let server = server_with(|c| c.bind.rate_limits = true).await;
    let browser = Browser::new(&server);
    for _ in 0..10 {
        assert_eq!(browser.sign_in("ines@harbour.example", "wrong").await.status(), 401);
    }
    let limited = browser.sign_in("ines@harbour.example", PASSWORD).await;
    assert_eq!(limited.status(), 429);
    let wait: u64 = limited.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    let page = limited.text().await.unwrap();
    assert!(page.contains(&format!("Wait {wait} s,")), "{page}");
    server.clock.advance(Duration::from_secs(wait));
    assert_eq!(to(&browser.sign_in("ines@harbour.example", PASSWORD).await), "/office/harbour");
}

#[tokio::test]
async fn a_session_ends_by_itself() {
    let server = server().await;
    let browser = Browser::ines(&server).await;
    server.clock.advance(Duration::from_secs(13 * 3600));
    assert_eq!(browser.get("/office/harbour").await.status(), 200);
    server.clock.advance(Duration::from_secs(2 * 3600));
    assert_eq!(browser.get("/office/harbour").await.status(), 303);
}

#[tokio::test]
async fn who_works_for_two_houses_chooses_one() {
    let server = server().await;
    let browser = Browser::new(&server);
    let asked = browser.sign_in("both@harbour.example", PASSWORD).await;
    assert_eq!(asked.status(), 422);
    let page = asked.text().await.unwrap();
    assert!(page.contains("value=\"harbour\"") && page.contains("value=\"zebra\""), "{page}");
    let form = [("email", "both@harbour.example"), ("password", PASSWORD), ("organizer", "zebra")];
    assert_eq!(to(&browser.post_bare("/office/sign-in", &form).await), "/office/zebra");
    let other = browser.page("/office/sign-in").await;
    let csrf = field_value(&other, "csrf").expect("who is signed in sends the session's token here too");
    let form =
        [("email", "both@harbour.example"), ("password", PASSWORD), ("organizer", "harbour"), ("csrf", csrf.as_str())];
    assert_eq!(to(&browser.post_bare("/office/sign-in", &form).await), "/office/harbour");
    let nothing = [("email", "both@harbour.example"), ("password", "wrong"), ("organizer", "zebra")];
    let page = Browser::new(&server).post_bare("/office/sign-in", &nothing).await.text().await.unwrap();
    assert!(!page.contains("Harbour Hall"), "where somebody works is told to nobody else");
}

#[tokio::test]
async fn one_is_sent_on_only_within_ones_own_office() {
    let server = server().await;
    for (next, expected) in [
        ("/office/harbour/orders?q=a", "/office/harbour/orders?q=a"),
        ("/office/zebra/orders", "/office/harbour"),
        ("//evil.example/office/harbour", "/office/harbour"),
        ("https://evil.example/", "/office/harbour"),
    ] {
        let form = [("email", "ines@harbour.example"), ("password", PASSWORD), ("next", next)];
        let answer = Browser::new(&server).post_bare("/office/sign-in", &form).await;
        assert_eq!(to(&answer), expected, "{next}");
    }
}

#[tokio::test]
async fn the_office_speaks_the_language_of_the_browser_or_the_one_chosen() {
    let server = server().await;
    let german = server.get("/office/sign-in").header("accept-language", "de-AT,en;q=0.5").send().await.unwrap();
    assert!(german.text().await.unwrap().contains("Anmelden"));
    let browser = Browser::ines(&server).await;
    assert!(browser.page("/office/harbour").await.contains("Overview"));
    assert_eq!(to(&browser.get("/office/language/de?next=/office/harbour/orders").await), "/office/harbour/orders");
    assert!(browser.page("/office/harbour/orders").await.contains("Bestellungen"));
    assert_eq!(to(&browser.get("/office/language/en?next=//evil.example").await), "/office");
}

#[tokio::test]
async fn pages_of_the_office_run_nothing_and_are_kept_by_nobody() {
    let server = server().await;
    let browser = Browser::ines(&server).await;
    for path in ["/office/sign-in", "/office/harbour", "/office/harbour/events/new"] {
        let answer = browser.get(path).await;
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let page = answer.text().await.unwrap();
        assert!(!page.contains("<script") && !page.contains(" style="), "{path}");
    }
}
