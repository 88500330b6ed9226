//! SQL of the rows that stations get. Each answers `(subject, row)`; `ids` of `None` is all of the events.

use crate::{
    app::Tx,
    catalog::{self, ARTICLES},
    checkin::scan_row,
};
use futures_util::{StreamExt as _, stream::BoxStream};
use sqlx::{AssertSqlSafe, Row as _, postgres::PgRow};
use uuid::Uuid;
use willcall_domain::{
    catalog::{DateRow, EventRow, ItemRow, QuotaRow},
    checkin::{
        medium::MediumUse,
        wire::{ItemDoor, PositionDoor},
    },
    clock::UtcMillis,
    id::{DateId, EventId, ItemId, OrderId, PositionId, QuestionId, QuotaId, VariationId},
    money::{Currency, Money},
    orders::{PositionRow, SoldAt},
    sync::Row,
    ticketing::KeyRow,
};

pub(super) type Rows = sqlx::Result<Vec<(String, Row)>>;

fn decode(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}

pub(super) fn numbers(events: &[EventId]) -> Vec<i64> {
    events.iter().map(|e| e.0).collect()
}

/// A word of the database as the enum it is written from.
pub(super) fn word<T: serde::de::DeserializeOwned>(text: &str) -> sqlx::Result<T> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(decode)
}

fn date_id(row: &PgRow) -> sqlx::Result<Option<DateId>> {
    Ok(row.try_get::<Option<i64>, _>("date_id")?.map(DateId))
}

fn currency(row: &PgRow) -> sqlx::Result<Currency> {
    row.try_get::<&str, _>("currency")?.parse().map_err(decode)
}

pub(in crate::sync) async fn events(tx: &mut Tx, events: &[EventId], ids: Option<Vec<i64>>) -> Rows {
    let rows = sqlx::query(
        "SELECT event_id, name, location, zone, currency::text AS currency, starts_at, ends_at, admission_at,
             code_format, planned_outage_min, till_sales, version
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
                till_sales: r.try_get("till_sales")?,
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
    let rows = sqlx::query(AssertSqlSafe(format!(
        "SELECT i.item_id, i.event_id, i.name, i.category, i.price_minor, i.tax_rate_bp, i.rank, i.active, i.admission,
             i.look_at_id, i.checkin_text, i.attention, i.needs_approval, i.medium, i.max_data_age_min,
             i.look_if_unseen, i.version, e.currency::text AS currency, {ARTICLES}
         FROM item i JOIN event e ON e.organizer_id = i.organizer_id AND e.event_id = i.event_id
         WHERE i.organizer_id = $1 AND i.event_id = ANY($2) AND ($3::bigint[] IS NULL OR i.item_id = ANY($3))
         ORDER BY i.item_id",
    )))
    .bind(tx.organizer.0)
    .bind(numbers(events))
    .bind(ids)
    .fetch_all(tx.conn())
    .await?;
    rows.iter()
        .map(|r| {
            let item_id = ItemId(r.try_get("item_id")?);
            let price = Money::new(r.try_get("price_minor")?, currency(r)?);
            let row = ItemRow {
                item_id,
                event_id: EventId(r.try_get("event_id")?),
                name: r.try_get("name")?,
                category: r.try_get("category")?,
                price,
                tax_rate_bp: u32::try_from(r.try_get::<i32, _>("tax_rate_bp")?).map_err(decode)?,
                rank: r.try_get("rank")?,
                active: r.try_get("active")?,
                admission: r.try_get("admission")?,
                look_at_id: r.try_get("look_at_id")?,
                checkin_text: r.try_get("checkin_text")?,
                variations: catalog::variations(r.try_get("variations")?, price.currency),
                addon_to: r.try_get::<Vec<i64>, _>("addon_to")?.into_iter().map(ItemId).collect(),
                door: item_door(r)?,
                version: r.try_get("version")?,
            };
            Ok((item_id.to_string(), Row::Item(row)))
        })
        .collect()
}

fn item_door(r: &PgRow) -> sqlx::Result<ItemDoor> {
    let minutes: Option<i32> = r.try_get("max_data_age_min")?;
    Ok(ItemDoor {
        attention: r.try_get("attention")?,
        needs_approval: r.try_get("needs_approval")?,
        medium: MediumUse::of_word(r.try_get("medium")?).unwrap_or_default(),
        max_data_age_min: minutes.map(i32::unsigned_abs),
        look_if_unseen: r.try_get("look_if_unseen")?,
    })
}

pub(in crate::sync) async fn dates(tx: &mut Tx, events: &[EventId], ids: Option<Vec<i64>>) -> Rows {
    let rows = sqlx::query(
        "SELECT date_id, event_id, name, starts_at, ends_at, admission_at, active, version FROM event_date
         WHERE organizer_id = $1 AND event_id = ANY($2) AND ($3::bigint[] IS NULL OR date_id = ANY($3))
         ORDER BY date_id",
    )
    .bind(tx.organizer.0)
    .bind(numbers(events))
    .bind(ids)
    .fetch_all(tx.conn())
    .await?;
    rows.iter()
        .map(|r| {
            let date_id = DateId(r.try_get("date_id")?);
            let row = DateRow {
                date_id,
                event_id: EventId(r.try_get("event_id")?),
                name: r.try_get("name")?,
                starts_at: UtcMillis(r.try_get("starts_at")?),
                ends_at: r.try_get::<Option<i64>, _>("ends_at")?.map(UtcMillis),
                admission_at: r.try_get::<Option<i64>, _>("admission_at")?.map(UtcMillis),
                active: r.try_get("active")?,
                version: r.try_get("version")?,
            };
            Ok((date_id.to_string(), Row::Date(row)))
        })
        .collect()
}

pub(in crate::sync) async fn quotas(tx: &mut Tx, events: &[EventId], ids: Option<Vec<i64>>) -> Rows {
    let rows = sqlx::query(
        "SELECT q.quota_id, q.event_id, q.name, q.size, coalesce(q.target, q.size) - q.sold - q.leased - q.unheard AS free,
             q.leased, q.version, q.date_id,
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
                date_id: date_id(r)?,
                free: r.try_get::<Option<i64>, _>("free")?.map(|free| free.max(0)),
                outstanding: r.try_get("leased")?,
                version: r.try_get("version")?,
            };
            Ok((quota_id.to_string(), Row::Quota(row)))
        })
        .collect()
}

