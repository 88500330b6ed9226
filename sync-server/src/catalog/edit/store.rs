//! SQL of the catalogue's write side.

mod articles;

pub(super) use articles::{
    date_is_used, dates, delete_date, insert_date, insert_variation, raise_item, set_addon_to, span_dates, update_date,
    update_variation, would_chain,
};

use super::{EventFull, ItemFull, QuotaFull};
use crate::{
    app::Tx,
    catalog::{self, ARTICLES},
};
use sqlx::{AssertSqlSafe, types::Json};
use willcall_domain::{
    catalog::draft::{EventDraft, ItemDraft, QuotaDraft},
    clock::UtcMillis,
    id::{DateId, EventId, ItemId, QuotaId},
    leases::ledger::QuotaAccount,
    money::{Currency, Money},
};

fn bad<E: Into<Box<dyn std::error::Error + Send + Sync>>>(error: E) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}

#[derive(sqlx::FromRow)]
struct EventRow {
    event_id: i64,
    name: String,
    slug: String,
    description: String,
    location: String,
    zone: String,
    currency: String,
    starts_at: i64,
    ends_at: Option<i64>,
    admission_at: Option<i64>,
    code_format: String,
    live: bool,
    takes_bank_transfer: bool,
    version: i64,
}

impl EventRow {
    fn read(self) -> sqlx::Result<EventFull> {
        Ok(EventFull {
            event_id: EventId(self.event_id),
            version: self.version,
            draft: EventDraft {
                currency: self.currency.parse().map_err(bad)?,
                code_format: self.code_format.parse().map_err(bad::<String>)?,
                name: self.name,
                slug: self.slug,
                description: self.description,
                location: self.location,
                zone: self.zone,
                starts_at: UtcMillis(self.starts_at),
                ends_at: self.ends_at.map(UtcMillis),
                admission_at: self.admission_at.map(UtcMillis),
                live: self.live,
                takes_bank_transfer: self.takes_bank_transfer,
            },
        })
    }
}

pub(super) async fn event(tx: &mut Tx, event: EventId) -> sqlx::Result<Option<EventFull>> {
    let row: Option<EventRow> = sqlx::query_as("SELECT * FROM event WHERE organizer_id = $1 AND event_id = $2")
        .bind(tx.organizer.0)
        .bind(event.0)
        .fetch_optional(tx.conn())
        .await?;
    row.map(EventRow::read).transpose()
}

pub(super) async fn lock_event(tx: &mut Tx, event: EventId) -> sqlx::Result<Option<EventFull>> {
    let row: Option<EventRow> =
        sqlx::query_as("SELECT * FROM event WHERE organizer_id = $1 AND event_id = $2 FOR UPDATE")
            .bind(tx.organizer.0)
            .bind(event.0)
            .fetch_optional(tx.conn())
            .await?;
    row.map(EventRow::read).transpose()
}

pub(super) async fn events(tx: &mut Tx) -> sqlx::Result<Vec<EventFull>> {
    let rows: Vec<EventRow> =
        sqlx::query_as("SELECT * FROM event WHERE organizer_id = $1 ORDER BY starts_at DESC, event_id")
            .bind(tx.organizer.0)
            .fetch_all(tx.conn())
            .await?;
    rows.into_iter().map(EventRow::read).collect()
}

/// `None` when the address is taken.
pub(super) async fn insert_event(tx: &mut Tx, draft: &EventDraft) -> sqlx::Result<Option<EventId>> {
    let id: Option<i64> = sqlx::query_scalar(
        "INSERT INTO event (organizer_id, slug, name, description, location, zone, currency, starts_at, ends_at,
             admission_at, live, code_format, takes_bank_transfer)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         ON CONFLICT (organizer_id, slug) DO NOTHING RETURNING event_id",
    )
    .bind(tx.organizer.0)
    .bind(&draft.slug)
    .bind(&draft.name)
    .bind(&draft.description)
    .bind(&draft.location)
    .bind(&draft.zone)
    .bind(draft.currency.code())
    .bind(draft.starts_at.0)
    .bind(draft.ends_at.map(|at| at.0))
    .bind(draft.admission_at.map(|at| at.0))
    .bind(draft.live)
    .bind(draft.code_format.as_str())
    .bind(draft.takes_bank_transfer)
    .fetch_optional(tx.conn())
    .await?;
    Ok(id.map(EventId))
}

