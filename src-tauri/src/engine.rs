//! The engine of the window: the open station, what runs beside it, and the moments in which the folder must be free of
//! both, because its database is put back, made anew or wiped.

use crate::events::Voice;
use serde::{Deserialize, Serialize};
use std::{
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tauri::async_runtime::{self, JoinHandle};
use tokio_util::sync::CancellationToken;
use ts_rs::TS;
use willcall_domain::{
    clock::UtcMillis,
    problem::{Code, Problem},
};
use willcall_station::{Host, Station, StationConfig, socket};

/// How long what runs may take to put down what it holds.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long questions under way may take to be answered before the folder is to be free.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How far work is that needs the folder for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// What runs comes to its end; nothing is scanned or sold from here on.
    Ending,
    Working,
    /// The station is opened again.
    Opening,
}

/// The station, and what runs beside it.
pub struct Engine {
    config: StationConfig,
    host: Host,
    voice: Voice,
    state: Mutex<State>,
    /// Held by whoever opens or shuts.
    changing: tokio::sync::Mutex<()>,
}

enum State {
    Open {
        station: Station,
        /// `None` until it is started.
        running: Option<Running>,
    },
    /// Not open, and why.
    Shut(Problem),
}

struct Running {
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Engine {
    /// Opens the station; nothing runs yet.
    ///
    /// # Errors
    /// As [`Station::open`].
    pub fn open(config: StationConfig, host: Host, voice: Voice) -> Result<Self, Problem> {
        // The station's own tasks live in the window's runtime.
        let station = async_runtime::block_on(async { Station::open(config.clone(), host.clone()) })?;
        let state = Mutex::new(State::Open { station, running: None });
        Ok(Self { config, host, voice, state, changing: tokio::sync::Mutex::default() })
    }

    /// The station in use.
    ///
    /// # Errors
    /// `busy` while its database is put back, made anew or wiped; else why it could not be opened afterwards.
    pub fn station(&self) -> Result<Station, Problem> {
        match &*self.state() {
            State::Open { station, .. } => Ok(station.clone()),
            State::Shut(problem) => Err(problem.clone()),
        }
    }

    /// The machine's time.
    #[must_use]
    pub fn now(&self) -> UtcMillis {
        self.host.clock.now()
    }

    /// Starts what runs beside the station: sync, backups, the eye on the disk, and answers for `willcall-station`.
    pub fn start(&self) {
        if let State::Open { station, running } = &mut *self.state()
            && running.is_none()
        {
            *running = Some(self.run(station.clone()));
        }
    }

    /// Ends what runs; the station is not open any more.
    pub async fn end(&self) {
        let _one = self.changing.lock().await;
        drop(self.shut().await);
    }

    /// Opens the station where it could not be opened before; does nothing where it is open or being worked on.
    pub async fn open_again(&self) {
        let is_shut = matches!(*self.state(), State::Shut(_));
        if is_shut && let Ok(_one) = self.changing.try_lock() {
            self.reopen().await;
        }
    }

    /// Does work that needs the folder for itself: ends what runs, waits until nobody uses the station, works, and opens
    /// it again, whatever came of the work.
    ///
    /// # Errors
    /// `busy` when such work is under way, or the station is not let go of in time: nothing was done then. Else as the
    /// work, or as [`Station::open`] when it cannot be opened afterwards.
    pub async fn alone<T, W>(&self, work: impl FnOnce(StationConfig, Host) -> W + Send + 'static) -> Result<T, Problem>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, Problem>>,
    {
        let Ok(_one) = self.changing.try_lock() else { return Err(busy()) };
        self.voice.step(Step::Ending);
        // One that could not be opened may be put back all the same.
        if let Some(station) = self.shut().await {
            if !let_go(&station).await {
                self.set_open(station);
                let detail =
                    "Something else is under way at this station and does not end. Nothing was done; try again.";
                return Err(Problem::new(Code::Busy, detail));
            }
            // Its last thread ends with it, which may wait for the disk.
            in_a_thread(move || drop(station)).await?;
        }
        self.voice.step(Step::Working);
        let (config, host) = (self.config.clone(), self.host.clone());
        let done = in_a_thread(move || tokio::runtime::Handle::current().block_on(work(config, host))).await?;
        self.voice.step(Step::Opening);
        self.reopen().await;
        match (done, self.station()) {
            (Ok(_), Err(problem)) => Err(problem),
            (done, _) => done,
        }
    }

    /// Takes the station out of use; `None` where it was not open.
    async fn shut(&self) -> Option<Station> {
        let was = std::mem::replace(&mut *self.state(), State::Shut(busy()));
        let State::Open { station, running } = was else { return None };
        if let Some(Running { cancel, mut task }) = running {
            cancel.cancel();
            if tokio::time::timeout(FAREWELL, &mut task).await.is_err() {
                tracing::warn!("the engine did not end in time; what was recorded is safe");
                task.abort();
            }
        }
        Some(station)
    }

    async fn reopen(&self) {
        let (config, host) = (self.config.clone(), self.host.clone());
        match in_a_thread(move || Station::open(config, host)).await.flatten() {
            Ok(station) => self.set_open(station),
            Err(problem) => {
                tracing::error!(%problem, "the station cannot be opened again");
                *self.state() = State::Shut(problem);
            }
        }
        self.voice.all_changed();
    }

    fn set_open(&self, station: Station) {
        let running = Some(self.run(station.clone()));
        *self.state() = State::Open { station, running };
    }

    fn run(&self, station: Station) -> Running {
        let cancel = CancellationToken::new();
        let (folder, entropy) = (self.config.data.clone(), self.host.entropy.clone());
        let (voice, changes, until) = (self.voice.clone(), station.watch(), cancel.clone());
        let running = async move {
            let answering = async {
                match socket::bind(&folder, &*entropy).await {
                    Ok(socket) => socket.serve(station.clone(), until.clone()).await,
                    Err(problem) => tracing::warn!(%problem, "willcall-station cannot talk to this window"),
                }
            };
            tokio::join!(station.run(until.clone()), answering);
        };
        // Ends with the station's last clone.
        async_runtime::spawn(voice.pass_on(changes));
        Running { cancel, task: async_runtime::spawn(running) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn busy() -> Problem {
    let detail = "Its database is being worked on. Nothing can be scanned or sold here until that is done.";
    Problem::new(Code::Busy, detail)
}

/// Waits until questions under way are answered; answers whether nobody but this one holds the station.
async fn let_go(station: &Station) -> bool {
    let free = async {
        while !station.is_last() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    tokio::time::timeout(PATIENCE, free).await.is_ok()
}

/// Opening, closing and working block; commands must not.
async fn in_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    async_runtime::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "work on the station's folder ended unexpectedly");
        Problem::new(Code::Internal, "That failed. What was recorded is safe.")
    })
}
