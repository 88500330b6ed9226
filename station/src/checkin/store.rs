//! SQL of check-in lists, scans and shown verdicts.

use crate::{
    catalog::Stamp,
    db::{enumerate, uuid_of, word},
    error::Fault,
};
use rusqlite::{OptionalExtension, Transaction, params};
use std::collections::HashMap;
use willcall_domain::{
    checkin::{
        Class, ListRow, PastScan, ScanRow, VerdictView,
        merge::{self, Splits, Use},
        wire::{Of, SawRef},
    },
    clock::UtcMillis,
    id::{DeviceId, EventId, ListId, PositionId, ScanId},
    sync::{Entry, Fact, journal::bytes32},
};

pub mod board;
pub mod setup;

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
            direction, class, reason, at, undone, saw, uncertainty_ms)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,
            max(?14, EXISTS (SELECT 1 FROM scan_undone u WHERE u.scan_id = ?1 AND u.list_id = ?3)), ?15, ?16)
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
        scan.uncertainty_ms,
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

/// This station may not see the event any more: its lists go. Own scans are facts and stay; those of others follow by
/// [`forget_some`].
pub fn forget_event(tx: &Transaction<'_>, event: EventId) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM list WHERE event_id = ?1")?.execute([event.0])?;
    setup::forget_setup(tx, event)
}

/// Events of which scans are here.
pub fn events_here(tx: &Transaction<'_>) -> Result<Vec<EventId>, Fault> {
    let mut statement = tx.prepare_cached("SELECT DISTINCT event_id FROM scan")?;
    let events = statement.query_map([], |row| Ok(EventId(row.get(0)?)))?.collect::<Result<_, _>>()?;
    Ok(events)
}

/// Up to `most` scans by others of an event go, and who is counted as inside because of them. Answers how many.
pub fn forget_some(tx: &Transaction<'_>, event: EventId, own: &[DeviceId], most: usize) -> Result<usize, Fault> {
    type Other = (Vec<u8>, i64, Option<Vec<u8>>, Option<Vec<u8>>);
    let own = serde_json::to_string(own)?;
    let sql = "SELECT scan_id, list_id, position_id, payload_hash FROM scan
        WHERE event_id = ?1 AND station NOT IN (SELECT value FROM json_each(?2)) LIMIT ?3";
    let read = |row: &rusqlite::Row<'_>| -> rusqlite::Result<Other> {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    };
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let others =
        tx.prepare_cached(sql)?.query_map(params![event.0, own, most], read)?.collect::<Result<Vec<Other>, _>>()?;
    let mut delete = tx.prepare_cached("DELETE FROM scan WHERE scan_id = ?1")?;
    for (scan, ..) in &others {
        delete.execute([scan])?;
    }
    let count = others.len();
    let heads: std::collections::BTreeSet<_> =
        others.into_iter().map(|(_, list, position, hash)| (list, position, hash)).collect();
    for (list, position, hash) in heads {
        let position = position.map(|blob| uuid_of(&blob).map(PositionId)).transpose()?;
        attend(tx, ListId(list), position, hash32(hash)?.as_ref())?;
    }
    Ok(count)
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
            at: entry.at.ticket_time(),
            uncertainty_ms: entry.at.uncertainty_ms,
            undone: false,
            saw: entry.saw.clone(),
        },
    )?;
    Ok(())
}

/// The scan is as if it never was, now or when it comes.
pub fn project_undone(tx: &Transaction<'_>, entry: &Entry, fact: &Fact) -> Result<(), Fault> {
    let Fact::ScanUndone { scan_id, list_id, .. } = fact else { return Ok(()) };
    let seq = i64::try_from(entry.seq).map_err(|_| Fault::Data("a seq is too large".into()))?;
    let id = scan_id.0.as_bytes().as_slice();
    let sql = "INSERT INTO scan_undone (scan_id, list_id, station, incarnation, seq) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (scan_id) DO NOTHING";
    tx.prepare_cached(sql)?.execute(params![id, list_id.0, entry.station.0, entry.incarnation, seq])?;
    let sql = "UPDATE scan SET undone = 1 WHERE scan_id = ?1 AND list_id = ?2 AND undone = 0
        RETURNING position_id, payload_hash";
    type Ticket = (Option<Vec<u8>>, Option<Vec<u8>>);
    let read = |row: &rusqlite::Row<'_>| -> rusqlite::Result<Ticket> { Ok((row.get(0)?, row.get(1)?)) };
    let ticket = tx.prepare_cached(sql)?.query_row(params![id, list_id.0], read).optional()?;
    let Some((position, hash)) = ticket else { return Ok(()) };
    let position = position.map(|blob| uuid_of(&blob).map(PositionId)).transpose()?;
    attend(tx, *list_id, position, hash32(hash)?.as_ref())
}

