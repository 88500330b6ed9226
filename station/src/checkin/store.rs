//! SQL of check-in lists, scans and shown verdicts.

use crate::{
    catalog::Stamp,
    db::{enumerate, uuid_of, word},
    error::Fault,
};
use rusqlite::{OptionalExtension, Transaction, params};
use willcall_domain::{
    checkin::{Class, ListRow, PastScan, ScanRow, VerdictView, wire::SawRef},
    clock::UtcMillis,
    id::{DeviceId, EventId, ListId, PositionId, ScanId},
    sync::{Entry, Fact, journal::bytes32},
};

/// Most verdicts kept for the screen.
const SHOWN: u32 = 50;

/// Keeps a list; answers whether it was news.
pub fn put_list(tx: &Transaction<'_>, row: &ListRow, epoch: i64) -> Result<bool, Fault> {
    let sql = "INSERT INTO list (id, event_id, epoch, version, data) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (id) DO UPDATE SET event_id = excluded.event_id, epoch = excluded.epoch,
            version = excluded.version, data = excluded.data
        WHERE (excluded.epoch, excluded.version) > (list.epoch, list.version)
            OR (excluded.epoch, excluded.version) = (list.epoch, list.version) AND excluded.data <> list.data";
    let data = serde_json::to_string(row)?;
    Ok(tx.prepare_cached(sql)?.execute(params![row.list_id.0, row.event_id.0, epoch, row.version, data])? > 0)
}

/// Takes a list away, unless a newer one is here.
pub fn gone(tx: &Transaction<'_>, id: &str, at: Stamp) -> Result<bool, Fault> {
    let Ok(id) = id.parse::<i64>() else { return Ok(false) };
    let sql = "DELETE FROM list WHERE id = ?1 AND (epoch, version) <= (?2, ?3)";
    Ok(tx.prepare_cached(sql)?.execute(params![id, at.epoch, at.version])? > 0)
}

pub fn list(tx: &Transaction<'_>, id: ListId) -> Result<Option<ListRow>, Fault> {
    let data: Option<String> =
        tx.prepare_cached("SELECT data FROM list WHERE id = ?1")?.query_row([id.0], |row| row.get(0)).optional()?;
    data.map(|data| serde_json::from_str(&data)).transpose().map_err(Fault::from)
}

/// Every list.
pub fn lists(tx: &Transaction<'_>) -> Result<Vec<ListRow>, Fault> {
    let mut statement = tx.prepare_cached("SELECT data FROM list ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(serde_json::from_str(&row.get::<_, String>(0)?)?);
    }
    Ok(out)
}

/// Adds a scan to the set; one that is there already can only become undone.
pub fn put_scan(tx: &Transaction<'_>, scan: &ScanRow) -> Result<bool, Fault> {
    let sql =
        "INSERT INTO scan (scan_id, event_id, list_id, position_id, payload_hash, station, incarnation, seq, gate,
            direction, class, reason, at, undone, saw)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
        ON CONFLICT (scan_id) DO UPDATE SET undone = 1 WHERE excluded.undone = 1 AND scan.undone = 0";
    let hash = match &scan.payload_hash {
        Some(text) => Some(bytes32(text).ok_or_else(|| Fault::Data("a payload hash is not 32 bytes".into()))?),
        None => None,
    };
    let seq = i64::try_from(scan.seq).map_err(|_| Fault::Data("a seq is too large".into()))?;
    let changed = tx.prepare_cached(sql)?.execute(params![
        scan.scan_id.0.as_bytes().as_slice(),
        scan.event_id.0,
        scan.list_id.0,
        scan.position_id.map(|p| p.0.as_bytes().to_vec()),
        hash.map(|h| h.to_vec()),
        scan.station.0,
        scan.incarnation,
        seq,
        scan.gate,
        word(&scan.direction),
        word(&scan.class),
        scan.reason.map(|r| word(&r)),
        scan.at.0,
        scan.undone,
        serde_json::to_string(&scan.saw)?,
    ])?;
    if changed > 0 && matches!(scan.class, Class::Admitted | Class::Look) {
        attend(tx, scan.list_id, scan.position_id, hash.as_ref())?;
    }
    Ok(changed > 0)
}

