//! SQL of the journal. Entries are inserted and never changed; only what the server said of them is, and what stands
//! beside them can be erased.

mod points;

pub use points::{
    Dropped, Place, after_row, at_row, began, between, drop_until, dropped, end, erase, here, is_closed, of_name,
    places, project_checkpoint, unbroken, walk_after, walk_one,
};

use crate::{db::uuid_of, error::Fault};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use std::collections::BTreeMap;
use willcall_domain::{
    checkin::wire::Delivery,
    id::{CaseId, DeviceId, EntryId},
    sync::{Entry, EntryRef, Outcome, Private, journal::bytes32},
};

const COLUMNS: &str = "station, incarnation, seq, id, kind, at, saw, body, private_hash, prev_hash, hash, signature, \
                       salt, private";

pub(super) fn insert(tx: &Transaction<'_>, entry: &Entry) -> Result<(), Fault> {
    let sql =
        format!("INSERT INTO journal ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)");
    let bytes = |text: &str| bytes32(text).ok_or_else(|| Fault::Data("a hash is not 32 bytes".into()));
    let signature = hex::decode(&entry.signature).map_err(|_| Fault::Data("a signature is not hex".into()))?;
    tx.prepare_cached(&sql)?.execute(params![
        entry.station.0,
        entry.incarnation,
        number(entry.seq)?,
        entry.id.0.as_bytes().as_slice(),
        entry.kind,
        serde_json::to_string(&entry.at)?,
        serde_json::to_string(&entry.saw)?,
        entry.body,
        bytes(&entry.private_hash)?.as_slice(),
        bytes(&entry.prev_hash)?.as_slice(),
        bytes(&entry.hash)?.as_slice(),
        signature,
        entry.private.as_ref().map(|p| &p.salt),
        entry.private.as_ref().map(|p| &p.data),
    ])?;
    Ok(())
}

fn number(value: u64) -> Result<i64, Fault> {
    i64::try_from(value).map_err(|_| Fault::Data("a number is too large".into()))
}

fn read(row: &Row<'_>) -> Result<Entry, Fault> {
    let blob = |column| -> Result<Vec<u8>, Fault> { Ok(row.get(column)?) };
    let salt: Option<String> = row.get(12)?;
    let data: Option<String> = row.get(13)?;
    Ok(Entry {
        station: DeviceId(row.get(0)?),
        incarnation: row.get(1)?,
        seq: u64::try_from(row.get::<_, i64>(2)?).map_err(|_| Fault::Data("a seq below 0".into()))?,
        id: EntryId(uuid_of(&blob(3)?)?),
        kind: row.get(4)?,
        at: serde_json::from_str(&row.get::<_, String>(5)?)?,
        saw: serde_json::from_str(&row.get::<_, String>(6)?)?,
        body: row.get(7)?,
        private_hash: hex::encode(blob(8)?),
        prev_hash: hex::encode(blob(9)?),
        hash: hex::encode(blob(10)?),
        signature: hex::encode(blob(11)?),
        private: salt.zip(data).map(|(salt, data)| Private { salt, data }),
    })
}

fn select(connection: &Connection, tail: &str, params: impl rusqlite::Params) -> Result<Vec<Entry>, Fault> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM journal {tail}"))?;
    let mut rows = statement.query(params)?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(read(row)?);
    }
    Ok(out)
}

/// The newest entries of an incarnation, newest first.
pub fn newest(connection: &Connection, station: DeviceId, incarnation: u32, most: u32) -> Result<Vec<Entry>, Fault> {
    let tail = "WHERE station = ?1 AND incarnation = ?2 ORDER BY seq DESC LIMIT ?3";
    select(connection, tail, params![station.0, incarnation, most])
}

/// Entries of an incarnation from `from` on that the server has not confirmed, in order.
pub fn unacknowledged(
    tx: &Transaction<'_>,
    station: DeviceId,
    incarnation: u32,
    most: u32,
) -> Result<Vec<Entry>, Fault> {
    let tail = "WHERE station = ?1 AND incarnation = ?2 AND outcome IS NULL ORDER BY seq LIMIT ?3";
    select(tx, tail, params![station.0, incarnation, most])
}

