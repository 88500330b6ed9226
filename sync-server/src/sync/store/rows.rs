//! SQL of the rows that stations get. Each answers `(subject, row)`; `ids` of `None` is all of the events.

use crate::{app::Tx, checkin::scan_row};
use futures_util::{StreamExt as _, stream::BoxStream};
use sqlx::{AssertSqlSafe, Row as _, postgres::PgRow};
use uuid::Uuid;
use willcall_domain::{
    catalog::{EventRow, ItemRow, QuotaRow},
    checkin::ListRow,
    clock::UtcMillis,
    devices::{Right, Role},
    id::{DeviceId, EventId, ItemId, ListId, OrderId, PositionId, QuotaId},
    money::{Currency, Money},
    orders::PositionRow,
    sync::{Row, change::DeviceRow},
    ticketing::KeyRow,
};

type Rows = sqlx::Result<Vec<(String, Row)>>;

fn decode(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}

fn numbers(events: &[EventId]) -> Vec<i64> {
    events.iter().map(|e| e.0).collect()
}

/// A word of the database as the enum it is written from.
fn word<T: serde::de::DeserializeOwned>(text: &str) -> sqlx::Result<T> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(decode)
}

fn currency(row: &PgRow) -> sqlx::Result<Currency> {
    row.try_get::<&str, _>("currency")?.parse().map_err(decode)
}

