//! K09: two thousand stations that were cut off come back within a second, each with two hundred facts, while people buy
//! in the shop. The shop hardly notices, all of it is applied within five minutes, the server stays small, and nothing is
//! sold twice.

use crate::town::scaled;
use anyhow::{Context, ensure};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{task::JoinSet, time::Instant};
use willcall_domain::{
    checkin::wire::{Class, Direction},
    entropy::{SeededEntropy, bytes},
    id::{EventId, ListId, PositionId},
    sync::{Fact, PushAnswer},
};
use willcall_tests::{
    light::{self, Light},
    load::percentile_ms,
    premises::Premises,
    record::{Outcome, memory_kb},
};

const STATIONS: u32 = 2_000;
const FACTS: usize = 200;
const WITHIN: Duration = Duration::from_secs(1);
const DRAINED: Duration = Duration::from_secs(300);
/// How much slower the shop may be than before.
const SLOWER: f64 = 1.5;
const GROWN_KB: u64 = 200 * 1024;
/// The shop's load: fifty orders a minute, and who only looks.
const SHOP_EVERY: Duration = Duration::from_millis(240);
const ORDER_EVERY: u64 = 5;
const BEFORE: Duration = Duration::from_secs(30);
/// Fewer than the shop will want, so that it matters who gets them.
const PLACES: i64 = 100;

