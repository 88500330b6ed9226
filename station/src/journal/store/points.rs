//! SQL of where a journal ends, what of it is here, and what was dropped or erased of it.

use super::{COLUMNS, number, read, select};
use crate::error::Fault;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use willcall_domain::{
    id::DeviceId,
    sync::{
        At, Entry, EntryRef, Fact,
        standing::{Here, Point},
    },
};

/// What stands in place of entries that were dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// Everything up to here.
    pub upto: u64,
    /// The checkpoint that says so.
    pub seq: u64,
    /// Entries dropped of this incarnation in all.
    pub entries: u64,
    /// Sales of this incarnation until then.
    pub sales: u64,
    /// The last receipt's number.
    pub receipts: u64,
    pub state_hash: String,
}

/// The newest entry of an incarnation.
pub fn end(connection: &Connection, station: DeviceId, incarnation: u32) -> Result<Option<Point>, Fault> {
    let sql = "SELECT seq, hash FROM journal WHERE station = ?1 AND incarnation = ?2 ORDER BY seq DESC LIMIT 1";
    let read = |row: &rusqlite::Row<'_>| -> rusqlite::Result<Point> {
        let hash: Vec<u8> = row.get(1)?;
        Ok(Point { incarnation, seq: row.get::<_, i64>(0)?.unsigned_abs(), hash: hex::encode(hash) })
    };
    Ok(connection.prepare_cached(sql)?.query_row(params![station.0, incarnation], read).optional()?)
}

/// The first moment of an incarnation that a clock told which had been compared; `None` before there is one.
pub fn began(connection: &Connection, station: DeviceId, incarnation: u32) -> Result<Option<At>, Fault> {
    let sql = "SELECT at FROM journal WHERE station = ?1 AND incarnation = ?2
        AND json_extract(at, '$.uncertainty_ms') >= 0 ORDER BY seq LIMIT 1";
    let of = params![station.0, incarnation];
    let text: Option<String> = connection.prepare_cached(sql)?.query_row(of, |row| row.get(0)).optional()?;
    Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
}

/// What of a journal is here at this point.
pub fn here(connection: &Connection, station: DeviceId, point: &Point) -> Result<Here, Fault> {
    let dropped = dropped(connection, station, point.incarnation)?.map_or(0, |d| d.upto);
    if point.seq <= dropped {
        return Ok(Here::Reached);
    }
    let of = params![station.0, point.incarnation, number(point.seq)?];
    let sql = "SELECT hash FROM journal WHERE station = ?1 AND incarnation = ?2 AND seq = ?3";
    let hash: Option<Vec<u8>> = connection.prepare_cached(sql)?.query_row(of, |row| row.get(0)).optional()?;
    match hash {
        None => return Ok(Here::Lacking),
        Some(hash) if hex::encode(&hash) != point.hash => return Ok(Here::Other),
        Some(_) => {}
    }
    let whole = unbroken(connection, station, point.incarnation)? >= point.seq;
    Ok(if whole { Here::Reached } else { Here::Lacking })
}

/// The last number up to which no entry is missing, dropped ones aside.
pub fn unbroken(connection: &Connection, station: DeviceId, incarnation: u32) -> Result<u64, Fault> {
    let dropped = dropped(connection, station, incarnation)?.map_or(0, |d| d.upto);
    let of = params![station.0, incarnation, number(dropped)?];
    let sql = "SELECT count(*), coalesce(max(seq), 0) FROM journal
        WHERE station = ?1 AND incarnation = ?2 AND seq > ?3";
    let (count, last): (i64, i64) =
        connection.prepare_cached(sql)?.query_row(of, |row| Ok((row.get(0)?, row.get(1)?)))?;
    if count.unsigned_abs() + dropped == last.unsigned_abs() {
        return Ok(last.unsigned_abs());
    }
    let sql = "SELECT min(seq) FROM journal j WHERE station = ?1 AND incarnation = ?2 AND seq > ?3
        AND NOT EXISTS (SELECT 1 FROM journal n WHERE n.station = ?1 AND n.incarnation = ?2 AND n.seq = j.seq + 1)
        AND EXISTS (SELECT 1 FROM journal f WHERE f.station = ?1 AND f.incarnation = ?2 AND f.seq = ?3 + 1)";
    let run: Option<i64> = connection.prepare_cached(sql)?.query_row(of, |row| row.get(0))?;
    Ok(run.map_or(dropped, i64::unsigned_abs))
}

/// Whether this incarnation was closed for good.
pub fn is_closed(connection: &Connection, station: DeviceId, incarnation: u32) -> Result<bool, Fault> {
    let sql = "SELECT kind = 'closed' FROM journal WHERE station = ?1 AND incarnation = ?2 ORDER BY seq DESC LIMIT 1";
    let of = params![station.0, incarnation];
    Ok(connection.prepare_cached(sql)?.query_row(of, |row| row.get(0)).optional()?.unwrap_or(false))
}

/// Where an entry lies, and whether it exists only here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub row: i64,
    pub of: EntryRef,
    pub waiting: bool,
}

/// Every entry's place, in the order they were written.
pub fn places(connection: &Connection) -> Result<Vec<Place>, Fault> {
    let sql = "SELECT rowid, station, incarnation, seq, outcome IS NULL FROM journal ORDER BY rowid";
    let mut statement = connection.prepare_cached(sql)?;
    let read = |row: &rusqlite::Row<'_>| {
        let seq = row.get::<_, i64>(3)?.unsigned_abs();
        let of = EntryRef { station: DeviceId(row.get(1)?), incarnation: row.get(2)?, seq };
        Ok(Place { row: row.get(0)?, of, waiting: row.get(4)? })
    };
    Ok(statement.query_map([], read)?.collect::<Result<_, _>>()?)
}

