//! Making, starting and stopping the cluster.

use super::{ClusterError, identity::Identity, postmaster, postmaster::Postmaster, programs::Programs};
use crate::{config::database::Private, database::store};
use nix::sys::signal::Signal;
use sha2::{Digest, Sha256};
use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use std::{
    fs,
    io::Write,
    os::unix::{ffi::OsStrExt, fs::OpenOptionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Who migrates.
const ADMIN: &str = "willcall_admin";
/// Who serves.
const APP: &str = "willcall_app";
const DATABASE: &str = "willcall";
/// What PostgreSQL puts behind the socket's folder, and how long the whole may be.
const SOCKET_NAME: &str = "/.s.PGSQL.5432";
const SOCKET_PATH_MAX: usize = 107;

/// A cluster this process runs.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    socket: PathBuf,
    postgres: Child,
    watch: Option<Child>,
}

impl Cluster {
    /// Makes the cluster in `data` if there is none, starts it, and makes its database.
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
            make(&folder, &identity, &programs)?;
        }
        if let Some(left_over) = Postmaster::of(&folder) {
            let failed = |reason| ClusterError::Start { path: folder.clone(), reason };
            left_over.clear().await.map_err(failed)?;
        }
        allow(&folder, &identity).map_err(ClusterError::file(&folder))?;
        let socket = socket_folder(data, &identity)?;
        let log = data.join("postgres.log");
        let postgres = run(&folder, &socket, &log, &identity, &programs, private)?;
        let watch = watch(&postgres, &identity, private.throwaway.then_some(data));
        let mut cluster = Self { folder, socket, postgres, watch };
        cluster.ready(&log).await?;
        Ok(cluster)
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
        options(&self.socket, ADMIN, DATABASE)
    }

    /// How to reach it as the server.
    #[must_use]
    pub fn app(&self) -> PgConnectOptions {
        options(&self.socket, APP, DATABASE)
    }

    /// The folder of its socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Ends every connection, writes everything, and waits until it is gone.
    pub async fn stop(mut self) {
        self.ask_to_stop();
        for _ in 0..1_500 {
            if !matches!(self.postgres.try_wait(), Ok(None)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tracing::warn!("the database takes its time to stop");
    }

    fn ask_to_stop(&mut self) {
        // Told that all is well, the watch ends without a signal.
        let told = self.watch.as_mut().and_then(|watch| watch.stdin.take()).map(|mut stdin| stdin.write_all(b"\n"));
        if let Some(Err(error)) = told {
            tracing::debug!(%error, "nobody watched over the database");
        }
        if let Ok(pid) = i32::try_from(self.postgres.id()) {
            postmaster::end(pid, Signal::SIGINT);
        }
    }

    /// Waits until it answers, and makes the database.
    async fn ready(&mut self, log: &Path) -> Result<(), ClusterError> {
        for _ in 0..3_000 {
            if let Ok(Some(_)) = self.postgres.try_wait() {
                return Err(self.did_not_start(log));
            }
            if let Ok(mut connection) = PgConnection::connect_with(&options(&self.socket, ADMIN, "postgres")).await {
                let made = store::make_database(&mut connection, DATABASE).await;
                return made.map_err(|e| ClusterError::Start {
                    path: self.folder.clone(),
                    reason: crate::database::plain(&e),
                });
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err(self.did_not_start(log))
    }

    fn did_not_start(&self, log: &Path) -> ClusterError {
        let text = fs::read_to_string(log).unwrap_or_default();
        if text.contains("No space left on device") {
            return ClusterError::DiskFull(self.folder.clone());
        }
        let said = text.lines().rev().find(|line| line.contains("FATAL") || line.contains("PANIC"));
        let reason = said.and_then(|line| line.split_once(":  ")).map_or("it said nothing", |(_, why)| why);
        ClusterError::Start { path: self.folder.clone(), reason: reason.trim_end_matches('.').to_owned() }
    }
}

impl Drop for Cluster {
    /// Whoever forgets to stop it leaves nothing behind.
    fn drop(&mut self) {
        if matches!(self.postgres.try_wait(), Ok(None)) {
            self.ask_to_stop();
            _ = self.postgres.wait();
        }
        if let Some(watch) = &mut self.watch {
            _ = watch.wait();
        }
        // Empty by now; it may lie outside the data folder.
        _ = fs::remove_dir(&self.socket);
    }
}

fn options(socket: &Path, user: &str, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass().socket(socket).port(5432).username(user).database(database)
}

/// `initdb`, beside its place, so that what was interrupted is never taken for a cluster.
fn make(folder: &Path, identity: &Identity, programs: &Programs) -> Result<(), ClusterError> {
    let beside = folder.with_extension("new");
    // Letters beyond ASCII are folded (Müller, MÜLLER) where the system has this locale.
    let mut said = initdb(&beside, "C.UTF-8", identity, programs)?;
    if said.as_ref().is_err_and(|words| words.contains("locale")) {
        said = initdb(&beside, "C", identity, programs)?;
    }
    if let Err(words) = said {
        if words.contains("No space left on device") {
            return Err(ClusterError::DiskFull(folder.to_owned()));
        }
        let line = words.lines().find(|l| l.contains("error:") || l.contains("FATAL")).unwrap_or("initdb failed");
        return Err(ClusterError::Start { path: folder.to_owned(), reason: line.trim_end_matches('.').to_owned() });
    }
    fs::rename(&beside, folder).map_err(ClusterError::file(folder))
}

/// The inner error is what `initdb` said.
fn initdb(
    folder: &Path,
    locale: &str,
    identity: &Identity,
    programs: &Programs,
) -> Result<Result<(), String>, ClusterError> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(ClusterError::file(folder))?;
    }
    identity.own_folder(folder).map_err(ClusterError::file(folder))?;
    let mut command = Command::new(programs.initdb());
    command.arg("-D").arg(folder).args(["-U", ADMIN, "-E", "UTF8", "--auth-local=peer", "--auth-host=reject"]);
    command.arg(format!("--locale={locale}"));
    identity.run(&mut command);
    let said = command.stdin(Stdio::null()).output().map_err(ClusterError::file(&programs.initdb()))?;
    let words = String::from_utf8_lossy(&said.stderr).into_owned() + &String::from_utf8_lossy(&said.stdout);
    Ok(if said.status.success() { Ok(()) } else { Err(words) })
}

/// Who may sign in as whom: users of the system who run server or cluster, checked by the kernel.
fn allow(folder: &Path, identity: &Identity) -> std::io::Result<()> {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text)?;
        identity.own(&path)
    };
    write("pg_hba.conf", "local all all peer map=willcall\n")?;
    let lines: Vec<String> = identity
        .allowed()
        .iter()
        .flat_map(|user| [ADMIN, APP].map(|role| format!("willcall {user} {role}\n")))
        .collect();
    write("pg_ident.conf", &lines.concat())
}

