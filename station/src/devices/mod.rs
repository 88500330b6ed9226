//! Who this station is: enrolment, role, key, and its account of itself. Not here: where keys are kept (see
//! [`crate::keys`]).

pub mod enrol;
pub mod status;
mod store;

pub use enrol::EnrolmentText;
pub use store::{
    Identity, apply_row, current, keep, note_recovery, open_incarnation, public_keys, recovery, set_revoked,
};
