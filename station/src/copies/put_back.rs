//! Putting a backup back, and making the database anew from the journal and the server. Both keep every fact that is
//! here, sent or not; the file that was there is set aside. Neither is a way round the mark.

use super::{opening::How, standing};
use crate::{
    devices, journal,
    station::{Host, Station, StationConfig},
    sync::{SyncReport, Transport},
};
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, sync::Arc};
use willcall_domain::{problem::Problem, sync::standing::StandingView};

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutBackReport {
    /// In words.
    pub report: String,
    /// Entries of the journal that are here now.
    pub entries: u64,
    /// How many of them exist only here.
    pub waiting: u64,
    pub incarnation: u32,
    /// Whether this station doubts itself now, and which entries are missing.
    pub standing: StandingView,
    /// The round of syncing that followed; `None` where there is no link or none was asked for.
    pub synced: Option<SyncReport>,
}

/// Puts a backup in the place of the database. What the database had besides is taken over.
///
/// # Errors
/// When the folder is in use, or the backup is damaged or another station's; nothing has changed then.
pub async fn restore(
    config: StationConfig,
    host: Host,
    transport: Arc<dyn Transport>,
    file: PathBuf,
) -> Result<PutBackReport, Problem> {
    let station = Station::open_as(config, host, transport, &How::From(file))?;
    report(&station, None).await
}

/// Makes the database anew: the journal and what nobody can give back is taken over, all else comes from the server.
///
/// # Errors
/// When the folder is in use or the disk does not take it; nothing has changed then.
pub async fn rebuild(
    config: StationConfig,
    host: Host,
    transport: Arc<dyn Transport>,
) -> Result<PutBackReport, Problem> {
    let station = Station::open_as(config, host, transport, &How::Anew)?;
    let synced = match station.sync_once().await {
        Ok(synced) => Some(synced),
        Err(problem) => {
            tracing::warn!(%problem, "tickets and products come with the next sync");
            None
        }
    };
    report(&station, synced).await
}

async fn report(station: &Station, synced: Option<SyncReport>) -> Result<PutBackReport, Problem> {
    let who = station.identity();
    let read = move |tx: &rusqlite::Transaction<'_>| {
        let standing = who.as_ref().map(|who| standing::view(tx, who)).transpose()?.unwrap_or_default();
        let report = devices::recovery(tx)?.unwrap_or_default();
        Ok((report, journal::count(tx)?, journal::waiting(tx)?, standing))
    };
    let (report, entries, waiting, standing) = station.db().read(read).await?;
    let incarnation = station.identity().map_or(0, |who| who.incarnation);
    Ok(PutBackReport { report, entries, waiting, incarnation, standing, synced })
}
