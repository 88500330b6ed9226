//! One writer thread that owns its connection, fed closures; a few reading connections. Several writers on one file
//! would only wait for each other, and one queue gives facts one order.

use super::{
    disk::Disk,
    open,
    store::{self, LOG_BYTES},
};
use crate::error::Fault;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::{
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
    time::Duration,
};
use tokio::sync::oneshot;
use willcall_domain::devices::disk::DiskReading;
use zeroize::Zeroizing;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The open database.
#[derive(Debug)]
pub struct Database {
    jobs: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
    readers: Arc<Readers>,
    committed: Arc<Committed>,
    disk: Arc<Disk>,
}

/// Counts what the writer has done, for who waits for it.
#[derive(Debug, Default)]
struct Committed {
    count: Mutex<u64>,
    changed: Condvar,
}

impl Committed {
    fn one_more(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_all();
    }
}

/// The database for a thread of its own: it reads, and hears when something was written.
#[derive(Debug, Clone)]
pub struct Watch {
    readers: Arc<Readers>,
    committed: Arc<Committed>,
}

impl Watch {
    /// Runs `work` on a reading connection, seeing one state of the database.
    ///
    /// # Errors
    /// What `work` answered.
    pub fn look<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let mut connection = self.readers.take()?;
        let result = work(&connection.transaction()?);
        self.readers.give_back(connection);
        result
    }

    /// How much the writer has done by now.
    #[must_use]
    pub fn count(&self) -> u64 {
        *self.committed.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the writer has done something since the count was `seen`, or for `most`.
    pub fn wait(&self, seen: u64, most: Duration) {
        let count = self.committed.count.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.committed.changed.wait_timeout_while(count, most, |count| *count == seen));
    }

    /// Wakes whoever waits.
    pub fn wake(&self) {
        self.committed.one_more();
    }

    /// Copies the database as it is at this moment into a new file under the same key, a few pages at a time, so that who
    /// scans does not wait. Also when its own file has been deleted meanwhile.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn copy_to(&self, file: &Path) -> Result<(), Fault> {
        let connection = self.readers.take()?;
        let copied = store::copy_in_steps(&connection, file, &self.readers.key);
        self.readers.give_back(connection);
        Ok(copied?)
    }
}

#[derive(Debug)]
struct Readers {
    path: PathBuf,
    key: Zeroizing<[u8; 32]>,
    idle: Mutex<Vec<Connection>>,
}

/// Reading connections kept open.
const KEPT_READERS: usize = 3;

/// The writer, for as long as one job has it: what a job does here one after the other, no other job comes between.
#[derive(Debug)]
pub struct Writer<'a> {
    connection: &'a mut Connection,
    disk: &'a Disk,
}

impl Writer<'_> {
    /// Runs `work` in one transaction, to the last byte of the disk: when the disk is full, room is made and `work` runs
    /// again from the start. Its rows are on the disk when this answers `Ok`; an error leaves nothing behind.
    ///
    /// # Errors
    /// What `work` or the commit answered; the disk's refusal when no more room could be made.
    pub fn write<T>(&mut self, mut work: impl FnMut(&Transaction<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        loop {
            match in_transaction(self.connection, &mut work) {
                Err(fault) if fault.is_refused_by_disk() && self.disk.make_room() => {}
                done => return done,
            }
        }
    }

    /// Runs `work` on the state the last write left, to read. Nothing is written by it.
    ///
    /// # Errors
    /// What `work` answered.
    pub fn look<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        work(&self.connection.transaction()?)
    }
}

impl Database {
    pub(super) fn start(connection: Connection, path: PathBuf, key: [u8; 32], lock: File, disk: Arc<Disk>) -> Self {
        let (sender, receiver) = mpsc::channel::<Job>();
        let readers = Arc::new(Readers { path, key: Zeroizing::new(key), idle: Mutex::new(Vec::new()) });
        let committed = Arc::<Committed>::default();
        let (of_writer, done) = (disk.clone(), committed.clone());
        let run = move || {
            write_all(&receiver, connection, &of_writer, &done);
            drop(lock);
        };
        let spawned = std::thread::Builder::new().name("station-writer".into()).spawn(run);
        let writer = spawned.inspect_err(|error| tracing::error!(%error, "no writer thread")).ok();
        Self { jobs: Some(sender), writer, readers, committed, disk }
    }

