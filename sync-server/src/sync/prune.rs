//! Lets go of changes that nobody will ask for: all stations in use have read them, or they are so old that who has not
//! takes a snapshot anyway.

use super::store::prune as store;
use crate::{app::App, http::problem::Failure};
use willcall_domain::{clock::UtcMillis, id::OrganizerId, sync::feed};

/// Positions let go of in one transaction, which holds nobody up.
const BATCH: i64 = 5_000;

/// A station that made contact so long ago is in touch, in milliseconds; it does so every thirty seconds.
const IN_TOUCH_MS: i64 = 300_000;

/// Changes kept of the longest feed of a tenant, and how many of them the slowest station in touch has not read.
///
/// # Errors
/// When the database is away.
pub async fn feed_read(app: &App) -> sqlx::Result<(i64, i64)> {
    store::feed_read(app.untenanted(), UtcMillis(app.now().0 - IN_TOUCH_MS)).await
}

/// Looks through all tenants; answers how many changes were let go of.
///
/// # Errors
/// When the database is away.
pub async fn prune_all(app: &App) -> Result<u64, Failure> {
    let mut total = 0;
    for organizer in store::prunable(app.untenanted(), feed::KEPT + BATCH).await? {
        match prune(app, organizer).await {
            Ok(pruned) => total += pruned,
            // One tenant's trouble is not the others'.
            Err(error) => tracing::warn!(organizer = organizer.0, ?error, "old changes could not be let go of"),
        }
    }
    if total > 0 {
        tracing::info!(total, "old changes were let go of");
    }
    Ok(total)
}

/// The same for one tenant, a part at a time.
///
/// # Errors
/// When the database is away.
pub async fn prune(app: &App, organizer: OrganizerId) -> Result<u64, Failure> {
    let mut total = 0;
    loop {
        let mut tx = app.begin(organizer).await?;
        let kept = store::kept(&mut tx).await?;
        let upto = feed::prunable(kept.head, store::slowest(&mut tx).await?);
        if upto <= kept.pruned {
            return Ok(total);
        }
        // Where the positions make a jump, after the server was put back, there is nothing to let go of.
        let part = upto.min(kept.first.unwrap_or(upto).max(kept.pruned).saturating_add(BATCH));
        total += store::prune(&mut tx, part).await?;
        tx.commit().await?;
    }
}