/// `false` when the address is taken by another.
pub(super) async fn update_event(tx: &mut Tx, event: EventId, draft: &EventDraft) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "UPDATE event SET slug = $3, name = $4, description = $5, location = $6, zone = $7, currency = $8,
             starts_at = $9, ends_at = $10, admission_at = $11, live = $12, code_format = $13,
             takes_bank_transfer = $14, version = version + 1
         WHERE organizer_id = $1 AND event_id = $2
           AND NOT EXISTS (SELECT FROM event o WHERE o.organizer_id = $1 AND o.slug = $3 AND o.event_id <> $2)",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(&draft.slug)
    .bind(&draft.name)
    .bind(&draft.description)
    .bind(&draft.location)
    .bind(&draft.zone)
    .bind(draft.currency.code())
    .bind(draft.starts_at.0)
    .bind(draft.ends_at.map(|at| at.0))
    .bind(draft.admission_at.map(|at| at.0))
    .bind(draft.live)
    .bind(draft.code_format.as_str())
    .bind(draft.takes_bank_transfer)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whether anything of the event has an amount.
pub(super) async fn has_prices(tx: &mut Tx, event: EventId) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM item WHERE organizer_id = $1 AND event_id = $2)
             OR EXISTS (SELECT FROM orders WHERE organizer_id = $1 AND event_id = $2)",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .fetch_one(tx.conn())
    .await
}

#[derive(sqlx::FromRow)]
struct ItemRow {
    item_id: i64,
    event_id: i64,
    name: String,
    category: String,
    description: String,
    price_minor: i64,
    currency: String,
    tax_rate_bp: i32,
    rank: i32,
    active: bool,
    admission: bool,
    look_at_id: bool,
    checkin_text: String,
    sold: i64,
    quotas: i64,
    version: i64,
    variations: Json<Vec<catalog::Variation>>,
    addon_to: Vec<i64>,
}

/// The products of an event, or one of them.
pub(super) async fn items(tx: &mut Tx, event: EventId, only: Option<ItemId>) -> sqlx::Result<Vec<ItemFull>> {
    let rows: Vec<ItemRow> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT i.*, e.currency, {ARTICLES},
                (SELECT count(*) FROM order_position p JOIN orders o USING (organizer_id, order_id)
                 WHERE p.organizer_id = $1 AND p.item_id = i.item_id AND NOT p.canceled
                   AND o.status IN ('pending', 'paid')) AS sold,
                (SELECT count(*) FROM quota_item q WHERE q.organizer_id = $1 AND q.item_id = i.item_id) AS quotas
         FROM item i JOIN event e USING (organizer_id, event_id)
         WHERE i.organizer_id = $1 AND i.event_id = $2 AND ($3::bigint IS NULL OR i.item_id = $3)
         ORDER BY i.rank, i.item_id",
    )))
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(only.map(|item| item.0))
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(read_item).collect()
}

fn read_item(row: ItemRow) -> sqlx::Result<ItemFull> {
    let currency: Currency = row.currency.parse().map_err(bad)?;
    Ok(ItemFull {
        variations: catalog::variations(row.variations, currency),
        item_id: ItemId(row.item_id),
        event_id: EventId(row.event_id),
        sold: row.sold,
        quotas: row.quotas,
        version: row.version,
        draft: ItemDraft {
            name: row.name,
            category: row.category,
            description: row.description,
            price: Money::new(row.price_minor, currency),
            tax_rate_bp: u32::try_from(row.tax_rate_bp).map_err(bad)?,
            rank: row.rank,
            active: row.active,
            admission: row.admission,
            look_at_id: row.look_at_id,
            checkin_text: row.checkin_text,
            addon_to: row.addon_to.into_iter().map(ItemId).collect(),
        },
    })
}

