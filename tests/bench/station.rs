//! A door with 100,000 tickets: how fast it gets them, and how long from the code in hand to the durable verdict.

use crate::{Figure, percentiles};
use anyhow::ensure;
use std::time::Duration;
use willcall_domain::{
    checkin::wire::{Class, Direction, ScanRequest},
    clock::{Clock, SystemClock},
    devices::Role,
};
use willcall_tests::{
    crowd,
    house::{House, Plan, open_station},
};

const TICKETS: usize = 100_000;
const SCANS: usize = 2_000;

pub async fn scans_and_first_sync() -> anyhow::Result<Vec<Figure>> {
    let house = House::build(Plan { places: 1_000_000, ..Plan::default() }).await?;
    let clock = SystemClock::new();
    let positions = crowd::fill(&house, TICKETS).await?;
    let folder = tempfile::tempdir()?;
    let door = open_station(folder.path(), std::sync::Arc::new(SystemClock::new()))?;
    let token = house.invite("Gate A", Role::Door).await?;
    let refused = |p: willcall_domain::problem::Problem| anyhow::anyhow!("{p}");
    door.enrol(&house.url(), &token).await.map_err(refused)?;
    let start = clock.monotonic_ms();
    door.sync_once().await.map_err(refused)?;
    let took = Duration::from_millis(clock.monotonic_ms() - start);
    let tickets = door.status().await.map_err(refused)?.tickets;
    ensure!(tickets as usize >= TICKETS, "{tickets} tickets arrived");

    let scanned = positions.into_iter().step_by(TICKETS / SCANS).take(SCANS);
    let codes = crowd::codes(&house, scanned).await?;
    let mut ms = Vec::with_capacity(SCANS);
    for (_, code) in codes {
        let request = ScanRequest { code, list_id: house.list, direction: Direction::Entry, at: None };
        let begin = nanos();
        let verdict = door.scan(request).await.map_err(refused)?;
        ms.push((nanos() - begin) as f64 / 1e6);
        ensure!(verdict.class == Class::Admitted, "{verdict:?}");
    }
    Ok(vec![
        Figure {
            what: "first sync of a door",
            measured: format!("{:.0} rows/s", TICKETS as f64 / took.as_secs_f64()),
            peer: "349 rows/s",
            method: format!("100,000 orders over loopback into SQLCipher, {:.1} s in all", took.as_secs_f64()),
            n: TICKETS as u64,
        },
        Figure {
            what: "code in hand → durable verdict",
            measured: percentiles(ms),
            peer: "343 · 681 ms",
            method: "100,000 tickets, verify + history + journal entry, synchronous=FULL, one after the other"
                .to_owned(),
            n: SCANS as u64,
        },
    ])
}

/// Nanoseconds on the monotonic clock of the system.
pub fn nanos() -> u64 {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC)
        .map_or(0, |t| t.tv_sec().unsigned_abs() * 1_000_000_000 + t.tv_nsec().unsigned_abs())
}
