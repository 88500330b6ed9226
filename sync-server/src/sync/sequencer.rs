//! Numbers *committed* changes, one organizer after the other, without gaps. A late commit is numbered late, so no
//! cursor can pass it by; a long transaction delays only its own rows.

use super::store;
use crate::http::problem::Failure;
use crate::{app::App, wake::Topics};
use std::time::Duration;
use willcall_domain::id::OrganizerId;

/// Changes numbered in one transaction.
const BATCH: i64 = 5_000;
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Numbers what is waiting; answers how many changes got a number. Returns 0 at once when another process is at it.
///
/// # Errors
/// When the database does not answer.
pub async fn number(app: &App, organizer: OrganizerId) -> Result<i64, Failure> {
    let mut total = 0;
    loop {
        let mut tx = app.begin(organizer).await?;
        if !store::try_lock_numbering(&mut tx).await? {
            return Ok(total);
        }
        let numbered = store::number_changes(&mut tx, BATCH).await?;
        if numbered > 0 {
            store::advance_head(&mut tx, numbered).await?;
        }
        tx.commit().await?;
        total += numbered;
        if numbered < BATCH {
            return Ok(total);
        }
    }
}

/// Numbers for all tenants until the process stops: when woken, and by itself every two seconds, so that a lost wake-up
/// costs time and nothing else.
pub async fn run(app: App) {
    let mut wake = app.wake.waiter(Topics::CHANGES);
    loop {
        match number_all(&app).await {
            Ok(0) => {}
            Ok(numbered) => {
                tracing::debug!(numbered, "changes numbered");
                app.wake.now(Topics::FEED);
            }
            Err(error) => tracing::warn!(?error, "numbering changes failed; trying again"),
        }
        // Woken or not, look again: the result of the wait says nothing more.
        let _ = tokio::time::timeout(LOOK_AGAIN, wake.changed()).await;
    }
}

async fn number_all(app: &App) -> Result<i64, Failure> {
    let mut total = 0;
    for organizer in store::organizers_with_unnumbered(app.untenanted()).await? {
        total += number(app, organizer).await?;
    }
    Ok(total)
}
