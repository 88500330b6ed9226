//! Putting the server together, starting it, stopping it. Everything started here is stopped here.

use crate::{
    app::{App, Ingredients},
    cluster::{Cluster, ClusterError, Hold},
    config::{Config, database::Source},
    database::{self, DatabaseError, mark, migrate, recover, store},
    jobs, mail,
    payments::since::{self, Found, Gateway},
    router,
    secrets::{Secrets, SecretsError},
};
use sqlx::postgres::PgConnectOptions;
use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;
use willcall_domain::{
    clock::{Clock, SystemClock},
    entropy::{Entropy, OsEntropy},
    id::HistoryId,
};

/// How long requests that run may finish when the server is asked to stop.
const GRACE: Duration = Duration::from_secs(5);

/// Why the server did not start; one sentence each.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("The data folder {path} cannot be used: {source}.")]
    Data { path: PathBuf, source: io::Error },
    #[error("The address {address} is in use by another program; choose another with WILLCALL_BIND, or stop it.")]
    PortInUse { address: SocketAddr },
    #[error("The server cannot listen on {address}: {source}.")]
    Bind { address: SocketAddr, source: io::Error },
    #[error("{}.", .0.to_string().trim_end_matches('.'))]
    Mail(#[from] mail::MailError),
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Secrets(#[from] SecretsError),
}

/// Where time and randomness come from, and who moves money.
#[derive(Debug, Clone)]
pub struct Nature {
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    /// Who moves money.
    pub gateways: Vec<Arc<dyn Gateway>>,
}

/// What became of a recovery.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Stations that are waited for.
    pub stations: usize,
    /// What providers know of payments since the backup.
    pub payments: Vec<Found>,
}

impl Default for Nature {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock::new()), entropy: Arc::new(OsEntropy), gateways: since::gateways() }
    }
}

/// How a process uses the private cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Runs it, and is the only one to.
    Host,
    /// Uses the one that runs, or runs it meanwhile.
    Guest,
    /// As a guest, and takes the tables as they are.
    Visitor,
}

/// An application on an open database, doing nothing by itself.
#[derive(Debug)]
pub struct Opened {
    pub app: App,
    cluster: Option<Cluster>,
    _hold: Option<Hold>,
}

/// Opens the database (making and migrating a private one) and puts the application together.
///
/// # Errors
/// One sentence on what is missing or wrong.
pub async fn open(config: Config, nature: Nature, role: Role) -> Result<Opened, StartError> {
    let mark = config.mark.clone();
    let opened = open_unmarked(config, nature, role).await?;
    match mark::check(opened.app.untenanted(), &mark).await {
        Ok(()) => Ok(opened),
        Err(error) => {
            opened.close().await;
            Err(error.into())
        }
    }
}

/// The same, wherever the database stands.
async fn open_unmarked(config: Config, nature: Nature, role: Role) -> Result<Opened, StartError> {
    make_data_folder(&config)?;
    let secrets = Secrets::open(&config.data, &*nature.entropy)?;
    let mailer = mail::Mailer::new(&config.mail)?;
    let reached = reach(&config, role).await?;
    let pool = database::connect(reached.app.clone(), config.database.connections).await?;
    migrate::check(&pool).await?;
    let fresh = HistoryId::born(nature.clock.now(), &*nature.entropy);
    let server_key = secrets.identity().verifying_key().to_bytes();
    let history = store::installation(&pool, fresh, &server_key, nature.clock.now()).await?;
    let Nature { clock, entropy, .. } = nature;
    let app = App::new(Ingredients { pool, clock, entropy, config, secrets, mailer, history });
    Ok(Opened { app, cluster: reached.cluster, _hold: reached.hold })
}

/// Brings the schema up to date and nothing else.
///
/// # Errors
/// One sentence on what is missing or wrong.
pub async fn migrate_only(config: &Config) -> Result<(), StartError> {
    let reached = match &config.database.source {
        Source::Given { url, migrate_url } => {
            migrate::migrate(&database::options(migrate_url.as_deref().unwrap_or(url))?).await?;
            return Ok(());
        }
        Source::Private(_) => {
            make_data_folder(config)?;
            reach(config, Role::Guest).await?
        }
    };
    if let Some(cluster) = reached.cluster {
        cluster.stop().await;
    }
    Ok(())
}

/// Begins a new history after the database was put back to an earlier instant; answers how many stations are waited for.
///
/// # Errors
/// One sentence on what is missing or wrong; it can be run again then.
pub async fn recover(config: Config, nature: Nature) -> Result<Recovered, StartError> {
    let gateways = nature.gateways.clone();
    make_data_folder(&config)?;
    let path = config.mark.clone();
    let marked = mark::read(&path)?.map(|mark| mark.changes.saturating_add(mark.entries));
    let fresh = HistoryId::born(nature.clock.now(), &*nature.entropy);
    match &config.database.source {
        Source::Given { url, migrate_url } => {
            let owner = database::options(migrate_url.as_deref().unwrap_or(url))?;
            recover::begin(&owner, fresh, nature.clock.now(), marked).await?;
        }
        Source::Private(private) => {
            // Only for this: the tables are opened below as by anybody.
            let hold = Hold::take(&config.data)?;
            let cluster = Cluster::start(&config.data, private).await?;
            migrate::migrate(&cluster.admin()).await?;
            let begun = recover::begin(&cluster.admin(), fresh, nature.clock.now(), marked).await;
            cluster.stop().await;
            drop(hold);
            begun?;
        }
    }
    let opened = open_unmarked(config, nature, Role::Guest).await?;
    let finished = recover::finish(&opened.app, &path, &gateways).await;
    opened.close().await;
    finished.map_err(|failure| StartError::Database(DatabaseError::Failed(failure.to_string())))
}

