//! The station's database: opening it, its schema, its one writer and its readers. Knows no business word; tables
//! belong to the slices.

pub mod migrate;
pub mod open;
mod store;
pub mod transaction;

pub use store::{attempt, enumerate, milliseconds, uuid_of, word};
pub use transaction::Database;
