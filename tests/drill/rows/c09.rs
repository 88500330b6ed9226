//! C09: an empty folder, PostgreSQL's programs, no network. One command starts the server on a database of its own; then
//! a seed, a sale, a ticket on paper; then one signal ends it and leaves no process.

use crate::{
    offline,
    town::{self, ms, scaled},
};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;
use willcall_tests::{premises::Premises, record::Outcome};

const BAR: Duration = Duration::from_secs(30);

const SLOW: Duration = Duration::from_secs(5);

pub async fn run(scale: f64) -> anyhow::Result<Outcome> {
    let network = offline::proof()?;
    let n = scaled(3, scale, 1);
    let mut times = Vec::new();
    let mut slowest = Duration::ZERO;
    let (mut left, mut down) = (0, Duration::ZERO);
    for _ in 0..n {
        let began = Instant::now();
        let mut premises = Premises::empty(&[])?;
        premises.start().await?;
        let started = began.elapsed();
        let seeded = premises.seed(town::PLAN)?;
        let planned = began.elapsed();
        let order = town::order(&premises, &seeded, "talk", "Seat").await?;
        let paper = town::tickets(&order).await?;
        let sold = began.elapsed();
        slowest = slowest.max(sold);
        let (took, processes) = town::end(&mut premises).await?;
        (down, left) = (down.max(took), left + processes);
        let lines = premises.server()?.lines();
        // Ending takes a moment; what it was busy with otherwise.
        let said: Vec<&str> = lines.iter().rev().take(8).rev().map(|l| l.text.as_str()).collect();
        times.push(json!({
            "started_ms": ms(started), "seeded_ms": ms(planned), "sold_ms": ms(sold), "ticket_bytes": paper.len(),
            "ended_ms": ms(took), "said_at_a_slow_end": (took > SLOW).then_some(said),
        }));
    }
    Ok(Outcome {
        measured: json!({
            "empty_to_sale_max_ms": ms(slowest), "end_max_ms": ms(down), "processes_left": left,
            "runs": times, "network": network,
        }),
        bar: json!({ "empty_to_sale_max_ms": ms(BAR), "processes_left": 0 }),
        n: u64::from(n),
        pass: slowest <= BAR && left == 0,
    })
}