pub(in crate::sync) async fn device(tx: &mut Tx, device: DeviceId, events: &[EventId]) -> sqlx::Result<DeviceRow> {
    let r = sqlx::query(
        "SELECT name, gate, role, rights, revoked_at IS NOT NULL AS revoked, version FROM device
         WHERE organizer_id = $1 AND device_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .fetch_one(tx.conn())
    .await?;
    Ok(DeviceRow {
        device_id: device,
        name: r.try_get("name")?,
        gate: r.try_get("gate")?,
        role: word::<Role>(r.try_get("role")?)?,
        events: events.to_vec(),
        rights: Right::known(&r.try_get::<Vec<String>, _>("rights")?),
        revoked: r.try_get("revoked")?,
        version: r.try_get("version")?,
    })
}

pub(in crate::sync) async fn events(tx: &mut Tx, events: &[EventId], ids: Option<Vec<i64>>) -> Rows {
    let rows = sqlx::query(
        "SELECT event_id, name, location, zone, currency::text AS currency, starts_at, ends_at, admission_at,
             code_format, planned_outage_min, version
         FROM event
         WHERE organizer_id = $1 AND event_id = ANY($2) AND ($3::bigint[] IS NULL OR event_id = ANY($3))
         ORDER BY event_id",
    )
    .bind(tx.organizer.0)
    .bind(numbers(events))
    .bind(ids)
    .fetch_all(tx.conn())
    .await?;
    rows.iter()
        .map(|r| {
            let event_id = EventId(r.try_get("event_id")?);
            let row = EventRow {
                event_id,
                name: r.try_get("name")?,
                location: r.try_get("location")?,
                zone: r.try_get("zone")?,
                currency: currency(r)?,
                starts_at: UtcMillis(r.try_get("starts_at")?),
                ends_at: r.try_get::<Option<i64>, _>("ends_at")?.map(UtcMillis),
                admission_at: r.try_get::<Option<i64>, _>("admission_at")?.map(UtcMillis),
                code_format: word(r.try_get("code_format")?)?,
                planned_outage_min: r.try_get::<i32, _>("planned_outage_min")?.unsigned_abs(),
                version: r.try_get("version")?,
            };
            Ok((event_id.to_string(), Row::Event(row)))
        })
        .collect()
}

/// Subject of a key is its number; two events may name the same, which costs one row too many and nothing else.
pub(in crate::sync) async fn keys(tx: &mut Tx, events: &[EventId]) -> Rows {
    let organizer_id = tx.organizer;
    let rows = sqlx::query(
        "SELECT event_id, number, encode(public_key, 'hex') AS public, status, version FROM event_key
         WHERE organizer_id = $1 AND event_id = ANY($2) ORDER BY event_id, number",
    )
    .bind(organizer_id.0)
    .bind(numbers(events))
    .fetch_all(tx.conn())
    .await?;
    rows.iter()
        .map(|r| {
            let number = u8::try_from(r.try_get::<i16, _>("number")?).map_err(decode)?;
            let row = KeyRow {
                organizer_id,
                event_id: EventId(r.try_get("event_id")?),
                number,
                public: r.try_get("public")?,
                status: word(r.try_get("status")?)?,
                version: r.try_get("version")?,
            };
            Ok((number.to_string(), Row::Key(row)))
        })
        .collect()
}

pub(in crate::sync) async fn items(tx: &mut Tx, events: &[EventId], ids: Option<Vec<i64>>) -> Rows {
    let rows = sqlx::query(
        "SELECT i.item_id, i.event_id, i.name, i.category, i.price_minor, i.tax_rate_bp, i.rank, i.active, i.admission,
             i.look_at_id, i.checkin_text, i.version, e.currency::text AS currency
         FROM item i JOIN event e ON e.organizer_id = i.organizer_id AND e.event_id = i.event_id
         WHERE i.organizer_id = $1 AND i.event_id = ANY($2) AND ($3::bigint[] IS NULL OR i.item_id = ANY($3))
         ORDER BY i.item_id",
    )
    .bind(tx.organizer.0)
    .bind(numbers(events))
    .bind(ids)
    .fetch_all(tx.conn())
    .await?;
    rows.iter()
        .map(|r| {
            let item_id = ItemId(r.try_get("item_id")?);
            let row = ItemRow {
                item_id,
                event_id: EventId(r.try_get("event_id")?),
                name: r.try_get("name")?,
                category: r.try_get("category")?,
                price: Money::new(r.try_get("price_minor")?, currency(r)?),
                tax_rate_bp: u32::try_from(r.try_get::<i32, _>("tax_rate_bp")?).map_err(decode)?,
                rank: r.try_get("rank")?,
                active: r.try_get("active")?,
                admission: r.try_get("admission")?,
                look_at_id: r.try_get("look_at_id")?,
                checkin_text: r.try_get("checkin_text")?,
                version: r.try_get("version")?,
            };
            Ok((item_id.to_string(), Row::Item(row)))
        })
        .collect()
}

pub(in crate::sync) async fn quotas(tx: &mut Tx, events: &[EventId], ids: Option<Vec<i64>>) -> Rows {
    let rows = sqlx::query(
        "SELECT q.quota_id, q.event_id, q.name, q.size, coalesce(q.target, q.size) - q.sold - q.leased - q.unheard AS free,
             q.leased, q.version,
             array(SELECT i.item_id FROM quota_item i WHERE i.organizer_id = q.organizer_id AND i.quota_id = q.quota_id
                   ORDER BY i.item_id) AS items
         FROM quota q
         WHERE q.organizer_id = $1 AND q.event_id = ANY($2) AND ($3::bigint[] IS NULL OR q.quota_id = ANY($3))
         ORDER BY q.quota_id",
    )
    .bind(tx.organizer.0)
    .bind(numbers(events))
    .bind(ids)
    .fetch_all(tx.conn())
    .await?;
    rows.iter()
        .map(|r| {
            let quota_id = QuotaId(r.try_get("quota_id")?);
            let row = QuotaRow {
                quota_id,
                event_id: EventId(r.try_get("event_id")?),
                name: r.try_get("name")?,
                size: r.try_get("size")?,
                items: r.try_get::<Vec<i64>, _>("items")?.into_iter().map(ItemId).collect(),
                free: r.try_get::<Option<i64>, _>("free")?.map(|free| free.max(0)),
                outstanding: r.try_get("leased")?,
                version: r.try_get("version")?,
            };
            Ok((quota_id.to_string(), Row::Quota(row)))
        })
        .collect()
}

pub(in crate::sync) async fn lists(tx: &mut Tx, events: &[EventId], ids: Option<Vec<i64>>) -> Rows {
    let rows = sqlx::query(
        "SELECT l.list_id, l.event_id, l.name, l.all_items, l.include_pending, l.allow_multiple_entries,
             l.allow_entry_after_exit, l.rules, l.version,
             array(SELECT i.item_id FROM checkin_list_item i
                   WHERE i.organizer_id = l.organizer_id AND i.list_id = l.list_id ORDER BY i.item_id) AS items
         FROM checkin_list l
         WHERE l.organizer_id = $1 AND l.event_id = ANY($2) AND ($3::bigint[] IS NULL OR l.list_id = ANY($3))
         ORDER BY l.list_id",
    )
    .bind(tx.organizer.0)
    .bind(numbers(events))
    .bind(ids)
    .fetch_all(tx.conn())
    .await?;
    rows.iter()
        .map(|r| {
            let list_id = ListId(r.try_get("list_id")?);
            let items: Vec<i64> = r.try_get("items")?;
            let all: bool = r.try_get("all_items")?;
            let row = ListRow {
                list_id,
                event_id: EventId(r.try_get("event_id")?),
                name: r.try_get("name")?,
                items: (!all).then(|| items.into_iter().map(ItemId).collect()),
                include_pending: r.try_get("include_pending")?,
                allow_multiple_entries: r.try_get("allow_multiple_entries")?,
                allow_entry_after_exit: r.try_get("allow_entry_after_exit")?,
                rules: r.try_get("rules")?,
                version: r.try_get("version")?,
            };
            Ok((list_id.to_string(), Row::List(row)))
        })
        .collect()
}

/// The version of a position row rises with the position and with its order. Only positions that admit are tickets.
const POSITION: &str = "SELECT p.position_id, p.order_id, o.code, p.event_id, p.item_id, o.status, p.canceled, p.issue,
         CASE WHEN $3 THEN coalesce(nullif(p.attendee_name, ''), nullif(o.name, '')) END AS name, p.plain_code,
         p.version + o.version AS version
     FROM order_position p
     JOIN orders o ON o.organizer_id = p.organizer_id AND o.order_id = p.order_id
     JOIN item i ON i.organizer_id = p.organizer_id AND i.item_id = p.item_id
     WHERE p.organizer_id = $1 AND p.event_id = ANY($2) AND i.admission";

/// These positions.
pub(in crate::sync) async fn positions(tx: &mut Tx, events: &[EventId], ids: Vec<Uuid>, names: bool) -> Rows {
    let rows = sqlx::query(AssertSqlSafe(format!("{POSITION} AND p.position_id = ANY($4)")))
        .bind(tx.organizer.0)
        .bind(numbers(events))
        .bind(names)
        .bind(ids)
        .fetch_all(tx.conn())
        .await?;
    rows.iter().map(|r| position(r).map(|row| (row.position_id.to_string(), Row::Position(row)))).collect()
}

/// Every position of the events, one after the other as the database finds them, ascending.
pub(in crate::sync) fn all_positions<'t>(
    tx: &'t mut Tx,
    events: &[EventId],
    names: bool,
) -> BoxStream<'t, sqlx::Result<Row>> {
    let organizer = tx.organizer.0;
    sqlx::query(AssertSqlSafe(format!("{POSITION} ORDER BY p.position_id")))
        .bind(organizer)
        .bind(numbers(events))
        .bind(names)
        .fetch(tx.conn())
        .map(|row| row.and_then(|r| Ok(Row::Position(position(&r)?))))
        .boxed()
}

