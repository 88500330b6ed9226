//! SQL of histories, cursor, contact and tombstones.

use crate::{
    catalog::Stamp,
    db::{milliseconds, uuid_of},
    error::Fault,
};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::collections::HashMap;
use willcall_domain::{clock::UtcMillis, id::HistoryId, sync::Cursor};

/// The number of a history here; a new one gets the next.
pub fn meet_history(tx: &Transaction<'_>, history: HistoryId) -> Result<i64, Fault> {
    let blob = history.0.as_bytes().as_slice();
    tx.prepare_cached("INSERT INTO history (history) VALUES (?1) ON CONFLICT DO NOTHING")?.execute([blob])?;
    Ok(tx.prepare_cached("SELECT epoch FROM history WHERE history = ?1")?.query_row([blob], |row| row.get(0))?)
}

/// The newest history this station has met.
pub(super) fn newest_history(tx: &Transaction<'_>) -> Result<Option<HistoryId>, Fault> {
    let sql = "SELECT history FROM history ORDER BY epoch DESC LIMIT 1";
    let found: Option<Vec<u8>> = tx.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?;
    found.map(|blob| Ok(HistoryId(uuid_of(&blob)?))).transpose()
}

/// How far the change feed was read; `None` before the first snapshot.
pub(super) fn cursor(tx: &Transaction<'_>) -> Result<Option<Cursor>, Fault> {
    let sql = "SELECT history, position FROM cursor JOIN history USING (epoch)";
    let found: Option<(Vec<u8>, i64)> =
        tx.prepare_cached(sql)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    found.map(|(blob, position)| Ok(Cursor { history: HistoryId(uuid_of(&blob)?), position })).transpose()
}

pub(super) fn set_cursor(tx: &Transaction<'_>, epoch: i64, position: i64) -> Result<(), Fault> {
    let sql = "INSERT INTO cursor (one, epoch, position) VALUES (1, ?1, ?2)
        ON CONFLICT (one) DO UPDATE SET epoch = excluded.epoch, position = excluded.position";
    tx.prepare_cached(sql)?.execute([epoch, position])?;
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

/// Takes away products, quotas and lists that a snapshot of the same history no longer has: a tombstone was missed.
/// Tickets, keys, scans and void blanks stay; a snapshot removes no fact.
pub(super) fn drop_missing(tx: &Transaction<'_>, table: &str, kept: &[i64]) -> Result<usize, Fault> {
    let table = match table {
        "event" | "item" | "quota" | "list" => table,
        _ => return Ok(0),
    };
    let sql = format!("DELETE FROM {table} WHERE id NOT IN (SELECT value FROM json_each(?1))");
    Ok(tx.prepare_cached(&sql)?.execute([serde_json::to_string(kept)?])?)
}
