//! The only way to write a fact: the entry and the rows the screen reads change in one transaction.

use super::{replay, store};
use crate::error::Fault;
use ed25519_dalek::SigningKey;
use rusqlite::Transaction;
use std::sync::Arc;
use willcall_domain::{
    entropy::Entropy,
    id::{DeviceId, EntryId},
    sync::{
        At, Draft, Entry, EntryRef, Fact, Private,
        journal::{FIRST, bytes32},
    },
};

/// Who writes, with which key, when.
#[derive(Debug, Clone)]
pub struct Pen {
    pub station: DeviceId,
    pub incarnation: u32,
    pub key: Arc<SigningKey>,
    pub entropy: Arc<dyn Entropy>,
    pub at: At,
    /// Where the station stands, as scans show it.
    pub gate: String,
}

/// Appends one fact. `private` is what must never be in the chain; `saw` the uses of others it decided by.
///
/// # Errors
/// When the database refuses it; nothing of it is there then.
pub fn append(
    tx: &Transaction<'_>,
    pen: &Pen,
    fact: &Fact,
    private: Option<String>,
    saw: Vec<EntryRef>,
) -> Result<Entry, Fault> {
    let tail = store::newest(tx, pen.station, pen.incarnation, 1)?;
    let (last, prev) = match tail.first() {
        Some(entry) => (entry.seq, bytes32(&entry.hash).ok_or_else(|| Fault::Data("the newest hash".into()))?),
        None => (0, FIRST),
    };
    let draft = Draft {
        station: pen.station,
        incarnation: pen.incarnation,
        seq: last + 1,
        id: EntryId::born(pen.at.wall, &*pen.entropy),
        at: pen.at,
        saw,
        fact: fact.clone(),
        private: private.map(|data| Private::new(data, &*pen.entropy)),
    };
    let entry = draft.seal(&prev, &pen.key)?;
    store::insert(tx, &entry)?;
    replay::project(tx, &entry, fact, &pen.gate)?;
    Ok(entry)
}
