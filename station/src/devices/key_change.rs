//! A new key for this device: the old one names it in the journal, the new one agrees, and whatever comes after is signed
//! by the new one. Needs no link; the server follows when the entry arrives.

use crate::{change_feed::Topic, copies, devices, error::Fault, journal, station::Station};
use rusqlite::Transaction;
use willcall_domain::{devices::wire::StatusView, problem::Problem, sync::key_history::key_changed};

/// Changes the key. The new one is kept with the keys before the journal names it, and the old one until it has.
///
/// # Errors
/// When this station is not enrolled, doubts itself, or it could not be recorded: then the old key stays.
pub async fn change(station: &Station) -> Result<StatusView, Problem> {
    let identity = station.enrolled()?;
    let reading = station.reading();
    let secrets = station.secrets().with_next_device_key(&*station.host().entropy);
    let Some(next) = secrets.next_device_key()? else { return station.status().await };
    station.replace_secrets(secrets)?;
    let pen = station.pen(&identity, reading.at)?;
    let write = move |tx: &Transaction<'_>| -> Result<(), Fault> {
        copies::refuse_doubt(tx, pen.station, pen.incarnation)?;
        let seq = journal::length(tx, pen.station, pen.incarnation)? + 1;
        let fact = key_changed(pen.station, pen.incarnation, seq, &next);
        journal::append(tx, &pen, &fact, None, Vec::new())?;
        Ok(())
    };
    station.db().write(write).await?;
    let mut secrets = station.secrets().promoted();
    secrets.remember_keys(station.db().read(|tx| devices::keys_of_all(tx)).await?);
    station.replace_secrets(secrets)?;
    station.reload().await?;
    tracing::warn!("this device has a new key");
    station.feed().announce_fact(&[Topic::Status]);
    station.status().await
}
