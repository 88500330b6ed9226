//! SQL of event keys, void blanks and printed badges.

use super::pack;
use crate::{catalog::Stamp, error::Fault};
use rusqlite::{OptionalExtension, Transaction, params};
use willcall_domain::{
    id::{DeviceId, EventId, OrganizerId, PositionId},
    sync::{Entry, Fact, change::VoidBlanks},
    ticketing::{
        BadgeRow, EventKey, KeyRow,
        blank::{self, VoidWhy},
        sig1,
    },
};

/// Keeps a key; answers whether it was news.
pub fn put_key(tx: &Transaction<'_>, row: &KeyRow, epoch: i64) -> Result<bool, Fault> {
    let sql = "INSERT INTO event_key (event_id, number, epoch, version, data) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (event_id, number) DO UPDATE SET epoch = excluded.epoch, version = excluded.version, data = excluded.data
        WHERE (excluded.epoch, excluded.version) > (event_key.epoch, event_key.version)
            OR (excluded.epoch, excluded.version) = (event_key.epoch, event_key.version)
                AND excluded.data <> event_key.data";
    let data = serde_json::to_string(row)?;
    Ok(tx.prepare_cached(sql)?.execute(params![row.event_id.0, row.number, epoch, row.version, data])? > 0)
}

/// Every key that can be read, parsed. One that cannot is logged and passed over: the others still verify.
pub fn event_keys(tx: &Transaction<'_>) -> Result<Vec<EventKey>, Fault> {
    let mut statement = tx.prepare_cached("SELECT data FROM event_key ORDER BY event_id, number")?;
    let mut rows = statement.query([])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        let row: KeyRow = serde_json::from_str(&row.get::<_, String>(0)?)?;
        match EventKey::parse(&row) {
            Ok(key) => keys.push(key),
            Err(error) => {
                tracing::error!(event = row.event_id.0, number = row.number, %error, "an event key is unusable")
            }
        }
    }
    Ok(keys)
}

/// This station may not see the event any more: its keys and badges go. Void blanks stay void.
pub fn forget_event(tx: &Transaction<'_>, event: EventId) -> Result<(), Fault> {
    tx.prepare_cached("DELETE FROM event_key WHERE event_id = ?1")?.execute([event.0])?;
    tx.prepare_cached("DELETE FROM badge WHERE event_id = ?1")?.execute([event.0])?;
    Ok(())
}

/// The organizer and event of every key with these 32 bytes.
pub fn key_events(tx: &Transaction<'_>, public: &str) -> Result<Vec<(OrganizerId, EventId)>, Fault> {
    let mut statement = tx.prepare_cached("SELECT data FROM event_key")?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    let mut found = Vec::new();
    for data in rows {
        let row: KeyRow = serde_json::from_str(&data?)?;
        if row.public.eq_ignore_ascii_case(public) {
            found.push((row.organizer_id, row.event_id));
        }
    }
    Ok(found)
}

/// Remembers a range of blanks as void, for ever. The same range told again can only become stricter: in whatever order rows
/// come, none takes back what a newer one said; but what was kept by a program that did not ask why is replaced by what the
/// server says. Answers whether it was news.
pub fn put_void_blanks(tx: &Transaction<'_>, range: &VoidBlanks) -> Result<bool, Fault> {
    if range.from >= range.until {
        return Ok(false);
    }
    let (first, last) = (blank::position(range.base, range.from), blank::position(range.base, range.until - 1));
    // All but `lost` refuse alike.
    let sql = "INSERT INTO void_blanks (first, last, lease_id, why, told) VALUES (?1, ?2, ?3, ?4, 1)
        ON CONFLICT (first, last) DO UPDATE SET why = excluded.why, told = 1
            WHERE void_blanks.told = 0 OR void_blanks.why = 'lost' AND excluded.why <> 'lost'";
    let (lease, why) = (range.lease_id.0.as_bytes().as_slice(), range.why.as_str());
    let ends = (first.0.as_bytes().as_slice(), last.0.as_bytes().as_slice());
    let news = tx.prepare_cached(sql)?.execute(params![ends.0, ends.1, lease, why])? > 0;
    if news {
        let sql = "INSERT INTO void_seed (seed, why, told) VALUES (?1, ?2, 1)
            ON CONFLICT (seed) DO UPDATE SET why = excluded.why, told = 1
                WHERE void_seed.told = 0 OR void_seed.why = 'lost' AND excluded.why <> 'lost'";
        let mut insert = tx.prepare_cached(sql)?;
        for n in range.from..range.until {
            if let Some(seed) = pack(&sig1::seed(blank::position(range.base, n), blank::ISSUE)) {
                insert.execute(params![seed, why])?;
            }
        }
    }
    Ok(news)
}

