//! One life of the cluster: its main process, who watches over it, and how it is waited for.

use super::{
    ClusterError,
    identity::Identity,
    postmaster::{self, SOCKET},
    programs::Programs,
    unix::{ADMIN, DATABASE, options},
};
use crate::{config::database::Private, database::store};
use nix::sys::signal::Signal;
use sqlx::{Connection as _, PgConnection};
use std::{
    fs,
    io::Write,
    os::unix::{fs::OpenOptionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Between two tries to sign in.
const LOOK: Duration = Duration::from_millis(10);
/// How many tries in a row may meet silence (30 s). What says that it is still recovering may take as long as it needs.
const SILENT: u32 = 3_000;
/// How often that is said, in tries (10 s).
const SAY: u32 = 1_000;
/// What PostgreSQL answers while it reads again what it had not written to the tables when it was killed.
const STARTING_UP: &str = "57P03";

/// What is needed to run one.
#[derive(Debug)]
pub(super) struct Site {
    pub folder: PathBuf,
    pub socket: PathBuf,
    pub log: PathBuf,
    pub identity: Identity,
    pub programs: Programs,
    pub private: Private,
    /// Removed with the database when this process ends.
    pub throwaway: Option<PathBuf>,
}

/// A main process. Dropped, it is stopped and waited for.
#[derive(Debug)]
pub(super) struct Running {
    postgres: Child,
    watch: Option<Child>,
}

/// Why it is not up.
#[derive(Debug)]
pub(super) enum NotUp {
    /// Something of an earlier one is still there, says PostgreSQL; it goes away.
    InTheWay(String),
    Failed(ClusterError),
}

impl Running {
    /// Starts one and waits until it answers and has its database.
    pub async fn start(site: &Site) -> Result<Self, NotUp> {
        site.identity.own_folder(&site.socket).map_err(ClusterError::file(&site.socket)).map_err(NotUp::Failed)?;
        let postgres = site.run().map_err(NotUp::Failed)?;
        let watch = watch(&postgres, &site.identity, site.throwaway.as_deref());
        let mut running = Self { postgres, watch };
        running.ready(site).await?;
        Ok(running)
    }

    /// Whether its process has ended.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.postgres.try_wait(), Ok(None))
    }

    /// Ends every connection, writes everything, and waits until it is gone.
    pub async fn stop(mut self) {
        self.ask_to_stop();
        for _ in 0..1_500 {
            if self.has_ended() {
                return;
            }
            tokio::time::sleep(LOOK).await;
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

    async fn ready(&mut self, site: &Site) -> Result<(), NotUp> {
        let (mut silent, mut recovering) = (0, 0_u32);
        while silent < SILENT {
            if self.has_ended() {
                return Err(site.did_not_start());
            }
            match PgConnection::connect_with(&options(&site.socket, ADMIN, "postgres")).await {
                Ok(mut connection) => {
                    let made = store::make_database(&mut connection, DATABASE).await;
                    return made.map_err(|e| {
                        NotUp::Failed(ClusterError::Start {
                            path: site.folder.clone(),
                            reason: crate::database::plain(&e),
                        })
                    });
                }
                Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(STARTING_UP) => {
                    silent = 0;
                    recovering += 1;
                    if recovering.is_multiple_of(SAY) {
                        tracing::info!("the database recovers what was under way when it was killed");
                    }
                }
                Err(_) => silent += 1,
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(site.did_not_start())
    }
}

impl Drop for Running {
    /// Whoever forgets to stop it leaves nothing behind.
    fn drop(&mut self) {
        let by_itself = self.has_ended() && self.watch.as_ref().is_some_and(|watch| watch.stdin.is_some());
        if !self.has_ended() {
            self.ask_to_stop();
            _ = self.postgres.wait();
        }
        if let Some(watch) = &mut self.watch {
            if by_itself {
                // The number it would signal is nobody's or somebody else's, and the folder is still wanted.
                _ = watch.kill();
            }
            _ = watch.wait();
        }
    }
}

impl Site {
    fn run(&self) -> Result<Child, ClusterError> {
        let mut to = fs::OpenOptions::new();
        to.write(true).create(true).truncate(true).mode(0o600);
        let out = to.open(&self.log).map_err(ClusterError::file(&self.log))?;
        let again = out.try_clone().map_err(ClusterError::file(&self.log))?;
        let mut command = Command::new(self.programs.postgres());
        command.arg("-D").arg(&self.folder).arg("-k").arg(&self.socket).args(["-p", "5432", "-c", "listen_addresses="]);
        // Its log names no values of rows: they may be people's.
        command.args(["-c", "log_error_verbosity=terse", "-c", "log_min_error_statement=panic"]);
        if self.private.throwaway {
            command.args(["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]);
        }
        if let Some(most) = self.private.max_connections {
            command.arg("-c").arg(format!("max_connections={most}"));
        }
        self.identity.run(&mut command);
        // What it says is read, so it speaks one language.
        command.env("LC_ALL", "C").stdin(Stdio::null()).stdout(out).stderr(again);
        command.spawn().map_err(ClusterError::file(&self.programs.postgres()))
    }

    fn did_not_start(&self) -> NotUp {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        if text.contains("No space left on device") {
            return NotUp::Failed(ClusterError::DiskFull(self.folder.clone()));
        }
        let said = text.lines().rev().find(|line| line.contains("FATAL") || line.contains("PANIC"));
        let reason = said.and_then(|line| line.split_once(":  ")).map_or("it said nothing", |(_, why)| why);
        let reason = reason.trim_end_matches('.').to_owned();
        let held = (reason.starts_with("lock file")
            && (reason.contains("already exists") || reason.contains("is empty")))
            || reason.starts_with("pre-existing shared memory block")
            || (reason.starts_with("could not create any Unix-domain sockets") && self.socket.join(SOCKET).exists());
        if held {
            return NotUp::InTheWay(reason);
        }
        NotUp::Failed(ClusterError::Start { path: self.folder.clone(), reason })
    }
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
