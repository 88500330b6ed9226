//! Ticket keys in the back office.

use super::{Browser, server};

const NUMBERS: &str = "SELECT count(*) FROM event_key k JOIN event e USING (organizer_id, event_id)
                       WHERE e.slug = 'concert' AND k.number = 2 AND k.status = 'active' AND NOT k.next";

#[tokio::test]
async fn the_next_key_is_there_before_it_signs_and_the_one_before_it_still_verifies() {
    let server = server().await;
    let ines = Browser::ines(&server).await;
    // Whoever prepares tickets makes the first key, and the next one with it.
    let adult = server.item("Adult").await.unwrap();
    let order = server.order("concert", adult, 1).await.unwrap();
    let code = order["code"].as_str().unwrap().to_owned();
    ines.send(&format!("/office/harbour/orders/{code}/mark-paid"), &[]).await;
    server.idle().await.unwrap();
    let event = server.event("concert").await.unwrap();
    let path = format!("/office/harbour/events/{event}/keys");
    let page = ines.page(&path).await;
    assert!(page.contains("Signs next") && page.contains("in no finished backup"), "{page}");
    let vera = Browser::of(&server, "viewer@harbour.example").await;
    assert_eq!(vera.post(&path, &[("act", "change_over")]).await.status(), 403);
    assert_eq!(ines.post(&path, &[("act", "burn")]).await.status(), 422);
    // Who makes backups must have the next key in one before it signs.
    let backed = "UPDATE event_key SET backup = 'finished' WHERE number = 1";
    server.meddle(backed).await.unwrap();
    assert_eq!(ines.post(&path, &[("act", "change_over")]).await.status(), 409);
    server.meddle("UPDATE event_key SET backup = 'finished'").await.unwrap();
    ines.send(&path, &[("act", "change_over")]).await;
    assert_eq!(server.count(NUMBERS).await.unwrap(), 1);
    let states = "SELECT count(*) FROM event_key k JOIN event e USING (organizer_id, event_id) WHERE e.slug = 'concert'
                  AND (number, status, next) IN ((1, 'retired', false), (2, 'active', false), (3, 'retired', true))";
    assert_eq!(server.count(states).await.unwrap(), 3);
    assert_eq!(ines.post(&path, &[("act", "compromised"), ("number", "2")]).await.status(), 409, "it signs");
    assert_eq!(ines.post(&path, &[("act", "compromised"), ("number", "9")]).await.status(), 404);
    ines.send(&path, &[("act", "compromised"), ("number", "1")]).await;
    assert!(ines.page(&path).await.contains("Known tickets only"));
    // In an emergency it waits for nothing.
    ines.send(&path, &[("act", "emergency"), ("number", "3")]).await;
    let states = "SELECT count(*) FROM event_key k JOIN event e USING (organizer_id, event_id) WHERE e.slug = 'concert'
                  AND (number, status, next) IN ((1, 'compromised', false), (2, 'compromised', false), (3, 'active', false),
                      (4, 'retired', true))";
    assert_eq!(server.count(states).await.unwrap(), 4);
    let told = "SELECT count(DISTINCT subject) FROM change WHERE kind = 'key'";
    assert!(server.count(told).await.unwrap() >= 4, "stations hear of each");
}
