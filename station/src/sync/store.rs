//! SQL of histories, cursor, contact and tombstones.

use super::transport::Standing;
use crate::{
    catalog::Stamp,
    db::{milliseconds, uuid_of},
    error::Fault,
    journal,
};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::collections::HashMap;
use willcall_domain::{
    clock::UtcMillis,
    id::{EventId, HistoryId},
    sync::Cursor,
};

/// The number of a history here; a new one gets the next. Whoever hears of a new one first, contact or download, finds that
/// the server may lack what it had confirmed: the whole journal is sent again.
pub fn meet_history(tx: &Transaction<'_>, history: HistoryId) -> Result<i64, Fault> {
    let blob = history.0.as_bytes().as_slice();
    let new =
        tx.prepare_cached("INSERT INTO history (history) VALUES (?1) ON CONFLICT DO NOTHING")?.execute([blob])? > 0;
    if new {
        let resent = journal::forget_all_acknowledged(tx)?;
        if resent > 0 {
            tracing::warn!(resent, "the server begins a new history; everything is sent to it again");
        }
    }
    Ok(tx.prepare_cached("SELECT epoch FROM history WHERE history = ?1")?.query_row([blob], |row| row.get(0))?)
}

/// The number of a history that was met before.
pub(super) fn epoch(tx: &Transaction<'_>, history: HistoryId) -> Result<Option<i64>, Fault> {
    let sql = "SELECT epoch FROM history WHERE history = ?1";
    let blob = history.0.as_bytes().as_slice();
    Ok(tx.prepare_cached(sql)?.query_row([blob], |row| row.get(0)).optional()?)
}

/// The newest history this station has met.
pub(super) fn newest_history(tx: &Transaction<'_>) -> Result<Option<HistoryId>, Fault> {
    let sql = "SELECT history FROM history ORDER BY epoch DESC LIMIT 1";
    let found: Option<Vec<u8>> = tx.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?;
    found.map(|blob| Ok(HistoryId(uuid_of(&blob)?))).transpose()
}

/// How far the change feed was read; `None` before the first snapshot in the version `spoken` with the server now: an
/// older one did not bring all that this one does.
pub(super) fn standing(tx: &Transaction<'_>, spoken: u32) -> Result<Option<Standing>, Fault> {
    let sql = "SELECT history, position, urgent FROM cursor JOIN history USING (epoch) WHERE protocol >= ?1";
    let found: Option<(Vec<u8>, i64, i64)> =
        tx.prepare_cached(sql)?.query_row([spoken], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
    let read = |(blob, position, urgent): (Vec<u8>, i64, i64)| -> Result<Standing, Fault> {
        let after = Cursor { history: HistoryId(uuid_of(&blob)?), position };
        Ok(Standing { after, urgent: urgent.max(position) })
    };
    found.map(read).transpose()
}

/// Moves on within a history.
pub(super) fn read_on(tx: &Transaction<'_>, epoch: i64, position: i64, urgent: i64) -> Result<(), Fault> {
    let sql = "UPDATE cursor SET position = ?2, urgent = ?3 WHERE epoch = ?1";
    tx.prepare_cached(sql)?.execute([epoch, position, urgent.max(position)])?;
    Ok(())
}

/// Begins to read where a snapshot ends, whose rows are of this version of the protocol.
pub(super) fn stand(tx: &Transaction<'_>, epoch: i64, at: (i64, i64), protocol: u32) -> Result<(), Fault> {
    let sql = "INSERT INTO cursor (one, epoch, position, urgent, protocol) VALUES (1, ?1, ?2, ?3, ?4)
        ON CONFLICT (one) DO UPDATE SET epoch = excluded.epoch, position = excluded.position,
            urgent = excluded.urgent, protocol = excluded.protocol";
    let (position, urgent) = at;
    tx.prepare_cached(sql)?.execute(params![epoch, position, urgent.max(position), protocol.max(1)])?;
    Ok(())
}

/// An event whose rows are all here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InScope {
    pub event: EventId,
    /// Whether with names; `None` where the server did not say.
    pub names: Option<bool>,
}

/// Events whose rows are all here.
pub(super) fn scope(tx: &Transaction<'_>) -> Result<Vec<InScope>, Fault> {
    let mut statement = tx.prepare_cached("SELECT event_id, names FROM scope ORDER BY event_id")?;
    let read = |row: &rusqlite::Row<'_>| Ok(InScope { event: EventId(row.get(0)?), names: row.get(1)? });
    let found = statement.query_map([], read)?.collect::<Result<_, _>>()?;
    Ok(found)
}

