//! Scans, as journals of stations bring them. A scan is a fact: it is kept whatever the server would have decided;
//! what should not have happened becomes a case.

pub mod edit;
mod record;
mod store;

pub use record::record_scans;
pub(crate) use store::row as scan_row;
