//! Wiping: this machine forgets the station, its keys first, so that what cannot be deleted cannot be read. Never while
//! facts exist only here, unless a person names how many are given up.

use crate::{
    error::Fault,
    journal,
    keys::Keys,
    leases,
    station::Station,
    sync::push::{self, Uploading},
};
use serde::{Deserialize, Serialize};
use std::{fs, io::ErrorKind, path::Path, time::Duration};
use tokio_util::sync::CancellationToken;
use willcall_domain::{
    problem::{Code, Problem},
    sync::{Fact, fact::ClosedReason},
};

/// Written before anything is deleted: a wipe that was interrupted is finished at the next start.
const BEGUN: &str = "wipe-begun";
/// How often it is looked whether data has been here without a contact for too long.
const EVERY: Duration = Duration::from_secs(3600);
const DAY_MS: i64 = 86_400_000;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WipeReport {
    pub wiped: bool,
    /// Facts that existed only here and are lost now.
    pub abandoned: u64,
}

/// Wipes this station: its journal ends, is sent to its end, and then everything goes. `abandon` gives up the facts that
/// the server has not confirmed, and must name how many they are.
///
/// # Errors
/// `conflict` when facts exist only here and their number was not named; then nothing has changed, or the journal has
/// ended and is to be sent, after which this may be asked again.
pub async fn wipe(station: Station, abandon: Option<u64>) -> Result<WipeReport, Problem> {
    let mut waiting = send(&station).await?;
    if waiting > 0 && abandon != Some(waiting) {
        return Err(unsent(waiting));
    }
    if waiting == 0 || abandon.is_some() {
        close(&station).await?;
        waiting = send(&station).await?;
    }
    // The last entry itself may be given up with those that were named.
    if waiting > 0 && abandon.is_none() {
        return Err(unsent(waiting));
    }
    if !station.is_last() {
        return Err(Problem::new(Code::Busy, "The station is in use. Close it, then wipe it."));
    }
    let (folder, keys) = (station.folder().to_owned(), station.keys().clone());
    let places = station.places()?;
    drop(station);
    begin(&folder, &keys)?;
    for mirror in places.mirrors(&folder) {
        super::mirror::files(&mirror).iter().try_for_each(|file| remove(file))?;
    }
    for backup in super::backup::files(&places.backups(&folder)) {
        remove(&backup)?;
    }
    finish(&folder)?;
    tracing::warn!(abandoned = waiting, "wiped");
    Ok(WipeReport { wiped: true, abandoned: waiting })
}

fn unsent(waiting: u64) -> Problem {
    let facts = if waiting == 1 { "1 fact exists".to_owned() } else { format!("{waiting} facts exist") };
    let detail = format!(
        "{facts} only here. Give this station a link to the server and wipe it again; or give them up for good with \
         --abandon {waiting}. Nothing was deleted."
    );
    Problem::new(Code::Conflict, detail)
}

/// Sends what can be sent; answers how many facts exist only here.
async fn send(station: &Station) -> Result<u64, Problem> {
    if station.identity().is_some() {
        match push::push_all(station, &mut Uploading::default()).await {
            Ok(pushed) => tracing::info!(confirmed = pushed.confirmed, "sent"),
            Err(refusal) => tracing::warn!(%refusal, "not everything could be sent"),
        }
    }
    Ok(station.db().read(journal::waiting).await?)
}

/// The last entry there is. One that cannot be written, because the device was switched off or the disk is full, keeps
/// nobody from wiping.
async fn close(station: &Station) -> Result<(), Problem> {
    let Some(who) = station.identity() else { return Ok(()) };
    let pen = station.pen(&who, station.reading().at)?;
    let write = move |tx: &rusqlite::Transaction<'_>| -> Result<(), Fault> {
        if !journal::is_closed(tx, pen.station, pen.incarnation)? {
            leases::rights::give_back::all_that_is_held(tx, &pen)?;
            leases::give_back::all_that_is_held(tx, &pen)?;
            journal::append(tx, &pen, &Fact::Closed { reason: ClosedReason::Wiped }, None, Vec::new())?;
        }
        Ok(())
    };
    Ok(station.db().write_small(write).await?)
}

/// Leaves word that a wipe has begun, and destroys the keys.
fn begin(folder: &Path, keys: &Keys) -> Result<(), Problem> {
    fs::write(folder.join(BEGUN), "").map_err(Fault::from)?;
    keys.destroy()
}

/// Deletes what a wipe that has begun has left. Does nothing where none has.
///
/// # Errors
/// When the folder does not allow it.
pub fn finish(folder: &Path) -> Result<(), Problem> {
    if !folder.join(BEGUN).exists() {
        return Ok(());
    }
    let of_station = |name: &str| {
        name.starts_with("willcall.db") || matches!(name, "backups" | "mirror" | "ballast" | "station.key")
    };
    for entry in fs::read_dir(folder).map_err(Fault::from)?.flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if of_station(&name) {
            if path.is_dir() { fs::remove_dir_all(&path).map_err(Fault::from)? } else { remove(&path)? }
        }
    }
    // Last those that say what was here.
    for name in ["mark.json", "copies.json", "key-store.json", BEGUN] {
        remove(&folder.join(name))?;
    }
    tracing::warn!(folder = %folder.display(), "the station that was here is wiped");
    Ok(())
}

fn remove(path: &Path) -> Result<(), Problem> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Fault::from(error).into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Looks until cancelled whether this machine has been without a contact for longer than its owner allows; then its keys
/// are destroyed, and the rest goes at the next start. Never while facts exist only here.
pub async fn keep(station: &Station, cancel: &CancellationToken) {
    loop {
        if let Err(problem) = let_go_if_due(station).await {
            tracing::error!(%problem, "it could not be told whether the data here is too old");
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// One look whether this machine has been without a contact for too long; answers whether it forgets the station now.
///
/// # Errors
/// When the settings or the database cannot be read, or the keys cannot be destroyed.
pub async fn let_go_if_due(station: &Station) -> Result<bool, Problem> {
    let (Some(days), Some(last)) = (station.places()?.wipe_after_days, station.link().view().last_contact_at) else {
        return Ok(false);
    };
    let without = station.host().clock.now().since(last);
    if without <= i64::from(days).saturating_mul(DAY_MS) || station.folder().join(BEGUN).exists() {
        return Ok(false);
    }
    let waiting = station.db().read(journal::waiting).await?;
    if waiting > 0 {
        tracing::warn!(waiting, days, "too long without a contact, but facts exist only here: all stays");
        return Ok(false);
    }
    tracing::warn!(days, "too long without a contact: this machine forgets the station");
    begin(station.folder(), station.keys())?;
    station.forget_identity();
    Ok(true)
}
