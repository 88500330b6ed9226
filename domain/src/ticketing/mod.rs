//! Issue, sign, verify, revoke. Owns ticket code, signing key, blank; not whether a ticket may enter (see
//! [`crate::checkin`]).
//!
//! Two signed formats, one verifier: [`wc1`], ours, small because small reads better; [`sig1`], what existing
//! scanners read. Anything else is a plain secret, known only to the database.

mod alphabet;
pub mod badge;
pub mod blank;
pub mod code;
pub mod key;
pub mod sig1;
pub mod wc1;
pub mod wedge;
pub mod wire;

pub use badge::{BadgeLayout, BadgeRow, badge_of};
pub use code::{Code, Signed, Verification, read, verify};
pub use key::{EventKey, KeyStatus};
pub use wc1::{Claims, Flags};
pub use wire::{CodeFormat, KeyRow};
