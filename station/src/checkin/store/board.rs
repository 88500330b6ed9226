//! SQL of what stands beside the verdict: arrivals by time, gate and product, and scans that let nobody in.

use crate::{
    db::{enumerate, word},
    error::Fault,
};
use rusqlite::{Transaction, params};
use willcall_domain::{
    checkin::{
        Class, Direction, Reason, VerdictView,
        board::{FINEST_MIN, GateCount, ReasonCount},
    },
    clock::UtcMillis,
    id::{DeviceId, ItemId, ListId},
    sync::Entry,
};

/// Most scans that let nobody in that are kept for looking at.
const REFUSED: u32 = 500;

/// Scans of a list that let somebody in or out, counted in spans.
pub fn by_time(tx: &Transaction<'_>, list: ListId) -> Result<Vec<(UtcMillis, Direction, u64)>, Fault> {
    let sql = "SELECT at / ?2 AS span, direction, count(*) FROM scan
        WHERE list_id = ?1 AND class IN ('admitted', 'look') AND undone = 0 GROUP BY span, direction";
    let span = i64::from(FINEST_MIN) * 60_000;
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![list.0, span])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let at = UtcMillis(row.get::<_, i64>(0)?.saturating_mul(span));
        out.push((at, enumerate(&row.get::<_, String>(1)?)?, row.get::<_, i64>(2)?.unsigned_abs()));
    }
    Ok(out)
}

/// How many were let in since.
pub fn let_in_since(tx: &Transaction<'_>, list: ListId, since: UtcMillis) -> Result<u64, Fault> {
    let sql = "SELECT count(*) FROM scan WHERE list_id = ?1 AND class IN ('admitted', 'look') AND undone = 0
        AND direction = 'entry' AND at >= ?2";
    let count: i64 = tx.prepare_cached(sql)?.query_row(params![list.0, since.0], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// The gates of a list, by name.
pub fn by_gate(tx: &Transaction<'_>, list: ListId, me: DeviceId) -> Result<Vec<GateCount>, Fault> {
    let sql = "SELECT gate, sum(direction = 'entry'), sum(direction = 'exit'), max(at), max(station = ?2) FROM scan
        WHERE list_id = ?1 AND class IN ('admitted', 'look') AND undone = 0 GROUP BY gate ORDER BY gate";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![list.0, me.0])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(GateCount {
            gate: row.get(0)?,
            entries: row.get::<_, i64>(1)?.unsigned_abs(),
            exits: row.get::<_, i64>(2)?.unsigned_abs(),
            last_at: UtcMillis(row.get(3)?),
            here: row.get(4)?,
        });
    }
    Ok(out)
}

/// Tickets of each product that entered by a list, and how many of them are inside.
pub fn by_product(tx: &Transaction<'_>, list: ListId) -> Result<Vec<(ItemId, u64, u64)>, Fault> {
    let sql = "SELECT p.item_id, count(*), sum(a.inside) FROM attendance a JOIN position p ON p.position_id = a.ticket
        WHERE a.list_id = ?1 GROUP BY p.item_id";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([list.0])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push((ItemId(row.get(0)?), row.get::<_, i64>(1)?.unsigned_abs(), row.get::<_, i64>(2)?.unsigned_abs()));
    }
    Ok(out)
}

/// Why people were turned away, the most frequent first.
pub fn by_reason(tx: &Transaction<'_>, list: ListId) -> Result<Vec<ReasonCount>, Fault> {
    let sql = "SELECT reason, count(*) AS many FROM scan WHERE list_id = ?1 AND class IN ('used', 'refused')
        AND reason IS NOT NULL GROUP BY reason ORDER BY many DESC, reason";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([list.0])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let reason: Reason = enumerate(&row.get::<_, String>(0)?)?;
        out.push(ReasonCount { reason, count: row.get::<_, i64>(1)?.unsigned_abs() });
    }
    Ok(out)
}

/// How many other stations' scans are here, and when the last of them was.
pub fn others(tx: &Transaction<'_>, me: DeviceId) -> Result<(u32, Option<UtcMillis>), Fault> {
    let sql = "SELECT count(DISTINCT station), max(at) FROM scan WHERE station <> ?1";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?.map(UtcMillis)));
    Ok(tx.prepare_cached(sql)?.query_row([me.0], read)?)
}

/// Keeps a scan that let nobody in, and forgets the oldest.
pub(super) fn remember_refused(tx: &Transaction<'_>, entry: &Entry, nameless: &VerdictView) -> Result<(), Fault> {
    let seq = i64::try_from(entry.seq).map_err(|_| Fault::Data("a seq is too large".into()))?;
    tx.prepare_cached("INSERT INTO refused_scan (station, incarnation, seq, view) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![entry.station.0, entry.incarnation, seq, serde_json::to_string(nameless)?])?;
    tx.prepare_cached("DELETE FROM refused_scan WHERE shown <= (SELECT max(shown) FROM refused_scan) - ?1")?
        .execute([REFUSED])?;
    Ok(())
}

/// A scan that let nobody in: as it was shown, and what stands beside its entry.
pub struct Refused {
    pub shown: super::Shown,
    /// JSON; `None` where it was erased or nothing was to be kept.
    pub beside: Option<String>,
}

/// Scans that let nobody in, newest first.
pub fn refused(tx: &Transaction<'_>, most: u32) -> Result<Vec<Refused>, Fault> {
    let sql = "SELECT r.station, r.incarnation, r.seq, r.view, j.private FROM refused_scan r
        LEFT JOIN journal j USING (station, incarnation, seq) ORDER BY r.shown DESC LIMIT ?1";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([most])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let (station, incarnation, seq) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let view = serde_json::from_str(&row.get::<_, String>(3)?)?;
        out.push(Refused { shown: super::Shown { station, incarnation, seq, view }, beside: row.get(4)? });
    }
    Ok(out)
}

/// Whether a ticket was let in before `class` was decided, anywhere: the first badge is printed once.
pub fn admissions(tx: &Transaction<'_>, position: willcall_domain::id::PositionId) -> Result<u64, Fault> {
    let sql = "SELECT count(*) FROM scan WHERE position_id = ?1 AND class IN (?2, ?3) AND undone = 0
        AND direction = 'entry'";
    let of = params![position.0.as_bytes().as_slice(), word(&Class::Admitted), word(&Class::Look)];
    let count: i64 = tx.prepare_cached(sql)?.query_row(of, |row| row.get(0))?;
    Ok(count.unsigned_abs())
}
