//! Organizers, who works for them and how they prove it. Owns organizers, staff and passwords; not sessions, which belong
//! to the kit that reads them with every request (`http::caller`).

pub mod audit;
pub mod operators;
pub mod organizer;
pub mod password;
pub mod staff;
mod store;

pub use staff::{NewStaff, add};
