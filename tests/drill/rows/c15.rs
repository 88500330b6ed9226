//! C15: orders come in at ten times the usual peak while server and database are killed (`SIGKILL`, both at once, at a
//! random moment), again and again. After each start every order that was confirmed is there, asked for again under the
//! same key it is the same order, and `willcall-server doctor` finds nothing wrong with the data.

use crate::town::{PLAN, scaled};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use willcall_domain::entropy::{self, SeededEntropy};
use willcall_tests::{premises::Premises, record::Outcome};

/// Ten times the usual peak of 50 orders a minute.
const PACE: Duration = Duration::from_millis(120);
/// A life lasts so long at most.
const LONGEST_LIFE_MS: u64 = 2_500;
/// Orders in flight at once; while the server is away they are refused at once.
const PATIENCE: Duration = Duration::from_secs(10);

pub async fn run(scale: f64) -> anyhow::Result<Outcome> {
    let kills = scaled(50, scale, 2);
    let plan = PLAN.replace("size = 1000", "size = 1000000");
    let (mut premises, seeded) = Premises::seeded(&plan, &[("WILLCALL_RATE_LIMITS", "off")]).await?;
    let load = Load::of(&premises, &seeded)?;
    let chance = SeededEntropy::new(20_261_122);
    let (mut lost, mut doubled, mut wrong) = (0, 0, Vec::new());
    let mut slowest = Duration::ZERO;
    for _ in 0..kills {
        let stop = CancellationToken::new();
        let running = tokio::spawn(load.clone().run(stop.clone()));
        // The race is the point: the kill falls between any two instructions of an order.
        let life = u64::from_le_bytes(entropy::bytes(&chance)) % LONGEST_LIFE_MS;
        tokio::time::sleep(Duration::from_millis(life)).await;
        premises.cut()?;
        stop.cancel();
        running.await.context("the load")?;
        let began = Instant::now();
        premises.start().await?;
        slowest = slowest.max(began.elapsed());
        lost += load.missing(&premises).await?;
        doubled += load.doubled(&premises).await?;
        wrong.extend(doctor(&premises)?);
    }
    let confirmed = load.confirmed().len();
    ensure!(confirmed > 0, "no order was confirmed in any life");
    let again = load.ask_again().await?;
    premises.stop().await?;
    Ok(Outcome {
        measured: json!({
            "kills": kills, "confirmed": confirmed, "lost": lost, "doubled": doubled, "changed_when_asked_again": again,
            "doctor": wrong, "slowest_start_s": slowest.as_secs_f64(),
        }),
        bar: json!({ "lost": 0, "doubled": 0, "changed_when_asked_again": 0, "doctor": [] }),
        n: u64::from(kills),
        pass: lost == 0 && doubled == 0 && again == 0 && wrong.is_empty(),
    })
}

/// What `willcall-server doctor` says is wrong; a disk that is nearly full is the machine's.
pub fn doctor(premises: &Premises) -> anyhow::Result<Vec<String>> {
    let output = premises.command("willcall-server")?.args(["doctor", "--json"]).output()?;
    let report: Value =
        serde_json::from_slice(&output.stdout).with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let findings = report["findings"].as_array().context("findings")?;
    ensure!(findings.iter().any(|f| f["check"] == "places-sold"), "the doctor did not look at the data: {report}");
    let wrong = findings.iter().filter(|f| f["ok"] == false && f["check"] != "disk");
    Ok(wrong.map(|f| format!("{}: {}", f["check"].as_str().unwrap_or_default(), f["detail"])).collect())
}

/// Orders at a fixed pace, and what was confirmed of them.
#[derive(Clone)]
struct Load {
    http: reqwest::Client,
    url: String,
    item: Value,
    /// Key and code of every order that was answered with yes.
    confirmed: Arc<Mutex<Vec<(String, String)>>>,
}

impl Load {
    fn of(premises: &Premises, seeded: &Value) -> anyhow::Result<Self> {
        let events = seeded["organizers"][0]["events"].as_array().context("events")?;
        let concert = events.iter().find(|e| e["slug"] == "concert").context("the concert")?;
        Ok(Self {
            http: reqwest::Client::builder().timeout(PATIENCE).build()?,
            url: format!("{}/api/v1/drill-hall/events/concert/orders", premises.url()),
            item: concert["items"]["Adult"].clone(),
            confirmed: Arc::default(),
        })
    }

    fn confirmed(&self) -> Vec<(String, String)> {
        self.confirmed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn run(self, stop: CancellationToken) {
        let mut pace = tokio::time::interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut flying = tokio::task::JoinSet::new();
        while stop.run_until_cancelled(pace.tick()).await.is_some() {
            let one = self.clone();
            flying.spawn(async move {
                let key = uuid::Uuid::from_bytes(entropy::bytes(&entropy::OsEntropy)).to_string();
                // Refused or cut off: nobody was told yes, so nothing is owed.
                if let Ok(Some(code)) = one.order(&key).await {
                    one.confirmed.lock().unwrap_or_else(PoisonError::into_inner).push((key, code));
                }
            });
        }
        flying.join_all().await;
    }

    async fn order(&self, key: &str) -> anyhow::Result<Option<String>> {
        let lines = [json!({ "item_id": self.item, "quantity": 1 })];
        let body = json!({ "name": "Ada Lovelace", "email": format!("{key}@example.org"), "lines": lines });
        let answer = self.http.post(&self.url).header("idempotency-key", key).json(&body).send().await?;
        if answer.status() != reqwest::StatusCode::CREATED {
            return Ok(None);
        }
        let order: Value = answer.json().await?;
        Ok(order["code"].as_str().map(str::to_owned))
    }

    /// Confirmed orders that are not there.
    async fn missing(&self, premises: &Premises) -> anyhow::Result<i64> {
        let codes: Vec<String> = self.confirmed().into_iter().map(|(_, code)| code).collect();
        let found: i64 = sqlx::query_scalar("SELECT count(*) FROM orders WHERE code = ANY($1)")
            .bind(&codes)
            .fetch_one(&mut premises.admin().await?)
            .await?;
        Ok(i64::try_from(codes.len())? - found)
    }

    /// Keys under which there is more than one order.
    async fn doubled(&self, premises: &Premises) -> anyhow::Result<i64> {
        premises.number_of("SELECT count(*) - count(DISTINCT email) FROM orders").await
    }

    /// Asks for a sample again under the same keys; how many were answered with another order.
    async fn ask_again(&self) -> anyhow::Result<usize> {
        let mut changed = 0;
        for (key, code) in self.confirmed().into_iter().rev().take(50) {
            changed += usize::from(self.order(&key).await?.as_deref() != Some(code.as_str()));
        }
        Ok(changed)
    }
}
