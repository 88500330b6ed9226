//! Who a machine is and what it may see.

pub mod certificate;
pub mod disk;
pub mod draft;
pub mod readiness;
pub mod setup;
pub mod wire;
pub use certificate::{DeviceCertificate, check_certificate};
pub use setup::{BadgePrint, DeviceSetup};
pub use wire::{Right, Role};