/// The entry at a place.
pub fn at_row(connection: &Connection, row: i64) -> Result<Option<Entry>, Fault> {
    Ok(select(connection, "WHERE rowid = ?1", [row])?.pop())
}

/// Entries written after a place, with theirs.
pub fn after_row(connection: &Connection, row: i64, most: u32) -> Result<Vec<(i64, Entry)>, Fault> {
    let sql = format!("SELECT {COLUMNS}, rowid FROM journal WHERE rowid > ?1 ORDER BY rowid LIMIT ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![row, most])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push((row.get(14)?, read(row)?));
    }
    Ok(out)
}

/// Entries of an incarnation from `from` to `upto`, in order.
pub fn between(
    connection: &Connection,
    station: DeviceId,
    incarnation: u32,
    from: u64,
    upto: u64,
) -> Result<Vec<Entry>, Fault> {
    let tail = "WHERE station = ?1 AND incarnation = ?2 AND seq BETWEEN ?3 AND ?4 ORDER BY seq";
    select(connection, tail, params![station.0, incarnation, number(from)?, number(upto.min(i64::MAX.unsigned_abs()))?])
}

/// Walks the entries of an incarnation up to `upto`, in order, one in memory at a time.
pub fn walk_one(
    connection: &Connection,
    station: DeviceId,
    incarnation: u32,
    upto: u64,
    each: impl FnMut(Entry) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let tail = "WHERE station = ?1 AND incarnation = ?2 AND seq <= ?3 ORDER BY seq";
    walk(connection, tail, params![station.0, incarnation, number(upto)?], each)
}

/// Walks the entries of an incarnation after `after`.
pub fn walk_after(
    connection: &Connection,
    station: DeviceId,
    incarnation: u32,
    after: u64,
    each: impl FnMut(Entry) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let tail = "WHERE station = ?1 AND incarnation = ?2 AND seq > ?3 ORDER BY seq";
    walk(connection, tail, params![station.0, incarnation, number(after)?], each)
}

fn walk(
    connection: &Connection,
    tail: &str,
    of: impl rusqlite::Params,
    mut each: impl FnMut(Entry) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM journal {tail}"))?;
    let mut rows = statement.query(of)?;
    while let Some(row) = rows.next()? {
        each(read(row)?)?;
    }
    Ok(())
}

/// The entry of this name, as far as it is here.
pub fn of_name(connection: &Connection, name: EntryRef) -> Result<Option<Entry>, Fault> {
    Ok(between(connection, name.station, name.incarnation, name.seq, name.seq)?.pop())
}

/// What was dropped of an incarnation; `None` when nothing.
pub fn dropped(connection: &Connection, station: DeviceId, incarnation: u32) -> Result<Option<Dropped>, Fault> {
    let sql = "SELECT upto, seq, entries, sales, receipts, state_hash FROM checkpoint
        WHERE station = ?1 AND incarnation = ?2";
    let read = |row: &rusqlite::Row<'_>| -> rusqlite::Result<Dropped> {
        let number = |column| Ok::<u64, rusqlite::Error>(row.get::<_, i64>(column)?.unsigned_abs());
        Ok(Dropped {
            upto: number(0)?,
            seq: number(1)?,
            entries: number(2)?,
            sales: number(3)?,
            receipts: number(4)?,
            state_hash: row.get(5)?,
        })
    };
    Ok(connection.prepare_cached(sql)?.query_row(params![station.0, incarnation], read).optional()?)
}

/// Notes a checkpoint. The entries it speaks of are still there.
pub fn project_checkpoint(tx: &Transaction<'_>, entry: &Entry, fact: &Fact) -> Result<(), Fault> {
    let Fact::Checkpoint { upto, state_hash, entries, sales, receipts, .. } = fact else { return Ok(()) };
    let sql = "INSERT INTO checkpoint (station, incarnation, upto, seq, state_hash, entries, sales, receipts)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (station, incarnation) DO UPDATE SET upto = excluded.upto,
            seq = excluded.seq, state_hash = excluded.state_hash, entries = excluded.entries, sales = excluded.sales,
            receipts = excluded.receipts
        WHERE excluded.seq > checkpoint.seq";
    tx.prepare_cached(sql)?.execute(params![
        entry.station.0,
        entry.incarnation,
        number(*upto)?,
        number(entry.seq)?,
        state_hash,
        number(*entries)?,
        number(*sales)?,
        number(*receipts)?
    ])?;
    Ok(())
}

/// Drops entries up to `upto`; a checkpoint stands in their place.
pub fn drop_until(tx: &Transaction<'_>, station: DeviceId, incarnation: u32, upto: u64) -> Result<usize, Fault> {
    let sql = "DELETE FROM journal WHERE station = ?1 AND incarnation = ?2 AND seq <= ?3";
    Ok(tx.prepare_cached(sql)?.execute(params![station.0, incarnation, number(upto)?])?)
}

/// Erases what stands beside these entries, and its salt. The chain stays whole.
pub fn erase(tx: &Transaction<'_>, entries: &[EntryRef]) -> Result<usize, Fault> {
    let sql = "UPDATE journal SET salt = NULL, private = NULL
        WHERE station = ?1 AND incarnation = ?2 AND seq = ?3 AND private IS NOT NULL";
    let mut statement = tx.prepare_cached(sql)?;
    let mut erased = 0;
    for of in entries {
        erased += statement.execute(params![of.station.0, of.incarnation, number(of.seq)?])?;
    }
    Ok(erased)
}
