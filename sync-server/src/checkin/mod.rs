//! Scans, as journals of stations bring them. A scan is a fact: it is kept whatever the server would have decided;
//! what should not have happened becomes a case.

mod doubles;
pub mod edit;
mod never_sold;
mod record;
mod store;

pub use never_sold::never_sold;
pub use record::{forked, record_scans, record_undo};
pub(crate) use store::row as scan_row;