fn hash32(blob: Option<Vec<u8>>) -> Result<Option<[u8; 32]>, Fault> {
    blob.map(<[u8; 32]>::try_from).transpose().map_err(|_| Fault::Data("a payload hash is not 32 bytes".into()))
}

/// What can be undone: a scan that is here.
pub(super) struct Found {
    pub event_id: EventId,
    pub list_id: ListId,
    pub class: Class,
    pub undone: bool,
}

/// The scan of this id.
pub(super) fn find(tx: &Transaction<'_>, scan: ScanId) -> Result<Option<Found>, Fault> {
    let sql = "SELECT event_id, list_id, class, undone FROM scan WHERE scan_id = ?1";
    let read = |row: &rusqlite::Row<'_>| -> rusqlite::Result<(i64, i64, String, bool)> {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    };
    let found = tx.prepare_cached(sql)?.query_row([scan.0.as_bytes().as_slice()], read).optional()?;
    found
        .map(|(event, list, class, undone)| {
            Ok(Found { event_id: EventId(event), list_id: ListId(list), class: enumerate(&class)?, undone })
        })
        .transpose()
}

const USE: &str =
    "SELECT scan_id, at, uncertainty_ms, direction, gate, station, incarnation, seq, saw, undone FROM scan";

/// Scans of a ticket on a list that let somebody in or out, by all stations, undone ones too: keyed by the position where
/// it is known, and by the hash of the signed payload, so that uses from before the position was known still count.
pub(super) fn history(
    tx: &Transaction<'_>,
    list: ListId,
    position: Option<PositionId>,
    hash: Option<&[u8; 32]>,
) -> Result<Vec<PastScan>, Fault> {
    let sql = format!(
        "{USE} WHERE scan_id IN (SELECT scan_id FROM scan WHERE position_id = ?2
                          UNION SELECT scan_id FROM scan WHERE payload_hash = ?3)
        AND list_id = ?1 AND class IN ('admitted', 'look')"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let position = position.map(|p| p.0.as_bytes().to_vec());
    let mut rows = statement.query(params![list.0, position, hash.map(|h| h.to_vec())])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(PastScan { scan: use_of(row)?, gate: row.get(4)? });
    }
    Ok(out)
}

fn use_of(row: &rusqlite::Row<'_>) -> Result<Use, Fault> {
    Ok(Use {
        scan_id: ScanId(uuid_of(&row.get::<_, Vec<u8>>(0)?)?),
        at: UtcMillis(row.get(1)?),
        uncertainty_ms: row.get(2)?,
        direction: enumerate(&row.get::<_, String>(3)?)?,
        entry: SawRef {
            station: DeviceId(row.get(5)?),
            incarnation: row.get(6)?,
            seq: u64::try_from(row.get::<_, i64>(7)?).unwrap_or(0),
        },
        saw: serde_json::from_str(&row.get::<_, String>(8)?)?,
        undone: row.get(9)?,
    })
}

/// Whether a position is inside by what is known of a list.
pub fn is_inside(tx: &Transaction<'_>, list: ListId, position: PositionId) -> Result<bool, Fault> {
    let uses = uses(tx, list, "position_id = ?2", position.0.as_bytes().as_slice())?;
    Ok(merge::state(&uses, &Splits::new()).inside)
}

/// Scans of a ticket on a list that count, by a key that names it as `?2`.
fn uses(tx: &Transaction<'_>, list: ListId, key: &str, ticket: &[u8]) -> Result<Vec<Use>, Fault> {
    let sql = format!("{USE} WHERE {key} AND list_id = ?1 AND class IN ('admitted', 'look') AND undone = 0");
    let mut statement = tx.prepare_cached(&sql)?;
    let mut rows = statement.query(params![list.0, ticket])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(use_of(row)?);
    }
    Ok(out)
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

