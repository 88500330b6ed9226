//! G13: nothing is fetched. Server and station start, sell and scan where there is no network; the lock file names one
//! registry and a checksum for each package. Two builds are compared by `drill G13 --builds`, which costs two full builds.

use crate::{
    offline,
    town::{self, ms},
};
use anyhow::{Context, ensure};
use serde_json::json;
use tokio::time::Instant;
use willcall_tests::{built, premises::Premises, record::Outcome};

pub async fn run(_: f64) -> anyhow::Result<Outcome> {
    let network = offline::proof()?;
    let began = Instant::now();
    let (premises, seeded) = Premises::seeded(town::PLAN, &[]).await?;
    let server = began.elapsed();
    let order = town::order(&premises, &seeded, "talk", "Seat").await?;
    town::tickets(&order).await?;
    let began = Instant::now();
    let door = premises.room("door")?;
    let (status, code) = premises.station(&door, &["enrol", &premises.url(), &town::token(&seeded, "Door 1")?])?;
    ensure!(code == 0, "the station was not enrolled: {status}");
    let (report, code) = premises.station(&door, &["sync"])?;
    ensure!(code == 0, "the station did not sync: {report}");
    let station = began.elapsed();

    let lock: toml::Table = std::fs::read_to_string(built::repository().join("Cargo.lock"))?.parse()?;
    let packages = lock["package"].as_array().context("packages")?;
    let foreign: Vec<&toml::Value> = packages.iter().filter(|p| p.get("source").is_some()).collect();
    ensure!(foreign.len() > 100, "there are {} packages", foreign.len());
    let unlocked: Vec<String> = foreign
        .iter()
        .filter(|p| {
            let source = p.get("source").and_then(toml::Value::as_str).unwrap_or_default();
            let checksum = p.get("checksum").and_then(toml::Value::as_str).unwrap_or_default();
            checksum.len() != 64 || source != "registry+https://github.com/rust-lang/crates.io-index"
        })
        .map(|p| p.get("name").map_or_else(String::new, ToString::to_string))
        .collect();
    Ok(Outcome {
        measured: json!({
            "network": network, "server_started_and_seeded_ms": ms(server), "station_enrolled_and_synced_ms": ms(station),
            "packages": foreign.len(), "packages_without_checksum_or_from_elsewhere": unlocked,
            "two_builds_compared": "with --builds",
        }),
        bar: json!({ "starts_without_network": true, "packages_without_checksum_or_from_elsewhere": [] }),
        n: foreign.len() as u64,
        pass: unlocked.is_empty(),
    })
}
