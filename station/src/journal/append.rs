//! The only way to write a fact: the entry and the rows the screen reads change in one transaction.

use super::{replay, store};
use crate::{devices, error::Fault};
use ed25519_dalek::SigningKey;
use rusqlite::Transaction;
use std::sync::Arc;
use willcall_domain::{
    entropy::Entropy,
    id::{DeviceId, EntryId},
    problem::Code,
    sync::{
        At, Draft, Entry, EntryRef, Fact, Private,
        journal::{FIRST, bytes32},
    },
};

/// The kind of the last entry there can be.
const CLOSED: &str = "closed";

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
    append_as(tx, pen, EntryId::born(pen.at.wall, &*pen.entropy), fact, private, saw)
}

/// The same under an id that was born when the fact was decided.
///
/// # Errors
/// As [`append`].
pub fn append_as(
    tx: &Transaction<'_>,
    pen: &Pen,
    id: EntryId,
    fact: &Fact,
    private: Option<String>,
    saw: Vec<EntryRef>,
) -> Result<Entry, Fault> {
    let tail = store::newest(tx, pen.station, pen.incarnation, 1)?;
    let (last, prev) = match tail.first() {
        Some(entry) if entry.kind == CLOSED => {
            return Err(Fault::refused(Code::Conflict, "This station's journal is closed for good; enrol it again."));
        }
        Some(entry) => (entry.seq, bytes32(&entry.hash).ok_or_else(|| Fault::Data("the newest hash".into()))?),
        None => (0, FIRST),
    };
    if !devices::writes(tx, pen.station, pen.incarnation, &pen.key.verifying_key())? {
        // The key or the incarnation was changed after this pen was taken up.
        return Err(Fault::refused(Code::Unavailable, "This station's journal has just changed over. Do it again."));
    }
    let draft = Draft {
        station: pen.station,
        incarnation: pen.incarnation,
        seq: last + 1,
        id,
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
