//! What every request passes: who asks, what was asked before, how errors look, what is logged, how much is allowed.
//! Knows no business word.

pub mod caller;
pub mod csrf;
pub mod health;
pub mod idempotency;
pub mod language;
pub mod paging;
pub mod problem;
pub mod rate_limit;
pub mod request_log;
mod store;
pub mod token;

pub use caller::{Client, DeviceCaller, StaffCaller, StaffRole};
pub use problem::Failure;
pub use rate_limit::Limit;