/// Who entered by a list, with the first time and whether they are inside now; by position, as far as codes told it.
pub(super) fn entered(tx: &Transaction<'_>, list: ListId) -> Result<HashMap<PositionId, (UtcMillis, bool)>, Fault> {
    let sql = "SELECT s.position_id, min(s.at), a.inside FROM scan s
        JOIN attendance a ON a.list_id = s.list_id AND a.ticket = s.position_id
        WHERE s.list_id = ?1 AND s.direction = 'entry' AND s.class IN ('admitted', 'look') AND s.undone = 0
        GROUP BY s.position_id";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([list.0])?;
    let mut out = HashMap::new();
    while let Some(row) = rows.next()? {
        let position = PositionId(uuid_of(&row.get::<_, Vec<u8>>(0)?)?);
        out.insert(position, (UtcMillis(row.get(1)?), row.get(2)?));
    }
    Ok(out)
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
    let uses = uses(tx, list, key, &ticket)?;
    let state = merge::state(&uses, &Splits::new());
    if state.first_entry.is_some() {
        let sql = "INSERT INTO attendance (list_id, ticket, inside) VALUES (?1, ?2, ?3)
            ON CONFLICT (list_id, ticket) DO UPDATE SET inside = excluded.inside";
        tx.prepare_cached(sql)?.execute(params![list.0, ticket, state.inside])?;
    } else {
        let sql = "DELETE FROM attendance WHERE list_id = ?1 AND ticket = ?2";
        tx.prepare_cached(sql)?.execute(params![list.0, ticket])?;
    }
    Ok(())
}

/// Lets go of own scans whose entries up to `upto` are dropped, and of what was shown of them.
pub fn drop_until(tx: &Transaction<'_>, station: DeviceId, incarnation: u32, upto: u64) -> Result<(), Fault> {
    let upto = i64::try_from(upto).map_err(|_| Fault::Data("a seq is too large".into()))?;
    for table in ["scan", "scan_undone", "verdict", "refused_scan"] {
        let sql = format!("DELETE FROM {table} WHERE station = ?1 AND incarnation = ?2 AND seq <= ?3");
        tx.execute(&sql, params![station.0, incarnation, upto])?;
    }
    Ok(())
}

/// Keeps a verdict as it was shown, and forgets the oldest.
pub fn remember_verdict(tx: &Transaction<'_>, entry: &Entry, view: &VerdictView) -> Result<(), Fault> {
    // What is written of an order may name people.
    let texts = view.texts.iter().filter(|text| text.of != Of::Order).cloned().collect();
    let nameless = VerdictView { name: None, texts, ..view.clone() };
    let seq = i64::try_from(entry.seq).map_err(|_| Fault::Data("a seq is too large".into()))?;
    tx.prepare_cached("INSERT INTO verdict (station, incarnation, seq, view) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![entry.station.0, entry.incarnation, seq, serde_json::to_string(&nameless)?])?;
    tx.prepare_cached("DELETE FROM verdict WHERE shown <= (SELECT max(shown) FROM verdict) - ?1")?.execute([SHOWN])?;
    if matches!(view.class, Class::Used | Class::Refused) {
        board::remember_refused(tx, entry, &nameless)?;
    }
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

/// Whether somebody went in or out with this ticket, on any list, as far as is known here.
pub fn used_anywhere(tx: &Transaction<'_>, position: PositionId, hash: Option<&[u8; 32]>) -> Result<bool, Fault> {
    let sql =
        "SELECT EXISTS (SELECT 1 FROM scan WHERE position_id = ?1 AND class IN ('admitted', 'look') AND undone = 0)
        OR EXISTS (SELECT 1 FROM scan WHERE payload_hash = ?2 AND class IN ('admitted', 'look') AND undone = 0)";
    let of = params![position.0.as_bytes().as_slice(), hash.map(|h| h.to_vec())];
    Ok(tx.prepare_cached(sql)?.query_row(of, |row| row.get(0))?)
}

#[cfg(test)]
mod tests;
