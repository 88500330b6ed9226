//! Waiting for what a station tells of itself: it announces each change, so nobody looks at it in intervals.

use std::time::Duration;
use tokio::time::Instant;
use willcall_station::Station;

/// Waits until `holds`, asked again whenever the station announces a change; how long that took.
///
/// # Errors
/// When it does not come to hold within `patience`; `what` stands in the error.
pub async fn until(
    station: &Station,
    patience: Duration,
    what: &str,
    holds: impl AsyncFn(&Station) -> anyhow::Result<bool>,
) -> anyhow::Result<Duration> {
    let began = Instant::now();
    // Listened to first, so that no change falls between the question and the wait.
    let mut changed = station.watch();
    let asking = async {
        while !holds(station).await? {
            // Who fell behind asks again as well; a feed that ended announces nothing any more.
            if changed.recv().await == Err(tokio::sync::broadcast::error::RecvError::Closed) {
                anyhow::bail!("the station is gone");
            }
        }
        Ok(began.elapsed())
    };
    match tokio::time::timeout(patience, asking).await {
        Ok(held) => held,
        Err(_) => anyhow::bail!("never within {patience:?}: {what}"),
    }
}

/// Waits until it says that it is in contact, or that it is not.
///
/// # Errors
/// When it does not say so within `patience`.
pub async fn connected(station: &Station, wanted: bool, patience: Duration) -> anyhow::Result<Duration> {
    let what = if wanted { "in contact" } else { "without contact" };
    until(station, patience, what, async |s| Ok(s.is_connected() == wanted)).await
}

/// Waits until nothing it recorded exists only there.
///
/// # Errors
/// When it does not all go up within `patience`.
pub async fn sent(station: &Station, patience: Duration) -> anyhow::Result<Duration> {
    let nothing_waits = async |s: &Station| {
        let status = s.status().await.map_err(|problem| anyhow::anyhow!("{problem}"))?;
        Ok(status.waiting == 0)
    };
    until(station, patience, "all sent", nothing_waits).await
}
