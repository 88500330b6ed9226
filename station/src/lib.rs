//! The device engine: what a door or a till does, with nobody to ask. Encrypted SQLite, an append-only signed journal,
//! leases, sync; no window.
//!
//! [`Station`] is the way in: `Station::open`, then use cases by name. Each slice has a folder of its own name as in
//! the domain, with one file a use case and all its SQL in `store.rs`; [`db`] is the database itself, [`keys`] the
//! secrets, [`change_feed`] who hears of what, [`socket`] how other programs of this machine talk to a running station.
//!
//! What holds: an answer is durable when it is given (one transaction, synchronous); nothing at the door or the till
//! waits for the network; a sale takes only units lent to this station; facts are written by [`journal::append()`] and
//! by nothing else; what was downloaded never removes a fact or replaces something newer.

pub mod access;
pub mod catalog;
pub mod change_feed;
pub mod checkin;
pub mod command;
pub mod copies;
pub mod db;
pub mod devices;
pub mod error;
pub mod inspect;
pub mod journal;
pub mod keys;
pub mod leases;
pub mod orders;
pub mod socket;
pub mod station;
pub mod sync;
pub mod ticketing;
pub mod till;

pub use change_feed::{Changed, Topic};
pub use devices::EnrolmentText;
pub use journal::JournalReport;
pub use keys::KeyStoreChoice;
pub use station::{Host, Station, StationConfig};
pub use sync::{HttpTransport, SyncReport};

#[cfg(test)]
extern crate self as willcall_station;
#[cfg(test)]
mod full_disk;
#[cfg(test)]
#[expect(dead_code, reason = "shared with the tests in `tests/`, which use the rest")]
#[path = "../tests/all/support/mod.rs"]
mod support;
