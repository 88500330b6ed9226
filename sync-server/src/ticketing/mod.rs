//! Issue, sign, render. Owns event keys and rendered tickets.

pub mod badges;
pub mod change_over;
pub mod keys;
mod store;
pub mod ticket_pdf;

pub use keys::{CodeOf, Signer, public_keys, signer};
pub use ticket_pdf::{Tickets, tickets};
