//! SQL of events, their dates, items and quotas. A row never replaces one of a higher `(epoch, version)`; one of the same replaces it
//! where it says something else: this program or its scope has changed, and more of the row is known.

use crate::error::Fault;
use rusqlite::{OptionalExtension, Transaction, params};
use serde::{Serialize, de::DeserializeOwned};
use willcall_domain::{
    catalog::{DateRow, EventRow, ItemRow, QuotaRow},
    id::{DateId, EventId, ItemId, QuotaId},
};

/// How new a row is: first the server's history, then the row's version within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    pub epoch: i64,
    pub version: i64,
}

/// Keeps an event; answers whether it was news.
pub fn put_event(tx: &Transaction<'_>, row: &EventRow, epoch: i64) -> Result<bool, Fault> {
    let sql = "INSERT INTO event (id, epoch, version, data) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch, version = excluded.version, data = excluded.data
        WHERE (excluded.epoch, excluded.version) > (event.epoch, event.version)
            OR (excluded.epoch, excluded.version) = (event.epoch, event.version) AND excluded.data <> event.data";
    let data = serde_json::to_string(row)?;
    Ok(tx.prepare_cached(sql)?.execute(params![row.event_id.0, epoch, row.version, data])? > 0)
}

fn put<T: Serialize>(
    tx: &Transaction<'_>,
    table: &str,
    id: i64,
    event: EventId,
    at: Stamp,
    row: &T,
) -> Result<bool, Fault> {
    let sql = format!(
        "INSERT INTO {table} (id, event_id, epoch, version, data) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (id) DO UPDATE SET event_id = excluded.event_id, epoch = excluded.epoch,
            version = excluded.version, data = excluded.data
        WHERE (excluded.epoch, excluded.version) > ({table}.epoch, {table}.version)
            OR (excluded.epoch, excluded.version) = ({table}.epoch, {table}.version) AND excluded.data <> {table}.data"
    );
    let data = serde_json::to_string(row)?;
    Ok(tx.prepare_cached(&sql)?.execute(params![id, event.0, at.epoch, at.version, data])? > 0)
}

/// Keeps an item; answers whether it was news.
pub fn put_item(tx: &Transaction<'_>, row: &ItemRow, epoch: i64) -> Result<bool, Fault> {
    put(tx, "item", row.item_id.0, row.event_id, Stamp { epoch, version: row.version }, row)
}

/// Keeps a quota; answers whether it was news.
pub fn put_quota(tx: &Transaction<'_>, row: &QuotaRow, epoch: i64) -> Result<bool, Fault> {
    put(tx, "quota", row.quota_id.0, row.event_id, Stamp { epoch, version: row.version }, row)
}

/// Keeps a date; answers whether it was news.
pub fn put_date(tx: &Transaction<'_>, row: &DateRow, epoch: i64) -> Result<bool, Fault> {
    put(tx, "event_date", row.date_id.0, row.event_id, Stamp { epoch, version: row.version }, row)
}

/// Takes an event, date, item or quota away, unless a newer one is here. Other kinds are not ours.
pub fn gone(tx: &Transaction<'_>, kind: &str, id: &str, at: Stamp) -> Result<bool, Fault> {
    let Ok(id) = id.parse::<i64>() else { return Ok(false) };
    let table = match kind {
        "event" | "item" | "quota" => kind,
        "date" => "event_date",
        _ => return Ok(false),
    };
    let sql = format!("DELETE FROM {table} WHERE id = ?1 AND (epoch, version) <= (?2, ?3)");
    Ok(tx.prepare_cached(&sql)?.execute(params![id, at.epoch, at.version])? > 0)
}

/// This station may not see the event any more: its catalogue goes.
pub fn forget_event(tx: &Transaction<'_>, event: EventId) -> Result<(), Fault> {
    for sql in [
        "DELETE FROM item WHERE event_id = ?1",
        "DELETE FROM event_date WHERE event_id = ?1",
        "DELETE FROM quota WHERE event_id = ?1",
        "DELETE FROM event WHERE id = ?1",
    ] {
        tx.prepare_cached(sql)?.execute([event.0])?;
    }
    Ok(())
}

fn one<T: DeserializeOwned>(tx: &Transaction<'_>, table: &str, id: i64) -> Result<Option<T>, Fault> {
    let sql = format!("SELECT data FROM {table} WHERE id = ?1");
    let data: Option<String> = tx.prepare_cached(&sql)?.query_row([id], |row| row.get(0)).optional()?;
    data.map(|data| serde_json::from_str(&data)).transpose().map_err(Fault::from)
}

fn all<T: DeserializeOwned>(tx: &Transaction<'_>, sql: &str, event: Option<EventId>) -> Result<Vec<T>, Fault> {
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = match event {
        Some(event) => statement.query([event.0])?,
        None => statement.query([])?,
    };
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(serde_json::from_str(row.get_ref(0)?.as_str().map_err(|e| Fault::Data(e.to_string()))?)?);
    }
    Ok(out)
}

pub fn event(tx: &Transaction<'_>, id: EventId) -> Result<Option<EventRow>, Fault> {
    one(tx, "event", id.0)
}

pub fn item(tx: &Transaction<'_>, id: ItemId) -> Result<Option<ItemRow>, Fault> {
    one(tx, "item", id.0)
}

pub fn quota(tx: &Transaction<'_>, id: QuotaId) -> Result<Option<QuotaRow>, Fault> {
    one(tx, "quota", id.0)
}

pub fn date(tx: &Transaction<'_>, id: DateId) -> Result<Option<DateRow>, Fault> {
    one(tx, "event_date", id.0)
}

/// The dates of an event, switched off ones too, the earliest first; empty where it takes place once.
pub fn dates_of_event(tx: &Transaction<'_>, event: EventId) -> Result<Vec<DateRow>, Fault> {
    let mut dates: Vec<DateRow> = all(tx, "SELECT data FROM event_date WHERE event_id = ?1 ORDER BY id", Some(event))?;
    dates.sort_by_key(|d| (d.starts_at, d.date_id));
    Ok(dates)
}

pub fn events(tx: &Transaction<'_>) -> Result<Vec<EventRow>, Fault> {
    all(tx, "SELECT data FROM event ORDER BY id", None)
}

pub fn items_of_event(tx: &Transaction<'_>, event: EventId) -> Result<Vec<ItemRow>, Fault> {
    all(tx, "SELECT data FROM item WHERE event_id = ?1 ORDER BY id", Some(event))
}

pub fn quotas_of_event(tx: &Transaction<'_>, event: EventId) -> Result<Vec<QuotaRow>, Fault> {
    all(tx, "SELECT data FROM quota WHERE event_id = ?1 ORDER BY id", Some(event))
}

/// Dates of every event.
pub fn dates_of_events(tx: &Transaction<'_>) -> Result<Vec<DateRow>, Fault> {
    all(tx, "SELECT data FROM event_date ORDER BY id", None)
}

/// Items of every event.
pub fn items_of_events(tx: &Transaction<'_>) -> Result<Vec<ItemRow>, Fault> {
    all(tx, "SELECT data FROM item ORDER BY id", None)
}

/// Quotas of every event.
pub fn quotas_of_events(tx: &Transaction<'_>) -> Result<Vec<QuotaRow>, Fault> {
    all(tx, "SELECT data FROM quota ORDER BY id", None)
}
