//! Stations and server over their real stores and sockets: SQLite, PostgreSQL, HTTP. Each file is one scenario.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks for one kind of row and passes over the others")]

mod accounts;
mod bad_input;
mod carried;
mod cases;
mod dates;
mod door;
mod door_list;
mod double_scan;
mod hand_overs;
mod intake;
mod journey;
mod late_commit;
mod leases;
mod lost_answers;
mod lost_tills;
mod merge;
mod papers;
mod prune;
mod put_back;
mod rights;
mod scope;
mod sequencer;
mod single_use;
mod snapshot;
mod tenants;
mod units;
mod voids;

use willcall_domain::{
    checkin::wire::{Direction, ScanRequest, VerdictView},
    id::ListId,
};
use willcall_station::Station;

/// Scans at the entry.
async fn enter(station: &Station, list_id: ListId, code: &str) -> VerdictView {
    let request = ScanRequest::new(code, list_id, Direction::Entry);
    station.scan(request).await.unwrap()
}
