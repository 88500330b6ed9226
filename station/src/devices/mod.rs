//! Who this station is: enrolment, role, key, and its account of itself. Not here: where keys are kept (see
//! [`crate::keys`]).

pub mod disk;
pub mod enrol;
pub mod key_change;
pub mod readiness;
pub mod status;
mod store;

pub use enrol::EnrolmentText;
pub use store::{
    Identity, apply_row, certificate, current, follow_keys, keep, keep_sealing_key, key_histories, keys_of_all,
    name_organizer, note_recovery, open_incarnation, project_key_changed, public_keys, put_certificate, put_key,
    recovery, sealing_key, set_revoked, with_entries_waiting, writes,
};
