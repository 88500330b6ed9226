//! Scans of this station that let nobody in, with what was read: for whoever asks at the desk why.

use super::{door, store::board};
use crate::{error::Fault, station::Station};
use rusqlite::Transaction;
use willcall_domain::{checkin::board::RefusedScan, problem::Problem};

/// Most that are answered.
const MOST: u32 = 200;

impl Station {
    /// Scans of this station that let nobody in, the newest first.
    ///
    /// # Errors
    /// See [`refused`].
    pub async fn refused_scans(&self) -> Result<Vec<RefusedScan>, Problem> {
        refused(self).await
    }
}

/// The newest first.
///
/// # Errors
/// When the station is not enrolled or the database cannot be read.
pub async fn refused(station: &Station) -> Result<Vec<RefusedScan>, Problem> {
    let identity = station.enrolled()?;
    let hide_names = identity.setup.hide_names;
    Ok(station.db().read(move |tx| all(tx, hide_names)).await?)
}

fn all(tx: &Transaction<'_>, hide_names: bool) -> Result<Vec<RefusedScan>, Fault> {
    let found = board::refused(tx, MOST)?.into_iter();
    let read = found.map(|one| {
        let beside: Option<serde_json::Value> = one.beside.and_then(|text| serde_json::from_str(&text).ok());
        let code = beside.and_then(|beside| beside.get("code")?.as_str().map(str::to_owned));
        Ok(RefusedScan { verdict: door::now_known(tx, one.shown, false, hide_names)?, code })
    });
    read.collect()
}
