//! Who an organizer is to buyers and the law. Not here: staff and their sessions, which only the server knows.

pub mod draft;
pub mod wire;
pub use wire::OrganizerRow;