    /// Runs `work` in one transaction of the writer; its rows are on the disk when this answers `Ok`. An error or a
    /// panic leaves nothing behind. It does not take the room that is left to scans.
    ///
    /// # Errors
    /// What `work` or the commit answered.
    pub async fn write<T, F>(&self, work: F) -> Result<T, Fault>
    where
        F: FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        if !self.disk.reading().takes_downloads() {
            return Err(Fault::NoRoom);
        }
        self.write_small(work).await
    }

    /// As [`Database::write`], for what only changes a few rows that are there, such as what the server said of an
    /// entry: done as long as the disk takes it.
    ///
    /// # Errors
    /// What `work` or the commit answered.
    pub async fn write_small<T, F>(&self, work: F) -> Result<T, Fault>
    where
        F: FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        let done = self.job(move |writer| in_transaction(writer.connection, work)).await;
        if done.as_ref().is_err_and(Fault::is_refused_by_disk) {
            self.disk.note_refused();
        }
        done
    }

    /// Gives `work` the writer: for what must be recorded while anything can be, and for what happens when it cannot.
    ///
    /// # Errors
    /// What `work` answered.
    pub async fn with_writer<T, F>(&self, work: F) -> Result<T, Fault>
    where
        F: FnOnce(&mut Writer<'_>) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        self.job(work).await
    }

    async fn job<T, F>(&self, work: F) -> Result<T, Fault>
    where
        F: FnOnce(&mut Writer<'_>) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let disk = self.disk.clone();
        let job: Job = Box::new(move |connection| {
            let mut writer = Writer { connection, disk: &disk };
            let result = catch_unwind(AssertUnwindSafe(|| work(&mut writer)));
            let result = result.unwrap_or_else(|_| Err(Fault::Data("a writing step ended unexpectedly".into())));
            let _nobody_waits_any_more = answer.send(result);
        });
        self.jobs.as_ref().and_then(|jobs| jobs.send(job).ok()).ok_or(Fault::Closing)?;
        self.note_damage(answered.await.map_err(|_| Fault::Closing)?)
    }

    /// Runs `work` on a reading connection, seeing one state of the database.
    ///
    /// # Errors
    /// What `work` answered.
    pub async fn read<T, F>(&self, work: F) -> Result<T, Fault>
    where
        F: FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        let readers = self.readers.clone();
        let done = tokio::task::spawn_blocking(move || {
            let mut connection = readers.take()?;
            let tx = connection.transaction()?;
            let result = work(&tx);
            drop(tx);
            readers.give_back(connection);
            result
        });
        self.note_damage(done.await.map_err(|_| Fault::Closing)?)
    }

    /// The database for a thread of its own. It must be let go of before the database is.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch { readers: self.readers.clone(), committed: self.committed.clone() }
    }

    /// The disk the database lies on.
    #[must_use]
    pub fn disk(&self) -> Arc<Disk> {
        self.disk.clone()
    }

    /// How the disk stands; scans that it has not taken are counted where scans are.
    #[must_use]
    pub fn disk_reading(&self) -> DiskReading {
        self.disk.reading()
    }

    fn note_damage<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        if let Err(fault @ Fault::Sqlite(_)) = &result
            && fault.may_be_damage()
        {
            open::mark_suspect(&self.readers.path);
        }
        result
    }
}

/// Carries out what is asked until nobody can ask any more, and keeps the log of writes short.
fn write_all(receiver: &mpsc::Receiver<Job>, mut connection: Connection, disk: &Disk, done: &Committed) {
    let mut fold_at = LOG_BYTES;
    while let Ok(job) = receiver.recv() {
        job(&mut connection);
        done.one_more();
        let log = disk.log_bytes();
        if log <= fold_at {
            continue;
        }
        // Somebody reads an old state, or the disk does not take it: tried again when it has grown by as much again.
        fold_at = match store::fold_log(&connection) {
            Ok(true) => LOG_BYTES,
            Ok(false) | Err(_) => log + LOG_BYTES / 4,
        };
    }
}

fn in_transaction<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = work(&tx)?;
    tx.commit()?;
    Ok(done)
}

impl Readers {
    fn take(&self) -> Result<Connection, Fault> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(connection) => Ok(connection),
            None => Ok(open::reader(&self.path, &self.key)?),
        }
    }

    fn give_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT_READERS {
            idle.push(connection);
        }
    }
}

impl Drop for Database {
    /// Lets the queue run empty and closes the file, so that who opens it next finds the folder free.
    fn drop(&mut self) {
        self.readers.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.jobs.take();
        if let Some(writer) = self.writer.take()
            && writer.thread().id() != std::thread::current().id()
            && writer.join().is_err()
        {
            tracing::error!("the writer thread ended unexpectedly");
        }
    }
}
