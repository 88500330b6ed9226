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
    checkin::{ListRow, wire::PositionDoor},
    id::{DateId, EventId, ItemId, OrderId, PositionId, VariationId},
    orders::{OrderStatus, PositionRow, SoldAt},
    ticketing::{blank, sig1},
};

const CANCELED: i64 = 1;
const BLOCKED: i64 = 2;
const TEST: i64 = 4;
const COLUMNS: &str = "position_id, order_id, order_code, event_id, item_id, status, flags, issue, name, plain, \
                       valid_from, valid_until, version, variation_id, date_id, addon_to, door, sold_at";

/// Keeps a position the server told of; answers whether it was news.
pub fn put_position(tx: &Transaction<'_>, row: &PositionRow, epoch: i64) -> Result<bool, Fault> {
    put(tx, row, Stamp { epoch, version: row.version }, false)
}

/// Keeps a position this station sold, until the server tells more of it.
pub fn put_own(tx: &Transaction<'_>, row: &PositionRow) -> Result<bool, Fault> {
    put(tx, row, Stamp { epoch: 0, version: 0 }, true)
}

/// What the door must know besides; `None` where it is nothing, as it mostly is.
fn door_text(row: &PositionRow) -> Result<Option<String>, Fault> {
    Ok(if row.door.is_plain() { None } else { Some(serde_json::to_string(&row.door)?) })
}

fn put(tx: &Transaction<'_>, row: &PositionRow, at: Stamp, own: bool) -> Result<bool, Fault> {
    let sql = "INSERT INTO position (position_id, order_id, order_code, event_id, item_id, status, flags, issue, name,
            plain, seed, valid_from, valid_until, own, epoch, version, variation_id, date_id, addon_to, door, sold_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)
        ON CONFLICT (position_id) DO UPDATE SET order_id = excluded.order_id, order_code = excluded.order_code,
            event_id = excluded.event_id, item_id = excluded.item_id, status = excluded.status,
            flags = excluded.flags | CASE WHEN own = 2 THEN 1 ELSE 0 END,
            issue = excluded.issue, name = excluded.name, plain = excluded.plain, seed = excluded.seed,
            valid_from = excluded.valid_from, valid_until = excluded.valid_until, own = max(own, excluded.own),
            epoch = excluded.epoch, version = excluded.version, variation_id = excluded.variation_id,
            date_id = excluded.date_id, addon_to = excluded.addon_to, door = excluded.door,
            sold_at = coalesce(excluded.sold_at, position.sold_at)
        WHERE (excluded.epoch, excluded.version) > (position.epoch, position.version)
            OR (excluded.epoch, excluded.version) = (position.epoch, position.version)
                AND (excluded.name IS NOT position.name OR excluded.variation_id IS NOT position.variation_id
                    OR excluded.date_id IS NOT position.date_id OR excluded.addon_to IS NOT position.addon_to
                    OR excluded.door IS NOT position.door
                    OR coalesce(excluded.sold_at, position.sold_at) IS NOT position.sold_at)";
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
        row.variation_id.map(|v| v.0),
        row.date_id.map(|d| d.0),
        row.addon_to.map(|p| p.0.as_bytes().to_vec()),
        door_text(row)?,
        row.sold_at.map(|at| format!("{}/{}", at.price_minor, at.tax_rate_bp)),
    ])? > 0;
    if news {
        put_old_seeds(tx, row)?;
        tx.prepare_cached("DELETE FROM position_word WHERE position_id = ?1")?.execute([id])?;
        let mut insert = tx.prepare_cached("INSERT INTO position_word (word, position_id) VALUES (?1, ?2)")?;
        for word in row.name.as_deref().map(super::words).unwrap_or_default() {
            insert.execute(params![word, id])?;
        }
    }
    Ok(news)
}

