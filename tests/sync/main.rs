//! Stations and server over their real stores and sockets: SQLite, PostgreSQL, HTTP. Each file is one scenario.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod double_scan;
mod journey;
mod late_commit;
mod leases;
mod lost_answers;
mod tenants;

use willcall_domain::{
    checkin::wire::{Direction, ScanRequest, VerdictView},
    id::ListId,
};
use willcall_station::Station;

/// Scans at the entry.
async fn enter(station: &Station, list_id: ListId, code: &str) -> VerdictView {
    let request = ScanRequest { code: code.to_owned(), list_id, direction: Direction::Entry, at: None };
    station.scan(request).await.unwrap()
}
