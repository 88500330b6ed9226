//! What to send, what to fetch, how facts merge. Owns journal, entry, change, cursor; uses the wire types of all
//! slices and is used by none.

pub mod change;
pub mod contact;
pub mod fact;
pub mod journal;

pub use change::{Change, ChangesAnswer, Cursor, Row};
pub use contact::{Contact, ContactAnswer, ContactBody};
pub use fact::Fact;
pub use journal::{At, ChainError, Draft, Entry, EntryRef, Outcome, Private, PushAnswer, PushRequest};

/// Version of schema and protocol. A side also speaks the two before it.
pub const PROTOCOL: u32 = 1;
/// Header in which a station names the protocol it speaks.
pub const PROTOCOL_HEADER: &str = "willcall-protocol";
