//! A transport over another that can be told to lie: answers that get lost, questions asked twice, snapshots cut in half
//! or taken from an earlier day, pages put together by hand. Counts what was asked.

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;
use url::Url;
use willcall_domain::{
    devices::wire::{EnrolAnswer, EnrolRequest},
    id::EventId,
    leases::{Grant, wire::LeaseRequest},
    sync::{ChangesAnswer, Contact, ContactAnswer, Cursor, Entry, PushAnswer, PushRequest},
};
use willcall_station::{
    HttpTransport,
    sync::transport::{Download, Following, Refusal, Server, Standing, Transport, whole},
};

/// What becomes of one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It comes about.
    Passes,
    /// It never reaches the server.
    NotSent,
    /// The server does what was asked, and the answer is lost.
    AnswerLost,
    /// The server does what was asked, and nothing comes back until the one who asked gives up.
    Silence,
    /// It is asked twice; the second answer is taken.
    Twice,
}

type Chance = Box<dyn FnMut(&'static str) -> Fate + Send>;

/// A line that can be meddled with.
pub struct Meddler {
    over: HttpTransport,
    plan: Mutex<Plan>,
}

#[derive(Default)]
struct Plan {
    fate: Option<Chance>,
    /// The next snapshots end after so many bytes.
    cut_snapshots: Option<usize>,
    /// Given in place of what the server would answer.
    snapshots: VecDeque<Vec<u8>>,
    pages: VecDeque<ChangesAnswer>,
    grants: VecDeque<Grant>,
    /// The last snapshot that passed, as it came.
    last_snapshot: Vec<u8>,
    /// Pages of changes that passed and had any, oldest first.
    passed_pages: Vec<ChangesAnswer>,
    asked: BTreeMap<&'static str, Vec<Instant>>,
    /// Pages that were asked for earlier and arrive once more, after all that followed.
    late: Vec<PushRequest>,
}

impl std::fmt::Debug for Meddler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meddler").finish_non_exhaustive()
    }
}

impl Meddler {
    /// Meddles with nothing yet.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new() -> anyhow::Result<Arc<Self>> {
        crate::choose_tls();
        let over = HttpTransport::new().map_err(|e| anyhow::anyhow!("{e}"))?;
        Ok(Arc::new(Self { over, plan: Mutex::default() }))
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Each exchange from now on is decided by `fate`, given its name.
    pub fn decide(&self, fate: impl FnMut(&'static str) -> Fate + Send + 'static) {
        self.plan().fate = Some(Box::new(fate));
    }

    /// All goes well again.
    pub fn be_honest(&self) {
        let mut plan = self.plan();
        let Plan { asked, last_snapshot, passed_pages, .. } = std::mem::take(&mut *plan);
        *plan = Plan { asked, last_snapshot, passed_pages, ..Plan::default() };
    }

    /// Snapshots end after so many bytes.
    pub fn cut_snapshots(&self, after: usize) {
        self.plan().cut_snapshots = Some(after);
    }

    /// The next snapshot is this one, whatever the server would say.
    pub fn next_snapshot(&self, bytes: Vec<u8>) {
        self.plan().snapshots.push_back(bytes);
    }

    /// The next page of changes is this one, whatever the server would say.
    pub fn next_page(&self, page: ChangesAnswer) {
        self.plan().pages.push_back(page);
    }

    /// The next grant of units is this one, whatever the server would say.
    pub fn next_grant(&self, grant: Grant) {
        self.plan().grants.push_back(grant);
    }

    /// The last snapshot that passed, as it came.
    #[must_use]
    pub fn last_snapshot(&self) -> Vec<u8> {
        self.plan().last_snapshot.clone()
    }

    /// Pages of changes that passed and had any, oldest first.
    #[must_use]
    pub fn passed_pages(&self) -> Vec<ChangesAnswer> {
        self.plan().passed_pages.clone()
    }

    /// When this was asked.
    #[must_use]
    pub fn asked(&self, what: &str) -> Vec<Instant> {
        self.plan().asked.get(what).cloned().unwrap_or_default()
    }

    /// How many requests there were in all.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.plan().asked.values().map(Vec::len).sum()
    }

    fn fate(&self, what: &'static str) -> Fate {
        let mut plan = self.plan();
        plan.asked.entry(what).or_default().push(Instant::now());
        plan.fate.as_mut().map_or(Fate::Passes, |fate| fate(what))
    }

