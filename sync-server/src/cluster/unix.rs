//! A cluster from making it to stopping it. While this process lives its database does: one that ends by itself (killed
//! because memory ran out, say) is started again.

use super::{
    ClusterError,
    identity::Identity,
    make,
    postmaster::{self, Postmaster, SOCKET},
    programs::Programs,
    running::{NotUp, Running, Site},
};
use crate::config::database::Private;
use sha2::{Digest, Sha256};
use sqlx::postgres::PgConnectOptions;
use std::{
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Who migrates.
pub(super) const ADMIN: &str = "willcall_admin";
/// Who serves.
pub(super) const APP: &str = "willcall_app";
pub(super) const DATABASE: &str = "willcall";
/// How long the path of a socket may be.
const SOCKET_PATH_MAX: usize = 107;
/// How often a start is tried again while something of an earlier database is in the way, and after what pause (60 s).
const TRIES: u32 = 120;
const BETWEEN: Duration = Duration::from_millis(500);
/// Pauses between two tries to start a database again that ended by itself: each twice the last, up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A cluster this process runs.
#[derive(Debug)]
pub struct Cluster {
    site: Arc<Site>,
    /// None while it is being started again.
    running: Arc<Mutex<Option<Running>>>,
    stopping: CancellationToken,
}

impl Cluster {
    /// Makes the cluster in `data` if there is none, starts it, and makes its database. What a killed server left is
    /// ended and waited for first.
    ///
    /// # Errors
    /// When programs, rights or disk are missing, or PostgreSQL does not start.
    pub async fn start(data: &Path, private: &Private) -> Result<Self, ClusterError> {
        let folder = data.join("pg");
        let identity = Identity::for_cluster(&folder)?;
        identity.reach(data)?;
        let major = fs::read_to_string(folder.join("PG_VERSION")).ok().map(|v| v.trim().to_owned());
        let programs = Programs::find(private.bindir.as_deref(), major.as_deref(), &folder)?;
        if major.is_none() {
            make::make(&folder, &identity, &programs)?;
        }
        make::allow(&folder, &identity).map_err(ClusterError::file(&folder))?;
        let site = Arc::new(Site {
            socket: socket_folder(data, &identity),
            log: data.join("postgres.log"),
            throwaway: private.throwaway.then(|| data.to_owned()),
            private: private.clone(),
            folder,
            identity,
            programs,
        });
        let running = Arc::new(Mutex::new(Some(start(&site).await?)));
        let stopping = CancellationToken::new();
        tokio::spawn(keep(Arc::clone(&site), Arc::clone(&running), stopping.clone()));
        Ok(Self { site, running, stopping })
    }

    /// Whether there is one in `data`.
    #[must_use]
    pub fn is_made(data: &Path) -> bool {
        data.join("pg").exists()
    }

    /// Whether one could be made in `data`; nothing is tried.
    ///
    /// # Errors
    /// When programs, or a user to run them as, are missing.
    pub fn could_be_made(data: &Path, private: &Private) -> Result<(), ClusterError> {
        let folder = data.join("pg");
        Identity::for_cluster(&folder)?;
        Programs::find(private.bindir.as_deref(), None, &folder).map(|_| ())
    }

    /// How to reach, as the server, the cluster another process runs in `data`.
    ///
    /// # Errors
    /// When none runs there.
    pub fn attach(data: &Path) -> Result<PgConnectOptions, ClusterError> {
        let running = Postmaster::of(&data.join("pg")).filter(Postmaster::runs);
        let running = running.ok_or_else(|| ClusterError::NotRunning(data.to_owned()))?;
        Ok(options(&running.socket, APP, DATABASE))
    }

    /// How to reach it as who migrates.
    #[must_use]
    pub fn admin(&self) -> PgConnectOptions {
        options(&self.site.socket, ADMIN, DATABASE)
    }

    /// How to reach it as the server.
    #[must_use]
    pub fn app(&self) -> PgConnectOptions {
        options(&self.site.socket, APP, DATABASE)
    }

    /// The folder of its socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.site.socket
    }

    /// Ends every connection, writes everything, and waits until it is gone.
    pub async fn stop(self) {
        self.stopping.cancel();
        let running = lock(&self.running).take();
        if let Some(running) = running {
            running.stop().await;
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stopping.cancel();
        drop(lock(&self.running).take());
        // Empty by now; it may lie outside the data folder.
        _ = fs::remove_dir(&self.site.socket);
    }
}

fn lock(running: &Mutex<Option<Running>>) -> MutexGuard<'_, Option<Running>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Clears away what an earlier one left and starts; again while PostgreSQL says that something of it is still there.
async fn start(site: &Site) -> Result<Running, ClusterError> {
    let failed = |reason| ClusterError::Start { path: site.folder.clone(), reason };
    let mut tries = 0;
    loop {
        postmaster::clear(&site.folder, &site.socket).await.map_err(failed)?;
        match Running::start(site).await {
            Ok(running) => return Ok(running),
            Err(NotUp::InTheWay(reason)) if tries < TRIES => {
                tries += 1;
                tracing::warn!(%reason, "what is left of a database that was killed is in the way; trying again");
                tokio::time::sleep(BETWEEN).await;
            }
            Err(NotUp::InTheWay(reason)) => return Err(failed(reason)),
            Err(NotUp::Failed(error)) => return Err(error),
        }
    }
}

/// Starts it again whenever it ends by itself.
async fn keep(site: Arc<Site>, running: Arc<Mutex<Option<Running>>>, stopping: CancellationToken) {
    let mut children = match signal(SignalKind::child()) {
        Ok(children) => children,
        Err(error) => return tracing::warn!(%error, "nobody notices if the database ends by itself"),
    };
    while !stopping.is_cancelled() {
        let ended = match &mut *lock(&running) {
            Some(running) => running.has_ended(),
            None => return,
        };
        if !ended {
            stopping.run_until_cancelled(children.recv()).await;
            continue;
        }
        tracing::error!("the private database ended by itself; starting it again");
        drop(lock(&running).take());
        let Some(again) = stopping.run_until_cancelled(start_again(&site)).await else { return };
        let mut place = lock(&running);
        // Whoever stops it looks here after saying so.
        if stopping.is_cancelled() {
            return;
        }
        *place = Some(again);
    }
}

async fn start_again(site: &Site) -> Running {
    let mut pause = BETWEEN;
    loop {
        match start(site).await {
            Ok(running) => {
                tracing::warn!("the private database runs again");
                return running;
            }
            Err(error) => tracing::error!(%error, "the private database does not start again"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

pub(super) fn options(socket: &Path, user: &str, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass().socket(socket).port(5432).username(user).database(database)
}

/// The socket's folder: beside the cluster, or under the temp folder where that path would be too long for a socket.
fn socket_folder(data: &Path, identity: &Identity) -> PathBuf {
    let folder = data.join("pg-socket");
    if folder.as_os_str().len() + 1 + SOCKET.len() <= SOCKET_PATH_MAX {
        return folder;
    }
    let name = hex::encode(&Sha256::digest(data.as_os_str().as_bytes())[..6]);
    std::env::temp_dir().join(format!("willcall-{}-{name}", identity.uid))
}
