//! Whose desk it is, who may change what, and forms from elsewhere.

use super::{Browser, server, to};
use serde_json::Value;

async fn an_order(server: &willcall_tests::server::TestServer) -> Value {
    let adult = server.item("Adult").await.unwrap();
    server.order("concert", adult, 1).await.unwrap()
}

#[tokio::test]
async fn another_organizers_desk_and_things_are_not_there() {
    let server = server().await;
    let code = an_order(&server).await["code"].as_str().unwrap().to_owned();
    let event = server.event("concert").await.unwrap();
    let item = server.item("Adult").await.unwrap();
    let zoe = Browser::of(&server, "zoe@zebra.example").await;
    for path in [
        "/office/harbour".to_owned(),
        format!("/office/harbour/orders/{code}"),
        format!("/office/zebra/orders/{code}"),
        format!("/office/zebra/orders/{code}/cancel"),
        format!("/office/zebra/events/{event}"),
        format!("/office/zebra/events/{event}/products/{item}"),
        "/office/zebra/devices/1/revoke".to_owned(),
    ] {
        assert_eq!(zoe.get(&path).await.status(), 404, "{path}");
    }
    for path in [
        format!("/office/harbour/orders/{code}/mark-paid"),
        format!("/office/zebra/orders/{code}/mark-paid"),
        format!("/office/zebra/orders/{code}/cancel"),
        format!("/office/zebra/events/{event}/products/new"),
    ] {
        let form = [("name", "Mine"), ("price", "1"), ("code_format", "wc1")];
        assert_eq!(zoe.post(&path, &form).await.status(), 404, "{path}");
    }
    assert!(!zoe.page("/office/zebra/orders").await.contains(&code));
    assert!(!zoe.page("/office/zebra").await.contains("Winter Concert"));
    assert_eq!(server.count("SELECT count(*) FROM orders WHERE status = 'pending'").await.unwrap(), 1);
    let form = [("name", "Spy"), ("role", "door"), ("which", "some"), ("events", &event.to_string())];
    assert_eq!(zoe.post("/office/zebra/devices/new", &form).await.status(), 404, "a device sees its own house only");
}

#[tokio::test]
async fn a_form_without_the_sessions_token_changes_nothing() {
    let server = server().await;
    let code = an_order(&server).await["code"].as_str().unwrap().to_owned();
    let (ines, other) = (Browser::ines(&server).await, Browser::ines(&server).await);
    let path = format!("/office/harbour/orders/{code}/mark-paid");
    for form in [vec![], vec![("csrf", "")], vec![("csrf", other.csrf.as_str())]] {
        let answer = ines.post_bare(&path, &form).await;
        assert_eq!(answer.status(), 403, "{form:?}");
    }
    assert_eq!(server.count("SELECT count(*) FROM orders WHERE status = 'paid'").await.unwrap(), 0);
    assert_eq!(to(&ines.post(&path, &[]).await), format!("/office/harbour/orders/{code}?done=paid"));
}

#[tokio::test]
async fn a_viewer_looks_and_changes_nothing() {
    let server = server().await;
    let code = an_order(&server).await["code"].as_str().unwrap().to_owned();
    let event = server.event("concert").await.unwrap();
    let vera = Browser::of(&server, "viewer@harbour.example").await;
    let page = vera.page(&format!("/office/harbour/orders/{code}")).await;
    assert!(!page.contains("mark-paid"), "no button that would be refused");
    assert!(!vera.page(&format!("/office/harbour/events/{event}")).await.contains("products/new"));
    for path in [
        format!("/office/harbour/orders/{code}/mark-paid"),
        format!("/office/harbour/orders/{code}/cancel"),
        format!("/office/harbour/orders/{code}/resend"),
        "/office/harbour/events/new".to_owned(),
        "/office/harbour/devices/new".to_owned(),
    ] {
        assert_eq!(vera.post(&path, &[]).await.status(), 403, "{path}");
    }
    assert_eq!(server.count("SELECT count(*) FROM orders WHERE status = 'pending'").await.unwrap(), 1);
}
