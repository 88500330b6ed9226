//! The organizer as the server told it, for the papers, and the people at this station: who is signed in, and what that
//! lets be done. Not here: staff of the office.

pub mod sign_in;
pub mod signed_in;
mod store;

pub use store::{operator, operator_gone, operators, organizer, put_operator, put_organizer};
