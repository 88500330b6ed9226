//! The keeper: a thread that follows each commit. It copies new entries to the mirrors, then marks the end of the journal
//! outside the database; never in the way of who scans or sells. What is written in one breath is copied in one go, at
//! most half a second later.

use super::{
    backup,
    mark::Marks,
    mirror::{Mirror, MirrorKey},
    places::Places,
    store,
};
use crate::{
    db::{self, Watch},
    devices,
    error::Fault,
    journal,
    station::Host,
};
use rusqlite::Transaction;
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};
use willcall_domain::sync::{Entry, EntryRef, standing::Mark};

/// Between two rounds, so that what follows closely is taken together.
const PACE: Duration = Duration::from_millis(400);
/// Without news the database file is looked at this often.
const LOOK: Duration = Duration::from_secs(2);
/// Between two marks in the keychain, which may write all it holds each time.
const OUTSIDE_EVERY_MS: u64 = 900;
/// A keychain that did not take one is left alone this long.
const OUTSIDE_AGAIN_MS: u64 = 60_000;
/// Entries copied in one piece.
const PIECE: u32 = 1_000;

/// What the keeper works with.
#[derive(Debug)]
pub struct Keeping {
    pub folder: PathBuf,
    pub marks: Marks,
    pub key: MirrorKey,
    pub watch: Watch,
    pub host: Host,
}

/// The running thread. It ends with this value, after a last round.
#[derive(Debug)]
pub struct Keeper {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    with: Keeping,
    ending: Mutex<bool>,
    ended: Condvar,
    /// The database file is not there any more, though it is open.
    deleted: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    mirrors: Vec<OneMirror>,
    marked: Option<Mark>,
    /// The mark that is in the keychain, and when the next may go there.
    outside: Option<Mark>,
    outside_from_ms: u64,
    /// Only the first failure of each kind is told.
    troubled: bool,
}

#[derive(Debug)]
struct OneMirror {
    folder: PathBuf,
    /// `None` while the medium is away.
    mirror: Option<Mirror>,
    /// The last row that was copied.
    row: i64,
}

impl Keeper {
    /// Starts the thread.
    #[must_use]
    pub fn start(with: Keeping) -> Self {
        let state = Mutex::new(State::default());
        let (ending, ended) = (Mutex::new(false), Condvar::new());
        let shared = Arc::new(Shared { with, ending, ended, deleted: AtomicBool::new(false), state });
        let of_thread = shared.clone();
        let spawned = std::thread::Builder::new().name("station-keeper".into()).spawn(move || of_thread.run());
        let thread = spawned.inspect_err(|error| tracing::error!(%error, "no thread keeps the marks")).ok();
        Self { shared, thread }
    }

    /// One round at once: when this answers, the mirrors and the mark have what is committed, as far as their media take
    /// it.
    pub fn settle(&self) {
        self.shared.look_at_file();
        self.shared.round(true);
    }

    /// Begins new files in the mirrors and removes those that are not needed any more: a backup was finished.
    pub fn backed_up(&self) {
        let covered = backup::oldest(&self.places().backups(&self.shared.with.folder));
        let mut state = self.shared.state();
        for mirror in state.mirrors.iter_mut().filter_map(|one| one.mirror.as_mut()) {
            mirror.rotate();
            if let Some(covered) = covered {
                let watch = &self.shared.with.watch;
                let waits = |of: EntryRef| watch.look(|tx| journal::is_waiting(tx, of)).unwrap_or(true);
                mirror.prune(covered, waits);
            }
        }
    }

    /// Erases what stands beside these entries in every mirror that is there.
    pub fn erase(&self, entries: &[EntryRef]) {
        let (now, entropy) = (self.shared.with.host.clock.now(), self.shared.with.host.entropy.clone());
        let mut state = self.shared.state();
        for mirror in state.mirrors.iter_mut().filter_map(|one| one.mirror.as_mut()) {
            if let Err(fault) = mirror.erase(entries, now, &*entropy) {
                tracing::error!(%fault, "personal data could not be erased in a copy of the journal");
            }
        }
    }

