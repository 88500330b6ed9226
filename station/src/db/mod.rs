//! The station's database: opening it, its schema, its one writer and its readers. Knows no business word; tables
//! belong to the slices.

pub mod before;
pub mod disk;
pub mod migrate;
pub mod open;
mod store;
pub mod transaction;

pub use disk::Disk;
pub use store::{attempt, carry_over, enumerate, milliseconds, uuid_of, word};
pub use transaction::{Database, Watch, Writer};