/// From now on all rows of this event are here.
pub(super) fn widen_scope(tx: &Transaction<'_>, event: InScope) -> Result<(), Fault> {
    let sql = "INSERT INTO scope (event_id, names) VALUES (?1, ?2)
        ON CONFLICT (event_id) DO UPDATE SET names = excluded.names";
    tx.prepare_cached(sql)?.execute(params![event.event.0, event.names])?;
    Ok(())
}

/// The rows of this event are not here any more.
pub(super) fn narrow_scope(tx: &Transaction<'_>, event: EventId) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM scope WHERE event_id = ?1")?.execute([event.0])?;
    Ok(())
}

/// What is remembered of the last contact across restarts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Remembered {
    pub last_at: Option<UtcMillis>,
    pub offset_ms: Option<i64>,
    pub uncertainty_ms: Option<i64>,
    pub caught_up_at: Option<UtcMillis>,
}

pub fn remembered(connection: &Connection) -> Result<Remembered, Fault> {
    let sql = "SELECT last_at, offset_ms, uncertainty_ms, caught_up_at FROM contact";
    let read = |row: &rusqlite::Row<'_>| -> rusqlite::Result<Remembered> {
        Ok(Remembered {
            last_at: milliseconds(row.get(0)?),
            offset_ms: row.get(1)?,
            uncertainty_ms: row.get(2)?,
            caught_up_at: milliseconds(row.get(3)?),
        })
    };
    Ok(connection.prepare_cached(sql)?.query_row([], read).optional()?.unwrap_or_default())
}

pub(super) fn remember_contact(
    tx: &Transaction<'_>,
    at: UtcMillis,
    offset_ms: i64,
    uncertainty_ms: i64,
) -> Result<(), Fault> {
    let sql = "INSERT INTO contact (one, last_at, offset_ms, uncertainty_ms) VALUES (1, ?1, ?2, ?3)
        ON CONFLICT (one) DO UPDATE SET last_at = excluded.last_at, offset_ms = excluded.offset_ms,
            uncertainty_ms = excluded.uncertainty_ms";
    tx.prepare_cached(sql)?.execute([at.0, offset_ms, uncertainty_ms])?;
    Ok(())
}

pub(super) fn remember_caught_up(tx: &Transaction<'_>, at: UtcMillis) -> Result<(), Fault> {
    let sql = "INSERT INTO contact (one, caught_up_at) VALUES (1, ?1)
        ON CONFLICT (one) DO UPDATE SET caught_up_at = excluded.caught_up_at";
    tx.prepare_cached(sql)?.execute([at.0])?;
    Ok(())
}

pub(super) fn put_tombstone(tx: &Transaction<'_>, kind: &str, id: &str, at: Stamp) -> Result<(), Fault> {
    let sql = "INSERT INTO tombstone (kind, id, epoch, version) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (kind, id) DO UPDATE SET epoch = excluded.epoch, version = excluded.version
        WHERE (excluded.epoch, excluded.version) > (tombstone.epoch, tombstone.version)";
    tx.prepare_cached(sql)?.execute(params![kind, id, at.epoch, at.version])?;
    Ok(())
}

/// All tombstones: few, and asked for each row of a page.
pub(super) fn tombstones(tx: &Transaction<'_>) -> Result<HashMap<(String, String), Stamp>, Fault> {
    let mut statement = tx.prepare_cached("SELECT kind, id, epoch, version FROM tombstone")?;
    let rows = statement
        .query_map([], |row| Ok(((row.get(0)?, row.get(1)?), Stamp { epoch: row.get(2)?, version: row.get(3)? })))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Takes away what a snapshot of the same history no longer has: a tombstone was missed. Keys, scans and void blanks
/// stay; a snapshot removes no fact.
pub(super) fn drop_missing(tx: &Transaction<'_>, table: &str, kept: &[i64], epoch: i64) -> Result<usize, Fault> {
    let table = match table {
        "event" | "item" | "event_date" | "quota" | "list" => table,
        _ => return Ok(0),
    };
    let sql = format!("DELETE FROM {table} WHERE epoch = ?2 AND id NOT IN (SELECT value FROM json_each(?1))");
    Ok(tx.prepare_cached(&sql)?.execute(params![serde_json::to_string(kept)?, epoch])?)
}
