//! Event keys, blanks that will never be a ticket, and badges that were printed here. Keeps the keys parsed for the life of the process. Not here:
//! blanks that came with a lease (see [`crate::leases`]).

pub mod badge;
mod seed;
mod store;

pub use seed::pack;
pub use store::{
    badge_gone, badges, badges_printed, drop_until, event_keys, forget_event, key_events, project_badge, put_badge,
    put_key, put_void_blanks, why_void, why_void_seed,
};
