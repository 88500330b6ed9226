//! The line is good, and much comes over it at once: what a door that was away has missed. Somebody scans all the while.

use super::said;
use anyhow::{Context, ensure};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};
use willcall_domain::{
    checkin::wire::{Class, Direction, ScanRequest},
    id::PositionId,
};
use willcall_station::Station;
use willcall_tests::house::House;

/// A scan every so often: many for one gate, few enough that the uploading, which goes first, comes to an end.
const PACE: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(120);

/// Verdicts while a station took in what was new.
pub struct Through {
    /// Whether it took everything anew instead of what changed.
    pub snapshot: bool,
    pub rows: u64,
    pub took: Duration,
    /// Ascending.
    pub times: Vec<Duration>,
    pub wrong: u32,
}

/// Changes the tickets `times` times each at the server, and lets the door take that in. `codes` have been used before.
///
/// # Errors
/// When nothing came, or nobody scanned meanwhile.
pub async fn scan_through(
    house: &House,
    door: &Station,
    positions: &[PositionId],
    times: i32,
    codes: &[(PositionId, String)],
) -> anyhow::Result<Through> {
    change(house, positions, times).await?;
    let began = Instant::now();
    let syncing = tokio::spawn({
        let door = door.clone();
        async move {
            let began = Instant::now();
            let report = door.sync_once().await.map_err(said)?;
            anyhow::Ok((report, began.elapsed()))
        }
    });
    let (mut all, mut wrong) = (Vec::new(), 0);
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for (_, code) in codes.iter().cycle() {
        pace.tick().await;
        if syncing.is_finished() {
            break;
        }
        ensure!(began.elapsed() < LONGEST, "the download does not end");
        let request = ScanRequest::new(code.clone(), house.list, Direction::Entry);
        let began = Instant::now();
        let verdict = door.scan(request).await.map_err(said)?;
        all.push(began.elapsed());
        wrong += u32::from(verdict.class != Class::Used);
    }
    let (report, took) = syncing.await??;
    ensure!(report.caught_up && report.problems.is_empty(), "{report:?}");
    ensure!(report.rows >= positions.len() as u64, "only {} rows were news", report.rows);
    ensure!(!all.is_empty(), "nobody scanned meanwhile");
    all.sort_unstable();
    Ok(Through { snapshot: report.snapshot, rows: report.rows, took, times: all, wrong })
}

/// As if every one of these tickets had been renamed that often.
async fn change(house: &House, positions: &[PositionId], times: i32) -> anyhow::Result<()> {
    let ids: Vec<uuid::Uuid> = positions.iter().map(|p| p.0).collect();
    let mut admin = house.admin().await?;
    sqlx::query("UPDATE order_position SET version = version + $1 WHERE position_id = ANY($2)")
        .bind(i64::from(times))
        .bind(&ids)
        .execute(&mut admin)
        .await?;
    sqlx::query(
        "INSERT INTO change (organizer_id, event_id, kind, subject, at)
         SELECT $1, $2, 'position', id::text, $3 FROM unnest($4::uuid[]) AS t (id), generate_series(1, $5)",
    )
    .bind(house.organizer.0)
    .bind(house.event.0)
    .bind(house.nature.clock.now().0)
    .bind(&ids)
    .bind(times)
    .execute(&mut admin)
    .await?;
    house.number().await.context("numbering")?;
    Ok(())
}
