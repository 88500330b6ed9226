//! B15: a quota of 1,000 and 20,000 who want one, 64 at a time, while the server is killed at random moments (sometimes
//! with its database) and everybody asks again under the same key until there is an answer. Sold is 1,000 exactly, nobody
//! has two orders, and when the time to pay is over everything is free again.

use super::c15::doctor;
use crate::town::scaled;
use anyhow::{Context, bail, ensure};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;
use willcall_domain::entropy::{self, SeededEntropy};
use willcall_tests::{premises::Premises, record::Outcome};

const PLACES: i64 = 1_000;
const BUYERS: u32 = 20_000;
const AT_A_TIME: u64 = 64;
const SEEDS: u32 = 20;
/// Kills of one sale.
const KILLS: u64 = 4;
/// Longest a buyer asks again.
const PATIENCE: Duration = Duration::from_secs(120);

pub async fn run(scale: f64) -> anyhow::Result<Outcome> {
    let seeds = scaled(SEEDS, scale, 1);
    let buyers = scaled(BUYERS, scale.max(0.1), 2_000);
    let (mut premises, seeded) = Premises::seeded(&plan(seeds), &[("WILLCALL_RATE_LIMITS", "off")]).await?;
    let (mut rows, mut pass, mut wrong) = (Vec::new(), true, Vec::new());
    for seed in 0..seeds {
        let sale = Sale::of(&premises, &seeded, seed)?;
        let began = Instant::now();
        let (told, kills) = sale.run(&mut premises, seed, u64::from(buyers)).await?;
        let sold = count(&premises, &format!("SELECT sold FROM quota WHERE name = 'Hall {seed}'")).await?;
        let of = format!("FROM orders o JOIN event e USING (organizer_id, event_id) WHERE e.slug = 'rush-{seed}'");
        let orders = count(&premises, &format!("SELECT count(*) {of}")).await?;
        let keys = count(&premises, &format!("SELECT count(DISTINCT o.email) {of}")).await?;
        wrong.extend(doctor(&premises)?);
        let held = expire(&premises, seed).await?;
        pass &= sold == PLACES && told == PLACES && orders == keys && orders == PLACES && held == 0;
        rows.push(json!({
            "seed": seed, "kills": kills, "sold": sold, "told_yes": told, "orders": orders, "orders_twice": orders - keys,
            "held_after_expiry": held, "took_s": began.elapsed().as_secs_f64(),
        }));
    }
    premises.stop().await?;
    Ok(Outcome {
        measured: json!({ "buyers": buyers, "seeds": rows, "doctor": wrong }),
        bar: json!({ "sold": PLACES, "orders_twice": 0, "held_after_expiry": 0, "doctor": [] }),
        n: u64::from(seeds) * u64::from(buyers),
        pass: pass && wrong.is_empty(),
    })
}

/// An event for each seed.
fn plan(seeds: u32) -> String {
    let mut plan = "[[organizer]]\nslug = \"rush\"\nname = \"Rush\"\nbank_details = \"IBAN\"\n".to_owned();
    for seed in 0..seeds {
        // Written to a string, which always takes it.
        _ = write!(
            plan,
            "\n[[organizer.event]]\nslug = \"rush-{seed}\"\nname = \"Rush {seed}\"\nstarts_at = \"+30d 20:00\"\n
             [[organizer.event.item]]\nname = \"Seat {seed}\"\nprice = \"24.00\"\ntax_rate = \"7\"\n
             [[organizer.event.quota]]\nname = \"Hall {seed}\"\nsize = {PLACES}\nitems = [\"Seat {seed}\"]\n"
        );
    }
    plan
}

async fn count(premises: &Premises, query: &str) -> anyhow::Result<i64> {
    Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(query.to_owned())).fetch_one(&mut premises.admin().await?).await?)
}

