//! SQL of positions. A row never replaces one of a higher `(epoch, version)`; one of the same replaces it where it names
//! somebody else: this station may see names now, or no longer. What this station sold is never removed.

use crate::{
    catalog::Stamp,
    db::{milliseconds, uuid_of},
    error::Fault,
    ticketing,
};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use std::collections::HashSet;
use willcall_domain::{
    checkin::ListRow,
    id::{EventId, ItemId, OrderId, PositionId},
    orders::{OrderStatus, PositionRow},
    ticketing::sig1,
};

const CANCELED: i64 = 1;
const BLOCKED: i64 = 2;
const TEST: i64 = 4;
const COLUMNS: &str = "position_id, order_id, order_code, event_id, item_id, status, flags, issue, name, plain, \
                       valid_from, valid_until, version";

/// Keeps a position the server told of; answers whether it was news.
pub fn put_position(tx: &Transaction<'_>, row: &PositionRow, epoch: i64) -> Result<bool, Fault> {
    put(tx, row, Stamp { epoch, version: row.version }, false)
}

/// Keeps a position this station sold, until the server tells more of it.
pub fn put_own(tx: &Transaction<'_>, row: &PositionRow) -> Result<bool, Fault> {
    put(tx, row, Stamp { epoch: 0, version: 0 }, true)
}

fn put(tx: &Transaction<'_>, row: &PositionRow, at: Stamp, own: bool) -> Result<bool, Fault> {
    let sql = "INSERT INTO position (position_id, order_id, order_code, event_id, item_id, status, flags, issue, name,
            plain, seed, valid_from, valid_until, own, epoch, version)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
        ON CONFLICT (position_id) DO UPDATE SET order_id = excluded.order_id, order_code = excluded.order_code,
            event_id = excluded.event_id, item_id = excluded.item_id, status = excluded.status,
            flags = excluded.flags | CASE WHEN own = 2 THEN 1 ELSE 0 END,
            issue = excluded.issue, name = excluded.name, plain = excluded.plain, seed = excluded.seed,
            valid_from = excluded.valid_from, valid_until = excluded.valid_until, own = max(own, excluded.own),
            epoch = excluded.epoch, version = excluded.version
        WHERE (excluded.epoch, excluded.version) > (position.epoch, position.version)
            OR (excluded.epoch, excluded.version) = (position.epoch, position.version)
                AND excluded.name IS NOT position.name";
    let id = row.position_id.0.as_bytes().as_slice();
    let flags = [(row.canceled, CANCELED), (row.blocked, BLOCKED), (row.test, TEST)];
    let seed = ticketing::pack(&sig1::seed(row.position_id, row.issue)).unwrap_or(-1);
    let news = tx.prepare_cached(sql)?.execute(params![
        id,
        row.order_id.0.as_bytes().as_slice(),
        row.order_code,
        row.event_id.0,
        row.item_id.0,
        status_number(row.order_status),
        flags.iter().filter(|(on, _)| *on).map(|(_, bit)| bit).sum::<i64>(),
        row.issue,
        row.name,
        row.plain,
        seed,
        row.valid_from.map(|t| t.0),
        row.valid_until.map(|t| t.0),
        own,
        at.epoch,
        at.version,
    ])? > 0;
    if news {
        tx.prepare_cached("DELETE FROM position_word WHERE position_id = ?1")?.execute([id])?;
        let mut insert = tx.prepare_cached("INSERT INTO position_word (word, position_id) VALUES (?1, ?2)")?;
        for word in row.name.as_deref().map(super::words).unwrap_or_default() {
            insert.execute(params![word, id])?;
        }
    }
    Ok(news)
}

/// Tickets this station has sold and undone: refused from now on, whatever the server's row says until it knows.
pub fn void_own(tx: &Transaction<'_>, positions: &[PositionId]) -> Result<(), Fault> {
    let sql = "UPDATE position SET own = 2, flags = flags | ?2 WHERE position_id = ?1";
    let mut update = tx.prepare_cached(sql)?;
    for id in positions {
        update.execute(params![id.0.as_bytes().as_slice(), CANCELED])?;
    }
    Ok(())
}

