//! SQL of cases.

use crate::error::Fault;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use willcall_domain::{
    clock::UtcMillis,
    id::{CaseId, EventId},
    sync::{Entry, Resolution, change::CaseRow},
};

/// Keeps a case as the server has it; answers whether it was news.
pub fn put_case(tx: &Transaction<'_>, row: &CaseRow, epoch: i64) -> Result<bool, Fault> {
    let sql = "INSERT INTO station_case (case_id, epoch, version, data) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (case_id) DO UPDATE SET epoch = excluded.epoch, version = excluded.version, data = excluded.data
        WHERE (excluded.epoch, excluded.version) > (station_case.epoch, station_case.version)";
    let data = serde_json::to_string(row)?;
    let id = row.case_id.0.as_bytes().as_slice();
    Ok(tx.prepare_cached(sql)?.execute(params![id, epoch, row.version, data])? > 0)
}

/// Lets go of the cases of an event this station may not see any more.
pub fn forget_event(tx: &Transaction<'_>, event: EventId) -> Result<usize, Fault> {
    let sql = "DELETE FROM station_case WHERE data ->> 'event_id' = ?1";
    Ok(tx.prepare_cached(sql)?.execute([event.0])?)
}

/// A case that was closed here. The last entry holds: only what was tried again in vain, or refused by the server, is
/// closed another time.
pub fn project_closed(tx: &Transaction<'_>, entry: &Entry, case: CaseId, resolution: &str) -> Result<(), Fault> {
    let sql = "INSERT INTO case_closed (case_id, resolution, station, incarnation, seq, at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (case_id) DO UPDATE SET resolution = excluded.resolution, station = excluded.station,
            incarnation = excluded.incarnation, seq = excluded.seq, at = excluded.at
        WHERE (excluded.incarnation, excluded.seq) > (case_closed.incarnation, case_closed.seq)";
    let seq = i64::try_from(entry.seq).map_err(|_| Fault::Data("a seq is too large".into()))?;
    let at = entry.at.wall.0.saturating_add(entry.at.offset_ms);
    let id = case.0.as_bytes().as_slice();
    tx.prepare_cached(sql)?.execute(params![id, resolution, entry.station.0, entry.incarnation, seq, at])?;
    Ok(())
}

/// What was done with a case here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DoneHere {
    pub at: UtcMillis,
    /// A word of [`Resolution`].
    pub how: String,
    /// The server has not confirmed it.
    pub waits: bool,
    /// The server says that the case is not closed that way.
    pub refused: bool,
}

impl DoneHere {
    /// Whether that closes a case which is open as far as the server's word goes. What was to be tried again and still
    /// cannot be applied, or was closed in a way the server refuses, is open again: once it has heard, its word holds.
    pub(super) fn closes(&self) -> bool {
        self.waits || (self.how != Resolution::Retry.word() && !self.refused)
    }
}

/// Whether the server named the entry of `case_closed` among those that close nothing.
const REFUSED: &str = "EXISTS (SELECT 1 FROM station_case s, json_each(s.data, '$.refused') r
    WHERE s.case_id = c.case_id AND r.value ->> 'station' = c.station
        AND r.value ->> 'incarnation' = c.incarnation AND r.value ->> 'seq' = c.seq)";

/// What was done with a case here.
pub(super) fn done_here(connection: &Connection, case: CaseId) -> Result<Option<DoneHere>, Fault> {
    let sql = format!(
        "SELECT c.at, c.resolution, coalesce(j.outcome IS NULL AND j.seq IS NOT NULL, 0), {REFUSED}
        FROM case_closed c LEFT JOIN journal j USING (station, incarnation, seq) WHERE c.case_id = ?1"
    );
    let read = |row: &rusqlite::Row<'_>| {
        Ok(DoneHere { at: UtcMillis(row.get(0)?), how: row.get(1)?, waits: row.get(2)?, refused: row.get(3)? })
    };
    Ok(connection.prepare_cached(&sql)?.query_row([case.0.as_bytes().as_slice()], read).optional()?)
}

/// How many cases are open, here and at the server.
///
/// # Errors
/// When the database cannot be read.
pub fn open_count(connection: &Connection) -> Result<u64, Fault> {
    let sql = format!(
        "SELECT count(*) FROM station_case
        WHERE data ->> 'closed_at' IS NULL AND case_id NOT IN (
            SELECT c.case_id FROM case_closed c LEFT JOIN journal j USING (station, incarnation, seq)
            WHERE (c.resolution <> 'retry' AND NOT {REFUSED}) OR (j.seq IS NOT NULL AND j.outcome IS NULL))"
    );
    Ok(connection.prepare_cached(&sql)?.query_row([], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

/// All cases, as the server sent them.
pub(super) fn cases(connection: &Connection) -> Result<Vec<CaseRow>, Fault> {
    let mut statement = connection.prepare_cached("SELECT data FROM station_case ORDER BY case_id")?;
    let mut rows = statement.query([])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(serde_json::from_str(&row.get::<_, String>(0)?)?);
    }
    Ok(out)
}

/// One case; `None` where it is not known here.
pub(super) fn case(connection: &Connection, id: CaseId) -> Result<Option<CaseRow>, Fault> {
    let sql = "SELECT data FROM station_case WHERE case_id = ?1";
    let data: Option<String> =
        connection.prepare_cached(sql)?.query_row([id.0.as_bytes().as_slice()], |row| row.get(0)).optional()?;
    data.map(|text| Ok(serde_json::from_str(&text)?)).transpose()
}
