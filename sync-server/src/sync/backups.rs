//! How far journals are in a finished backup. The server makes no backups; whoever does says when one begins and when it
//! is finished, and stations keep every entry until it is in one.

use super::store::backups as store;
use crate::{
    app::{App, Tx},
    http::Failure,
    ticketing::change_over,
};
use willcall_domain::clock::UtcMillis;

/// Before a backup's beginning, in milliseconds: what was received then is committed for sure. No request takes longer.
const SETTLED_MS: i64 = 120_000;
const DAY_MS: i64 = 86_400_000;

/// Since when something a station wrote is in no finished backup; `None` where all is.
///
/// # Errors
/// When the database is away.
pub async fn unsaved_since(app: &App) -> Result<Option<UtcMillis>, Failure> {
    Ok(store::unsaved_since(app.untenanted()).await?)
}

/// The same of one organizer.
///
/// # Errors
/// When the database is away.
pub async fn unsaved_of(tx: &mut Tx) -> Result<Option<UtcMillis>, Failure> {
    Ok(store::unsaved_of(tx).await?)
}

/// Whole days that nobody has finished a backup in, where that is longer than is good.
#[must_use]
pub fn late_days(app: &App, since: Option<UtcMillis>) -> Option<i64> {
    let days = app.now().since(since?) / DAY_MS;
    (days >= i64::from(app.config.backup_days)).then_some(days)
}

/// Says in the log that nobody makes backups, or nobody says so.
///
/// # Errors
/// When the database is away.
pub async fn remind(app: &App) -> Result<(), Failure> {
    if let Some(days) = late_days(app, unsaved_since(app).await?) {
        tracing::warn!(days, "no finished backup: stations keep all they wrote; see `backing-up` and `backed-up`");
    }
    Ok(())
}

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
