//! Event keys, and blanks that will never be a ticket. Keeps the keys parsed for the life of the process. Not here:
//! blanks that came with a lease (see [`crate::leases`]).

mod seed;
mod store;

pub use seed::pack;
pub use store::{event_keys, forget_event, key_events, put_key, put_void_blanks, why_void, why_void_seed};
