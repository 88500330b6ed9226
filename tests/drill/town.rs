//! The town the drills play in: what is seeded, and small steps several rows take (buy, fetch the paper, end a server).
//! Owns no judgement.

pub use willcall_tests::record::ms;

use anyhow::{Context, ensure};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;
use willcall_tests::{
    premises::Premises,
    process::{is_alive, started_by, until},
};

/// One organizer with a priced event, a free one, a till and two doors.
pub const PLAN: &str = r#"
[[organizer]]
slug = "drill-hall"
name = "Drill Hall"
legal_name = "Drill Hall Limited"
bank_details = "IBAN DE02 1203 0000 0000 2020 51"

[[organizer.staff]]
email = "owner@drill-hall.example"
name = "Olga Owner"
role = "owner"

[[organizer.event]]
slug = "concert"
name = "Drill Concert"
starts_at = "+1d 20:00"

[[organizer.event.item]]
name = "Adult"
price = "24.00"
tax_rate = "7"

[[organizer.event.quota]]
name = "Hall"
size = 1000
items = ["Adult"]

[[organizer.event]]
slug = "talk"
name = "Drill Talk"
starts_at = "+2d 18:00"
takes_bank_transfer = false

[[organizer.event.item]]
name = "Seat"
price = "0"

[[organizer.event.quota]]
name = "Foyer"
size = 1000
items = ["Seat"]

[[organizer.device]]
name = "Till 1"
gate = "Foyer"
role = "till"

[[organizer.device]]
name = "Door 1"
gate = "Main entrance"
role = "door"

[[organizer.device]]
name = "Door 2"
gate = "Side entrance"
role = "door"
"#;

/// Orders one of a product through the shop's API.
///
/// # Errors
/// When it is not taken.
pub async fn order(premises: &Premises, seeded: &Value, event: &str, item: &str) -> anyhow::Result<Value> {
    order_at(&premises.url(), seeded, event, item).await
}

/// The same at the server of this address.
///
/// # Errors
/// When it is not taken.
pub async fn order_at(url: &str, seeded: &Value, event: &str, item: &str) -> anyhow::Result<Value> {
    let house = &seeded["organizers"][0];
    let events = house["events"].as_array().context("events")?;
    let found = events.iter().find(|e| e["slug"] == event).with_context(|| format!("the event {event}"))?;
    let slug = house["slug"].as_str().context("a slug")?;
    let url = format!("{url}/api/v1/{slug}/events/{event}/orders");
    let body = json!({
        "name": "Ada Lovelace", "email": "ada@example.org",
        "lines": [{ "item_id": found["items"][item], "quantity": 1 }],
    });
    let answer = reqwest::Client::new().post(url).json(&body).send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(status == 201, "the order was answered {status}: {text}");
    serde_json::from_str(&text).with_context(|| text)
}

/// The tickets of an order, as PDF.
///
/// # Errors
/// When they do not come.
pub async fn tickets(order: &Value) -> anyhow::Result<Vec<u8>> {
    let url = order["tickets_url"].as_str().with_context(|| format!("no tickets: {order}"))?;
    fetch(url).await
}

/// The same from the server of this address, whatever it calls itself.
///
/// # Errors
/// When they do not come.
pub async fn tickets_at(url: &str, order: &Value) -> anyhow::Result<Vec<u8>> {
    let told = order["tickets_url"].as_str().with_context(|| format!("no tickets: {order}"))?;
    fetch(&format!("{url}{}", url::Url::parse(told)?.path())).await
}

async fn fetch(url: &str) -> anyhow::Result<Vec<u8>> {
    let answer = reqwest::get(url).await?.error_for_status()?;
    let paper = answer.bytes().await?.to_vec();
    ensure!(paper.starts_with(b"%PDF-"), "the tickets are no PDF");
    Ok(paper)
}

/// An enrolment token of the seed, by the device's name.
///
/// # Errors
/// When there is none.
pub fn token(seeded: &Value, device: &str) -> anyhow::Result<String> {
    let devices = seeded["organizers"][0]["devices"].as_array().context("devices")?;
    let found = devices.iter().find(|d| d["name"] == device).and_then(|d| d["token"].as_str());
    found.map(str::to_owned).with_context(|| format!("the token of {device}"))
}

/// Asks a server politely to end; gives how long it took and how many processes it left.
///
/// # Errors
/// When it does not end at all.
pub async fn end(premises: &mut Premises) -> anyhow::Result<(Duration, usize)> {
    let server = premises.server()?;
    let started = started_by(server.id());
    let began = Instant::now();
    server.signal(Signal::SIGTERM)?;
    server.wait(Duration::from_secs(60)).await?;
    let took = began.elapsed();
    let left = || started.iter().filter(|p| is_alive(**p)).count();
    // What it started may need a moment to be reaped by the system.
    until(Duration::from_secs(5), || (left() == 0).then_some(())).await;
    Ok((took, left()))
}

/// Every table's fingerprint, once what the server does by itself has come to rest.
///
/// # Errors
/// When it does not come to rest.
pub async fn settled(premises: &Premises) -> anyhow::Result<BTreeMap<String, String>> {
    let end = Instant::now() + Duration::from_secs(30);
    let mut last = fingerprints(premises).await?;
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = fingerprints(premises).await?;
        if now == last {
            return Ok(now);
        }
        ensure!(Instant::now() < end, "the tables do not come to rest");
        last = now;
    }
}

/// Content, place and last writer of every row: an update that changes nothing shows as well.
async fn fingerprints(premises: &Premises) -> anyhow::Result<BTreeMap<String, String>> {
    let mut admin = premises.admin().await?;
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
            .fetch_all(&mut admin)
            .await?;
    let mut prints = BTreeMap::new();
    for table in tables {
        let quoted = table.replace('"', "\"\"");
        let query = format!(
            "SELECT count(*) || ' ' || coalesce(md5(string_agg(md5(t::text || t.xmin::text), '' ORDER BY t.ctid)), '')
             FROM \"{quoted}\" t"
        );
        let print: String = sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&mut admin).await?;
        prints.insert(table, print);
    }
    Ok(prints)
}

/// The passwords and tokens of an answer, and of tokens also the secret part alone.
pub fn secrets(outcome: &Value) -> Vec<String> {
    let mut found = Vec::new();
    match outcome {
        Value::Object(map) => {
            for (name, value) in map {
                match value.as_str() {
                    Some(text) if name == "password" || name == "token" => {
                        found.push(text.to_owned());
                        found.extend(text.rsplit('_').next().filter(|tail| *tail != text).map(str::to_owned));
                    }
                    _ => found.extend(secrets(value)),
                }
            }
        }
        Value::Array(all) => found.extend(all.iter().flat_map(secrets)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    found
}

/// A count scaled, at least `least`.
pub fn scaled(count: u32, scale: f64, least: u32) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is positive")]
    let scaled = (f64::from(count) * scale).round() as u32;
    scaled.max(least)
}
