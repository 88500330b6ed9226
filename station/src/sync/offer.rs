//! What the server, put back to an earlier instant, has no longer and this station still knows: offered to it, so that a
//! person there decides. Nothing is deleted here, whatever the answer; offering again is harmless.

use super::{store, transport::Refusal};
use crate::{orders, station::Station};
use willcall_domain::{
    id::PositionId,
    sync::{Offer, Row, offer::OFFER_MAX},
};

/// Offers the tickets that a snapshot of the present history did not bring again; answers how many the server has no
/// longer. Without an earlier history there are none.
///
/// # Errors
/// When the link fails, or the server does not take offers.
pub async fn lost(station: &Station) -> Result<u32, Refusal> {
    let identity = station.enrolled()?;
    let server = station.server(&identity)?;
    let (mut after, mut lost) = (None::<PositionId>, 0);
    loop {
        let behind = station.db().read(move |tx| {
            let Some(history) = store::newest_history(tx)? else { return Ok(None) };
            let epoch = store::epoch(tx, history)?.unwrap_or(0);
            Ok(Some((history, orders::left_behind(tx, epoch, after, OFFER_MAX)?)))
        });
        let Some((history, rows)) = behind.await? else { return Ok(lost) };
        let Some(last) = rows.last().map(|row| row.position_id) else { return Ok(lost) };
        after = Some(last);
        let offer = Offer { history, rows: rows.into_iter().map(Row::Position).collect() };
        lost += station.transport().offer(&server, &offer).await?.cases;
    }
}

/// The same where it must hold nothing up: what does not work now is tried with the next start or snapshot.
pub(super) async fn lost_if_linked(station: &Station) {
    match lost(station).await {
        Ok(0) => {}
        Ok(lost) => tracing::warn!(lost, "tickets the server has no longer were offered to it"),
        Err(refusal) => tracing::info!(%refusal, "nothing was offered to the server"),
    }
}