fn position(r: &PgRow) -> sqlx::Result<PositionRow> {
    Ok(PositionRow {
        position_id: PositionId(r.try_get("position_id")?),
        order_id: OrderId(r.try_get("order_id")?),
        order_code: r.try_get("code")?,
        event_id: EventId(r.try_get("event_id")?),
        item_id: ItemId(r.try_get("item_id")?),
        order_status: word(r.try_get("status")?)?,
        canceled: r.try_get("canceled")?,
        blocked: false,
        issue: u8::try_from(r.try_get::<i16, _>("issue")?).map_err(decode)?,
        name: r.try_get("name")?,
        plain: r.try_get("plain_code")?,
        valid_from: None,
        valid_until: None,
        test: false,
        version: r.try_get("version")?,
    })
}

/// These scans.
pub(in crate::sync) async fn scans(tx: &mut Tx, events: &[EventId], ids: Vec<Uuid>) -> Rows {
    let rows = sqlx::query("SELECT * FROM scan WHERE organizer_id = $1 AND event_id = ANY($2) AND scan_id = ANY($3)")
        .bind(tx.organizer.0)
        .bind(numbers(events))
        .bind(ids)
        .fetch_all(tx.conn())
        .await?;
    rows.iter()
        .map(|r| {
            let scan = scan_row(r)?;
            Ok((scan.scan_id.to_string(), Row::Scan(scan)))
        })
        .collect()
}

/// Every scan of the events, one after the other as the database finds them, ascending.
pub(in crate::sync) fn all_scans<'t>(tx: &'t mut Tx, events: &[EventId]) -> BoxStream<'t, sqlx::Result<Row>> {
    let organizer = tx.organizer.0;
    sqlx::query("SELECT * FROM scan WHERE organizer_id = $1 AND event_id = ANY($2) ORDER BY scan_id")
        .bind(organizer)
        .bind(numbers(events))
        .fetch(tx.conn())
        .map(|row| row.and_then(|r| Ok(Row::Scan(scan_row(&r)?))))
        .boxed()
}

/// Gives the rest of this transaction, which only reads, the time a large event takes.
pub(in crate::sync) async fn allow_long_reading(tx: &mut Tx) -> sqlx::Result<()> {
    sqlx::query("SET LOCAL statement_timeout = '300s'").execute(tx.conn()).await.map(drop)
}
