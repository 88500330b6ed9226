//! The door: scanning, what the screen shows beside it, searching. Whether somebody may enter is decided in
//! [`willcall_domain::checkin`]; here is what that decision looks at, and recording it.

pub mod door;
pub mod found;
pub mod scan;
pub mod search;
mod store;
pub mod undo;
pub mod unrecorded;

pub use store::{
    drop_until, forget_event, gone, is_inside, is_news, list, lists, project_scan, project_undone, put_list, put_scan,
    remember_verdict, used_anywhere, verdicts,
};