pub async fn run(scale: f64) -> anyhow::Result<Outcome> {
    let n = scaled(STATIONS, scale, 20);
    let (mut premises, seeded) = Premises::seeded(&plan(n), &[("WILLCALL_RATE_LIMITS", "off")]).await?;
    let stations = stations(&premises, &seeded).await?;
    // They have been away for a while.
    sqlx::query("UPDATE device SET last_contact_at = last_contact_at - 600000")
        .execute(&mut premises.admin().await?)
        .await?;
    let pid = premises.server()?.id();
    let (_, before_kb) = memory_kb(pid).context("the server's memory")?;
    let shop = Shop::of(&premises, &seeded)?;
    let quiet = shop.load(Some(BEFORE.mul_f64(scale.max(0.3))), &AtomicBool::new(false)).await;
    let over = Arc::new(AtomicBool::new(false));
    let loading = tokio::spawn({
        let (shop, over) = (shop.clone(), Arc::clone(&over));
        async move { shop.load(None, &over).await }
    });
    let peak_kb = Arc::new(AtomicU64::new(0));
    let watching = tokio::spawn({
        let (peak, over) = (Arc::clone(&peak_kb), Arc::clone(&over));
        async move {
            while !over.load(Ordering::Relaxed) {
                peak.fetch_max(memory_kb(pid).map_or(0, |(_, rss)| rss), Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    });
    let began = Instant::now();
    let drained = come_back(stations).await;
    let took = began.elapsed();
    over.store(true, Ordering::Relaxed);
    let busy = loading.await?;
    watching.await?;
    let drained = drained?;
    let entries = premises.number_of("SELECT count(*) FROM journal_entry").await?;
    let applied = premises.number_of("SELECT count(*) FROM journal_entry WHERE outcome = 'applied'").await?;
    let sold = premises.number_of("SELECT max(sold) FROM quota WHERE name = 'Rush'").await?;
    let excess = premises.number_of("SELECT sum(excess)::bigint FROM quota").await?;
    premises.stop().await?;
    let expected = i64::from(n) * FACTS as i64;
    let grown_kb = peak_kb.load(Ordering::Relaxed).saturating_sub(before_kb);
    let (before_ms, storm_ms) = (percentile_ms(&quiet.times, 95.0), percentile_ms(&busy.times, 95.0));
    let pass = entries == expected
        && applied == expected
        && took <= DRAINED
        && storm_ms <= before_ms * SLOWER
        && quiet.failed + busy.failed == 0
        && grown_kb <= GROWN_KB
        && sold <= PLACES
        && excess == 0;
    Ok(Outcome {
        measured: json!({
            "stations": n, "entries": entries, "applied": applied, "drained_s": took.as_secs_f64(),
            "shop_p95_ms_before": before_ms, "shop_p95_ms": storm_ms, "shop_n": busy.times.len(),
            "shop_failed": quiet.failed + busy.failed, "shop_sold_out": quiet.sold_out + busy.sold_out,
            "rss_grown_kb": grown_kb, "sold": sold, "excess": excess, "asked_to_come_back": drained.sent_back,
            "longest_turn_s": drained.longest_turn.as_secs_f64(),
        }),
        bar: json!({
            "entries": expected, "applied": expected, "drained_s": DRAINED.as_secs(), "shop_p95_ms": before_ms * SLOWER,
            "shop_failed": 0, "rss_grown_kb": GROWN_KB, "sold": PLACES, "excess": 0,
        }),
        n: u64::try_from(expected)?,
        pass,
    })
}

fn plan(stations: u32) -> String {
    let mut plan = format!(
        "[[organizer]]\nslug = \"herd\"\nname = \"Herd\"\nbank_details = \"IBAN\"\n\
         [[organizer.event]]\nslug = \"night\"\nname = \"Night\"\nstarts_at = \"+1d 20:00\"\n\
         [[organizer.event.item]]\nname = \"Adult\"\nprice = \"24.00\"\ntax_rate = \"7\"\n\
         [[organizer.event.quota]]\nname = \"Rush\"\nsize = {PLACES}\nitems = [\"Adult\"]\n\
         [[organizer.event.list]]\nname = \"Doors\"\n"
    );
    for n in 0..stations {
        // Written to a string, which always takes it.
        _ = write!(plan, "[[organizer.device]]\nname = \"Door {n}\"\ngate = \"Gate {n}\"\nrole = \"door\"\n");
    }
    plan
}

/// A station and what it has to bring, packed.
struct Away {
    light: Light,
    page: Vec<u8>,
}

async fn stations(premises: &Premises, seeded: &Value) -> anyhow::Result<Vec<Away>> {
    let http = light::client()?;
    let house = &seeded["organizers"][0];
    let event = &house["events"][0];
    let event_id = EventId(event["event_id"].as_i64().context("an event")?);
    let lists = event["lists"].as_object().context("lists")?;
    let list_id = ListId(lists.values().next().and_then(Value::as_i64).context("a list")?);
    let tokens: Vec<String> = house["devices"]
        .as_array()
        .context("devices")?
        .iter()
        .filter_map(|d| d["token"].as_str().map(str::to_owned))
        .collect();
    let url = premises.url();
    let enrolling = stream::iter(tokens.into_iter().enumerate()).map(|(n, token)| {
        let (http, url) = (http.clone(), url.clone());
        async move {
            let mut light = Light::enrol(&http, &url, &token).await?;
            let mut entries = vec![light.record(Fact::Opened { software: "drill".to_owned() })?];
            for k in 1..FACTS {
                let position = PositionId(uuid::Uuid::from_u128((n * FACTS + k) as u128));
                entries.push(light.record(scan(event_id, list_id, position))?);
            }
            let (status, _) = light.post("contact", &light.question(0)).await?;
            ensure!(status.is_success(), "the first contact was answered {status}");
            anyhow::Ok(Away { page: light::pack(entries)?, light })
        }
    });
    enrolling.buffer_unordered(16).try_collect().await
}

fn scan(event_id: EventId, list_id: ListId, position: PositionId) -> Fact {
    Fact::Scan {
        event_id,
        list_id,
        position_id: Some(position),
        payload_hash: None,
        direction: Direction::Entry,
        class: Class::Admitted,
        reason: None,
        time_by_hand: None,
    }
}

#[derive(Default)]
struct Drained {
    /// How often somebody was asked to come back later.
    sent_back: u64,
    longest_turn: Duration,
}

/// All at once, within a second; each does what an engine does: contact, its turn, its page, and what it missed.
async fn come_back(stations: Vec<Away>) -> anyhow::Result<Drained> {
    let mut coming = JoinSet::new();
    let n = stations.len().max(1);
    for (i, away) in stations.into_iter().enumerate() {
        coming.spawn(async move {
            tokio::time::sleep(WITHIN.mul_f64(i as f64 / n as f64)).await;
            one(away, i as u64).await
        });
    }
    let mut all = Drained::default();
    while let Some(done) = coming.join_next().await {
        let done = done??;
        all.sent_back += done.sent_back;
        all.longest_turn = all.longest_turn.max(done.longest_turn);
    }
    Ok(all)
}

async fn one(away: Away, seed: u64) -> anyhow::Result<Drained> {
    let mut patience = Patience { chance: SeededEntropy::new(seed), failures: 0, sent_back: 0 };
    let Away { light, page } = away;
    let waiting = FACTS as u64;
    let answer =
        patience.ask(|| light.request(reqwest::Method::POST, "contact").json(&light.question(waiting))).await?;
    let body: Value = serde_json::from_str(answer["body"].as_str().context("a body")?)?;
    let turn = Duration::from_millis(body["sync_in_ms"].as_u64().unwrap_or(0));
    tokio::time::sleep(turn).await;
    let answer: PushAnswer = serde_json::from_value(patience.ask(|| light.page(page.clone())).await?)?;
    ensure!(answer.acked == waiting, "{} of {waiting} were confirmed", answer.acked);
    let path = format!("changes?history={}&after=0&urgent=0&most=200", light.enrolment.history);
    patience.ask(|| light.request(reqwest::Method::GET, &path)).await?;
    Ok(Drained { sent_back: patience.sent_back, longest_turn: turn })
}

/// Asks again as an engine does.
struct Patience {
    chance: SeededEntropy,
    failures: u32,
    sent_back: u64,
}

impl Patience {
    async fn ask(&mut self, request: impl Fn() -> reqwest::RequestBuilder) -> anyhow::Result<Value> {
        loop {
            let answer = request().timeout(Duration::from_secs(15)).send().await;
            let asked_s = match answer {
                Ok(answer) if answer.status().is_success() => {
                    self.failures = 0;
                    return Ok(answer.json().await?);
                }
                Ok(answer) => {
                    let status = answer.status();
                    let again = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
                    let after = answer.headers().get("retry-after").and_then(|v| v.to_str().ok()?.parse::<f64>().ok());
                    ensure!(again, "a station was answered {status}: {}", answer.text().await?);
                    after.unwrap_or(0.0)
                }
                Err(error) if error.is_timeout() || error.is_connect() => 0.0,
                Err(error) => return Err(error.into()),
            };
            self.sent_back += 1;
            let span = 300.0_f64.min(2.0_f64.powi(self.failures.min(16).cast_signed()));
            self.failures += 1;
            let [a, b] = bytes::<2>(&self.chance).map(|byte| f64::from(byte) / 256.0);
            tokio::time::sleep(Duration::from_secs_f64((span * a).max(asked_s * (1.0 + b / 2.0)))).await;
        }
    }
}

#[derive(Clone)]
struct Shop {
    http: Client,
    page: String,
    orders: String,
    item: Value,
}

#[derive(Default)]
struct Seen {
    times: Vec<Duration>,
    failed: u64,
    sold_out: u64,
}

impl Shop {
    fn of(premises: &Premises, seeded: &Value) -> anyhow::Result<Self> {
        let url = premises.url();
        Ok(Self {
            http: Client::builder().timeout(Duration::from_secs(15)).build()?,
            page: format!("{url}/herd/night"),
            orders: format!("{url}/api/v1/herd/events/night/orders"),
            item: seeded["organizers"][0]["events"][0]["items"]["Adult"].clone(),
        })
    }

    /// Requests at fixed times, for so long or until it is over; each counts from the time it was due.
    async fn load(&self, lasts: Option<Duration>, over: &AtomicBool) -> Seen {
        let (began, mut asking, mut n) = (Instant::now(), JoinSet::new(), 0_u64);
        while !over.load(Ordering::Relaxed) && lasts.is_none_or(|lasts| began.elapsed() < lasts) {
            let due = began + SHOP_EVERY.mul_f64(n as f64);
            tokio::time::sleep_until(due).await;
            let shop = self.clone();
            asking.spawn(async move { (shop.ask(n).await, due.elapsed()) });
            n += 1;
        }
        let mut seen = Seen::default();
        while let Some(Ok((status, took))) = asking.join_next().await {
            match status {
                Some(status) if status.is_success() => seen.times.push(took),
                Some(StatusCode::CONFLICT) => {
                    seen.sold_out += 1;
                    seen.times.push(took);
                }
                Some(_) | None => seen.failed += 1,
            }
        }
        seen.times.sort_unstable();
        seen
    }

    async fn ask(&self, n: u64) -> Option<StatusCode> {
        let request = if n.is_multiple_of(ORDER_EVERY) {
            let order = json!({
                "name": "Ada Lovelace", "email": "ada@example.org", "lines": [{ "item_id": self.item, "quantity": 1 }],
            });
            self.http.post(&self.orders).json(&order)
        } else {
            self.http.get(&self.page).header("accept", "text/html")
        };
        request.send().await.ok().map(|answer| answer.status())
    }
}