/// Takes a position away, unless a newer one is here or this station sold it.
pub fn gone(tx: &Transaction<'_>, id: &str, at: Stamp) -> Result<bool, Fault> {
    let Ok(id) = id.parse::<PositionId>() else { return Ok(false) };
    let id = id.0.as_bytes().as_slice();
    let sql = "DELETE FROM position WHERE position_id = ?1 AND own = 0 AND (epoch, version) <= (?2, ?3)";
    let news = tx.prepare_cached(sql)?.execute(params![id, at.epoch, at.version])? > 0;
    if news {
        tx.prepare_cached("DELETE FROM position_word WHERE position_id = ?1")?.execute([id])?;
    }
    Ok(news)
}

/// Takes names off these positions, and out of what is searched. Answers how many had one.
pub fn erase_names(tx: &Transaction<'_>, positions: &[PositionId]) -> Result<usize, Fault> {
    let mut erased = 0;
    for id in positions {
        let id = id.0.as_bytes().as_slice();
        let sql = "UPDATE position SET name = NULL WHERE position_id = ?1 AND name IS NOT NULL";
        erased += tx.prepare_cached(sql)?.execute([id])?;
        tx.prepare_cached("DELETE FROM position_word WHERE position_id = ?1")?.execute([id])?;
    }
    Ok(erased)
}

/// Whether [`put_position`] would change anything.
pub fn is_news(tx: &Transaction<'_>, row: &PositionRow, epoch: i64) -> Result<bool, Fault> {
    let sql = "SELECT 1 FROM position WHERE position_id = ?1 AND ((epoch, version) > (?2, ?3)
        OR (epoch, version) = (?2, ?3) AND name IS ?4)";
    let known = tx
        .prepare_cached(sql)?
        .query_row(params![row.position_id.0.as_bytes().as_slice(), epoch, row.version, row.name], |_| Ok(()))
        .optional()?;
    Ok(known.is_none())
}

/// Positions of these events that the server told of in this history and that are not among `seen`.
pub fn unseen(
    tx: &Transaction<'_>,
    events: &[EventId],
    epoch: i64,
    seen: &HashSet<PositionId>,
) -> Result<Vec<PositionId>, Fault> {
    let sql = "SELECT position_id FROM position WHERE own = 0 AND epoch = ?1
        AND event_id IN (SELECT value FROM json_each(?2))";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![epoch, serde_json::to_string(events)?])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let id = PositionId(uuid_of(&row.get::<_, Vec<u8>>(0)?)?);
        if !seen.contains(&id) {
            out.push(id);
        }
    }
    Ok(out)
}

/// Positions the server told of in an earlier history than this one and has not told of again, after `after`, in order.
pub fn left_behind(
    tx: &Transaction<'_>,
    epoch: i64,
    after: Option<PositionId>,
    most: usize,
) -> Result<Vec<PositionRow>, Fault> {
    if epoch <= 1 {
        return Ok(Vec::new());
    }
    let after = after.map_or_else(Vec::new, |id| id.0.as_bytes().to_vec());
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    select(
        tx,
        "WHERE epoch BETWEEN 1 AND ?1 - 1 AND own = 0 AND position_id > ?2 ORDER BY position_id LIMIT ?3",
        params![epoch, after, most],
    )
}

/// This station may not see names any more.
pub fn forget_names(tx: &Transaction<'_>, event: EventId) -> Result<(), Fault> {
    let words = "DELETE FROM position_word
        WHERE position_id IN (SELECT position_id FROM position WHERE event_id = ?1 AND own = 0)";
    tx.prepare_cached(words)?.execute([event.0])?;
    tx.prepare_cached("UPDATE position SET name = NULL WHERE event_id = ?1 AND own = 0")?.execute([event.0])?;
    Ok(())
}

/// This station may not see the event any more: its positions go, but for those it sold.
pub fn forget_event(tx: &Transaction<'_>, event: EventId) -> Result<(), Fault> {
    let words = "DELETE FROM position_word
        WHERE position_id IN (SELECT position_id FROM position WHERE event_id = ?1 AND own = 0)";
    tx.prepare_cached(words)?.execute([event.0])?;
    tx.prepare_cached("DELETE FROM position WHERE event_id = ?1 AND own = 0")?.execute([event.0])?;
    Ok(())
}

fn status_number(status: OrderStatus) -> i64 {
    match status {
        OrderStatus::Pending => 0,
        OrderStatus::Paid => 1,
        OrderStatus::Expired => 2,
        OrderStatus::Canceled => 3,
    }
}