/// Incarnations with entries the server has not confirmed, oldest first.
pub fn incarnations_waiting(tx: &Transaction<'_>, station: DeviceId) -> Result<Vec<u32>, Fault> {
    let sql = "SELECT DISTINCT incarnation FROM journal WHERE station = ?1 AND outcome IS NULL ORDER BY incarnation";
    let mut statement = tx.prepare_cached(sql)?;
    let found = statement.query_map([station.0], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(found)
}

/// How many entries exist only here, of every enrolment of this machine.
pub fn waiting(tx: &Transaction<'_>) -> Result<u64, Fault> {
    Ok(tx
        .prepare_cached("SELECT count(*) FROM journal WHERE outcome IS NULL")?
        .query_row([], |row| row.get::<_, i64>(0))?
        .unsigned_abs())
}

/// Whether this entry exists only here.
pub fn is_waiting(tx: &Transaction<'_>, of: EntryRef) -> Result<bool, Fault> {
    let sql = "SELECT outcome IS NULL FROM journal WHERE station = ?1 AND incarnation = ?2 AND seq = ?3";
    let of = params![of.station.0, of.incarnation, number(of.seq)?];
    Ok(tx.prepare_cached(sql)?.query_row(of, |row| row.get(0)).optional()?.unwrap_or(false))
}

/// Whether the server has applied this entry.
pub fn is_applied(tx: &Transaction<'_>, of: EntryRef) -> Result<bool, Fault> {
    let sql = "SELECT coalesce(outcome, '') IN ('applied', 'applied_with_case') FROM journal
        WHERE station = ?1 AND incarnation = ?2 AND seq = ?3";
    let of = params![of.station.0, of.incarnation, number(of.seq)?];
    Ok(tx.prepare_cached(sql)?.query_row(of, |row| row.get(0)).optional()?.unwrap_or(false))
}

/// How many of the entries that exist only here say nothing this program knows.
pub fn unreadable_waiting(tx: &Transaction<'_>) -> Result<u64, Fault> {
    let mut statement = tx.prepare(&format!("SELECT {COLUMNS} FROM journal WHERE outcome IS NULL"))?;
    let mut rows = statement.query([])?;
    let mut unreadable = 0;
    while let Some(row) = rows.next()? {
        unreadable += u64::from(read(row).ok().and_then(|entry| entry.fact()).is_none());
    }
    Ok(unreadable)
}

/// How many entries there are in all.
pub fn count(tx: &Transaction<'_>) -> Result<u64, Fault> {
    Ok(tx.prepare_cached("SELECT count(*) FROM journal")?.query_row([], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

/// The last number of an incarnation; 0 when it has no entry.
pub fn length(tx: &Transaction<'_>, station: DeviceId, incarnation: u32) -> Result<u64, Fault> {
    let sql = "SELECT coalesce(max(seq), 0) FROM journal WHERE station = ?1 AND incarnation = ?2";
    Ok(tx.prepare_cached(sql)?.query_row(params![station.0, incarnation], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

/// The last number up to which the server has confirmed all.
pub fn acked(tx: &Transaction<'_>, station: DeviceId, incarnation: u32) -> Result<u64, Fault> {
    let sql = "SELECT coalesce(min(seq) - 1, (SELECT max(seq) FROM journal WHERE station = ?1 AND incarnation = ?2), 0)
        FROM journal WHERE station = ?1 AND incarnation = ?2 AND outcome IS NULL";
    Ok(tx.prepare_cached(sql)?.query_row(params![station.0, incarnation], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

/// Notes what the server said of an entry.
pub fn acknowledge(
    tx: &Transaction<'_>,
    station: DeviceId,
    incarnation: u32,
    seq: u64,
    outcome: Outcome,
) -> Result<bool, Fault> {
    let (text, case): (_, Option<CaseId>) = match outcome {
        Outcome::Applied => ("applied", None),
        Outcome::AppliedWithCase { case_id } => ("applied_with_case", Some(case_id)),
        Outcome::Parked { case_id } => ("parked", Some(case_id)),
    };
    let sql = "UPDATE journal SET outcome = ?4, case_id = ?5 WHERE station = ?1 AND incarnation = ?2 AND seq = ?3";
    let case = case.map(|c| c.0.as_bytes().to_vec());
    Ok(tx.prepare_cached(sql)?.execute(params![station.0, incarnation, number(seq)?, text, case])? > 0)
}

/// The server no longer has what came after `after`: it is sent again. Answers how many entries.
pub fn forget_acknowledged(
    tx: &Transaction<'_>,
    station: DeviceId,
    incarnation: u32,
    after: u64,
) -> Result<usize, Fault> {
    let sql = "UPDATE journal SET outcome = NULL, case_id = NULL
        WHERE station = ?1 AND incarnation = ?2 AND seq > ?3 AND outcome IS NOT NULL";
    Ok(tx.prepare_cached(sql)?.execute(params![station.0, incarnation, number(after)?])?)
}

/// A new history of the server: everything is sent again. Answers how many entries.
pub fn forget_all_acknowledged(tx: &Transaction<'_>) -> Result<usize, Fault> {
    let sql = "UPDATE journal SET outcome = NULL, case_id = NULL WHERE outcome IS NOT NULL";
    Ok(tx.prepare_cached(sql)?.execute([])?)
}

/// Where the fact of this entry is by now.
pub fn delivery(tx: &Transaction<'_>, station: i64, incarnation: u32, seq: i64) -> Result<Delivery, Fault> {
    let sql = "SELECT outcome FROM journal WHERE station = ?1 AND incarnation = ?2 AND seq = ?3";
    let outcome: Option<Option<String>> =
        tx.prepare_cached(sql)?.query_row(params![station, incarnation, seq], |row| row.get(0)).optional()?;
    Ok(match outcome.flatten().as_deref() {
        None => Delivery::Here,
        Some("applied") => Delivery::Sent,
        Some(_) => Delivery::Refused,
    })
}

/// Walks all entries in order, one in memory at a time.
pub(super) fn walk(
    tx: &Transaction<'_>,
    mut each: impl FnMut(Result<Entry, Fault>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut statement = tx.prepare(&format!("SELECT {COLUMNS} FROM journal ORDER BY station, incarnation, seq"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(read(row))?;
    }
    Ok(())
}

/// Everything that can be read of a damaged journal: forward until it fails, backward until it fails, then one by one
/// between. Each is still to be verified. `open` makes a connection: one that has met a damaged page answers nothing
/// more.
pub(super) fn salvage(open: &dyn Fn() -> rusqlite::Result<Connection>) -> Vec<Entry> {
    let mut found = BTreeMap::new();
    for order in ["ASC", "DESC"] {
        let sql = format!("SELECT {COLUMNS}, rowid FROM journal ORDER BY rowid {order}");
        let Ok(connection) = open() else { continue };
        let Ok(mut statement) = connection.prepare(&sql) else { continue };
        let Ok(mut rows) = statement.query([]) else { continue };
        while let Ok(Some(row)) = rows.next() {
            if let (Ok(rowid), Ok(entry)) = (row.get::<_, i64>(14), read(row)) {
                found.insert(rowid, entry);
            }
        }
    }
    let (Some(first), Some(last)) = (found.keys().next().copied(), found.keys().next_back().copied()) else {
        return Vec::new();
    };
    let holes: Vec<i64> = (first..=last).filter(|rowid| !found.contains_key(rowid)).collect();
    let mut connection = None;
    for rowid in holes {
        let Some(usable) = connection.take().or_else(|| open().ok()) else { break };
        let one = select(&usable, "WHERE rowid = ?1", [rowid]);
        if let Ok(entries) = one {
            found.extend(entries.into_iter().map(|entry| (rowid, entry)));
            connection = Some(usable);
        }
    }
    found.into_values().collect()
}

/// Rows that are rebuilt from the journal, as text, for comparing. What the journal does not hold is left out.
pub(super) const PROJECTIONS: &[(&str, &str)] = &[
    (
        "scan",
        "SELECT hex(scan_id), event_id, list_id, hex(position_id), hex(payload_hash), station, incarnation, seq, direction,
            class, reason, at, saw FROM scan WHERE station IN (SELECT value FROM json_each(?1))
            AND NOT EXISTS (SELECT 1 FROM checkpoint c WHERE c.station = scan.station
                AND c.incarnation = scan.incarnation AND c.upto >= scan.seq) ORDER BY scan_id",
    ),
    (
        "scan_undone",
        "SELECT hex(scan_id), list_id, station, incarnation, seq FROM scan_undone u
            WHERE station IN (SELECT value FROM json_each(?1))
            AND NOT EXISTS (SELECT 1 FROM checkpoint c WHERE c.station = u.station
                AND c.incarnation = u.incarnation AND c.upto >= u.seq) ORDER BY scan_id",
    ),
    (
        "badge_print",
        "SELECT station, incarnation, seq, hex(position_id), copy FROM badge_print b
            WHERE station IN (SELECT value FROM json_each(?1))
            AND NOT EXISTS (SELECT 1 FROM checkpoint c WHERE c.station = b.station
                AND c.incarnation = b.incarnation AND c.upto >= b.seq) ORDER BY station, incarnation, seq",
    ),
    (
        "lease",
        "SELECT hex(lease_id), station, incarnation, quota_id, event_id, granted, sold_units, void_units, accepted_seq
            FROM lease WHERE ?1 IS NOT NULL ORDER BY lease_id",
    ),
    (
        "hand_over",
        "SELECT hex(hand_over_id), way, station, incarnation, seq, hex(lease_id), quota_id, event_id, first, until, blanks,
            from_device, to_device, at FROM hand_over WHERE ?1 IS NOT NULL ORDER BY hand_over_id, way",
    ),
    (
        "held_right",
        "SELECT hex(right_id), station, incarnation, seq, code, body, at FROM held_right WHERE ?1 IS NOT NULL
            ORDER BY right_id",
    ),
    (
        "right_released",
        "SELECT hex(right_id), station, incarnation, seq FROM right_released WHERE ?1 IS NOT NULL ORDER BY right_id",
    ),
    (
        "voucher_spent",
        "SELECT hex(position_id), voucher_id, station, incarnation, seq FROM voucher_spent s
            WHERE ?1 IS NOT NULL AND NOT EXISTS (SELECT 1 FROM checkpoint c WHERE c.station = s.station
                AND c.incarnation = s.incarnation AND c.upto >= s.seq) ORDER BY position_id",
    ),
    (
        "counter_act",
        "SELECT hex(entry_id), hex(order_id), station, incarnation, seq, what, amount_minor, at FROM counter_act
            WHERE ?1 IS NOT NULL ORDER BY entry_id",
    ),
    (
        "lease_returned",
        "SELECT hex(lease_id), first, until FROM lease_returned WHERE ?1 IS NOT NULL ORDER BY lease_id, first",
    ),
    (
        "sale",
        "SELECT hex(order_id), order_code, event_id, hex(request_id), station, incarnation, seq, total_minor, currency, at
            FROM sale WHERE ?1 IS NOT NULL ORDER BY order_id",
    ),
    (
        "sale_line",
        "SELECT hex(order_id), line, hex(position_id), item_id, price_minor, tax_rate_bp, tax_minor, hex(blank), units,
            item_version FROM sale_line WHERE ?1 IS NOT NULL ORDER BY order_id, line",
    ),
    (
        "payment",
        "SELECT hex(payment_id), hex(order_id), amount_minor, given_minor, change_minor FROM payment
            WHERE ?1 IS NOT NULL ORDER BY payment_id",
    ),
    (
        "receipt",
        "SELECT station, incarnation, number, hex(order_id), total_minor FROM receipt
            WHERE ?1 IS NOT NULL ORDER BY station, incarnation, number",
    ),
    (
        "print",
        "SELECT hex(entry_id), hex(order_id), what, copy, receipt FROM print WHERE ?1 IS NOT NULL ORDER BY entry_id",
    ),
    (
        "void",
        "SELECT station, incarnation, seq, hex(order_id), positions, paper, at, receipt FROM void
            WHERE ?1 IS NOT NULL ORDER BY station, incarnation, seq",
    ),
    (
        "refund",
        "SELECT hex(refund_id), hex(order_id), amount_minor FROM refund WHERE ?1 IS NOT NULL ORDER BY refund_id",
    ),
];

/// The rows of one projection as lines of text, given one after the other until `each` has seen enough.
pub(super) fn rows_of(connection: &Connection, sql: &str, stations: &[DeviceId]) -> Result<Vec<String>, Fault> {
    let stations = serde_json::to_string(stations)?;
    let mut statement = connection.prepare(sql)?;
    let columns = statement.column_count();
    let mut rows = statement.query([stations])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let values = (0..columns).map(|c| row.get::<_, rusqlite::types::Value>(c)).collect::<Result<Vec<_>, _>>()?;
        out.push(values.iter().map(|v| format!("{v:?}")).collect::<Vec<_>>().join(" "));
    }
    Ok(out)
}
