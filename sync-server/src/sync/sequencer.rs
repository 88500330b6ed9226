//! Numbers *committed* changes, one organizer after the other, without gaps. A late commit is numbered late, so no
//! cursor can pass it by; a long transaction delays only its own rows.

use super::store;
use crate::http::problem::Failure;
use crate::{
    app::{App, Tx},
    wake::Topics,
};
use std::time::Duration;
use willcall_domain::id::OrganizerId;

/// Changes numbered in one transaction.
const BATCH: i64 = 5_000;
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// When another process is at it: it may have looked before the newest change was there.
const AFTER_ANOTHER: Duration = Duration::from_millis(20);

/// Numbers all that is committed by now; answers how many changes got a number.
///
/// # Errors
/// When the database does not answer, or another process does not let go of the numbering.
pub async fn number(app: &App, organizer: OrganizerId) -> Result<i64, Failure> {
    let mut total = 0;
    loop {
        let mut tx = app.begin(organizer).await?;
        store::lock_numbering(&mut tx).await?;
        let numbered = batch(tx).await?;
        total += numbered;
        if numbered < BATCH {
            return Ok(total);
        }
    }
}

/// The same, where nobody else is at it: `None` then.
///
/// # Errors
/// When the database does not answer.
pub async fn try_number(app: &App, organizer: OrganizerId) -> Result<Option<i64>, Failure> {
    let mut total = 0;
    loop {
        let mut tx = app.begin(organizer).await?;
        if !store::try_lock_numbering(&mut tx).await? {
            return Ok(None);
        }
        let numbered = batch(tx).await?;
        total += numbered;
        if numbered < BATCH {
            return Ok(Some(total));
        }
    }
}

/// Numbers a part of what waits, in a transaction that has the numbering for itself.
async fn batch(mut tx: Tx) -> Result<i64, Failure> {
    let numbered = store::number_changes(&mut tx, BATCH).await?;
    if numbered > 0 {
        store::advance_head(&mut tx, numbered).await?;
    }
    tx.commit().await?;
    Ok(numbered)
}

/// Numbers for all tenants until the process stops: when woken, and by itself every two seconds, so that a lost wake-up
/// costs time and nothing else.
pub async fn run(app: App) {
    let mut wake = app.wake.waiter(Topics::CHANGES);
    loop {
        wake.mark_unchanged();
        let again = match number_all(&app).await {
            Ok(Round { numbered, others }) => {
                if numbered > 0 {
                    tracing::debug!(numbered, "changes numbered");
                    app.wake.now(Topics::FEED);
                }
                if others { AFTER_ANOTHER } else { LOOK_AGAIN }
            }
            Err(error) => {
                tracing::warn!(?error, "numbering changes failed; trying again");
                LOOK_AGAIN
            }
        };
        // Woken or not, look again: the result of the wait says nothing more.
        _ = tokio::time::timeout(again, wake.changed()).await;
    }
}

/// What one look at all tenants came to.
struct Round {
    numbered: i64,
    /// Another process was numbering for some tenant.
    others: bool,
}

async fn number_all(app: &App) -> Result<Round, Failure> {
    let mut round = Round { numbered: 0, others: false };
    for organizer in store::organizers_with_unnumbered(app.untenanted()).await? {
        match try_number(app, organizer).await {
            Ok(Some(numbered)) => round.numbered += numbered,
            Ok(None) => round.others = true,
            // One tenant's trouble is not the others'.
            Err(error) => tracing::warn!(organizer = organizer.0, ?error, "numbering changes failed; trying again"),
        }
    }
    Ok(round)
}
