//! Everybody at once: a thousand requests in flight for a hundred places.

use crate::{
    Figure,
    closed::{Sample, short},
    installation::Installation,
};
use anyhow::ensure;
use reqwest::{Client, StatusCode};
use serde_json::json;
use std::sync::Arc;
use tokio::{sync::Barrier, task::JoinSet, time::Instant};

const WANTING: u64 = 1_000;
const PLACES: usize = 100;

pub async fn figure(installation: &Installation) -> anyhow::Result<Figure> {
    let item = installation.item("rush", "Seat")?;
    let (http, url) = (Client::new(), format!("{}/api/v1/bench/events/rush/orders", installation.url()));
    let start = Arc::new(Barrier::new(WANTING as usize));
    let spent = installation.cpu_ms();
    let mut running = JoinSet::new();
    for n in 0..WANTING {
        let lines = [json!({ "item_id": item, "quantity": 1 })];
        let order = json!({ "name": "Guest", "email": format!("rush{n}@example.org"), "lines": lines });
        let (asked, start) = (http.post(&url).json(&order), Arc::clone(&start));
        running.spawn(async move {
            start.wait().await;
            let began = Instant::now();
            let status = asked.send().await?.status();
            anyhow::Ok((status, began, began.elapsed()))
        });
    }
    let (mut sold, mut times, mut first, mut last) = (0, Vec::new(), None, None);
    while let Some(done) = running.join_next().await {
        let (status, began, took) = done??;
        ensure!(
            status == StatusCode::CREATED || status == StatusCode::CONFLICT,
            "a request was answered {status}, neither sold nor sold out"
        );
        sold += usize::from(status == StatusCode::CREATED);
        times.push(took);
        first = first.min(Some(began)).or(Some(began));
        last = last.max(Some(began + took));
    }
    let took = first.zip(last).map(|(first, last)| last - first).unwrap_or_default();
    let sample = Sample::of(took, times).costing(installation.cpu_ms() - spent);
    let counted = installation.number_of("SELECT sum(sold)::bigint FROM quota WHERE name = 'Club'").await?;
    ensure!(
        sold == PLACES && counted == PLACES as i64,
        "{sold} were told yes and {counted} places are taken, of {PLACES}"
    );
    Ok(Figure {
        what: "1,000 at once for 100 places",
        measured: format!("100 sold, {} s · {}", short(took.as_secs_f64()), sample.text()),
        values: json!({ "sold": sold, "took_s": took.as_secs_f64(), "each": sample.values() }),
        peer: "100 sold, 16.9 s · p50 2789 · p99 5384 ms",
        method: "by API, one ticket each, a connection each; all answered: sold or sold out".to_owned(),
        n: WANTING,
    })
}