/// The time to pay is over; gives what is still held once the server has seen to it.
async fn expire(premises: &Premises, seed: u32) -> anyhow::Result<i64> {
    let query = format!(
        "UPDATE orders o SET expires_at = 1 FROM event e WHERE e.organizer_id = o.organizer_id
             AND e.event_id = o.event_id AND e.slug = 'rush-{seed}' AND o.status = 'pending'"
    );
    sqlx::query(sqlx::AssertSqlSafe(query)).execute(&mut premises.admin().await?).await?;
    let end = Instant::now() + Duration::from_secs(180);
    loop {
        let held = count(premises, &format!("SELECT sold FROM quota WHERE name = 'Hall {seed}'")).await?;
        if held == 0 || Instant::now() > end {
            return Ok(held);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// One sale.
#[derive(Clone)]
struct Sale {
    http: reqwest::Client,
    url: String,
    item: Value,
    next: Arc<AtomicU64>,
    told: Arc<AtomicU64>,
}

impl Sale {
    fn of(premises: &Premises, seeded: &Value, seed: u32) -> anyhow::Result<Self> {
        let events = seeded["organizers"][0]["events"].as_array().context("events")?;
        let event = events.iter().find(|e| e["slug"] == format!("rush-{seed}")).context("the event")?;
        Ok(Self {
            http: reqwest::Client::builder().timeout(Duration::from_secs(15)).build()?,
            url: format!("{}/api/v1/rush/events/rush-{seed}/orders", premises.url()),
            item: event["items"][format!("Seat {seed}")].clone(),
            next: Arc::default(),
            told: Arc::default(),
        })
    }

    /// Everybody asks; meanwhile the server is killed. How many were told yes, and how many kills there were.
    async fn run(&self, premises: &mut Premises, seed: u32, buyers: u64) -> anyhow::Result<(i64, u64)> {
        let mut asking = tokio::task::JoinSet::new();
        for _ in 0..AT_A_TIME {
            let sale = self.clone();
            asking.spawn(async move { sale.ask(seed, buyers).await });
        }
        let chance = SeededEntropy::new(u64::from(seed));
        let mut kills = 0;
        // Each at a moment of its own, while there is still something to sell or somebody to tell.
        for nth in 1..=KILLS {
            let turn = nth * buyers / (KILLS + 4) + u64::from_le_bytes(entropy::bytes(&chance)) % (buyers / 20);
            while self.next.load(Ordering::SeqCst) < turn {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            if nth % 2 == 0 {
                premises.cut()?
            } else {
                premises.kill()?
            }
            kills += 1;
            premises.start().await?;
        }
        while let Some(asked) = asking.join_next().await {
            asked.context("a buyer")??;
        }
        ensure!(self.next.load(Ordering::SeqCst) >= buyers, "not everybody was served");
        Ok((i64::try_from(self.told.load(Ordering::SeqCst))?, kills))
    }

    /// One of the 64: takes buyers until there are none left.
    async fn ask(&self, seed: u32, buyers: u64) -> anyhow::Result<()> {
        loop {
            let buyer = self.next.fetch_add(1, Ordering::SeqCst);
            if buyer >= buyers {
                return Ok(());
            }
            let key = format!("{seed}-{buyer}");
            let end = Instant::now() + PATIENCE;
            loop {
                match self.order(&key).await {
                    Ok(StatusCode::CREATED) => {
                        self.told.fetch_add(1, Ordering::SeqCst);
                        break;
                    }
                    Ok(StatusCode::CONFLICT) => break,
                    Ok(status) if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS => {
                        bail!("buyer {buyer} was answered {status}")
                    }
                    // Away, busy or cut off: asked again.
                    Ok(_) | Err(_) if Instant::now() < end => tokio::time::sleep(Duration::from_millis(20)).await,
                    Ok(status) => bail!("buyer {buyer} got no answer but {status}"),
                    Err(error) => return Err(error),
                }
            }
        }
    }

    async fn order(&self, key: &str) -> anyhow::Result<StatusCode> {
        let lines = [json!({ "item_id": self.item, "quantity": 1 })];
        let body = json!({ "name": "Guest", "email": format!("b{key}@example.org"), "lines": lines });
        Ok(self.http.post(&self.url).header("idempotency-key", key).json(&body).send().await?.status())
    }
}