/// The seeds of codes that were replaced: without them a replaced `sig1` code would be one that nobody has heard of.
fn put_old_seeds(tx: &Transaction<'_>, row: &PositionRow) -> Result<(), Fault> {
    if row.issue <= blank::ISSUE {
        return Ok(());
    }
    let mut insert =
        tx.prepare_cached("INSERT INTO old_seed (seed, position_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?;
    for issue in 0..row.issue {
        if let Some(seed) = ticketing::pack(&sig1::seed(row.position_id, issue)) {
            insert.execute(params![seed, row.position_id.0.as_bytes().as_slice()])?;
        }
    }
    Ok(())
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
        let sql = "UPDATE position SET door = json_set(door, '$.checkin_text', '') WHERE position_id = ?1 AND door IS NOT NULL";
        tx.prepare_cached(sql)?.execute([id])?;
        tx.prepare_cached("DELETE FROM position_word WHERE position_id = ?1")?.execute([id])?;
    }
    Ok(erased)
}

/// Whether [`put_position`] would change anything.
pub fn is_news(tx: &Transaction<'_>, row: &PositionRow, epoch: i64) -> Result<bool, Fault> {
    let sql = "SELECT 1 FROM position WHERE position_id = ?1 AND ((epoch, version) > (?2, ?3)
        OR (epoch, version) = (?2, ?3) AND name IS ?4 AND variation_id IS ?5 AND date_id IS ?6 AND addon_to IS ?7
            AND door IS ?8)";
    let known = tx
        .prepare_cached(sql)?
        .query_row(
            params![
                row.position_id.0.as_bytes().as_slice(),
                epoch,
                row.version,
                row.name,
                row.variation_id.map(|v| v.0),
                row.date_id.map(|d| d.0),
                row.addon_to.map(|p| p.0.as_bytes().to_vec()),
                door_text(row)?,
            ],
            |_| Ok(()),
        )
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

/// Events of which positions are here.
pub fn events_here(tx: &Transaction<'_>) -> Result<Vec<EventId>, Fault> {
    let mut statement = tx.prepare_cached("SELECT DISTINCT event_id FROM position")?;
    let events = statement.query_map([], |row| Ok(EventId(row.get(0)?)))?.collect::<Result<_, _>>()?;
    Ok(events)
}

/// Whether names of an event are here that the server told of.
pub fn has_names(tx: &Transaction<'_>, event: EventId) -> Result<bool, Fault> {
    let sql = "SELECT EXISTS (SELECT 1 FROM position WHERE event_id = ?1 AND own = 0 AND name IS NOT NULL)";
    Ok(tx.prepare_cached(sql)?.query_row([event.0], |row| row.get(0))?)
}

/// This station may not see names any more: those of the next `most` positions go. Answers which positions that were.
pub fn forget_some_names(
    tx: &Transaction<'_>,
    event: EventId,
    after: Option<PositionId>,
    most: usize,
) -> Result<Vec<PositionId>, Fault> {
    let after = after.map_or_else(Vec::new, |id| id.0.as_bytes().to_vec());
    let next = "SELECT position_id FROM position WHERE event_id = ?1 AND own = 0 AND position_id > ?2
        ORDER BY position_id LIMIT ?3";
    let ids = some_ids(tx, next, params![event.0, after, i64::try_from(most).unwrap_or(i64::MAX)])?;
    let mut words = tx.prepare_cached("DELETE FROM position_word WHERE position_id = ?1")?;
    let mut bare = tx.prepare_cached(
        "UPDATE position SET name = NULL,
             door = CASE WHEN door IS NOT NULL THEN json_set(door, '$.checkin_text', '') END
         WHERE position_id = ?1",
    )?;
    for id in &ids {
        words.execute([id])?;
        bare.execute([id])?;
    }
    ids.iter().map(|id| uuid_of(id).map(PositionId)).collect()
}

