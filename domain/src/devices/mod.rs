//! Who a machine is and what it may see.

pub mod disk;
pub mod draft;
pub mod wire;
pub use wire::{Right, Role};
