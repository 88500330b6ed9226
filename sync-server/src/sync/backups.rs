//! How far journals are in a finished backup. The server makes no backups; whoever does says when one begins and when it
//! is finished, and stations keep every entry until it is in one.

use super::store::backups as store;
use crate::{app::App, http::Failure, ticketing::change_over};
use willcall_domain::clock::UtcMillis;

/// Before a backup's beginning, in milliseconds: what was received then is committed for sure. No request takes longer.
const SETTLED_MS: i64 = 120_000;

/// A backup begins: notes what is committed of every journal. Answers how many there are.
///
/// # Errors
/// When the database is away.
pub async fn begin(app: &App) -> Result<u64, Failure> {
    let mut noted = 0;
    for organizer in app.organizers().await? {
        let mut tx = app.begin(organizer.organizer_id).await?;
        noted += store::begin(&mut tx).await?;
        change_over::backup_begins(&mut tx).await?;
        tx.commit().await?;
    }
    Ok(noted)
}

/// A backup is finished that began when [`begin`] was called last, or at an instant. Answers how many journals have
/// something in it.
///
/// # Errors
/// When the database is away.
pub async fn finish(app: &App, at: Option<UtcMillis>) -> Result<u64, Failure> {
    let mut safe = 0;
    for organizer in app.organizers().await? {
        let mut tx = app.begin(organizer.organizer_id).await?;
        if let Some(at) = at {
            store::begin_at(&mut tx, UtcMillis(at.0.saturating_sub(SETTLED_MS))).await?;
        }
        safe += store::finish(&mut tx).await?;
        let began = at.map(|at| UtcMillis(at.0.saturating_sub(SETTLED_MS)));
        change_over::backup_finished(&mut tx, began).await?;
        tx.commit().await?;
    }
    Ok(safe)
}
