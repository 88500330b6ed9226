//! The station's journal: appending, checking, rebuilding what is derived from it, and getting it out of a damaged
//! file. What an entry is stands in [`willcall_domain::sync::journal`].

pub mod append;
pub mod recover;
pub mod replay;
mod store;
pub mod verify;

pub use append::{Pen, append};
pub use store::{
    acked, acknowledge, count, delivery, forget_acknowledged, forget_all_acknowledged, incarnations_waiting, length,
    newest, unacknowledged, waiting,
};
pub use verify::{IncarnationReport, JournalReport};
