//! One writer thread that owns its connection, fed closures; a few reading connections. Several writers on one file
//! would only wait for each other, and one queue gives facts one order.

use super::open;
use crate::error::Fault;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::{
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The open database.
#[derive(Debug)]
pub struct Database {
    jobs: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
    readers: Arc<Readers>,
}

#[derive(Debug)]
struct Readers {
    path: PathBuf,
    key: Zeroizing<[u8; 32]>,
    idle: Mutex<Vec<Connection>>,
}

/// Reading connections kept open.
const KEPT_READERS: usize = 3;

impl Database {
    pub(super) fn start(mut connection: Connection, path: PathBuf, key: [u8; 32], lock: File) -> Self {
        let (sender, receiver) = mpsc::channel::<Job>();
        let readers = Arc::new(Readers { path, key: Zeroizing::new(key), idle: Mutex::new(Vec::new()) });
        let run = move || {
            while let Ok(job) = receiver.recv() {
                job(&mut connection);
            }
            drop(connection);
            drop(lock);
        };
        let spawned = std::thread::Builder::new().name("station-writer".into()).spawn(run);
        let writer = spawned.inspect_err(|error| tracing::error!(%error, "no writer thread")).ok();
        Self { jobs: Some(sender), writer, readers }
    }

    /// Runs `work` in one transaction of the writer; its rows are on the disk when this answers `Ok`. An error or a
    /// panic leaves nothing behind.
    ///
    /// # Errors
    /// What `work` or the commit answered.
    pub async fn write<T, F>(&self, work: F) -> Result<T, Fault>
    where
        F: FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = catch_unwind(AssertUnwindSafe(|| in_transaction(connection, work)));
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

    fn note_damage<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        if let Err(fault @ Fault::Sqlite(_)) = &result
            && fault.may_be_damage()
        {
            open::mark_suspect(&self.readers.path);
        }
        result
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
