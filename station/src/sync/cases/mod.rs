//! What a person must look at: cases as the server tells of them, and closing one here. What opens a case, and what
//! follows from closing it, is decided on the server; the words are the screens'.

pub mod close;
pub mod list;
mod store;

pub use store::{forget_event, open_count, project_closed, put_case};