/// This station may not see the event any more: up to `most` of its positions go, but for those it sold. Answers how many
/// that were.
pub fn forget_some(tx: &Transaction<'_>, event: EventId, most: usize) -> Result<usize, Fault> {
    let next = "SELECT position_id FROM position WHERE event_id = ?1 AND own = 0 LIMIT ?2";
    let ids = some_ids(tx, next, params![event.0, i64::try_from(most).unwrap_or(i64::MAX)])?;
    for sql in [
        "DELETE FROM position_word WHERE position_id = ?1",
        "DELETE FROM old_seed WHERE position_id = ?1",
        "DELETE FROM position WHERE position_id = ?1",
    ] {
        let mut delete = tx.prepare_cached(sql)?;
        for id in &ids {
            delete.execute([id])?;
        }
    }
    Ok(ids.len())
}

fn some_ids(tx: &Transaction<'_>, sql: &str, of: impl rusqlite::Params) -> Result<Vec<Vec<u8>>, Fault> {
    let mut statement = tx.prepare_cached(sql)?;
    let ids = statement.query_map(of, |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(ids)
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
        variation_id: row.get::<_, Option<i64>>(13)?.map(VariationId),
        date_id: row.get::<_, Option<i64>>(14)?.map(DateId),
        addon_to: row.get::<_, Option<Vec<u8>>>(15)?.map(|id| uuid_of(&id)).transpose()?.map(PositionId),
        door: match row.get::<_, Option<String>>(16)? {
            Some(text) => serde_json::from_str(&text)?,
            None => PositionDoor::default(),
        },
        sold_at: row.get::<_, Option<String>>(17)?.as_deref().and_then(sold_at),
    })
}

/// `price/rate`, as it is kept.
fn sold_at(text: &str) -> Option<SoldAt> {
    let (price, rate) = text.split_once('/')?;
    Some(SoldAt { price_minor: price.parse().ok()?, tax_rate_bp: rate.parse().ok()? })
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

/// The position of this event with this `sig1` seed, or whose code had it before it was replaced.
pub fn by_seed(tx: &Transaction<'_>, event: EventId, seed: i64) -> Result<Option<PositionRow>, Fault> {
    if let Some(found) = select(tx, "WHERE seed = ?1 AND event_id = ?2", [seed, event.0])?.pop() {
        return Ok(Some(found));
    }
    let tail = "WHERE position_id IN (SELECT position_id FROM old_seed WHERE seed = ?1) AND event_id = ?2";
    Ok(select(tx, tail, [seed, event.0])?.pop())
}

/// What was bought together with this position.
pub fn addons_of(tx: &Transaction<'_>, position: PositionId) -> Result<Vec<PositionRow>, Fault> {
    select(tx, "WHERE addon_to = ?1 ORDER BY position_id", [position.0.as_bytes().as_slice()])
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

/// Every position of an event.
pub fn of_event(tx: &Transaction<'_>, event: EventId) -> Result<Vec<PositionRow>, Fault> {
    select(tx, "WHERE event_id = ?1", [event.0])
}

/// How many positions are known.
pub fn count(tx: &Transaction<'_>) -> Result<u64, Fault> {
    Ok(tx.prepare_cached("SELECT count(*) FROM position")?.query_row([], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

/// How many positions a list could admit.
pub fn count_for_list(tx: &Transaction<'_>, list: &ListRow) -> Result<i64, Fault> {
    let least = status_number(if list.include_pending { OrderStatus::Pending } else { OrderStatus::Paid });
    let sql = "SELECT count(*) FROM position WHERE event_id = ?1 AND status BETWEEN ?2 AND 1 AND flags & 3 = 0
        AND (?3 IS NULL OR item_id IN (SELECT value FROM json_each(?3))) AND (?4 IS NULL OR date_id = ?4)";
    let items = list.items.as_ref().map(serde_json::to_string).transpose()?;
    Ok(tx
        .prepare_cached(sql)?
        .query_row(params![list.event_id.0, least, items, list.date_id.map(|d| d.0)], |row| row.get(0))?)
}