    /// Carries one exchange out as its fate wants.
    async fn exchange<A, F>(&self, what: &'static str, ask: impl Fn() -> F) -> Result<A, Refusal>
    where
        F: Future<Output = Result<A, Refusal>>,
    {
        match self.fate(what) {
            Fate::Passes => ask().await,
            Fate::NotSent => Err(lost()),
            Fate::AnswerLost => ask().await.and(Err(lost())),
            Fate::Silence => {
                drop(ask().await);
                tokio::time::sleep(SILENCE).await;
                Err(Refusal::NoLink("The server did not answer in time.".into()))
            }
            Fate::Twice => {
                _ = ask().await?;
                ask().await
            }
        }
    }
}

/// How long a station waits for the first byte of an answer.
const SILENCE: Duration = Duration::from_secs(5);

fn lost() -> Refusal {
    Refusal::Unreached("It was lost on its way.".into())
}

/// Every how many pages an old one arrives once more.
const LATE: usize = 3;

#[async_trait]
impl Transport for Meddler {
    async fn enrol(&self, base: &Url, request: &EnrolRequest) -> Result<EnrolAnswer, Refusal> {
        self.over.enrol(base, request).await
    }

    async fn contact(&self, server: &Server, contact: &Contact) -> Result<ContactAnswer, Refusal> {
        self.exchange("contact", || self.over.contact(server, contact)).await
    }

    async fn push(&self, server: &Server, page: &PushRequest) -> Result<PushAnswer, Refusal> {
        let answered = self.exchange("push", || self.over.push(server, page)).await;
        let late = {
            let mut plan = self.plan();
            plan.late.push(page.clone());
            // Only while somebody meddles.
            (plan.fate.is_some() && plan.late.len() > LATE).then(|| plan.late.remove(0))
        };
        if let Some(late) = late {
            // What comes of a page that arrives too late is nobody's answer.
            drop(self.over.push(server, &late).await);
        }
        answered
    }

    async fn changes(&self, server: &Server, from: Standing, most: u32) -> Result<ChangesAnswer, Refusal> {
        let given = self.plan().pages.pop_front();
        match given {
            Some(page) => Ok(page),
            None => {
                let page = self.exchange("changes", || self.over.changes(server, from, most)).await?;
                if !page.changes.is_empty() {
                    self.plan().passed_pages.push(page.clone());
                }
                Ok(page)
            }
        }
    }

    async fn follow(&self, server: &Server, from: Standing) -> Result<Following, Refusal> {
        self.exchange("follow", || self.over.follow(server, from)).await
    }

    async fn snapshot(&self, server: &Server, events: &[EventId], least: Option<Cursor>) -> Result<Download, Refusal> {
        let given = self.plan().snapshots.pop_front();
        if let Some(bytes) = given {
            return Ok(whole(bytes));
        }
        let mut download = self.exchange("snapshot", || self.over.snapshot(server, events, least)).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = download.next().await {
            bytes.extend_from_slice(&chunk?);
        }
        let mut plan = self.plan();
        if let Some(after) = plan.cut_snapshots {
            bytes.truncate(after);
            return Ok(Box::pin(stream::iter([Ok(bytes)])));
        }
        plan.last_snapshot.clone_from(&bytes);
        Ok(whole(bytes))
    }

    async fn lease(&self, server: &Server, request: &LeaseRequest) -> Result<Grant, Refusal> {
        let given = self.plan().grants.pop_front();
        match given {
            Some(grant) => Ok(grant),
            None => self.exchange("lease", || self.over.lease(server, request)).await,
        }
    }

    async fn give_back(&self, server: &Server, incarnation: u32, after: u64) -> Result<Vec<Entry>, Refusal> {
        self.exchange("give_back", || self.over.give_back(server, incarnation, after)).await
    }
}

/// A fate that is drawn: so many of a hundred lose their answer, so many are asked twice.
pub fn drawn(seed: u64, lost_percent: u8, twice_percent: u8) -> impl FnMut(&'static str) -> Fate + Send {
    use willcall_domain::entropy::{SeededEntropy, bytes};
    let chance = SeededEntropy::new(seed);
    move |_| match u16::from(bytes::<1>(&chance)[0]) * 100 / 256 {
        draw if draw < u16::from(lost_percent) => Fate::AnswerLost,
        draw if draw < u16::from(lost_percent) + u16::from(twice_percent) => Fate::Twice,
        _ => Fate::Passes,
    }
}