/// Whether [`put_scan`] would change anything.
pub fn is_news(tx: &Transaction<'_>, scan: &ScanRow) -> Result<bool, Fault> {
    let sql = "SELECT undone FROM scan WHERE scan_id = ?1";
    let known: Option<bool> =
        tx.prepare_cached(sql)?.query_row([scan.scan_id.0.as_bytes().as_slice()], |row| row.get(0)).optional()?;
    Ok(known.is_none_or(|undone| scan.undone && !undone))
}

/// This station may not see the event any more: its lists go, and the scans of others. Own scans are facts and stay.
pub fn forget_event(tx: &Transaction<'_>, event: EventId, own: &[DeviceId]) -> Result<(), Fault> {
    let own = serde_json::to_string(own)?;
    let sql = "DELETE FROM scan WHERE event_id = ?1 AND station NOT IN (SELECT value FROM json_each(?2))";
    tx.prepare_cached(sql)?.execute(params![event.0, own])?;
    let heads = "DELETE FROM attendance WHERE list_id IN (SELECT id FROM list WHERE event_id = ?1)";
    tx.prepare_cached(heads)?.execute([event.0])?;
    tx.prepare_cached("DELETE FROM list WHERE event_id = ?1")?.execute([event.0])?;
    let sql = "SELECT DISTINCT list_id, position_id, payload_hash FROM scan
        WHERE event_id = ?1 AND class IN ('admitted', 'look')";
    type Kept = (i64, Option<Vec<u8>>, Option<Vec<u8>>);
    let read = |row: &rusqlite::Row<'_>| -> rusqlite::Result<Kept> { Ok((row.get(0)?, row.get(1)?, row.get(2)?)) };
    let kept = tx.prepare_cached(sql)?.query_map([event.0], read)?.collect::<Result<Vec<Kept>, _>>()?;
    for (list, position, hash) in kept {
        let position = position.map(|blob| uuid_of(&blob).map(PositionId)).transpose()?;
        let hash = hash.map(<[u8; 32]>::try_from).transpose();
        let hash = hash.map_err(|_| Fault::Data("a payload hash is not 32 bytes".into()))?;
        attend(tx, ListId(list), position, hash.as_ref())?;
    }
    Ok(())
}

/// The row of an own scan.
pub fn project_scan(tx: &Transaction<'_>, entry: &Entry, fact: &Fact, gate: &str) -> Result<(), Fault> {
    let Fact::Scan { event_id, list_id, position_id, payload_hash, direction, class, reason, .. } = fact else {
        return Ok(());
    };
    put_scan(
        tx,
        &ScanRow {
            scan_id: ScanId(entry.id.0),
            event_id: *event_id,
            list_id: *list_id,
            position_id: *position_id,
            payload_hash: payload_hash.clone(),
            station: entry.station,
            incarnation: entry.incarnation,
            seq: entry.seq,
            gate: gate.to_owned(),
            direction: *direction,
            class: *class,
            reason: *reason,
            at: UtcMillis(entry.at.wall.0.saturating_add(entry.at.offset_ms)),
            undone: false,
            saw: entry.saw.clone(),
        },
    )?;
    Ok(())
}

/// Counted scans of a ticket on a list, by all stations: keyed by the position where it is known, and by the hash of
/// the signed payload, so that uses from before the position was known still count.
pub(super) fn history(
    tx: &Transaction<'_>,
    list: ListId,
    position: Option<PositionId>,
    hash: Option<&[u8; 32]>,
) -> Result<Vec<PastScan>, Fault> {
    let sql = "SELECT at, direction, gate, station, incarnation, seq FROM scan
        WHERE scan_id IN (SELECT scan_id FROM scan WHERE position_id = ?2
                          UNION SELECT scan_id FROM scan WHERE payload_hash = ?3)
        AND list_id = ?1 AND class IN ('admitted', 'look') AND undone = 0";
    let mut statement = tx.prepare_cached(sql)?;
    let position = position.map(|p| p.0.as_bytes().to_vec());
    let mut rows = statement.query(params![list.0, position, hash.map(|h| h.to_vec())])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(PastScan {
            at: UtcMillis(row.get(0)?),
            direction: enumerate(&row.get::<_, String>(1)?)?,
            gate: row.get(2)?,
            entry: SawRef {
                station: DeviceId(row.get(3)?),
                incarnation: row.get(4)?,
                seq: u64::try_from(row.get::<_, i64>(5)?).unwrap_or(0),
            },
        });
    }
    Ok(out)
}

