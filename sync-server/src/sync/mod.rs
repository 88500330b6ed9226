//! Stations' side of the server: contact, journal up, changes and snapshot down. What an entry means is decided in
//! the slices it belongs to ([`crate::till`], [`crate::checkin`], [`crate::leases`]).

mod apply;
pub mod backups;
pub mod budget;
pub mod carried;
pub mod cases;
pub mod changes;
pub mod contact;
pub mod erase;
mod feed;
pub mod give_back;
pub mod history;
mod intake;
pub mod offers;
mod pack;
mod present;
pub mod prune;
pub mod pull;
pub mod push;
mod rows;
mod scope;
pub mod sequencer;
pub mod snapshot;
mod store;
mod stream;

pub use apply::Applied;
pub use budget::Stations;
pub use changes::{Subject, note, note_all, note_gone, note_revoked};
pub use feed::Feed;
pub use intake::is_signed;
pub use present::rows_of;
pub use snapshot::Snapshots;