/// The socket's folder: beside the cluster, or under the temp folder where that path would be too long for a socket.
fn socket_folder(data: &Path, identity: &Identity) -> Result<PathBuf, ClusterError> {
    let mut folder = data.join("pg-socket");
    if folder.as_os_str().len() + SOCKET_NAME.len() > SOCKET_PATH_MAX {
        let name = hex::encode(&Sha256::digest(data.as_os_str().as_bytes())[..6]);
        folder = std::env::temp_dir().join(format!("willcall-{}-{name}", identity.uid));
    }
    identity.own_folder(&folder).map_err(ClusterError::file(&folder))?;
    Ok(folder)
}

fn run(
    folder: &Path,
    socket: &Path,
    log: &Path,
    identity: &Identity,
    programs: &Programs,
    private: &Private,
) -> Result<Child, ClusterError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let out = options.open(log).map_err(ClusterError::file(log))?;
    let again = out.try_clone().map_err(ClusterError::file(log))?;
    let mut command = Command::new(programs.postgres());
    command.arg("-D").arg(folder).arg("-k").arg(socket).args(["-p", "5432", "-c", "listen_addresses="]);
    // Its log names no values of rows: they may be people's.
    command.args(["-c", "log_error_verbosity=terse", "-c", "log_min_error_statement=panic"]);
    if private.throwaway {
        command.args(["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]);
    }
    if let Some(most) = private.max_connections {
        command.arg("-c").arg(format!("max_connections={most}"));
    }
    identity.run(&mut command);
    command.stdin(Stdio::null()).stdout(out).stderr(again);
    command.spawn().map_err(ClusterError::file(&programs.postgres()))
}

/// A shell that waits for the end of this process, however it ends, and stops the database then: the other end of its
/// pipe is ours alone. Without a shell the next start clears up instead.
fn watch(postgres: &Child, identity: &Identity, throwaway: Option<&Path>) -> Option<Child> {
    const STOP: &str = "read -r _ && exit 0; kill -INT \"$0\"";
    const STOP_AND_REMOVE: &str = "read -r _; kill -INT \"$0\"; n=0; while [ -e \"$1/pg/postmaster.pid\" ] && [ $n -lt 200 ]; \
         do sleep 0.05; n=$((n + 1)); done; rm -rf \"$1\"";
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(if throwaway.is_some() { STOP_AND_REMOVE } else { STOP }).arg(postgres.id().to_string());
    if let Some(folder) = throwaway {
        command.arg(folder).process_group(0);
    } else {
        identity.run(&mut command);
    }
    let watch = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    watch.inspect_err(|error| tracing::info!(%error, "no shell watches over the database")).ok()
}
