//! Machines of an organizer: enrolment by a token that works once.

pub mod edit;
mod enrol;
mod store;

pub use enrol::enrol;
