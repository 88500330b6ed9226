//! SQL of this station's account of itself: its lives, tokens, what is safe, what was erased.

use crate::{db::uuid_of, error::Fault};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use willcall_domain::{
    clock::UtcMillis,
    id::{DeviceId, RequestId},
    sync::{
        EntryRef,
        standing::{Life, Resume},
    },
};

/// A station's account of its lives; one that never had reason to keep any writes in `incarnation`.
pub(super) fn life(connection: &Connection, station: DeviceId, incarnation: u32) -> Result<Life, Fault> {
    let sql = "SELECT life FROM standing WHERE station = ?1";
    let text: Option<String> = connection.prepare_cached(sql)?.query_row([station.0], |row| row.get(0)).optional()?;
    match text {
        Some(text) => Ok(serde_json::from_str(&text)?),
        None => Ok(Life::new(incarnation)),
    }
}

/// Keeps it; `since` is when it began to doubt.
pub(super) fn put_life(
    tx: &Transaction<'_>,
    station: DeviceId,
    life: &Life,
    since: Option<UtcMillis>,
) -> Result<(), Fault> {
    let sql = "INSERT INTO standing (station, life, since) VALUES (?1, ?2, ?3)
        ON CONFLICT (station) DO UPDATE SET life = excluded.life, since = excluded.since";
    tx.prepare_cached(sql)?.execute(params![station.0, serde_json::to_string(life)?, since.map(|s| s.0)])?;
    Ok(())
}

/// Since when it doubts itself.
pub(super) fn since(connection: &Connection, station: DeviceId) -> Result<Option<UtcMillis>, Fault> {
    let sql = "SELECT since FROM standing WHERE station = ?1";
    let found: Option<Option<i64>> =
        connection.prepare_cached(sql)?.query_row([station.0], |row| row.get(0)).optional()?;
    Ok(found.flatten().map(UtcMillis))
}

/// Whether the end of this journal was ever marked outside.
pub(super) fn was_marked(connection: &Connection, station: DeviceId) -> Result<bool, Fault> {
    let sql = "SELECT marked FROM standing WHERE station = ?1";
    Ok(connection.prepare_cached(sql)?.query_row([station.0], |row| row.get(0)).optional()?.unwrap_or(false))
}

/// The end of this journal is marked outside from now on: a missing mark says something.
pub(super) fn note_marked(tx: &Transaction<'_>, station: DeviceId, incarnation: u32) -> Result<(), Fault> {
    let sql = "INSERT INTO standing (station, life, marked) VALUES (?1, ?2, 1)
        ON CONFLICT (station) DO UPDATE SET marked = 1 WHERE marked = 0";
    tx.prepare_cached(sql)?.execute(params![station.0, serde_json::to_string(&Life::new(incarnation))?])?;
    Ok(())
}

/// The newest token of an incarnation.
pub(super) fn resume(connection: &Connection, station: DeviceId, incarnation: u32) -> Result<Option<Resume>, Fault> {
    let sql = "SELECT n, token FROM resume WHERE station = ?1 AND incarnation = ?2";
    let read = |row: &rusqlite::Row<'_>| Ok(Resume { n: row.get::<_, i64>(0)?.unsigned_abs(), token: row.get(1)? });
    Ok(connection.prepare_cached(sql)?.query_row(params![station.0, incarnation], read).optional()?)
}

/// Keeps a token, unless a newer one is here.
pub(super) fn put_resume(
    tx: &Transaction<'_>,
    station: DeviceId,
    incarnation: u32,
    resume: &Resume,
) -> Result<(), Fault> {
    let sql = "INSERT INTO resume (station, incarnation, n, token) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (station, incarnation) DO UPDATE SET n = excluded.n, token = excluded.token
        WHERE excluded.n > resume.n";
    let n = i64::try_from(resume.n).map_err(|_| Fault::Data("a number is too large".into()))?;
    tx.prepare_cached(sql)?.execute(params![station.0, incarnation, n, resume.token])?;
    Ok(())
}

/// Up to where a finished backup of the server has an incarnation.
pub(super) fn safe(connection: &Connection, station: DeviceId, incarnation: u32) -> Result<u64, Fault> {
    let sql = "SELECT seq FROM safe WHERE station = ?1 AND incarnation = ?2";
    let found: Option<i64> =
        connection.prepare_cached(sql)?.query_row(params![station.0, incarnation], |row| row.get(0)).optional()?;
    Ok(found.map_or(0, i64::unsigned_abs))
}

/// The server says up to where it is safe: as it is now, also when that is less.
pub(super) fn note_safe(tx: &Transaction<'_>, station: DeviceId, incarnation: u32, upto: u64) -> Result<(), Fault> {
    let sql = "INSERT INTO safe (station, incarnation, seq) VALUES (?1, ?2, ?3)
        ON CONFLICT (station, incarnation) DO UPDATE SET seq = excluded.seq WHERE excluded.seq <> safe.seq";
    let upto = i64::try_from(upto).unwrap_or(i64::MAX);
    tx.prepare_cached(sql)?.execute(params![station.0, incarnation, upto])?;
    Ok(())
}

/// Notes that an order to erase was carried out; answers whether it was news.
pub(super) fn note_erased(
    tx: &Transaction<'_>,
    erase: RequestId,
    entries: &[EntryRef],
    now: UtcMillis,
) -> Result<bool, Fault> {
    let sql = "INSERT INTO erased (erase_id, entries, at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    let id = erase.0.as_bytes().as_slice();
    Ok(tx.prepare_cached(sql)?.execute(params![id, serde_json::to_string(entries)?, now.0])? > 0)
}

/// Orders to erase that were carried out and that the server was not told of, at most `most`.
pub(super) fn untold_erased(connection: &Connection, most: u32) -> Result<Vec<RequestId>, Fault> {
    let mut statement = connection.prepare_cached("SELECT erase_id FROM erased WHERE told = 0 ORDER BY at LIMIT ?1")?;
    let mut rows = statement.query([most])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(RequestId(uuid_of(&row.get::<_, Vec<u8>>(0)?)?));
    }
    Ok(out)
}

/// The server was told of these.
pub(super) fn note_told(tx: &Transaction<'_>, erased: &[RequestId]) -> Result<(), Fault> {
    let mut statement = tx.prepare_cached("UPDATE erased SET told = 1 WHERE erase_id = ?1")?;
    for id in erased {
        statement.execute([id.0.as_bytes().as_slice()])?;
    }
    Ok(())
}

/// Entries that were ordered to be erased, so that none comes back from a copy with what stood beside it.
pub(super) fn erased_entries(connection: &Connection) -> Result<Vec<EntryRef>, Fault> {
    let mut statement = connection.prepare_cached("SELECT entries FROM erased")?;
    let mut rows = statement.query([])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.extend(serde_json::from_str::<Vec<EntryRef>>(&row.get::<_, String>(0)?)?);
    }
    Ok(out)
}
