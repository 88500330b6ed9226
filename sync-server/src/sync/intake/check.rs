//! Hashes and signatures of a page, on as many cores as there are.

use crate::http::Failure;
use serde_json::value::RawValue;
use std::sync::Arc;
use willcall_domain::sync::{Entry, KeyHistory, intake::Link, journal::bytes32};

/// Entries checked by one task: signatures take about 50 µs each.
const CHUNK: usize = 64;
/// Longest word of a kind.
const KIND_MAX: usize = 64;

/// An entry, the bytes it came in, and whether it is what it says to be.
#[derive(Debug)]
pub(in crate::sync) struct Checked {
    /// As it says; 0 where it does not.
    pub seq: u64,
    pub entry: Option<Entry>,
    pub raw: Box<RawValue>,
    /// Where it stands in the chain, or why it is no entry of its station.
    pub sound: Result<Link, String>,
}

/// Checks entries of one incarnation with the keys of its station; without any, none is sound.
///
/// # Errors
/// When the process is ending.
pub(in crate::sync) async fn check_all(
    mut all: Vec<Checked>,
    keys: Option<KeyHistory>,
) -> Result<Vec<Checked>, Failure> {
    let Some(mut keys) = keys else {
        for one in all.iter_mut().filter(|one| one.entry.is_some()) {
            one.sound = Err("its station is not known here".to_owned());
        }
        return Ok(all);
    };
    take_new_keys(&mut keys, &all);
    let keys = Arc::new(keys);
    let mut tasks = Vec::new();
    while !all.is_empty() {
        let mut chunk: Vec<Checked> = all.drain(..all.len().min(CHUNK)).collect();
        let keys = Arc::clone(&keys);
        tasks.push(tokio::task::spawn_blocking(move || {
            for one in &mut chunk {
                if let Some(entry) = &one.entry {
                    one.sound = check(entry, &keys);
                }
            }
            chunk
        }));
    }
    for task in tasks {
        all.extend(task.await.map_err(Failure::internal)?);
    }
    Ok(all)
}

/// Keys that are named in the page itself sign what stands behind them in it.
fn take_new_keys(keys: &mut KeyHistory, all: &[Checked]) {
    let mut changes: Vec<&Entry> =
        all.iter().filter_map(|c| c.entry.as_ref()).filter(|e| e.kind == "key_changed").collect();
    changes.sort_by_key(|e| e.seq);
    for entry in changes {
        // One that does not hold is judged by itself, with the others; it changes no key.
        if entry.verify(keys.at(entry.incarnation, entry.seq)).is_ok() && keys.change(entry).is_err() {
            tracing::warn!(device = entry.station.0, seq = entry.seq, "a change of keys that does not hold");
        }
    }
}

fn check(entry: &Entry, keys: &KeyHistory) -> Result<Link, String> {
    if entry.incarnation == 0 || entry.seq == 0 || i64::try_from(entry.seq).is_err() {
        return Err("its number is none".to_owned());
    }
    // The database holds no NUL, and no kind has a name that long.
    let private = entry.private.as_ref().is_some_and(|p| p.data.contains('\0') || p.salt.contains('\0'));
    if entry.kind.len() > KIND_MAX || entry.kind.contains('\0') || entry.body.contains('\0') || private {
        return Err("it holds what no station writes".to_owned());
    }
    entry.verify(keys.at(entry.incarnation, entry.seq)).map_err(|error| error.to_string())?;
    match (bytes32(&entry.hash), bytes32(&entry.prev_hash)) {
        (Some(hash), Some(prev)) => Ok(Link { seq: entry.seq, hash, prev }),
        _ => Err("its hash is none".to_owned()),
    }
}
