//! For tests: one private cluster a process, thrown away with it; a fresh migrated database for each test, cloned from a
//! template. Used by the suites, never by the server.

use crate::{
    cluster::Cluster,
    config::{
        Config,
        database::{Database, Private, Source},
    },
    database::migrate,
    server::{Nature, Running, Server, StartError},
};
use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};
use tokio::sync::OnceCell;

/// The cluster of this process. Nobody runs destructors of statics: the cluster's watch stops it when the process ends,
/// and removes its folder.
static CLUSTER: OnceCell<TestCluster> = OnceCell::const_new();
static NEXT: AtomicU64 = AtomicU64::new(1);

#[derive(Debug)]
struct TestCluster {
    cluster: Cluster,
}

/// A database of one test, empty but for its tables, and a folder for the server's files.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    folder: PathBuf,
}

impl TestDatabase {
    /// Makes one.
    ///
    /// # Errors
    /// When PostgreSQL is missing or does not start.
    pub async fn fresh() -> Result<Self, StartError> {
        let cluster = &CLUSTER.get_or_try_init(start).await?.cluster;
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        let name = format!("test_{number}");
        let mut admin = PgConnection::connect_with(&cluster.admin().database("postgres")).await.map_err(sql)?;
        crate::database::store::clone_database(&mut admin, "willcall", &name).await.map_err(sql)?;
        let folder = root().join(format!("data-{number}"));
        std::fs::create_dir_all(&folder).map_err(|source| StartError::Data { path: folder.clone(), source })?;
        Ok(Self { name, folder })
    }

    /// How the server signs in to it.
    #[must_use]
    pub fn app(&self) -> PgConnectOptions {
        cluster().app().database(&self.name)
    }

    /// How a superuser signs in to it, to look behind row-level security.
    #[must_use]
    pub fn admin(&self) -> PgConnectOptions {
        cluster().admin().database(&self.name)
    }

    /// The address for `DATABASE_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        self.address("willcall_app")
    }

    /// The address a superuser takes.
    #[must_use]
    pub fn admin_url(&self) -> String {
        self.address("willcall_admin")
    }

    fn address(&self, user: &str) -> String {
        let socket = cluster().socket().to_string_lossy().into_owned();
        let socket: String = url::form_urlencoded::byte_serialize(socket.as_bytes()).collect();
        format!("postgres://{user}@{socket}/{}", self.name)
    }

    /// Where the server's files go.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A configuration for a server on it.
    #[must_use]
    pub fn config(&self) -> Config {
        Config::for_testing(&self.folder, Database::for_testing(self.url()))
    }

    /// A server on it, with this clock and randomness.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn server(&self, nature: Nature) -> Result<Running, StartError> {
        Server::start_in(self.config(), nature).await
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // The database itself goes with the cluster.
        _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn sql(error: sqlx::Error) -> StartError {
    StartError::Database(error.into())
}

#[expect(clippy::expect_used, reason = "a TestDatabase exists only once the cluster runs")]
fn cluster() -> &'static Cluster {
    &CLUSTER.get().expect("the cluster runs").cluster
}

fn root() -> PathBuf {
    std::env::temp_dir().join(format!("willcall-test-{}", std::process::id()))
}

async fn start() -> Result<TestCluster, StartError> {
    sweep();
    let root = root();
    std::fs::create_dir_all(&root).map_err(|source| StartError::Data { path: root.clone(), source })?;
    let private = Private { bindir: None, throwaway: true, max_connections: Some(400) };
    let cluster = Cluster::start(&root, &private).await?;
    migrate::migrate(&cluster.admin()).await?;
    Ok(TestCluster { cluster })
}

/// Removes folders of test processes that are gone.
fn sweep() {
    let folders = std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    for folder in folders {
        let name = folder.file_name();
        let pid = name.to_str().and_then(|n| n.strip_prefix("willcall-test-")).and_then(|n| n.parse::<u32>().ok());
        if pid.is_some_and(|pid| !alive(pid)) && !folder.path().join("pg/postmaster.pid").exists() {
            _ = std::fs::remove_dir_all(folder.path());
        }
    }
}

#[cfg(unix)]
fn alive(pid: u32) -> bool {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap_or(i32::MAX));
    !matches!(nix::sys::signal::kill(pid, None), Err(nix::errno::Errno::ESRCH))
}

#[cfg(not(unix))]
fn alive(_: u32) -> bool {
    true
}

/// A source for a configuration with a private cluster of its own, fast and not durable.
#[must_use]
pub fn private_source() -> Database {
    let private = Private { bindir: None, throwaway: true, max_connections: None };
    Database { source: Source::Private(private), connections: 6 }
}
