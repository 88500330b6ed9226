//! Who an organizer is to buyers and the law, and who signs in at devices. Not here: staff and their sessions, which only the
//! server knows.

pub mod draft;
pub mod operator;
pub mod view;
pub mod wire;
pub use operator::OperatorRow;
pub use wire::OrganizerRow;
