//! G17: the server beside a PostgreSQL that runs already. One process, small when idle, ready within a second, measured
//! from its start to the first good answer of `/readyz`.

use crate::town::{self, ms, scaled};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::{process::Command, time::Duration};
use tokio::time::Instant;
use willcall_tests::{
    built,
    premises::{Premises, passable_folder},
    process::{Process, started_by},
    record::{Outcome, memory_kb},
};

const START_BAR: Duration = Duration::from_secs(1);
const RSS_BAR_KB: u64 = 60 * 1024;
const ORDERS: u32 = 200;
/// After this long without a request a server counts as idle.
const IDLE: Duration = Duration::from_secs(5);

pub async fn run(scale: f64) -> anyhow::Result<Outcome> {
    // Whoever made the database stands aside; it only keeps PostgreSQL running.
    let (premises, seeded) = Premises::seeded(town::PLAN, &[]).await?;
    let socket = premises.data().join("pg-socket").to_string_lossy().replace('/', "%2F");
    let database = format!("postgres://willcall_app@{socket}/willcall");
    let folder = passable_folder()?;
    // The database is of one installation: its key goes where its server goes.
    let data = folder.path().join("data");
    std::fs::create_dir(&data)?;
    std::fs::copy(premises.data().join("secret.key"), data.join("secret.key"))?;
    let n = scaled(10, scale, 3);
    let mut starts = Vec::new();
    let (mut pss, mut rss, mut children, mut worked) = (0, 0, 0, 0);
    for round in 0..n {
        let began = Instant::now();
        let mut command = Command::new(built::program("willcall-server")?);
        command.arg("serve").env("DATABASE_URL", &database).env("WILLCALL_DATA", &data);
        command
            .env("WILLCALL_BIND", "127.0.0.1:0")
            .env("WILLCALL_RATE_LIMITS", "off")
            .env_remove("WILLCALL_SMTP")
            .env_remove("WILLCALL_READY");
        let mut server = Process::start(&mut command)?;
        let line = server.wait_for_line("\"address\"", Duration::from_secs(60)).await?;
        let line: Value = serde_json::from_str(&line).with_context(|| line.clone())?;
        let address = line["address"].as_str().context("an address")?;
        ready(&format!("http://{address}/readyz")).await?;
        starts.push(began.elapsed());
        if round + 1 == n {
            tokio::time::sleep(IDLE).await;
            (pss, rss) = memory_kb(server.id()).context("the server's memory")?;
            children = started_by(server.id()).len();
            worked = after_work(&server, &format!("http://{address}"), &seeded).await?;
        }
    }
    starts.sort_unstable();
    let slowest = *starts.last().context("a start")?;
    Ok(Outcome {
        measured: json!({
            "start_p50_ms": ms(starts[starts.len() / 2]), "start_max_ms": ms(slowest),
            "idle_pss_kb": pss, "idle_rss_kb": rss, "idle_rss_after_orders_and_tickets_kb": worked,
            "processes_it_started": children,
        }),
        bar: json!({ "start_max_ms": ms(START_BAR), "idle_rss_kb": RSS_BAR_KB, "processes_it_started": 0 }),
        n: u64::from(n),
        pass: slowest <= START_BAR && rss <= RSS_BAR_KB && children == 0,
    })
}

/// Memory when idle again after pages, orders and drawn tickets, which is what a server is like that was not just started.
async fn after_work(server: &Process, url: &str, seeded: &Value) -> anyhow::Result<u64> {
    for _ in 0..ORDERS {
        reqwest::get(format!("{url}/drill-hall/talk")).await?.error_for_status()?;
        let order = town::order_at(url, seeded, "talk", "Seat").await?;
        town::tickets_at(url, &order).await?;
    }
    tokio::time::sleep(IDLE).await;
    Ok(memory_kb(server.id()).context("the server's memory")?.1)
}

async fn ready(url: &str) -> anyhow::Result<()> {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if let Ok(answer) = reqwest::get(url).await
            && answer.status().is_success()
        {
            return Ok(());
        }
        ensure!(Instant::now() < end, "the server does not get ready");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
