//! `willcall-server recover`: after the database was put back to an earlier instant. A new history begins, with every
//! number far above any that was given; then each tenant's stations are waited for. Done in this order, so that whenever
//! it is cut off the server still refuses to start, and it can be run again.

use super::{DatabaseError, mark, store};
use crate::{
    app::App,
    http::Failure,
    payments::since::{self, Gateway},
    server::Recovered,
    sync::history,
};
use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use std::{path::Path, sync::Arc, time::Duration};
use willcall_domain::{clock::UtcMillis, id::HistoryId};

/// How far above what is known a new history's numbers begin: nobody gives a million in the seconds a mark is late.
const LEAP: i64 = 1_000_000;
/// How often it is looked again whether a server still uses the database, and how long between: three seconds in all.
const LOOKS: u32 = 15;
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

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
    // What a server held when it ended is let go a moment after it.
    let mut others = store::servers_connected(&mut connection).await?;
    for _ in 0..LOOKS {
        if others == 0 {
            break;
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
        others = store::servers_connected(&mut connection).await?;
    }
    if others > 0 {
        return Err(DatabaseError::StillServed { others });
    }
    // What the mark knew of is above what the database knows; both count.
    store::begin_history(&mut connection, fresh, now, LEAP.saturating_add(marked.unwrap_or(0))).await?;
    connection.close().await?;
    Ok(())
}

/// Waits for every station of every tenant, asks who moves money what came in since, ends the recovery, and moves the
/// mark.
///
/// # Errors
/// When the database is away.
pub async fn finish(app: &App, path: &Path, gateways: &[Arc<dyn Gateway>]) -> Result<Recovered, Failure> {
    let mut recovered = Recovered::default();
    for organizer in app.organizers().await? {
        let mut tx = app.begin(organizer.organizer_id).await?;
        recovered.stations += history::begin(&mut tx).await?;
        tx.commit().await?;
        recovered.payments.extend(since::ask(app, organizer.organizer_id, gateways).await?);
    }
    store::end_recovery(app.untenanted(), app.history).await?;
    let (found, ..) = store::high_water(app.untenanted()).await.map_err(Failure::internal)?;
    mark::write(path, &found).map_err(Failure::internal)?;
    Ok(recovered)
}