pub(super) async fn insert_item(tx: &mut Tx, event: EventId, draft: &ItemDraft) -> sqlx::Result<ItemId> {
    sqlx::query_scalar(
        "INSERT INTO item (organizer_id, event_id, name, category, description, price_minor, tax_rate_bp, rank, active,
             admission, look_at_id, checkin_text)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING item_id",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(&draft.name)
    .bind(&draft.category)
    .bind(&draft.description)
    .bind(draft.price.minor)
    .bind(draft.tax_rate_bp.cast_signed())
    .bind(draft.rank)
    .bind(draft.active)
    .bind(draft.admission)
    .bind(draft.look_at_id)
    .bind(&draft.checkin_text)
    .fetch_one(tx.conn())
    .await
    .map(ItemId)
}

pub(super) async fn update_item(tx: &mut Tx, event: EventId, item: ItemId, draft: &ItemDraft) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE item SET name = $4, category = $5, description = $6, price_minor = $7, tax_rate_bp = $8, rank = $9,
             active = $10, admission = $11, look_at_id = $12, checkin_text = $13, version = version + 1
         WHERE organizer_id = $1 AND event_id = $2 AND item_id = $3",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(item.0)
    .bind(&draft.name)
    .bind(&draft.category)
    .bind(&draft.description)
    .bind(draft.price.minor)
    .bind(draft.tax_rate_bp.cast_signed())
    .bind(draft.rank)
    .bind(draft.active)
    .bind(draft.admission)
    .bind(draft.look_at_id)
    .bind(&draft.checkin_text)
    .execute(tx.conn())
    .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct QuotaRow {
    quota_id: i64,
    event_id: i64,
    name: String,
    size: Option<i64>,
    target: Option<i64>,
    sold: i64,
    leased: i64,
    in_flight: i64,
    unheard: i64,
    excess: i64,
    date_id: Option<i64>,
    items: Vec<i64>,
}

/// The quotas of an event, or one of them.
pub(super) async fn quotas(tx: &mut Tx, event: EventId, only: Option<QuotaId>) -> sqlx::Result<Vec<QuotaFull>> {
    let rows: Vec<QuotaRow> = sqlx::query_as(
        "SELECT q.quota_id, q.event_id, q.name, q.size, q.target, q.sold, q.leased, q.in_flight, q.unheard, q.excess, q.date_id,
                ARRAY(SELECT i.item_id FROM quota_item i WHERE i.organizer_id = $1 AND i.quota_id = q.quota_id
                      ORDER BY 1) AS items
         FROM quota q
         WHERE q.organizer_id = $1 AND q.event_id = $2 AND ($3::bigint IS NULL OR q.quota_id = $3)
         ORDER BY q.name, q.quota_id",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(only.map(|quota| quota.0))
    .fetch_all(tx.conn())
    .await?;
    let read = |row: QuotaRow| QuotaFull {
        quota_id: QuotaId(row.quota_id),
        event_id: EventId(row.event_id),
        name: row.name,
        size: row.size,
        target: row.target,
        sold: row.sold,
        leased: row.leased,
        in_flight: row.in_flight,
        unheard: row.unheard,
        excess: row.excess,
        date_id: row.date_id.map(DateId),
        items: row.items.into_iter().map(ItemId).collect(),
    };
    Ok(rows.into_iter().map(read).collect())
}

/// How many of these products are not of this event.
pub(super) async fn foreign_items(tx: &mut Tx, event: EventId, items: &[ItemId]) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "SELECT count(*) FROM unnest($3::bigint[]) AS wanted (item_id)
         WHERE NOT EXISTS (SELECT FROM item i WHERE i.organizer_id = $1 AND i.event_id = $2
                           AND i.item_id = wanted.item_id)",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(numbers(items))
    .fetch_one(tx.conn())
    .await
}

