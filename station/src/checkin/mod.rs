//! The door: scanning, what the screen shows beside it, searching. Whether somebody may enter is decided in
//! [`willcall_domain::checkin`]; here is what that decision looks at, and recording it.

pub mod again;
pub mod arrivals;
pub mod door;
pub mod door_list;
pub mod exchange;
mod find;
pub mod found;
pub mod refused;
pub mod scan;
pub mod search;
mod store;
pub mod undo;
pub mod unrecorded;
mod verdict;

pub use store::board::{admissions, others};
pub use store::setup::{project_answers, project_exchanged, put_gate, put_medium, put_question, setup_gone};
pub use store::{
    drop_until, events_here, forget_event, forget_some, gone, is_inside, is_news, list, lists, project_scan,
    project_undone, put_list, put_scan, remember_verdict, used_anywhere, verdicts,
};
