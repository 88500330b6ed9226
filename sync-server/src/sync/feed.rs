//! What requests of one process share about the change feed: how far it is, and pages that many stations are told at the
//! same moment. Two hundred stations that wait cost the database what one costs.

use super::{scope::Scope, store};
use crate::{app::App, http::problem::Failure};
use bytes::Bytes;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::OnceCell;
use willcall_domain::{id::OrganizerId, sync::ChangesAnswer};

/// How long what was found is used without a wake-up, in milliseconds: another process may have numbered, and its word
/// of it been lost.
const BELIEVED_MS: u64 = 1_000;
/// Pages kept; they are of one moment.
const PAGES: usize = 256;

/// A page as it is sent.
#[derive(Debug, Clone)]
pub(super) struct Page {
    pub answer: ChangesAnswer,
    /// The answer as one line, packed.
    pub packed: Bytes,
    /// It says something of the device that asked, which no other may be told.
    pub own: bool,
}

/// What is read from where, in which scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Ask {
    pub scope: Scope,
    pub after: i64,
    pub urgent: i64,
    /// How far the feed is known to be: a page that was read before it came so far is no answer.
    pub head: i64,
}

#[derive(Debug)]
struct Head {
    round: u64,
    born_ms: u64,
    position: Arc<OnceCell<i64>>,
}

/// Pages of this round, each read once however many ask.
type Pages = HashMap<Ask, Arc<OnceCell<Page>>>;

/// What is shared. Nothing of it is ever older than the wake-up of who asks.
#[derive(Debug, Default)]
pub struct Feed {
    heads: Mutex<HashMap<OrganizerId, Head>>,
    pages: Mutex<(u64, Pages)>,
}

impl Feed {
    /// The newest position of an organizer, as of wake-up `round` or later.
    ///
    /// # Errors
    /// When the database is away.
    pub(super) async fn head(&self, app: &App, organizer: OrganizerId, round: u64) -> Result<i64, Failure> {
        let now_ms = app.clock.monotonic_ms();
        let cell = {
            let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
            let fresh = heads.get(&organizer).filter(|h| h.round == round && now_ms < h.born_ms + BELIEVED_MS);
            if let Some(head) = fresh {
                head.position.clone()
            } else {
                let position = Arc::<OnceCell<i64>>::default();
                heads.insert(organizer, Head { round, born_ms: now_ms, position: position.clone() });
                position
            }
        };
        let asked = cell.get_or_try_init(|| async {
            let mut tx = app.begin(organizer).await?;
            store::head(&mut tx).await
        });
        Ok(*asked.await?)
    }

    /// The page that answers `ask` as of wake-up `round` or later: read once for all that ask the same, unless it has
    /// something of one device's own in it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) async fn page<F>(&self, ask: &Ask, round: u64, read: impl Fn() -> F) -> Result<Page, Failure>
    where
        F: Future<Output = Result<Page, Failure>>,
    {
        let cell = {
            let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
            if pages.0 != round || pages.1.len() >= PAGES {
                *pages = (round, HashMap::new());
            }
            pages.1.entry(ask.clone()).or_default().clone()
        };
        let page = cell.get_or_try_init(&read).await?;
        if page.own { read().await } else { Ok(page.clone()) }
    }
}
