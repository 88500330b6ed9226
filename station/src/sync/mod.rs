//! Meeting the server: contact, upload, download, units; and the loop that does it by itself. Nothing at the door or
//! the till waits for any of this. What facts mean and how they merge is decided in the domain and on the server.

pub mod carry;
pub mod cases;
pub mod contact;
pub mod engine;
mod following;
pub mod http;
pub mod leftovers;
mod merging;
pub mod offer;
pub mod pace;
pub mod pull;
pub mod push;
mod scope;
pub mod snapshot;
mod spool;
mod store;
pub mod sweep;
pub mod transport;

pub use contact::{Age, Link};
pub use engine::SyncReport;
pub use http::HttpTransport;
pub use store::{Remembered, meet_history, remembered};
pub use transport::{Refusal, Server, Transport};