    /// Whether the mirror in this folder has all that was committed up to the last round.
    #[must_use]
    pub fn follows(&self, folder: &Path) -> bool {
        self.shared.state().mirrors.iter().any(|one| one.folder == folder && one.mirror.is_some())
    }

    /// Whether the database's file was deleted while it is open.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.shared.deleted.load(Ordering::Relaxed)
    }

    /// The newest mark that was written beside the database.
    #[must_use]
    pub fn marked(&self) -> Option<Mark> {
        self.shared.state().marked.clone()
    }

    /// What files of this station's journal are sealed with.
    #[must_use]
    pub fn mirror_key(&self) -> MirrorKey {
        self.shared.with.key.clone()
    }

    fn places(&self) -> Places {
        self.shared.places()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        *self.shared.ending.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.ended.notify_all();
        self.shared.with.watch.wake();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that keeps the marks ended unexpectedly");
        }
    }
}

impl Shared {
    fn run(&self) {
        loop {
            let seen = self.with.watch.count();
            self.round(false);
            let last = self.pause();
            self.look_at_file();
            if last {
                return self.round(true);
            }
            self.with.watch.wait(seen, LOOK);
        }
    }

    /// Lets pass what follows closely; answers whether this is the end.
    fn pause(&self) -> bool {
        let ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.ended.wait_timeout_while(ending, PACE, |ending| !*ending);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn places(&self) -> Places {
        Places::of(&self.with.folder).unwrap_or_else(|problem| {
            tracing::error!(%problem, "the settings of copies cannot be read; those of a new station hold");
            Places::default()
        })
    }

    /// Mirrors first, then the mark: what is marked can be given back.
    fn round(&self, last: bool) {
        let mut state = self.state();
        let done = self.mirror(&mut state).and_then(|()| self.mark(&mut state, last));
        match done {
            Ok(()) => state.troubled = false,
            Err(fault) if !state.troubled => {
                state.troubled = true;
                tracing::error!(%fault, "the copies of the journal do not follow");
            }
            Err(_) => {}
        }
    }

    fn mirror(&self, state: &mut State) -> Result<(), Fault> {
        let wanted = self.places().mirrors(&self.with.folder);
        state.mirrors.retain(|one| wanted.contains(&one.folder));
        for folder in wanted {
            if !state.mirrors.iter().any(|one| one.folder == folder) {
                state.mirrors.push(OneMirror { folder, mirror: None, row: 0 });
            }
        }
        let results: Vec<_> = state.mirrors.iter_mut().map(|one| self.follow(one)).collect();
        results.into_iter().collect()
    }

    /// Copies what is new to one mirror; a medium that was away catches up.
    fn follow(&self, one: &mut OneMirror) -> Result<(), Fault> {
        let (now, entropy) = (self.with.host.clock.now(), self.with.host.entropy.clone());
        if one.mirror.is_none() {
            let mut mirror = Mirror::of(&one.folder, &self.with.key)?;
            let (lacking, row, erased) = self.with.watch.look(|tx| {
                let (lacking, row) = lacking(tx, &mirror)?;
                Ok((lacking, row, store::erased_entries(tx)?))
            })?;
            if !erased.is_empty() {
                // It may have been away when that was ordered.
                mirror.erase(&erased, now, &*entropy)?;
            }
            self.append(&mut mirror, &lacking)?;
            (one.mirror, one.row) = (Some(mirror), row);
        }
        loop {
            let fresh = self.with.watch.look(|tx| journal::after_row(tx, one.row, PIECE))?;
            let Some(last) = fresh.last().map(|(row, _)| *row) else { return Ok(()) };
            let entries: Vec<Entry> = fresh.into_iter().map(|(_, entry)| entry).collect();
            let Some(mirror) = one.mirror.as_mut() else { return Ok(()) };
            if let Err(fault) = self.append(mirror, &entries) {
                one.mirror = None;
                return Err(fault);
            }
            one.row = last;
        }
    }

    /// Entries of each enrolment go in files that the server of its organizer can read, as soon as its key is known.
    fn append(&self, mirror: &mut Mirror, entries: &[Entry]) -> Result<(), Fault> {
        let host = &self.with.host;
        for of_one in entries.chunk_by(|a, b| a.station == b.station) {
            let Some(station) = of_one.first().map(|entry| entry.station) else { continue };
            let to = self.with.watch.look(|tx| devices::sealing_key(tx, station))?;
            mirror.append(of_one, to.as_ref(), host.clock.now(), &*host.entropy)?;
        }
        Ok(())
    }

    fn mark(&self, state: &mut State, last: bool) -> Result<(), Fault> {
        let Some(mark) = self.with.watch.look(|tx| mark(tx, &self.with.host.machine))? else { return Ok(()) };
        if state.marked.as_ref() != Some(&mark) {
            if !self.with.marks.write_beside(&mark) {
                return Err(Fault::Data("the mark beside the database was not written".into()));
            }
            state.marked = Some(mark.clone());
        }
        let now = self.with.host.clock.monotonic_ms();
        let due = last || now >= state.outside_from_ms;
        if self.with.marks.are_outside() && due && state.outside.as_ref() != Some(&mark) {
            let taken = self.with.marks.write_outside(&mark);
            state.outside_from_ms = now + if taken { OUTSIDE_EVERY_MS } else { OUTSIDE_AGAIN_MS };
            if taken {
                state.outside = Some(mark);
            }
        }
        Ok(())
    }

    /// A file that was deleted while it is open lives on as long as this program does: all of it is copied at once.
    fn look_at_file(&self) {
        if db::open::path(&self.with.folder).exists() || self.deleted.load(Ordering::Relaxed) {
            return;
        }
        tracing::error!("the database was deleted while it is open; it is copied as it is now");
        let folder = self.places().backups(&self.with.folder);
        match backup::copy(&self.with.watch, &folder, self.with.host.clock.now()) {
            Ok(file) => {
                self.deleted.store(true, Ordering::Relaxed);
                tracing::warn!(file = %file.display(), "copied; what follows goes to the copies of the journal");
            }
            Err(fault) => tracing::error!(%fault, "it could not be copied"),
        }
    }
}

/// Entries a mirror lacks that were written up to now, and the last row there is.
fn lacking(tx: &Transaction<'_>, mirror: &Mirror) -> Result<(Vec<Entry>, i64), Fault> {
    let places = journal::places(tx)?;
    let row = places.last().map_or(0, |place| place.row);
    let lacking = places.iter().filter(|place| mirror.lacks(place.of, place.waiting));
    let entries = lacking.map(|place| journal::at_row(tx, place.row)).collect::<Result<Vec<_>, Fault>>()?;
    Ok((entries.into_iter().flatten().collect(), row))
}

/// The mark of the state that is seen; `None` before the first entry.
fn mark(tx: &Transaction<'_>, machine: &str) -> Result<Option<Mark>, Fault> {
    let Some(who) = devices::current(tx)? else { return Ok(None) };
    let Some(at) = journal::end(tx, who.device_id, who.incarnation)? else { return Ok(None) };
    let life = store::life(tx, who.device_id, who.incarnation)?;
    let ends = life.proven.iter().map(|incarnation| journal::end(tx, who.device_id, *incarnation));
    Ok(Some(Mark {
        station: who.device_id,
        machine: machine.to_owned(),
        at,
        earlier: ends.collect::<Result<Vec<_>, Fault>>()?.into_iter().flatten().collect(),
        frozen: life.frozen,
        resume: store::resume(tx, who.device_id, who.incarnation)?,
    }))
}