/// Holds every quota of the event, in the order in which sales take them.
pub(super) async fn lock_quotas(tx: &mut Tx, event: EventId) -> sqlx::Result<()> {
    sqlx::query("SELECT FROM quota WHERE organizer_id = $1 AND event_id = $2 ORDER BY quota_id FOR UPDATE")
        .bind(tx.organizer.0)
        .bind(event.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub(super) async fn insert_quota(tx: &mut Tx, event: EventId, draft: &QuotaDraft) -> sqlx::Result<QuotaId> {
    let sql = "INSERT INTO quota (organizer_id, event_id, name, date_id) VALUES ($1, $2, $3, $4) RETURNING quota_id";
    sqlx::query_scalar(sql)
        .bind(tx.organizer.0)
        .bind(event.0)
        .bind(&draft.name)
        .bind(draft.date_id.map(|d| d.0))
        .fetch_one(tx.conn())
        .await
        .map(QuotaId)
}

pub(super) async fn set_quota_items(tx: &mut Tx, quota: QuotaId, items: &[ItemId]) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM quota_item WHERE organizer_id = $1 AND quota_id = $2 AND item_id <> ALL ($3)")
        .bind(tx.organizer.0)
        .bind(quota.0)
        .bind(numbers(items))
        .execute(tx.conn())
        .await?;
    sqlx::query(
        "INSERT INTO quota_item (organizer_id, quota_id, item_id) SELECT $1, $2, unnest($3::bigint[])
         ON CONFLICT DO NOTHING",
    )
    .bind(tx.organizer.0)
    .bind(quota.0)
    .bind(numbers(items))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What is sold of it, counted anew over the products that count in it now.
pub(super) async fn count_sold(tx: &mut Tx, quota: QuotaId) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "SELECT count(*) FROM quota_item i
         JOIN quota q ON q.organizer_id = i.organizer_id AND q.quota_id = i.quota_id
         JOIN order_position p ON p.organizer_id = i.organizer_id AND p.item_id = i.item_id
             AND (q.date_id IS NULL OR q.date_id = p.date_id)
         JOIN orders o ON o.organizer_id = p.organizer_id AND o.order_id = p.order_id
         WHERE i.organizer_id = $1 AND i.quota_id = $2 AND NOT p.canceled AND o.status IN ('pending', 'paid')",
    )
    .bind(tx.organizer.0)
    .bind(quota.0)
    .fetch_one(tx.conn())
    .await
}

/// Binds a quota to a date, or to none.
pub(super) async fn set_quota_date(tx: &mut Tx, quota: QuotaId, date: Option<DateId>) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE quota SET date_id = $3 WHERE organizer_id = $1 AND quota_id = $2 AND date_id IS DISTINCT FROM $3",
    )
    .bind(tx.organizer.0)
    .bind(quota.0)
    .bind(date.map(|d| d.0))
    .execute(tx.conn())
    .await
    .map(drop)
}

/// Writes name and size. What is lent is no organizer's to write.
pub(super) async fn update_quota(tx: &mut Tx, quota: QuotaId, name: &str, account: &QuotaAccount) -> sqlx::Result<()> {
    let done = sqlx::query(
        "UPDATE quota SET name = $3, size = $4, target = $5, sold = $6, excess = $7, version = version + 1
         WHERE organizer_id = $1 AND quota_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(quota.0)
    .bind(name)
    .bind(account.size)
    .bind(account.target)
    .bind(account.sold)
    .bind(account.excess)
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(sqlx::Error::RowNotFound) }
}

fn numbers(items: &[ItemId]) -> Vec<i64> {
    items.iter().map(|item| item.0).collect()
}