struct Reached {
    app: PgConnectOptions,
    cluster: Option<Cluster>,
    hold: Option<Hold>,
}

/// From the configuration to a database with a schema.
async fn reach(config: &Config, role: Role) -> Result<Reached, StartError> {
    match &config.database.source {
        Source::Given { url, migrate_url } => {
            let app = database::options(url)?;
            if let Some(migrate_url) = migrate_url.as_ref().filter(|_| role != Role::Visitor) {
                migrate::migrate(&database::options(migrate_url)?).await?;
            }
            Ok(Reached { app, cluster: None, hold: None })
        }
        Source::Private(private) => {
            let held = match role {
                Role::Host => Some(Hold::take_over(&config.data).await?),
                Role::Guest | Role::Visitor => match Hold::take(&config.data) {
                    Err(ClusterError::Held { .. }) => None,
                    held => Some(held?),
                },
            };
            let Some(hold) = held else {
                let app = Cluster::attach(&config.data)?;
                return Ok(Reached { app, cluster: None, hold: None });
            };
            let cluster = Cluster::start(&config.data, private).await?;
            if role != Role::Visitor {
                migrate::migrate(&cluster.admin()).await?;
            }
            Ok(Reached { app: cluster.app(), cluster: Some(cluster), hold: Some(hold) })
        }
    }
}

fn make_data_folder(config: &Config) -> Result<(), StartError> {
    let mut folder = std::fs::DirBuilder::new();
    folder.recursive(true);
    // Others may pass through (the database's user does when the server is root), but not look.
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o711);
    folder.create(&config.data).map_err(|source| StartError::Data { path: config.data.clone(), source })
}

impl Opened {
    /// Closes the database and, where this process runs it, stops it.
    pub async fn close(self) {
        self.app.untenanted().close().await;
        if let Some(cluster) = self.cluster {
            cluster.stop().await;
        }
    }

    /// Runs jobs and the schedule, serves nothing.
    #[must_use]
    pub fn work(self) -> Running {
        let stop = self.app.stopping.clone();
        let mut tasks = JoinSet::new();
        background(&self.app, &stop, &mut tasks, true);
        Running { addr: SocketAddr::from(([0, 0, 0, 0], 0)), opened: self, stop, tasks }
    }

    /// Serves on `listener`, and runs jobs where the configuration says so.
    #[must_use]
    pub fn serve(self, listener: TcpListener) -> Running {
        let app = self.app.clone();
        let addr = listener.local_addr().unwrap_or(app.config.bind.address);
        // Set once: a second server on the same App does not exist.
        _ = app.listening.set(addr);
        let stop = app.stopping.clone();
        let mut tasks = JoinSet::new();
        background(&app, &stop, &mut tasks, app.config.work);
        let stopped = stop.clone();
        tasks.spawn(async move {
            let service = router::router(app).into_make_service_with_connect_info::<SocketAddr>();
            let asked = stopped.clone();
            let served = axum::serve(listener, service).with_graceful_shutdown(async move { asked.cancelled().await });
            let late = async {
                stopped.cancelled().await;
                tokio::time::sleep(GRACE).await;
            };
            tokio::select! {
                served = served => if let Err(error) = served { tracing::error!(%error, "the server stopped listening") },
                () = late => tracing::info!("some connections stayed open and were cut"),
            }
        });
        Running { addr, opened: self, stop, tasks }
    }
}

/// What runs beside requests: wake-ups, numbering of changes, jobs.
fn background(app: &App, stop: &CancellationToken, tasks: &mut JoinSet<()>, work: bool) {
    let until = |future: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
        let stop = stop.clone();
        async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = future => {}
            }
        }
    };
    let pool = || app.untenanted().clone();
    tasks.spawn(until(Box::pin(Arc::clone(&app.wake).tell_others(pool()))));
    tasks.spawn(until(Box::pin(Arc::clone(&app.wake).hear_others(pool()))));
    tasks.spawn(until(Box::pin(crate::sync::sequencer::run(app.clone()))));
    tasks.spawn(until(Box::pin(mark::follow(app.clone()))));
    if work {
        tasks.spawn(jobs::worker::run(app.clone(), jobs::registry::all(), stop.clone()));
        tasks.spawn(jobs::schedule::run(app.clone(), stop.clone()));
    }
}

/// Starts servers.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Starts with the system's clock and randomness.
    ///
    /// # Errors
    /// One sentence on what is missing or wrong.
    pub async fn start(config: Config) -> Result<Running, StartError> {
        Self::start_in(config, Nature::default()).await
    }

    /// Starts with this clock and randomness.
    ///
    /// # Errors
    /// One sentence on what is missing or wrong.
    pub async fn start_in(config: Config, nature: Nature) -> Result<Running, StartError> {
        let listener = listen(config.bind.address).await?;
        Ok(open(config, nature, Role::Host).await?.serve(listener))
    }
}

/// Takes the address before anything else is started.
///
/// # Errors
/// When it is in use or not to be had.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| {
        let in_use = source.kind() == io::ErrorKind::AddrInUse;
        if in_use { StartError::PortInUse { address } } else { StartError::Bind { address, source } }
    })
}

/// A server that runs.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub addr: SocketAddr,
    opened: Opened,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Running {
    #[must_use]
    pub fn app(&self) -> &App {
        &self.opened.app
    }

    /// `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Lets requests and jobs that run finish (for a few seconds), then stops everything that was started.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.join_all().await;
        self.opened.close().await;
    }
}
