//! Erasing personal data on the server's signed order: what stands beside journal entries with its salt, and names of
//! tickets; here, in the mirrors, and in what comes back from a copy later. Backups go by their age. The server is told
//! with the next contact.

use super::store;
use crate::{error::Fault, journal, orders, station::Station};
use ed25519_dalek::VerifyingKey;
use rusqlite::Transaction;
use willcall_domain::sync::{EntryRef, change::EraseRow, erase::check_erase};

/// Carries an order out; answers whether it was news. The mirrors follow by [`in_mirrors`], once this is committed.
///
/// # Errors
/// When the order is not the pinned server's, or the database does not take it.
pub fn carry_out(tx: &Transaction<'_>, row: &EraseRow, server: &VerifyingKey) -> Result<bool, Fault> {
    let body = check_erase(row, server).map_err(|error| Fault::Data(format!("an order to erase: {error}")))?;
    if !store::note_erased(tx, row.erase_id, &body.entries, body.at)? {
        return Ok(false);
    }
    let entries = journal::erase(tx, &body.entries)?;
    let names = orders::erase_names(tx, &body.positions)?;
    tracing::info!(erase = %row.erase_id, entries, names, "erased personal data");
    Ok(true)
}

/// Erases in every mirror that is there what was ordered to be erased.
///
/// # Errors
/// When the database cannot be read.
pub async fn in_mirrors(station: &Station) -> Result<(), Fault> {
    let entries: Vec<EntryRef> = station.db().read(|tx| store::erased_entries(tx)).await?;
    let station = station.clone();
    let erased = tokio::task::spawn_blocking(move || station.keeper().erase(&entries));
    erased.await.map_err(|_| Fault::Closing)
}