fn status_of(number: i64) -> Result<OrderStatus, Fault> {
    OrderStatus::ALL
        .into_iter()
        .find(|s| status_number(*s) == number)
        .ok_or_else(|| Fault::Data(format!("{number} is no order status")))
}

fn read(row: &Row<'_>) -> Result<PositionRow, Fault> {
    let id = |column| -> Result<uuid::Uuid, Fault> { uuid_of(&row.get::<_, Vec<u8>>(column)?) };
    let flags: i64 = row.get(6)?;
    Ok(PositionRow {
        position_id: PositionId(id(0)?),
        order_id: OrderId(id(1)?),
        order_code: row.get(2)?,
        event_id: EventId(row.get(3)?),
        item_id: ItemId(row.get(4)?),
        order_status: status_of(row.get(5)?)?,
        canceled: flags & CANCELED != 0,
        blocked: flags & BLOCKED != 0,
        test: flags & TEST != 0,
        issue: row.get(7)?,
        name: row.get(8)?,
        plain: row.get(9)?,
        valid_from: milliseconds(row.get(10)?),
        valid_until: milliseconds(row.get(11)?),
        version: row.get(12)?,
    })
}

fn select(tx: &Transaction<'_>, tail: &str, params: impl rusqlite::Params) -> Result<Vec<PositionRow>, Fault> {
    let mut statement = tx.prepare_cached(&format!("SELECT {COLUMNS} FROM position {tail}"))?;
    let mut rows = statement.query(params)?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(read(row)?);
    }
    Ok(out)
}

pub fn by_id(tx: &Transaction<'_>, id: PositionId) -> Result<Option<PositionRow>, Fault> {
    Ok(select(tx, "WHERE position_id = ?1", [id.0.as_bytes().as_slice()])?.pop())
}

/// The position of this event with this `sig1` seed.
pub fn by_seed(tx: &Transaction<'_>, event: EventId, seed: i64) -> Result<Option<PositionRow>, Fault> {
    Ok(select(tx, "WHERE seed = ?1 AND event_id = ?2", [seed, event.0])?.pop())
}

/// Positions with this plain secret, in any event.
pub fn by_plain(tx: &Transaction<'_>, plain: &str) -> Result<Vec<PositionRow>, Fault> {
    select(tx, "WHERE plain = ?1 ORDER BY position_id", [plain])
}

/// Positions of an event whose order code begins with `code`.
pub fn by_order_code(tx: &Transaction<'_>, event: EventId, code: &str, most: u32) -> Result<Vec<PositionRow>, Fault> {
    let tail = "WHERE order_code >= ?1 AND order_code < ?1 || char(1114111) AND event_id = ?2
        ORDER BY order_code, position_id LIMIT ?3";
    select(tx, tail, params![code, event.0, most])
}

/// Positions of an event with a word of the name that begins with `word`.
pub fn by_name(tx: &Transaction<'_>, event: EventId, word: &str, most: u32) -> Result<Vec<PositionRow>, Fault> {
    let tail =
        "WHERE position_id IN (SELECT position_id FROM position_word WHERE word >= ?1 AND word < ?1 || char(1114111))
        AND event_id = ?2 ORDER BY name, position_id LIMIT ?3";
    select(tx, tail, params![word, event.0, most])
}

/// How many positions are known.
pub fn count(tx: &Transaction<'_>) -> Result<u64, Fault> {
    Ok(tx.prepare_cached("SELECT count(*) FROM position")?.query_row([], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

/// How many positions a list could admit.
pub fn count_for_list(tx: &Transaction<'_>, list: &ListRow) -> Result<i64, Fault> {
    let least = status_number(if list.include_pending { OrderStatus::Pending } else { OrderStatus::Paid });
    let sql = "SELECT count(*) FROM position WHERE event_id = ?1 AND status BETWEEN ?2 AND 1 AND flags & 3 = 0
        AND (?3 IS NULL OR item_id IN (SELECT value FROM json_each(?3)))";
    let items = list.items.as_ref().map(serde_json::to_string).transpose()?;
    Ok(tx.prepare_cached(sql)?.query_row(params![list.event_id.0, least, items], |row| row.get(0))?)
}
