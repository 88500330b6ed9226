//! Stations' side of the server: contact, journal up, changes and snapshot down. What an entry means is decided in
//! the slices it belongs to ([`crate::till`], [`crate::checkin`], [`crate::leases`]).

mod apply;
pub mod changes;
pub mod contact;
pub mod pull;
pub mod push;
mod rows;
pub mod sequencer;
pub mod snapshot;
mod store;

pub use apply::Applied;
pub use changes::{Subject, note, note_gone};

/// How far journals are in a finished backup. The server makes none itself, so stations keep everything.
pub(crate) const SAFE: u64 = 0;
