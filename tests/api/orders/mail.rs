//! The mails about orders: into the folder, and really by SMTP.

use std::time::Duration;
use willcall_domain::id::OrderId;
use willcall_server::config::mail::Way;
use willcall_tests::{
    server::{PATIENCE, SHOP, TestServer},
    smtp_sink::{Manner, SmtpSink},
};

/// Undoes quoted-printable, so that a test reads what a person reads.
fn readable(mail: &str) -> String {
    let mut out = Vec::new();
    let joined = mail.replace("=\r\n", "");
    let mut bytes = joined.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'=' {
            out.push(byte);
            continue;
        }
        let pair = [bytes.next().unwrap_or_default(), bytes.next().unwrap_or_default()];
        match std::str::from_utf8(&pair).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) => out.push(decoded),
            None => out.extend([b'=', pair[0], pair[1]]),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[tokio::test]
async fn an_order_its_payment_and_its_end_are_each_told_with_the_secret_link() {
    let server = TestServer::start().await.unwrap();
    let adult = server.item("Adult").await.unwrap();
    let order = server.order("concert", adult, 2).await.unwrap();
    let (url, code) = (order["url"].as_str().unwrap(), order["code"].as_str().unwrap());
    let mails = server.mails(1).await.unwrap();
    let first = readable(&mails[0]);
    assert!(first.contains("To: \"Ada Lovelace\" <ada@example.org>") || first.contains("ada@example.org"), "{first}");
    assert!(first.contains(url) && first.contains("IBAN DE02") && first.contains(code), "{first}");
    assert!(first.contains("text/plain") && first.contains("text/html"), "both forms");
    let id: OrderId = order["order_id"].as_str().unwrap().parse().unwrap();
    server.pay(id).await.unwrap();
    let second = readable(&server.mails(2).await.unwrap()[1]);
    assert!(second.contains("Your tickets: Winter Concert") && second.contains(url), "{second}");
    assert!(!second.contains("IBAN"), "nothing is owed any more: {second}");
    let mut tx = server.app().begin(server.organizer).await.unwrap();
    willcall_server::orders::resend(&mut tx, id).await.unwrap();
    willcall_server::orders::cancel(&mut tx, id).await.unwrap();
    tx.commit().await.unwrap();
    let mails = server.mails(4).await.unwrap();
    assert!(
        mails[2..].iter().all(|m| readable(m).contains("no longer admit")),
        "what is sent again says how things stand now"
    );
    server.idle().await.unwrap();
    assert_eq!(server.mails(4).await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_mail_is_written_in_the_language_in_which_was_ordered() {
    let server = TestServer::start().await.unwrap();
    let seat = server.item("Seat").await.unwrap();
    let body = serde_json::json!({
        "name": "Jörg <Öl> & Söhne", "email": "joerg@example.org", "language": "de",
        "lines": [{ "item_id": seat, "quantity": 1 }],
    });
    let answer = server.http.post(server.url("/api/v1/harbour/events/talk/orders")).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let mail = readable(&server.mails(1).await.unwrap()[0]);
    assert!(mail.contains("Hallo Jörg <Öl> & Söhne,"), "plain text as it is: {mail}");
    assert!(mail.contains("Hallo Jörg &#60;Öl&#62; &#38; Söhne,"), "escaped in HTML: {mail}");
    assert!(mail.contains("Tickets öffnen"), "{mail}");
}

#[tokio::test]
async fn a_mail_really_arrives_by_smtp_and_waits_out_a_server_that_is_away() {
    let sink = SmtpSink::start().await.unwrap();
    sink.set(Manner::Closed);
    let way = Way::Smtp(sink.url());
    let server = TestServer::start_with(SHOP, |config| config.mail.way = way).await.unwrap();
    let seat = server.item("Seat").await.unwrap();
    let order = server.order("talk", seat, 1).await.unwrap();
    sink.wait_for_connection(1, PATIENCE).await.unwrap();
    willcall_tests::server::until("the mail to be put back", || async {
        let back =
            "SELECT count(*) FROM job WHERE kind = 'orders.send_confirmation' AND state = 'queued' AND attempts = 1";
        Ok((server.count(back).await? == 1).then_some(()))
    })
    .await
    .unwrap();
    sink.set(Manner::Ok);
    server.clock.advance(Duration::from_secs(60));
    server.app().wake.now(willcall_server::wake::Topics::default());
    let messages = sink.wait_for(1, PATIENCE).await.unwrap();
    assert_eq!(messages[0].to, ["ada@example.org"]);
    assert!(readable(&messages[0].text).contains(order["url"].as_str().unwrap()), "{}", messages[0].text);
    server.idle().await.unwrap();
    assert_eq!(sink.messages().len(), 1, "once");
}
