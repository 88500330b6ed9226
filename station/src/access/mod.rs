//! The organizer as the server told it: who sells, for the papers. Reads and keeps one row; decides nothing.

mod store;

pub use store::{organizer, put_organizer};
