//! What comes round by itself: orders that ran out, things to sweep. Only finds work and writes jobs; several processes
//! may do so at once.

use super::{queue, store};
use crate::{app::App, orders::expire::ExpireOrder};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often orders are looked through.
const ORDERS: Duration = Duration::from_secs(15);
/// Sweeping is done at every so many looks.
const SWEEP_EVERY: u64 = 240;

/// Runs until `stop`.
pub async fn run(app: App, stop: CancellationToken) {
    for round in 0_u64.. {
        if let Err(error) = look(&app, round).await {
            tracing::warn!(%error, "the schedule could not look around; it looks again");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(ORDERS) => {}
        }
    }
}

/// Looks around once, as it is done by itself every few seconds.
///
/// # Errors
/// When the database is away.
pub async fn look(app: &App, round: u64) -> sqlx::Result<()> {
    if round.is_multiple_of(SWEEP_EVERY) {
        store::sweep(app.untenanted(), app.now()).await?;
        if let Err(error) = crate::sync::prune::prune_all(app).await {
            tracing::warn!(?error, "old changes could not be let go of");
        }
        if let Err(error) = crate::sync::erase::remind(app).await {
            tracing::warn!(?error, "machines that have not erased could not be looked for");
        }
        if let Err(error) = crate::sync::backups::remind(app).await {
            tracing::warn!(?error, "backups could not be looked for");
        }
    }
    // Housekeeping that can wait: what fails is looked at again in a moment.
    if let Err(error) = crate::leases::find_dry(app).await {
        tracing::warn!(?error, "idle units could not be looked for");
    }
    if let Err(error) = crate::leases::find_stuck(app).await {
        tracing::warn!(?error, "hand-overs that have not arrived could not be looked for");
    }
    for (organizer, order_id) in store::expired_orders(app.untenanted(), app.now()).await? {
        let mut tx = app.begin(organizer).await?;
        queue::enqueue_once(&mut tx, &format!("orders.expire {order_id}"), &ExpireOrder { order_id }).await?;
        tx.commit().await?;
    }
    Ok(())
}
