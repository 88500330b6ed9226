//! The station's journal: appending, checking, rebuilding what is derived from it, and getting it out of a damaged
//! file. What an entry is stands in [`willcall_domain::sync::journal`].

pub mod append;
pub mod recover;
pub mod replay;
mod store;
pub mod verify;

pub use append::{Pen, append, append_as};
pub use store::{
    Dropped, Place, acked, acknowledge, after_row, at_row, began, between, count, delivery, drop_until, dropped, end,
    erase, forget_acknowledged, forget_all_acknowledged, here, incarnations_waiting, is_applied, is_closed, is_waiting,
    length, newest, of_name, places, project_checkpoint, unacknowledged, unbroken, unreadable_waiting, waiting,
    walk_after, walk_one,
};
pub use verify::{IncarnationReport, JournalReport};
