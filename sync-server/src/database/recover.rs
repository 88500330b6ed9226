//! `willcall-server recover`: after the database was put back to an earlier instant. A new history begins, with every
//! number far above any that was given; then each tenant's stations are waited for. Done in this order, so that whenever
//! it is cut off the server still refuses to start, and it can be run again.

use super::{DatabaseError, mark, store};
use crate::{app::App, http::Failure, sync::history};
use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use std::path::Path;
use willcall_domain::{clock::UtcMillis, id::HistoryId};

/// How far above what is known a new history's numbers begin: nobody gives a million in the seconds a mark is late.
const LEAP: i64 = 1_000_000;

/// Begins a new history: nothing that was numbered before is numbered again.
///
/// # Errors
/// When a server still uses the database, or it does not take it.
pub async fn begin(
    options: &PgConnectOptions,
    fresh: HistoryId,
    now: UtcMillis,
    marked: Option<i64>,
) -> Result<(), DatabaseError> {
    let mut connection =
        PgConnection::connect_with(options).await.map_err(|e| DatabaseError::Unreachable(super::plain(&e)))?;
    store::become_owner(&mut connection).await?;
    let others = store::servers_connected(&mut connection).await?;
    if others > 0 {
        return Err(DatabaseError::StillServed { others });
    }
    // What the mark knew of is above what the database knows; both count.
    store::begin_history(&mut connection, fresh, now, LEAP.saturating_add(marked.unwrap_or(0))).await?;
    connection.close().await?;
    Ok(())
}

/// Waits for every station of every tenant, ends the recovery, and moves the mark; answers how many stations.
///
/// # Errors
/// When the database is away.
pub async fn finish(app: &App, path: &Path) -> Result<usize, Failure> {
    let mut stations = 0;
    for organizer in app.organizers().await? {
        let mut tx = app.begin(organizer.organizer_id).await?;
        stations += history::begin(&mut tx).await?;
        tx.commit().await?;
    }
    store::end_recovery(app.untenanted(), app.history).await?;
    let (found, ..) = store::high_water(app.untenanted()).await.map_err(Failure::internal)?;
    mark::write(path, &found).map_err(Failure::internal)?;
    Ok(stations)
}