/// Whether the last counted scan of a position on a list is an entry.
pub fn is_inside(tx: &Transaction<'_>, list: ListId, position: PositionId) -> Result<bool, Fault> {
    let sql = "SELECT direction = 'entry' FROM scan
        WHERE position_id = ?2 AND list_id = ?1 AND class IN ('admitted', 'look') AND undone = 0
        ORDER BY at DESC, scan_id DESC LIMIT 1";
    let id = position.0.as_bytes().as_slice();
    let inside: Option<bool> = tx.prepare_cached(sql)?.query_row(params![list.0, id], |row| row.get(0)).optional()?;
    Ok(inside.unwrap_or(false))
}

/// Whether a scan was undone.
pub(super) fn is_undone(tx: &Transaction<'_>, scan: ScanId) -> Result<bool, Fault> {
    let sql = "SELECT undone FROM scan WHERE scan_id = ?1";
    let undone: Option<bool> =
        tx.prepare_cached(sql)?.query_row([scan.0.as_bytes().as_slice()], |row| row.get(0)).optional()?;
    Ok(undone.unwrap_or(false))
}

/// How many tickets were admitted on a list, and how many of them are inside.
pub(super) fn heads(tx: &Transaction<'_>, list: ListId) -> Result<(i64, i64), Fault> {
    let sql = "SELECT (SELECT count(*) FROM attendance WHERE list_id = ?1),
        (SELECT count(*) FROM attendance WHERE list_id = ?1 AND inside = 1)";
    Ok(tx.prepare_cached(sql)?.query_row([list.0], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// Counts one ticket of a list anew, from its scans.
fn attend(
    tx: &Transaction<'_>,
    list: ListId,
    position: Option<PositionId>,
    hash: Option<&[u8; 32]>,
) -> Result<(), Fault> {
    let (key, ticket) = match (position, hash) {
        (Some(position), _) => ("position_id = ?2", position.0.as_bytes().to_vec()),
        (None, Some(hash)) => ("payload_hash = ?2 AND position_id IS NULL", hash.to_vec()),
        (None, None) => return Ok(()),
    };
    let sql = format!(
        "SELECT direction = 'entry' FROM scan
        WHERE {key} AND list_id = ?1 AND class IN ('admitted', 'look') AND undone = 0 ORDER BY at DESC, scan_id DESC"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let entries = statement.query_map(params![list.0, ticket], |row| row.get(0))?.collect::<Result<Vec<bool>, _>>()?;
    if entries.contains(&true) {
        let sql = "INSERT INTO attendance (list_id, ticket, inside) VALUES (?1, ?2, ?3)
            ON CONFLICT (list_id, ticket) DO UPDATE SET inside = excluded.inside";
        tx.prepare_cached(sql)?.execute(params![list.0, ticket, entries.first()])?;
    } else {
        let sql = "DELETE FROM attendance WHERE list_id = ?1 AND ticket = ?2";
        tx.prepare_cached(sql)?.execute(params![list.0, ticket])?;
    }
    Ok(())
}

/// Lets go of own scans whose entries up to `upto` are dropped, and of what was shown of them.
pub fn drop_until(tx: &Transaction<'_>, station: DeviceId, incarnation: u32, upto: u64) -> Result<(), Fault> {
    let upto = i64::try_from(upto).map_err(|_| Fault::Data("a seq is too large".into()))?;
    for table in ["scan", "verdict"] {
        let sql = format!("DELETE FROM {table} WHERE station = ?1 AND incarnation = ?2 AND seq <= ?3");
        tx.execute(&sql, params![station.0, incarnation, upto])?;
    }
    Ok(())
}

/// Keeps a verdict as it was shown, and forgets the oldest.
pub fn remember_verdict(tx: &Transaction<'_>, entry: &Entry, view: &VerdictView) -> Result<(), Fault> {
    let nameless = VerdictView { name: None, ..view.clone() };
    let seq = i64::try_from(entry.seq).map_err(|_| Fault::Data("a seq is too large".into()))?;
    tx.prepare_cached("INSERT INTO verdict (station, incarnation, seq, view) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![entry.station.0, entry.incarnation, seq, serde_json::to_string(&nameless)?])?;
    tx.prepare_cached("DELETE FROM verdict WHERE shown <= (SELECT max(shown) FROM verdict) - ?1")?.execute([SHOWN])?;
    Ok(())
}

/// A verdict as it was shown, and the journal entry that recorded it.
pub struct Shown {
    pub station: i64,
    pub incarnation: u32,
    pub seq: i64,
    pub view: VerdictView,
}

/// Shown verdicts, newest first.
pub fn verdicts(tx: &Transaction<'_>, most: u32) -> Result<Vec<Shown>, Fault> {
    let sql = "SELECT station, incarnation, seq, view FROM verdict ORDER BY shown DESC LIMIT ?1";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([most])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(Shown {
            station: row.get(0)?,
            incarnation: row.get(1)?,
            seq: row.get(2)?,
            view: serde_json::from_str(&row.get::<_, String>(3)?)?,
        });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{db, support::*};
    use rusqlite::{Connection, TransactionBehavior};
    use uuid::Uuid;
    use willcall_domain::{checkin::Direction, id::ScanId};

    fn scan(n: u128, ticket: u128, direction: Direction, at: i64) -> ScanRow {
        ScanRow {
            scan_id: ScanId(Uuid::from_u128(n)),
            event_id: EVENT,
            list_id: LIST,
            position_id: Some(PositionId(Uuid::from_u128(ticket))),
            payload_hash: None,
            station: DeviceId(1),
            incarnation: 1,
            seq: 1,
            gate: String::new(),
            direction,
            class: Class::Admitted,
            reason: None,
            at: UtcMillis(at),
            undone: false,
            saw: vec![],
        }
    }

    #[test]
    fn heads_follow_from_the_scans_in_any_order_and_as_if_an_undone_one_never_was() {
        let mut connection = Connection::open_in_memory().unwrap();
        db::migrate::migrate(&mut connection, UtcMillis(0)).unwrap();
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
        let hashed =
            ScanRow { position_id: None, payload_hash: Some("ab".repeat(32)), ..scan(9, 0, Direction::Entry, 5) };
        let refused = ScanRow { class: Class::Used, ..scan(8, 4, Direction::Entry, 5) };
        for row in [
            scan(2, 1, Direction::Exit, 20),
            scan(1, 1, Direction::Entry, 10),
            scan(3, 2, Direction::Entry, 10),
            scan(4, 3, Direction::Exit, 10),
            hashed,
            refused,
        ] {
            put_scan(&tx, &row).unwrap();
        }
        assert_eq!(heads(&tx, LIST).unwrap(), (3, 2), "one went out again, one only went out, one was refused");
        let backfill = include_str!("../../../migrations/station/20261121101000_create_attendance.sql");
        tx.execute("DELETE FROM attendance", []).unwrap();
        tx.execute_batch(&backfill[backfill.find("INSERT").unwrap()..]).unwrap();
        assert_eq!(heads(&tx, LIST).unwrap(), (3, 2), "an older database is counted the same");
        put_scan(&tx, &ScanRow { undone: true, ..scan(3, 2, Direction::Entry, 10) }).unwrap();
        put_scan(&tx, &ScanRow { undone: true, ..scan(2, 1, Direction::Exit, 20) }).unwrap();
        assert_eq!(heads(&tx, LIST).unwrap(), (2, 2));
    }
}