/// Why this id is void: for the strictest of the ranges it lies in; `None` where it lies in none.
pub fn why_void(tx: &Transaction<'_>, position: PositionId) -> Result<Option<VoidWhy>, Fault> {
    let mut statement = tx.prepare_cached("SELECT why FROM void_blanks WHERE first <= ?1 AND last >= ?1")?;
    let mut rows = statement.query([position.0.as_bytes().as_slice()])?;
    let mut strictest = None;
    while let Some(row) = rows.next()? {
        strictest = strictest.max(Some(VoidWhy::of_word(&row.get::<_, String>(0)?)));
    }
    Ok(strictest)
}

/// Why this `sig1` seed is one of a void blank; `None` where it is not.
pub fn why_void_seed(tx: &Transaction<'_>, seed: i64) -> Result<Option<VoidWhy>, Fault> {
    let mut statement = tx.prepare_cached("SELECT why FROM void_seed WHERE seed = ?1")?;
    let word: Option<String> = statement.query_row([seed], |row| row.get(0)).optional()?;
    Ok(word.map(|word| VoidWhy::of_word(&word)))
}

/// Keeps the layout of a badge; answers whether it was news.
pub fn put_badge(tx: &Transaction<'_>, row: &BadgeRow, epoch: i64) -> Result<bool, Fault> {
    let sql = "INSERT INTO badge (id, event_id, epoch, version, data) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (id) DO UPDATE SET event_id = excluded.event_id, epoch = excluded.epoch, version = excluded.version,
            data = excluded.data
        WHERE (excluded.epoch, excluded.version) > (badge.epoch, badge.version)";
    let data = serde_json::to_string(row)?;
    let news = params![row.badge_id.0, row.event_id.0, epoch, row.version, data];
    Ok(tx.prepare_cached(sql)?.execute(news)? > 0)
}

/// Takes a badge away, unless a newer one is here.
pub fn badge_gone(tx: &Transaction<'_>, id: &str, at: Stamp) -> Result<bool, Fault> {
    let Ok(id) = id.parse::<i64>() else { return Ok(false) };
    let sql = "DELETE FROM badge WHERE id = ?1 AND (epoch, version) <= (?2, ?3)";
    Ok(tx.prepare_cached(sql)?.execute(params![id, at.epoch, at.version])? > 0)
}

/// The badges of an event, the oldest first.
pub fn badges(tx: &Transaction<'_>, event: EventId) -> Result<Vec<BadgeRow>, Fault> {
    let mut statement = tx.prepare_cached("SELECT data FROM badge WHERE event_id = ?1 ORDER BY id")?;
    let mut rows = statement.query([event.0])?;
    let mut badges = Vec::new();
    while let Some(row) = rows.next()? {
        badges.push(serde_json::from_str(&row.get::<_, String>(0)?)?);
    }
    Ok(badges)
}

/// A badge that left the printer.
pub fn project_badge(tx: &Transaction<'_>, entry: &Entry, fact: &Fact) -> Result<(), Fault> {
    let Fact::Badge { position_id, copy, .. } = fact else { return Ok(()) };
    let seq = i64::try_from(entry.seq).map_err(|_| Fault::Data("a seq is too large".into()))?;
    let sql = "INSERT INTO badge_print (station, incarnation, seq, position_id, copy) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT DO NOTHING";
    let position = position_id.0.as_bytes().as_slice();
    tx.prepare_cached(sql)?.execute(params![entry.station.0, entry.incarnation, seq, position, copy])?;
    Ok(())
}

/// How often the badge of a ticket was printed here.
pub fn badges_printed(tx: &Transaction<'_>, position: PositionId) -> Result<u32, Fault> {
    let sql = "SELECT count(*) FROM badge_print WHERE position_id = ?1";
    Ok(tx.prepare_cached(sql)?.query_row([position.0.as_bytes().as_slice()], |row| row.get(0))?)
}

/// Lets go of prints whose entries up to `upto` are dropped.
pub fn drop_until(tx: &Transaction<'_>, station: DeviceId, incarnation: u32, upto: u64) -> Result<(), Fault> {
    let upto = i64::try_from(upto).map_err(|_| Fault::Data("a seq is too large".into()))?;
    let sql = "DELETE FROM badge_print WHERE station = ?1 AND incarnation = ?2 AND seq <= ?3";
    tx.execute(sql, params![station.0, incarnation, upto])?;
    Ok(())
}
