//! What is owed, paid, given back. Owns payment and provider.

pub mod payment;
pub use payment::{PaymentError, PaymentState, Provider};
