//! The border to the server: what is asked and what can come back. A trait, so that tests can stand in the middle.

use crate::error::Fault;
use async_trait::async_trait;
use url::Url;
use willcall_domain::{
    devices::wire::{EnrolAnswer, EnrolRequest},
    leases::{Grant, wire::LeaseRequest},
    problem::{Code, Problem},
    sync::{ChangesAnswer, Contact, ContactAnswer, Cursor, PushAnswer, PushRequest},
};

/// Whom to ask, and as whom.
#[derive(Clone)]
pub struct Server {
    pub base: Url,
    pub token: String,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

/// Why an exchange did not come about.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Nobody answered, or not in time, or somebody else did: to be tried again later.
    #[error("no link: {0}")]
    NoLink(String),
    /// The server answered, and this is what it said.
    #[error("{problem}")]
    Problem {
        problem: Box<Problem>,
        /// When it may be tried again, in seconds.
        retry_after_s: Option<u64>,
    },
    /// Something here failed, not the link.
    #[error(transparent)]
    Here(#[from] Fault),
}

impl Refusal {
    /// Whether trying the same again may help.
    #[must_use]
    pub fn passes(&self) -> bool {
        match self {
            Self::NoLink(_) => true,
            Self::Problem { problem, .. } => problem.code.status() >= 500 || problem.code == Code::TooManyRequests,
            Self::Here(_) => false,
        }
    }

    /// Whether the server switched this device off.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        matches!(self, Self::Problem { problem, .. } if problem.code == Code::Revoked)
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Here(Fault::from(problem))
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoLink(detail) => Problem::new(
                Code::NoLink,
                format!("{detail} Scanning and selling go on; what is recorded here is sent later."),
            ),
            Refusal::Problem { problem, .. } => *problem,
            Refusal::Here(fault) => fault.into(),
        }
    }
}

/// The exchanges of `/api/station/v1`.
#[async_trait]
pub trait Transport: Send + Sync + std::fmt::Debug {
    async fn enrol(&self, base: &Url, request: &EnrolRequest) -> Result<EnrolAnswer, Refusal>;
    async fn contact(&self, server: &Server, contact: &Contact) -> Result<ContactAnswer, Refusal>;
    async fn push(&self, server: &Server, page: &PushRequest) -> Result<PushAnswer, Refusal>;
    /// Waits at the server up to `wait_s` seconds for something new.
    async fn changes(&self, server: &Server, after: Cursor, wait_s: u32) -> Result<ChangesAnswer, Refusal>;
    /// A whole snapshot: NDJSON, as it is or compressed by gzip.
    async fn snapshot(&self, server: &Server) -> Result<Vec<u8>, Refusal>;
    async fn lease(&self, server: &Server, request: &LeaseRequest) -> Result<Grant, Refusal>;
}
