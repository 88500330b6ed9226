//! Scans, as journals of stations bring them. A scan is a fact: it is kept whatever the server would have decided;
//! what should not have happened becomes a case.

mod answers;
mod doubles;
pub mod edit;
mod exchange;
mod never_sold;
mod record;
pub mod simulate;
mod store;

pub use answers::record_answers;
pub use exchange::record_exchange;
pub use never_sold::never_sold;
pub use record::{forked, record_scans, record_undo};
pub(crate) use store::{row as scan_row, setup::medium_rows};
