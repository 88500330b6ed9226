//! Tickets as PDF: drawn once, however many ask.

use futures_util::future::join_all;
use std::sync::Arc;
use willcall_domain::{entropy::OsEntropy, id::OrderId, paper::Language};
use willcall_server::{
    App,
    server::Nature,
    ticketing::{self, Tickets},
};
use willcall_tests::server::TestServer;

async fn rendered(server: &TestServer) -> u64 {
    rendered_at(server, &server.url("/metrics")).await
}

async fn rendered_at(server: &TestServer, metrics: &str) -> u64 {
    let text = server.http.get(metrics).send().await.unwrap().text().await.unwrap();
    let line = text.lines().find(|l| l.starts_with("willcall_tickets_rendered_total ")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// A mail goes out to a group and everybody opens the link at once; or one browser asks again and again because it is slow.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_who_ask_at_the_same_moment_get_the_same_file_drawn_once() {
    let server = TestServer::start().await.unwrap();
    let seat = server.item("Seat").await.unwrap();
    let order = server.order("talk", seat, 2).await.unwrap();
    let url = order["tickets_url"].as_str().unwrap();
    let mut files = Vec::new();
    for answer in join_all((0..50).map(|_| server.http.get(url).send())).await {
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "application/pdf");
        files.push(answer.bytes().await.unwrap());
    }
    assert!(files[0].starts_with(b"%PDF-"));
    assert!(files.iter().all(|file| *file == files[0]));
    assert_eq!(rendered(&server).await, 1);
    assert_eq!(server.count("SELECT count(*) FROM job WHERE kind = 'ticketing.render_tickets'").await.unwrap(), 1);
    server.http.get(url).send().await.unwrap();
    assert_eq!(rendered(&server).await, 1, "and later as well");
    let german = server.http.get(format!("{url}?lang=de")).send().await.unwrap().bytes().await.unwrap();
    assert_ne!(german, files[0], "another language is another file");
    assert_eq!(rendered(&server).await, 2);
}

#[tokio::test]
async fn a_change_of_what_is_printed_draws_the_tickets_anew() {
    let server = TestServer::start().await.unwrap();
    let seat = server.item("Seat").await.unwrap();
    let order = server.order("talk", seat, 1).await.unwrap();
    let url = order["tickets_url"].as_str().unwrap();
    let load = || async { server.http.get(url).send().await.unwrap().bytes().await.unwrap() };
    let first = load().await;
    server.meddle("UPDATE event SET location = 'Town Hall' WHERE slug = 'talk'").await.unwrap();
    let second = load().await;
    assert_ne!(first, second);
    assert_eq!(rendered(&server).await, 2);
    assert_eq!(server.count("SELECT count(*) FROM artefact").await.unwrap(), 1, "the old one is not kept");
}

#[tokio::test]
async fn there_are_no_tickets_before_they_are_paid_nor_after_they_are_cancelled() {
    let server = TestServer::start().await.unwrap();
    let adult = server.item("Adult").await.unwrap();
    let order = server.order("concert", adult, 1).await.unwrap();
    let url = format!("{}/tickets.pdf", order["url"].as_str().unwrap());
    let unpaid = server.http.get(&url).send().await.unwrap();
    assert_eq!(unpaid.status(), 303, "to the page that says why");
    let id: OrderId = order["order_id"].as_str().unwrap().parse().unwrap();
    server.pay(id).await.unwrap();
    assert_eq!(server.http.get(&url).send().await.unwrap().status(), 200);
    let mut tx = server.app().begin(server.organizer).await.unwrap();
    willcall_server::orders::cancel(&mut tx, id).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(server.http.get(&url).send().await.unwrap().status(), 303);
    let refused = ticketing::tickets(server.app(), server.organizer, id, Language::En).await;
    assert!(!matches!(refused, Ok(Tickets::Ready(_))), "not even from what was drawn before");
}

#[tokio::test]
async fn a_link_opens_one_order_and_a_wrong_secret_opens_none() {
    let server = TestServer::start().await.unwrap();
    let seat = server.item("Seat").await.unwrap();
    let (one, other) = (server.order("talk", seat, 1).await.unwrap(), server.order("talk", seat, 1).await.unwrap());
    let url = one["url"].as_str().unwrap();
    let secret = other["url"].as_str().unwrap().rsplit('/').next().unwrap();
    let (front, own) = url.rsplit_once('/').unwrap();
    for wrong in [secret, "x", &own[1..], &own.to_uppercase()] {
        for path in ["", "/tickets.pdf", "/event.ics"] {
            let answer = server.http.get(format!("{front}/{wrong}{path}")).send().await.unwrap();
            assert_eq!(answer.status(), 404, "{wrong}{path}");
        }
    }
    let elsewhere = url.replace("/talk/", "/concert/");
    assert_eq!(server.http.get(elsewhere).send().await.unwrap().status(), 404, "of another event");
    assert_eq!(
        server.http.get(format!("{url}/event.ics")).send().await.unwrap().headers()["content-type"],
        "text/calendar; charset=utf-8"
    );
}

/// Two processes on one database, as behind a balancer: both are asked at once, one job is written, one of them draws.
#[tokio::test(flavor = "multi_thread")]
async fn tickets_are_drawn_once_even_by_two_processes() {
    let server = TestServer::start().await.unwrap();
    let seat = server.item("Seat").await.unwrap();
    let order = server.order("talk", seat, 1).await.unwrap();
    let id: OrderId = order["order_id"].as_str().unwrap().parse().unwrap();
    let nature = Nature { clock: Arc::new(server.clock.clone()), entropy: Arc::new(OsEntropy), ..Nature::default() };
    let second = server.database.server(nature).await.unwrap();
    let organizer = server.organizer;
    let ask = |app: App| async move { ticketing::tickets(&app, organizer, id, Language::En).await.unwrap() };
    let apps = (0..24).map(|n| if n % 2 == 0 { server.app().clone() } else { second.app().clone() });
    for answer in join_all(apps.map(ask)).await {
        assert!(matches!(answer, Tickets::Ready(_)));
    }
    let other = rendered_at(&server, &format!("http://{}/metrics", second.addr)).await;
    assert_eq!(rendered(&server).await + other, 1);
    second.stop().await;
}
