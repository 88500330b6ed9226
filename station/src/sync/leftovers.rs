//! What a station that was switched off still has: it keeps every entry, and offers them again now and then, since the
//! server takes them as cases, or the organizer has changed their mind.

use super::push::{self, Uploading};
use crate::{journal, station::Station};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Between two offers.
const EVERY: Duration = Duration::from_secs(600);

/// Offers until cancelled. While the station is in use, the sync loop does it.
pub async fn offer(station: &Station, cancel: &CancellationToken) {
    let mut changed = station.watch();
    loop {
        if station.identity().is_some_and(|who| who.revoked) {
            offer_once(station).await;
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
            () = switched_off(station, &mut changed) => {}
        }
    }
}

/// Offers what waits; answers how many entries wait after that, where that can be told.
pub async fn offer_once(station: &Station) -> Option<u64> {
    match push::push_all(station, &mut Uploading::default()).await {
        Ok(pushed) if pushed.confirmed > 0 => {
            tracing::info!(entries = pushed.confirmed, "a station that was switched off sent what it still had");
        }
        Ok(_) => {}
        Err(refusal) => tracing::info!(%refusal, "what is here stays here for now"),
    }
    station.db().read(journal::waiting).await.ok()
}

/// Waits until this station, which was in use, is switched off.
async fn switched_off(station: &Station, changed: &mut tokio::sync::broadcast::Receiver<crate::change_feed::Changed>) {
    use tokio::sync::broadcast::error::RecvError;
    let before = station.identity().is_some_and(|who| who.revoked);
    loop {
        if changed.recv().await == Err(RecvError::Closed) {
            return std::future::pending().await;
        }
        if !before && station.identity().is_some_and(|who| who.revoked) {
            return;
        }
    }
}