/// The version of a position row rises with the position and with its order. Only positions that admit are tickets.
const POSITION: &str = "SELECT p.position_id, p.order_id, o.code, p.event_id, p.item_id, p.variation_id, p.date_id,
         p.addon_to, p.price_minor, p.tax_rate_bp, o.status, p.canceled, p.blocked, p.issue, o.needs_approval, o.valid_if_pending, o.attention,
         CASE WHEN $3 THEN o.checkin_text ELSE '' END AS checkin_text,
         CASE WHEN $3 THEN coalesce(nullif(p.attendee_name, ''), nullif(o.name, '')) END AS name, p.plain_code,
         array(SELECT DISTINCT a.question_id FROM answer a
               WHERE a.organizer_id = p.organizer_id AND a.position_id = p.position_id ORDER BY 1) AS answered,
         CASE WHEN o.status = 'pending' THEN o.total_minor - coalesce((SELECT sum(y.amount_minor)::bigint FROM payment y
               WHERE y.organizer_id = o.organizer_id AND y.order_id = o.order_id AND y.state = 'confirmed'), 0) END AS due,
         e.currency::text AS currency, p.version + o.version AS version
     FROM order_position p
     JOIN orders o ON o.organizer_id = p.organizer_id AND o.order_id = p.order_id
     JOIN item i ON i.organizer_id = p.organizer_id AND i.item_id = p.item_id
     JOIN event e ON e.organizer_id = p.organizer_id AND e.event_id = p.event_id
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
        variation_id: r.try_get::<Option<i64>, _>("variation_id")?.map(VariationId),
        date_id: date_id(r)?,
        addon_to: r.try_get::<Option<Uuid>, _>("addon_to")?.map(PositionId),
        order_id: OrderId(r.try_get("order_id")?),
        order_code: r.try_get("code")?,
        event_id: EventId(r.try_get("event_id")?),
        item_id: ItemId(r.try_get("item_id")?),
        order_status: word(r.try_get("status")?)?,
        canceled: r.try_get("canceled")?,
        blocked: r.try_get("blocked")?,
        issue: u8::try_from(r.try_get::<i16, _>("issue")?).map_err(decode)?,
        name: r.try_get("name")?,
        plain: r.try_get("plain_code")?,
        valid_from: None,
        valid_until: None,
        test: false,
        door: position_door(r)?,
        sold_at: Some(SoldAt {
            price_minor: r.try_get("price_minor")?,
            tax_rate_bp: r.try_get::<i32, _>("tax_rate_bp")?.unsigned_abs(),
        }),
        version: r.try_get("version")?,
    })
}

fn position_door(r: &PgRow) -> sqlx::Result<PositionDoor> {
    Ok(PositionDoor {
        needs_approval: r.try_get("needs_approval")?,
        valid_if_pending: r.try_get("valid_if_pending")?,
        attention: r.try_get("attention")?,
        checkin_text: r.try_get("checkin_text")?,
        answered: r.try_get::<Vec<i64>, _>("answered")?.into_iter().map(QuestionId).collect(),
        due: r
            .try_get::<Option<i64>, _>("due")?
            .map(|minor| Ok::<_, sqlx::Error>(Money::new(minor, currency(r)?)))
            .transpose()?,
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
