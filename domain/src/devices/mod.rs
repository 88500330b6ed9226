//! Who a machine is and what it may see.

pub mod draft;
pub mod wire;
pub use wire::Role;
