//! What to send, what to fetch, how facts merge. Owns journal, entry, change, cursor; uses the wire types of all
//! slices and is used by none.

pub mod case;
pub mod case_view;
pub mod change;
pub mod checkpoint;
pub mod contact;
pub mod erase;
pub mod fact;
pub mod feed;
pub mod homecoming;
pub mod intake;
pub mod journal;
pub mod key_history;
pub mod mirror;
pub mod offer;
pub mod protocol;
mod reading;
pub mod recognise;
pub mod sealing;
pub mod standing;

pub use case::{CaseKind, Resolution};
pub use change::{Change, ChangesAnswer, Cursor, Row};
pub use contact::{Contact, ContactAnswer, ContactBody};
pub use fact::Fact;
pub use journal::{At, ChainError, Draft, Entry, EntryRef, Outcome, Private, PushAnswer, PushRequest};
pub use key_history::KeyHistory;
pub use offer::{Offer, OfferAnswer};
pub use protocol::{PROTOCOL, PROTOCOL_HEADER};
