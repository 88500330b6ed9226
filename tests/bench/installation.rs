//! A server as it is installed: the program itself beside its private PostgreSQL, which flushes (fsync on); rate limits
//! off, as everything comes from one address. Owns no figure but what it costs to have it.

use crate::{Figure, closed::short};
use anyhow::{Context, ensure};
use reqwest::Client;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;
use willcall_tests::{
    load::percentile_ms,
    premises::Premises,
    process::started_by,
    record::{cpu_of_all_ms, memory_kb},
};

/// An event without a price, as the peer's orders were; one with a price, for people; one everybody wants.
const PLAN: &str = r#"
[[organizer]]
slug = "bench"
name = "Bench"
bank_details = "IBAN DE02 1203 0000 0000 2020 51"

[[organizer.event]]
slug = "talk"
name = "A Talk"
starts_at = "2099-06-01 20:00"
takes_bank_transfer = false

[[organizer.event.item]]
name = "Seat"
price = "0"

[[organizer.event.quota]]
name = "Hall"
size = 1000000
items = ["Seat"]

[[organizer.event]]
slug = "night"
name = "A Night"
description = "Schubert and Farrenc.\n\nWith an interval."
location = "Great Hall"
starts_at = "2099-06-01 20:00"
ends_at = "2099-06-01 22:30"

[[organizer.event.item]]
name = "Adult"
category = "Tickets"
price = "24.00"
tax_rate = "7"

[[organizer.event.item]]
name = "Child"
category = "Tickets"
description = "Under 12."
price = "9.00"
tax_rate = "7"

[[organizer.event.item]]
name = "Programme"
category = "Extras"
price = "4.50"
tax_rate = "7"
admission = false

[[organizer.event.quota]]
name = "Great Hall"
size = 1000000
items = ["Adult", "Child"]

[[organizer.event]]
slug = "rush"
name = "The Last Hundred"
starts_at = "2099-06-01 20:00"
takes_bank_transfer = false

[[organizer.event.item]]
name = "Seat"
price = "0"

[[organizer.event.quota]]
name = "Club"
size = 100
items = ["Seat"]
"#;

/// How long background work may take to come to rest.
const REST: Duration = Duration::from_secs(600);
/// After this long without a request a server counts as idle.
const IDLE: Duration = Duration::from_secs(5);
const STARTS: u64 = 5;

pub struct Installation {
    premises: Premises,
    seeded: Value,
    process: u32,
}

impl Installation {
    /// Starts and seeds one.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start() -> anyhow::Result<Self> {
        let (mut premises, seeded) = Premises::seeded(PLAN, &[("WILLCALL_RATE_LIMITS", "off")]).await?;
        let process = premises.server()?.id();
        ensure!(flushes(&premises).await?, "the database does not flush: its figures would say nothing");
        Ok(Self { premises, seeded, process })
    }

    pub fn url(&self) -> String {
        self.premises.url()
    }

    /// The number of a product.
    ///
    /// # Errors
    /// When there is none.
    pub fn item(&self, event: &str, name: &str) -> anyhow::Result<i64> {
        let events = self.seeded["organizers"][0]["events"].as_array().context("events")?;
        let found = events.iter().find(|e| e["slug"] == event).and_then(|e| e["items"][name].as_i64());
        found.with_context(|| format!("{name} of {event}"))
    }

    /// Processor time of server and database so far.
    pub fn cpu_ms(&self) -> u64 {
        cpu_of_all_ms(self.process)
    }

    /// One number from the database.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn number_of(&self, query: &'static str) -> anyhow::Result<i64> {
        self.premises.number_of(query).await
    }

    /// Waits until nothing is left to do in the background: mails handed over, changes numbered for stations.
    ///
    /// # Errors
    /// When it does not come to rest, or a job failed.
    pub async fn at_rest(&self) -> anyhow::Result<()> {
        let open = "SELECT (SELECT count(*) FROM job WHERE state IN ('queued', 'running') AND class <> 'housekeeping')
            + (SELECT count(*) FROM change WHERE position IS NULL)";
        let end = Instant::now() + REST;
        while self.number_of(open).await? > 0 {
            ensure!(Instant::now() < end, "the background work does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let failed = self.number_of("SELECT count(*) FROM job WHERE state = 'failed'").await?;
        ensure!(failed == 0, "{failed} jobs failed");
        Ok(())
    }

    /// What it takes to have it: memory when idle after work, and how long it is away for a restart.
    ///
    /// # Errors
    /// When it does not start again.
    pub async fn costs(mut self) -> anyhow::Result<Vec<Figure>> {
        tokio::time::sleep(IDLE).await;
        let (pss, rss) = memory_kb(self.process).context("the server's memory")?;
        let database: u64 = started_by(self.process)
            .into_iter()
            .filter_map(|(pid, _)| memory_kb(u32::try_from(pid).ok()?).map(|(pss, _)| pss))
            .sum();
        let mut starts = Vec::new();
        let page = format!("{}/bench/night", self.url());
        for _ in 0..STARTS {
            self.premises.stop().await?;
            let began = Instant::now();
            self.premises.start().await?;
            first_page(&page).await?;
            starts.push(began.elapsed());
        }
        starts.sort_unstable();
        let [p50, most] = [50.0, 100.0].map(|percent| percentile_ms(&starts, percent));
        let [pss, rss, database] = [pss, rss, database].map(|kb| kb as f64 / 1024.0);
        Ok(vec![
            Figure {
                what: "memory of the server, idle",
                measured: format!("{} MiB PSS", short(pss)),
                values: json!({ "server_pss_mib": pss, "server_rss_mib": rss, "database_pss_mib": database }),
                peer: "905 MiB PSS",
                method: format!("one process, 5 s after the work above; its PostgreSQL {} MiB", short(database)),
                n: 1,
            },
            Figure {
                what: "cold start to the first page",
                measured: format!("{} ms, at most {} ms", short(p50), short(most)),
                values: json!({ "p50_ms": p50, "max_ms": most }),
                peer: "3000–3200 ms",
                method: "server and its PostgreSQL, from nothing running to a whole event page; median".to_owned(),
                n: STARTS,
            },
        ])
    }
}

async fn flushes(premises: &Premises) -> anyhow::Result<bool> {
    let on = "SELECT count(*) FROM pg_settings
        WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes') AND setting = 'on'";
    Ok(premises.number_of(on).await? == 3)
}

async fn first_page(page: &str) -> anyhow::Result<()> {
    let end = Instant::now() + Duration::from_secs(60);
    // A new connection each time, as nobody was there before.
    while !Client::new().get(page).send().await.is_ok_and(|answer| answer.status().is_success()) {
        ensure!(Instant::now() < end, "the server does not come up");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}
