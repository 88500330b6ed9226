//! `make bench`: the benchmark table, with the machine's record, and the same as JSON in `target/bench.json`. Every
//! figure is measured in this run; beside it stands what the peer was measured at on a machine of the same class.

mod codes;
mod paper;
mod shop;
mod station;

use serde::Serialize;
use serde_json::json;
use willcall_tests::record::Machine;

/// One line of the table.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    pub what: &'static str,
    /// The figure as text, unit included.
    pub measured: String,
    /// The peer's, or `–` where none is known.
    pub peer: &'static str,
    /// How it was measured, in a few words.
    pub method: String,
    /// How many were measured.
    pub n: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    willcall_tests::choose_tls();
    let before = Machine::here();
    let mut figures = vec![codes::verified_per_second()?];
    figures.extend(paper::tickets_per_second()?);
    figures.extend(station::scans_and_first_sync().await?);
    figures.extend(shop::pages_and_orders().await?);
    let after = Machine::here();

    println!("{} · {} cores · {} MB · {}", before.cpu, before.cores, before.memory_mb, before.system);
    println!("{} · kernel {} · build {}", before.postgres, before.kernel, before.profile);
    println!("load before {:?}, after {:?}\n", before.load, after.load);
    let wide = |text: fn(&Figure) -> &str| figures.iter().map(|f| text(f).chars().count()).max().unwrap_or(0);
    let (a, b, c) = (wide(|f| f.what), wide(|f| &f.measured), wide(|f| f.peer));
    for f in &figures {
        println!("{:a$}  {:>b$}  peer {:c$}  n {:>6}  {}", f.what, f.measured, f.peer, f.n, f.method);
    }
    let document = json!({ "before": before, "after": after, "figures": figures });
    let file = willcall_tests::built::repository().join("target/bench.json");
    std::fs::write(&file, serde_json::to_string_pretty(&document)?)?;
    println!("\nalso in target/bench.json");
    if before.profile == "debug" {
        println!("This was a debug build: the figures say nothing. Use `make bench`.");
    }
    Ok(())
}

/// `p50 1.2 ms · p99 3.4 ms` of durations in milliseconds.
fn percentiles(mut ms: Vec<f64>) -> String {
    ms.sort_by(f64::total_cmp);
    let at = |share: f64| {
        ms.get(((ms.len() as f64 * share) as usize).min(ms.len().saturating_sub(1))).copied().unwrap_or(0.0)
    };
    format!("p50 {:.1} · p99 {:.1} ms", at(0.5), at(0.99))
}
