//! Copies, backups and what they prove. A station's database may be lost, damaged, put back or copied; here is what keeps
//! that from losing a fact or selling a unit twice. The rule is [`willcall_domain::sync::standing`].
//!
//! - [`mark`]: how far the journal has come, outside the database; [`keeper`]: the thread that writes it, and the
//!   [`mirror`], after each commit;
//! - [`opening`]: what is looked at when a data folder is opened, and putting a lost database together again from
//!   [`backup`], mirror and what can be read of the old file;
//! - [`standing`]: whether this station doubts itself, and what a contact changes about it;
//! - [`overview`]: what a person sees of all this;
//! - [`checkpoint`], [`erase`], [`wipe`]: letting go of what is not needed, not allowed, not wanted any more.
//!
//! Not here: the database file itself (see [`crate::db`]) and what entries mean (see [`crate::journal`]).

pub mod backup;
pub mod checkpoint;
pub mod erase;
pub mod keeper;
pub mod machine;
pub mod mark;
pub mod mirror;
pub mod opening;
pub mod overview;
pub mod places;
pub mod put_back;
pub mod standing;
mod store;
pub mod wipe;

pub use places::Places;
pub use standing::{refuse_doubt, sells_from, view};
