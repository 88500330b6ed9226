//! What every handler and job is given. Owns the pool, the clock, randomness, configuration, secrets, mail; knows no
//! business word.

pub use crate::tx::Tx;
use crate::{
    config::Config,
    database::store,
    http::rate_limit::RateLimits,
    mail::Mailer,
    metrics::Metrics,
    secrets::Secrets,
    shop::shelf::Shelves,
    sync::{Feed, Snapshots, Stations},
    tx::{Isolation, Surroundings},
    wake::Wake,
};
use sqlx::PgPool;
use std::{
    net::SocketAddr,
    ops::Deref,
    sync::{Arc, OnceLock},
};
use tokio_util::sync::CancellationToken;
use url::Url;

use willcall_domain::{
    clock::{Clock, UtcMillis},
    entropy::Entropy,
    id::{HistoryId, OrganizerId},
};

/// The application; cheap to clone.
#[derive(Debug, Clone)]
pub struct App(Arc<Parts>);

/// What an [`App`] holds.
#[derive(Debug)]
pub struct Parts {
    pool: PgPool,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub config: Config,
    pub secrets: Secrets,
    pub mailer: Mailer,
    pub metrics: Metrics,
    pub limits: RateLimits,
    pub wake: Arc<Wake>,
    /// What the shop shows, as long as nothing has changed.
    pub shelves: Shelves,
    /// What stations share of the change feed, and of the server.
    pub feed: Feed,
    pub snapshots: Snapshots,
    pub stations: Stations,
    /// Cancelled when the server is asked to stop: whoever waits for something new stops waiting.
    pub stopping: CancellationToken,
    /// Which unbroken life of the data this is; part of every cursor.
    pub history: HistoryId,
    pub(crate) listening: OnceLock<SocketAddr>,
}

impl Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// What an application is put together from.
#[derive(Debug)]
pub(crate) struct Ingredients {
    pub pool: PgPool,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub config: Config,
    pub secrets: Secrets,
    pub mailer: Mailer,
    pub history: HistoryId,
}

impl App {
    pub(crate) fn new(of: Ingredients) -> Self {
        let stations = Stations::new(of.config.database.connections);
        Self(Arc::new(Parts {
            pool: of.pool,
            limits: RateLimits::new(of.config.bind.rate_limits),
            clock: of.clock,
            entropy: of.entropy,
            config: of.config,
            secrets: of.secrets,
            mailer: of.mailer,
            metrics: Metrics::default(),
            wake: Arc::default(),
            shelves: Shelves::default(),
            feed: Feed::default(),
            snapshots: Snapshots::default(),
            stations,
            stopping: CancellationToken::new(),
            history: of.history,
            listening: OnceLock::new(),
        }))
    }

    /// A transaction that sees this organizer's rows and no others.
    ///
    /// # Errors
    /// When the database cannot be reached or every connection stays busy.
    pub async fn begin(&self, organizer: OrganizerId) -> sqlx::Result<Tx> {
        Tx::begin(&self.pool, self.surroundings(), organizer, Isolation::ReadCommitted).await
    }

    /// Like [`App::begin`], all statements seeing the same instant and writing nothing.
    ///
    /// # Errors
    /// When the database cannot be reached or every connection stays busy.
    pub async fn begin_snapshot(&self, organizer: OrganizerId) -> sqlx::Result<Tx> {
        Tx::begin(&self.pool, self.surroundings(), organizer, Isolation::Snapshot).await
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings {
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
            wake: Arc::clone(&self.wake),
        }
    }

    /// The organizer with this address.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn organizer_by_slug(&self, slug: &str) -> sqlx::Result<Option<OrganizerId>> {
        store::organizer_by_slug(&self.pool, slug).await
    }

    /// Every organizer's id, slug and name, by name.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn organizers(&self) -> sqlx::Result<Vec<store::OrganizerName>> {
        store::organizers(&self.pool).await
    }

    /// Without a tenant: only functions of the schema `crossing` and the table `installation` answer on it.
    pub(crate) fn untenanted(&self) -> &PgPool {
        &self.pool
    }

    #[must_use]
    pub fn now(&self) -> UtcMillis {
        self.clock.now()
    }

    /// How the world reaches this server, without a trailing slash.
    #[must_use]
    pub fn public_url(&self) -> String {
        let url = self.config.bind.public_url.as_ref().map(Url::to_string).unwrap_or_else(|| {
            let address = self.listening.get().copied().unwrap_or(self.config.bind.address);
            let host = if address.ip().is_unspecified() { "127.0.0.1".to_owned() } else { host(address) };
            format!("http://{host}:{}", address.port())
        });
        url.trim_end_matches('/').to_owned()
    }
}

fn host(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(v4) => v4.ip().to_string(),
        SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
    }
}
