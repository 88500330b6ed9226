//! The shop over HTTP: event pages, orders by API and whole checkouts per second.

use crate::{
    Figure,
    closed::{Sample, closed, short},
    installation::Installation,
    rush,
};
use anyhow::{Context, ensure};
use reqwest::{Client, redirect::Policy};
use serde_json::json;
use tokio::time::Instant;
use willcall_tests::server::field_value;

/// As many as the peer was asked by.
const CLIENTS: u64 = 16;
const BUYERS: u64 = 8;
const PAGES: u64 = 20_000;
const ORDERS: u64 = 5_000;
const CHECKOUTS: u64 = 2_000;

pub async fn figures() -> anyhow::Result<Vec<Figure>> {
    let installation = Installation::start().await?;
    let mut figures = vec![pages(&installation).await?];
    figures.extend(orders(&installation).await?);
    figures.push(checkouts(&installation).await?);
    figures.push(rush::figure(&installation).await?);
    figures.extend(installation.costs().await?);
    Ok(figures)
}

fn clients(n: u64) -> anyhow::Result<Vec<Client>> {
    (0..n).map(|_| Ok(Client::builder().redirect(Policy::none()).build()?)).collect()
}

async fn pages(installation: &Installation) -> anyhow::Result<Figure> {
    let page = format!("{}/bench/night", installation.url());
    let size = reqwest::get(&page).await?.error_for_status()?.bytes().await?.len();
    let clients = clients(CLIENTS)?;
    let spent = installation.cpu_ms();
    let sample = closed(CLIENTS, PAGES, move |n| {
        let asked = clients[(n % CLIENTS) as usize].get(&page);
        async move { Ok(asked.send().await?.error_for_status()?.bytes().await.map(drop)?) }
    });
    let sample = sample.await?.costing(installation.cpu_ms() - spent);
    Ok(Figure {
        what: "event page of the shop",
        measured: sample.text(),
        values: sample.values(),
        peer: "52 /s · p50 298 · p99 542 ms · CPU 34–37 ms",
        method: format!("{CLIENTS} clients, whole page read, {} kB", short(size as f64 / 1000.0)),
        n: PAGES,
    })
}

async fn orders(installation: &Installation) -> anyhow::Result<Vec<Figure>> {
    let item = installation.item("talk", "Seat")?;
    let url = format!("{}/api/v1/bench/events/talk/orders", installation.url());
    let clients = clients(CLIENTS)?;
    installation.at_rest().await?;
    let (spent, began) = (installation.cpu_ms(), Instant::now());
    let burst = closed(CLIENTS, ORDERS, move |n| {
        let lines = [json!({ "item_id": item, "quantity": 1 })];
        let order = json!({ "name": "Guest", "email": format!("guest{n}@example.org"), "lines": lines });
        let asked = clients[(n % CLIENTS) as usize].post(&url).json(&order);
        async move { Ok(asked.send().await?.error_for_status()?.bytes().await.map(drop)?) }
    });
    let burst = burst.await?.costing(installation.cpu_ms() - spent);
    installation.at_rest().await?;
    let whole = Sample { took: began.elapsed(), times: burst.times.clone(), cpu_ms: None };
    let whole = whole.costing(installation.cpu_ms() - spent);
    let sold = installation.number_of("SELECT sum(sold)::bigint FROM quota WHERE name = 'Hall'").await?;
    ensure!(sold == i64::try_from(ORDERS)?, "{sold} of {ORDERS} sold: an order was lost or counted twice");
    let mails = installation.number_of("SELECT count(*) FROM job WHERE class = 'mail' AND state = 'done'").await?;
    let rate = whole.per_second();
    let cpu = whole.cpu_ms.unwrap_or_default();
    Ok(vec![
        Figure {
            what: "orders by API, free, one quota",
            measured: burst.text(),
            values: burst.values(),
            peer: "17.5 /s · p50 849 · p99 1304 ms · CPU 95–108 ms",
            method: format!("{CLIENTS} clients, one ticket each, durable commit, paid and ready"),
            n: ORDERS,
        },
        Figure {
            what: "… until the background is done",
            measured: format!("{} /s · CPU {} ms", short(rate), short(cpu)),
            values: json!({ "per_s": rate, "cpu_ms": cpu }),
            peer: "7.0 /s · CPU 209 ms",
            method: format!("the same, until all {mails} mails lie in the folder and stations can be told"),
            n: ORDERS,
        },
    ])
}

async fn checkouts(installation: &Installation) -> anyhow::Result<Figure> {
    let item = format!("i{}", installation.item("night", "Adult")?);
    let url = installation.url();
    let clients = clients(BUYERS)?;
    let spent = installation.cpu_ms();
    let sample = closed(BUYERS, CHECKOUTS, move |n| {
        let buyer = Buyer { http: clients[(n % BUYERS) as usize].clone(), url: url.clone(), item: item.clone() };
        async move { buyer.buy(n).await }
    });
    let sample = sample.await?.costing(installation.cpu_ms() - spent);
    let placed = installation.number_of("SELECT sum(sold)::bigint FROM quota WHERE name = 'Great Hall'").await?;
    ensure!(placed == i64::try_from(CHECKOUTS)?, "{placed} of {CHECKOUTS} were placed");
    Ok(Figure {
        what: "whole web checkout",
        measured: sample.text(),
        values: sample.values(),
        peer: "1.85 /s · p50 4266 · p99 5698 ms · CPU 723–812 ms",
        method: format!(
            "{BUYERS} buyers; event page, choice, details, order, its page: 5 requests, forms without a script"
        ),
        n: CHECKOUTS,
    })
}

struct Buyer {
    http: Client,
    url: String,
    item: String,
}

impl Buyer {
    async fn page(&self, path: &str) -> anyhow::Result<String> {
        Ok(self.http.get(format!("{}{path}", self.url)).send().await?.error_for_status()?.text().await?)
    }

    /// Sends a form and gives where it leads.
    async fn form(&self, path: &str, fields: &[(&str, &str)]) -> anyhow::Result<String> {
        let asked = self.http.post(format!("{}{path}", self.url)).header("origin", &self.url).form(fields);
        let answer = asked.send().await?;
        ensure!(answer.status().is_redirection(), "{path} was answered {}", answer.status());
        Ok(answer.headers().get("location").and_then(|l| l.to_str().ok()).context("nowhere to go")?.to_owned())
    }

    async fn buy(&self, n: u64) -> anyhow::Result<()> {
        let event = self.page("/bench/night").await?;
        ensure!(event.contains(&format!("name=\"{}\"", self.item)), "the ticket is not on the page");
        let checkout = self.form("/bench/night/checkout", &[(&self.item, "1")]).await?;
        let key = field_value(&self.page(&checkout).await?, "key").context("the form has a key")?;
        let email = format!("buyer{n}@example.org");
        let details = [
            (self.item.as_str(), "1"),
            ("key", &key),
            ("name", "Ada Lovelace"),
            ("email", &email),
            ("payment", "bank_transfer"),
        ];
        let order = self.form("/bench/night/order", &details).await?;
        self.page(&order).await.map(drop)
    }
}
