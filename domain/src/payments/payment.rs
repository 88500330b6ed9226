//! A payment and its states.

use serde::{Deserialize, Serialize};

/// Who moves the money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// Nothing to pay.
    Free,
    /// The organizer marks it as paid when the money is on the account.
    BankTransfer,
    /// Taken at a till.
    Cash,
}

impl Provider {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::BankTransfer => "bank_transfer",
            Self::Cash => "cash",
        }
    }
}

impl std::str::FromStr for Provider {
    type Err = PaymentError;
    fn from_str(text: &str) -> Result<Self, PaymentError> {
        [Self::Free, Self::BankTransfer, Self::Cash]
            .into_iter()
            .find(|p| p.as_str() == text)
            .ok_or_else(|| PaymentError::Provider(text.to_owned()))
    }
}

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    Created,
    Confirmed,
    Canceled,
}

/// Why a payment was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PaymentError {
    #[error("there is no payment provider {0:?}")]
    Provider(String),
    #[error("the amount given is less than the total")]
    Underpaid,
}
