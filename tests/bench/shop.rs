//! The shop over HTTP: event pages and orders per second, with server, PostgreSQL (fsync on) and clients on this machine.

use crate::{Figure, percentiles};
use anyhow::{Context, ensure};
use reqwest::Client;
use serde_json::{Value, json};
use std::{path::Path, sync::Arc};
use tokio::task::JoinSet;
use willcall_server::{
    Config, Server,
    config::database::{Database, Private, Source},
    seed,
};

/// As many as the peer was asked by.
const CLIENTS: u64 = 16;
const PAGES: u64 = 8_000;
const ORDERS: u64 = 3_000;

const SEED: &str = r#"
[[organizer]]
slug = "bench"
name = "Bench"

[[organizer.event]]
slug = "night"
name = "A Night"
zone = "Europe/Berlin"
currency = "EUR"
starts_at = "2099-06-01 20:00"
live = true

[[organizer.event.item]]
name = "Adult"
price = "24.00"
tax_rate = "7"
admission = true

[[organizer.event.quota]]
name = "Hall"
size = 1000000
items = ["Adult"]
"#;

pub async fn pages_and_orders() -> anyhow::Result<Vec<Figure>> {
    let folder = tempfile::Builder::new().prefix("wcb").tempdir()?;
    open_to_others(folder.path())?;
    let private = Private { bindir: None, throwaway: false, max_connections: None };
    let source = Database { source: Source::Private(private), connections: 16 };
    let mut config = Config::for_testing(folder.path(), source);
    config.bind.rate_limits = false;
    let server = Server::start(config).await?;
    let file = folder.path().join("seed.toml");
    std::fs::write(&file, SEED)?;
    seed::run(server.app(), &file).await?;
    let result = measure(&server.url()).await;
    server.stop().await;
    result
}

/// PostgreSQL does not run as root, so its user must reach the folder.
fn open_to_others(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o711))?)
}

async fn measure(url: &str) -> anyhow::Result<Vec<Figure>> {
    let client = Client::new();
    let event: Value =
        client.get(format!("{url}/api/v1/bench/events/night")).send().await?.error_for_status()?.json().await?;
    let item = event["items"][0]["item_id"].as_i64().context("the event has an item")?;
    let page = format!("{url}/bench/night");
    let (rate, ms) = closed(PAGES, move |client: Client, _| {
        let page = page.clone();
        async move { Ok(client.get(page).send().await?.error_for_status()?.bytes().await.map(drop)?) }
    })
    .await?;
    let orders = format!("{url}/api/v1/bench/events/night/orders");
    let (order_rate, order_ms) = closed(ORDERS, move |client: Client, n| {
        let orders = orders.clone();
        let body = json!({ "name": "Guest", "email": format!("guest{n}@example.org"), "lines": [{ "item_id": item, "quantity": 1 }] });
        async move { Ok(client.post(orders).json(&body).send().await?.error_for_status()?.bytes().await.map(drop)?) }
    })
    .await?;
    let after: Value = client.get(format!("{url}/api/v1/bench/events/night")).send().await?.json().await?;
    let left = after["items"][0]["available"].as_i64().context("the quota is limited")?;
    ensure!(left == 1_000_000 - i64::try_from(ORDERS)?, "{left} left: an order was lost or counted twice");
    Ok(vec![
        Figure {
            what: "event page of the shop",
            measured: format!("{rate:.0} /s, {}", percentiles(ms)),
            peer: "52 /s, p50 298 ms",
            method: format!("{CLIENTS} clients, closed loop, whole page read"),
            n: PAGES,
        },
        Figure {
            what: "orders of one ticket, one quota",
            measured: format!("{order_rate:.0} /s, {}", percentiles(order_ms)),
            peer: "17.5 /s, p50 849 ms",
            method: format!("{CLIENTS} clients, closed loop, durable commit, mail queued and running"),
            n: ORDERS,
        },
    ])
}

/// Sends `count` requests from [`CLIENTS`] clients, each as soon as its last was answered; requests per second and
/// milliseconds of each.
async fn closed<F, Fut>(count: u64, send: F) -> anyhow::Result<(f64, Vec<f64>)>
where
    F: Fn(Client, u64) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = anyhow::Result<()>> + Send,
{
    let send = Arc::new(send);
    let mut clients = JoinSet::new();
    let begin = crate::station::nanos();
    for first in 0..CLIENTS {
        let (send, client) = (Arc::clone(&send), Client::new());
        clients.spawn(async move {
            let mut ms = Vec::new();
            for n in (first..count).step_by(usize::try_from(CLIENTS)?) {
                let start = crate::station::nanos();
                send(client.clone(), n).await?;
                ms.push((crate::station::nanos() - start) as f64 / 1e6);
            }
            anyhow::Ok(ms)
        });
    }
    let mut all = Vec::new();
    while let Some(done) = clients.join_next().await {
        all.extend(done??);
    }
    let seconds = (crate::station::nanos() - begin) as f64 / 1e9;
    Ok((count as f64 / seconds, all))
}
