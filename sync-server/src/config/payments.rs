//! What the installation decides about paying; what an organizer decides is in the event.

use super::{ConfigError, number};

/// Limits that hold for every organizer.
#[derive(Debug, Clone)]
pub struct Payments {
    /// `WILLCALL_TRANSFER_DAYS`: how many days an order paid by bank transfer waits for its money. By default 7.
    pub transfer_days: u32,
}

impl Payments {
    /// # Errors
    /// When a variable is set to something that cannot be used.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self { transfer_days: number("WILLCALL_TRANSFER_DAYS", 7)? })
    }

    #[must_use]
    pub fn for_testing() -> Self {
        Self { transfer_days: 7 }
    }
}
