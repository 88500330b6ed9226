//! Whether this station is ready before doors open, as far as the engine knows; camera and printer are the host's.

use crate::{checkin, error::Fault, orders, station::Station};
use rusqlite::Transaction;
use willcall_domain::{
    clock::UtcMillis,
    devices::readiness::{Thing, standing},
    id::{DeviceId, ListId},
    problem::Problem,
};

impl Station {
    /// Whether this station is ready before doors open, as far as the engine knows.
    ///
    /// # Errors
    /// See [`readiness`].
    pub async fn readiness(&self, list: Option<ListId>) -> Result<Vec<Thing>, Problem> {
        readiness(self, list).await
    }
}

/// What matters at the door of a list.
///
/// # Errors
/// When the station is not enrolled, or the database cannot be read.
pub async fn readiness(station: &Station, list: Option<ListId>) -> Result<Vec<Thing>, Problem> {
    let me = station.enrolled()?.device_id;
    let now = station.reading().now;
    let status = station.status().await?;
    let (tickets, (heard, last)) = station.db().read(move |tx| counts(tx, list, me)).await?;
    let backups = station.copies()?.backups;
    let ago = |at: UtcMillis| u64::try_from(now.0.saturating_sub(at.0) / 1000).unwrap_or(0);
    let newest = backups.iter().filter_map(|backup| backup.at).max();
    Ok(vec![
        Thing::Tickets { here: tickets.unwrap_or(status.tickets) },
        Thing::Data { age_s: status.data_age_s, at_least: status.data_age_at_least },
        Thing::Link { connected: status.link.connected },
        Thing::Waiting { facts: status.waiting },
        Thing::Gates { heard, last_s: last.map(ago) },
        Thing::Clock {
            off_ms: status.clock_offset_ms,
            uncertain_ms: status.clock_uncertainty_ms,
            far_off: status.clock_far_off,
        },
        Thing::Disk { free_bytes: status.disk.free_bytes, room: status.disk.room },
        Thing::Backup { age_s: newest.map(ago) },
        standing(&status.standing),
    ])
}

type Counts = (Option<u64>, (u32, Option<UtcMillis>));

fn counts(tx: &Transaction<'_>, list: Option<ListId>, me: DeviceId) -> Result<Counts, Fault> {
    let row = list.map(|list| checkin::list(tx, list)).transpose()?.flatten();
    let tickets = row.map(|row| orders::count_for_list(tx, &row)).transpose()?;
    Ok((tickets.map(i64::unsigned_abs), checkin::others(tx, me)?))
}
