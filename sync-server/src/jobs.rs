//! Work that is done after its cause is committed: rows written in the transaction of their cause, run at least once by
//! workers in classes, each with its own limit, so that slow mail never holds up anything else.

pub mod queue;
pub mod registry;
pub mod schedule;
pub mod store;
pub mod worker;

pub use queue::{enqueue, enqueue_at, enqueue_once};

use crate::wake::Topics;
use serde::{Serialize, de::DeserializeOwned};

/// Which line a job waits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Somebody waits for it at a checkout.
    Checkout,
    Mail,
    Webhook,
    Render,
    Housekeeping,
}

impl Class {
    pub const ALL: [Self; 5] = [Self::Checkout, Self::Mail, Self::Webhook, Self::Render, Self::Housekeeping];

    /// As the database names it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Checkout => "checkout",
            Self::Mail => "mail",
            Self::Webhook => "webhook",
            Self::Render => "render",
            Self::Housekeeping => "housekeeping",
        }
    }

    /// How many of this class one process runs at the same time.
    #[must_use]
    pub fn limit(self) -> usize {
        match self {
            Self::Checkout | Self::Webhook => 4,
            Self::Mail => 8,
            Self::Render => 2,
            Self::Housekeeping => 1,
        }
    }

    pub(crate) fn topic(self) -> Topics {
        Topics::jobs(self as usize)
    }
}

/// What a job carries: ids, never secrets or personal data (it stays readable in the table for a week).
pub trait Job: Serialize + DeserializeOwned + Send + 'static {
    /// Stable name, `orders.send_confirmation`.
    const KIND: &'static str;
    const CLASS: Class;
}
