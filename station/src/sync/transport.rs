//! The border to the server: what is asked and what can come back. A trait, so that tests can stand in the middle.

use crate::error::Fault;
use async_trait::async_trait;
use futures_util::{Stream, stream};
use std::pin::Pin;
use url::Url;
use willcall_domain::{
    devices::wire::{EnrolAnswer, EnrolRequest},
    id::EventId,
    leases::{Grant, RightGrant, RightRequest, wire::LeaseRequest},
    problem::{Code, Problem},
    sync::{
        ChangesAnswer, Contact, ContactAnswer, Cursor, Entry, Offer, OfferAnswer, PushAnswer, PushRequest,
        mirror::CarriedAnswer,
    },
};

/// Whom to ask, and as whom.
#[derive(Clone)]
pub struct Server {
    pub base: Url,
    pub token: String,
    /// The version of the protocol it speaks, as far as is known.
    pub protocol: u32,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

/// Bytes as they arrive.
pub type Download = Pin<Box<dyn Stream<Item = Result<Vec<u8>, Refusal>> + Send>>;

/// What is there already, as a download.
#[must_use]
pub fn whole(bytes: Vec<u8>) -> Download {
    Box::pin(stream::iter([Ok(bytes)]))
}

/// How far a station has read in each lane of the change feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub after: Cursor,
    /// Urgent changes were read up to here, at least as far as all others.
    pub urgent: i64,
}

/// What is heard while following the feed.
#[derive(Debug)]
pub enum Heard {
    Changes(Box<ChangesAnswer>),
    /// Nothing new, and the line is alive.
    Pulse,
}

/// What is heard, until the server or the line ends it.
pub type Following = Pin<Box<dyn Stream<Item = Result<Heard, Refusal>> + Send>>;

/// Why an exchange did not come about.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No answer, or not in time: to be tried again later.
    #[error("no link: {0}")]
    NoLink(String),
    /// Nobody was there to be asked: no route, no name, nobody listens; or the line broke off at once.
    #[error("no link: {0}")]
    Unreached(String),
    /// What came is not the whole answer of a server of ours: the sign-in page of a network, something cut off, nonsense.
    /// None of it is used.
    #[error("not the server's answer: {0}")]
    Unusable(String),
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
            Self::NoLink(_) | Self::Unreached(_) | Self::Unusable(_) => true,
            Self::Problem { problem, .. } => problem.code.status() >= 500 || problem.code == Code::TooManyRequests,
            Self::Here(fault) => fault.passes(),
        }
    }

    /// In words for a person; the address stands on the screen beside it.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::NoLink(detail) | Self::Unreached(detail) | Self::Unusable(detail) => detail.clone(),
            Self::Problem { problem, .. } => problem.detail.clone(),
            Self::Here(fault) => fault.to_string(),
        }
    }

    /// Whether the link itself is in doubt, rather than this one request.
    #[must_use]
    pub fn doubts_the_link(&self) -> bool {
        match self {
            Self::NoLink(_) | Self::Unreached(_) | Self::Unusable(_) => true,
            Self::Problem { .. } => self.passes(),
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
            Refusal::NoLink(detail) | Refusal::Unreached(detail) | Refusal::Unusable(detail) => Problem::new(
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
    /// One page of the feed, of at most `most` changes and at once.
    async fn changes(&self, server: &Server, from: Standing, most: u32) -> Result<ChangesAnswer, Refusal>;
    /// The feed as it goes on, for who has read up to its head.
    async fn follow(&self, server: &Server, from: Standing) -> Result<Following, Refusal>;
    /// A snapshot: NDJSON, as it is or compressed by gzip. Of these events only, where any are named; not older than
    /// `least`.
    async fn snapshot(&self, server: &Server, events: &[EventId], least: Option<Cursor>) -> Result<Download, Refusal>;
    async fn lease(&self, server: &Server, request: &LeaseRequest) -> Result<Grant, Refusal>;
    /// The right to a voucher or a web order. Not every server grants them.
    async fn right(&self, _server: &Server, _request: &RightRequest) -> Result<RightGrant, Refusal> {
        Err(Refusal::from(Problem::new(Code::NotFound, "This server gives no rights.")))
    }
    /// Entries of this station that the server has, of one incarnation, after this number.
    async fn give_back(&self, server: &Server, incarnation: u32, after: u64) -> Result<Vec<Entry>, Refusal>;
    /// A journal in a file, or a piece of one that stands for itself. Not every server takes them.
    async fn carry(&self, _server: &Server, _file: Vec<u8>) -> Result<CarriedAnswer, Refusal> {
        Err(Refusal::from(Problem::new(Code::NotFound, "This server takes no journals in files.")))
    }
    /// Rows the server may have no longer. Not every server takes them.
    async fn offer(&self, _server: &Server, _offer: &Offer) -> Result<OfferAnswer, Refusal> {
        Err(Refusal::from(Problem::new(Code::NotFound, "Nothing is offered this way.")))
    }
}
