//! SQL of the catalogue, reading.

use super::{ListedEvent, Seller, ShopEvent, ShopItem};
use crate::tx::Tx;
use serde::Deserialize;
use sqlx::{AssertSqlSafe, types::Json};
use willcall_domain::{
    catalog::{DateRow, EventRow, ItemRow, QuotaRow, VariationRow},
    checkin::wire::ItemDoor,
    clock::UtcMillis,
    id::{DateId, EventId, ItemId, QuotaId, VariationId},
    money::{Currency, Money},
};

fn decoded<T, E: std::fmt::Display>(value: Result<T, E>) -> sqlx::Result<T> {
    value.map_err(|e| sqlx::Error::Decode(e.to_string().into()))
}

#[derive(sqlx::FromRow)]
struct Event {
    event_id: i64,
    slug: String,
    name: String,
    description: String,
    location: String,
    zone: String,
    currency: String,
    starts_at: i64,
    ends_at: Option<i64>,
    admission_at: Option<i64>,
    live: bool,
    code_format: String,
    takes_bank_transfer: bool,
    planned_outage_min: i32,
    till_sales: bool,
    version: i64,
}

impl Event {
    fn row(&self) -> sqlx::Result<EventRow> {
        Ok(EventRow {
            event_id: EventId(self.event_id),
            name: self.name.clone(),
            location: self.location.clone(),
            zone: self.zone.clone(),
            currency: decoded(self.currency.parse::<Currency>())?,
            starts_at: UtcMillis(self.starts_at),
            ends_at: self.ends_at.map(UtcMillis),
            admission_at: self.admission_at.map(UtcMillis),
            code_format: decoded(self.code_format.parse())?,
            planned_outage_min: self.planned_outage_min.unsigned_abs(),
            till_sales: self.till_sales,
            version: self.version,
        })
    }

    fn shop(self) -> sqlx::Result<ShopEvent> {
        Ok(ShopEvent {
            row: self.row()?,
            slug: self.slug,
            description: self.description,
            live: self.live,
            takes_bank_transfer: self.takes_bank_transfer,
        })
    }
}

/// The event with this address, live or not.
///
/// # Errors
/// When the database does not answer.
pub async fn event_by_slug(tx: &mut Tx, slug: &str) -> sqlx::Result<Option<ShopEvent>> {
    let row: Option<Event> = sqlx::query_as(
        "SELECT event_id, slug, name, description, location, zone, currency::text, starts_at, ends_at, admission_at,
                live, code_format, takes_bank_transfer, planned_outage_min, till_sales, version
         FROM event WHERE organizer_id = $1 AND slug = $2",
    )
    .bind(tx.organizer.0)
    .bind(slug)
    .fetch_optional(tx.conn())
    .await?;
    row.map(Event::shop).transpose()
}

/// The event with this number, live or not.
///
/// # Errors
/// When the database does not answer.
pub async fn event_by_id(tx: &mut Tx, event: EventId) -> sqlx::Result<Option<ShopEvent>> {
    let row: Option<Event> = sqlx::query_as(
        "SELECT event_id, slug, name, description, location, zone, currency::text, starts_at, ends_at, admission_at,
                live, code_format, takes_bank_transfer, planned_outage_min, till_sales, version
         FROM event WHERE organizer_id = $1 AND event_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .fetch_optional(tx.conn())
    .await?;
    row.map(Event::shop).transpose()
}

/// The event with this number, held until the transaction ends as an order of it will hold it anyway: what counts in
/// which quota does not change between reading it and selling by it.
///
/// # Errors
/// When the database does not answer.
pub async fn event_for_sale(tx: &mut Tx, event: EventId) -> sqlx::Result<Option<ShopEvent>> {
    let row: Option<Event> = sqlx::query_as(
        "SELECT event_id, slug, name, description, location, zone, currency::text, starts_at, ends_at, admission_at,
                live, code_format, takes_bank_transfer, planned_outage_min, till_sales, version
         FROM event WHERE organizer_id = $1 AND event_id = $2 FOR KEY SHARE",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .fetch_optional(tx.conn())
    .await?;
    row.map(Event::shop).transpose()
}

#[derive(sqlx::FromRow)]
struct Listed {
    #[sqlx(flatten)]
    event: Event,
    from_minor: Option<i64>,
    left: bool,
}

/// Live events that are not over at `now`, the next one first. Where there are tickets, they alone decide what it costs and
/// whether it is sold out: a programme that is left admits nobody.
///
/// # Errors
/// When the database does not answer.
pub async fn listed_events(tx: &mut Tx, now: UtcMillis) -> sqlx::Result<Vec<ListedEvent>> {
    let rows: Vec<Listed> = sqlx::query_as(
        "SELECT e.event_id, e.slug, e.name, e.description, e.location, e.zone, e.currency::text,
                coalesce((SELECT min(d.starts_at) FROM event_date d WHERE d.organizer_id = e.organizer_id
                          AND d.event_id = e.event_id AND d.active AND coalesce(d.ends_at, d.starts_at + 43200000) > $2),
                         e.starts_at) AS starts_at, e.ends_at,
                e.admission_at, e.live, e.code_format, e.takes_bank_transfer, e.planned_outage_min, e.till_sales, e.version,
                coalesce(min(s.price_minor) FILTER (WHERE s.admission AND s.price_minor > 0),
                         min(s.price_minor) FILTER (WHERE s.admission), min(s.price_minor)) AS from_minor,
                coalesce(bool_or(s.free > 0) FILTER (WHERE s.admission), bool_or(s.free > 0), false) AS left
         FROM event e LEFT JOIN LATERAL (
             -- Each product for each date that is to come; where there are no dates, once.
             SELECT coalesce((SELECT min(coalesce(v.price_minor, i.price_minor)) FROM variation v
                              WHERE v.organizer_id = i.organizer_id AND v.item_id = i.item_id AND v.active),
                             i.price_minor) AS price_minor, i.admission,
                    min(CASE WHEN q.size IS NULL THEN 1 ELSE coalesce(q.target, q.size) - q.sold - q.leased - q.unheard END) AS free
             FROM item i
             LEFT JOIN event_date d ON d.organizer_id = i.organizer_id AND d.event_id = i.event_id AND d.active
                 AND coalesce(d.ends_at, d.starts_at + 43200000) > $2
             JOIN quota_item qi ON qi.organizer_id = i.organizer_id AND qi.item_id = i.item_id
             JOIN quota q ON q.organizer_id = qi.organizer_id AND q.quota_id = qi.quota_id
                 AND (q.date_id IS NULL OR q.date_id = d.date_id)
             WHERE i.organizer_id = e.organizer_id AND i.event_id = e.event_id AND i.active
                 AND NOT EXISTS (SELECT FROM item_addon a WHERE a.organizer_id = i.organizer_id AND a.item_id = i.item_id)
             GROUP BY i.organizer_id, i.item_id, i.price_minor, i.admission, d.date_id
         ) s ON true
         WHERE e.organizer_id = $1 AND e.live AND coalesce(e.ends_at, e.starts_at + 43200000) > $2
         GROUP BY e.organizer_id, e.event_id
         ORDER BY starts_at, e.event_id LIMIT 500",
    )
    .bind(tx.organizer.0)
    .bind(now.0)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|r| {
            Ok(ListedEvent {
                row: r.event.row()?,
                slug: r.event.slug,
                from_minor: r.from_minor,
                sold_out: r.from_minor.is_some() && !r.left,
            })
        })
        .collect()
}

#[derive(sqlx::FromRow)]
struct Item {
    item_id: i64,
    event_id: i64,
    name: String,
    category: String,
    description: String,
    price_minor: i64,
    tax_rate_bp: i32,
    rank: i32,
    active: bool,
    admission: bool,
    look_at_id: bool,
    checkin_text: String,
    version: i64,
    currency: String,
    variations: Json<Vec<Variation>>,
    addon_to: Vec<i64>,
}

/// A variation as [`ARTICLES`] selects it.
#[derive(Debug, Deserialize)]
pub struct Variation {
    variation_id: i64,
    name: String,
    price_minor: Option<i64>,
    rank: i32,
    active: bool,
    checkin_text: String,
}

/// Of an `item i`: its variations in the order of screens, and what it is sold together with.
pub const ARTICLES: &str = "coalesce((SELECT jsonb_agg(to_jsonb(v) - 'organizer_id' - 'item_id' ORDER BY v.rank, v.variation_id)
                    FROM variation v WHERE v.organizer_id = i.organizer_id AND v.item_id = i.item_id), '[]') AS variations,
             array(SELECT a.to_item_id FROM item_addon a
                   WHERE a.organizer_id = i.organizer_id AND a.item_id = i.item_id ORDER BY 1) AS addon_to";

/// The variations of a product whose prices are in `currency`.
#[must_use]
pub fn variations(Json(rows): Json<Vec<Variation>>, currency: Currency) -> Vec<VariationRow> {
    let row = |v: Variation| VariationRow {
        variation_id: VariationId(v.variation_id),
        name: v.name,
        price: v.price_minor.map(|minor| Money::new(minor, currency)),
        rank: v.rank,
        active: v.active,
        checkin_text: v.checkin_text,
    };
    rows.into_iter().map(row).collect()
}

/// Every product of an event, switched off ones too, in the order of screens.
///
/// # Errors
/// When the database does not answer.
pub async fn items(tx: &mut Tx, event: EventId) -> sqlx::Result<Vec<ShopItem>> {
    let rows: Vec<Item> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT i.item_id, i.event_id, i.name, i.category, i.description, i.price_minor, i.tax_rate_bp, i.rank, i.active,
                i.admission, i.look_at_id, i.checkin_text, i.version, e.currency::text, {ARTICLES}
         FROM item i JOIN event e USING (organizer_id, event_id)
         WHERE i.organizer_id = $1 AND i.event_id = $2 ORDER BY i.rank, i.item_id",
    )))
    .bind(tx.organizer.0)
    .bind(event.0)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|i| {
            let currency: Currency = decoded(i.currency.parse())?;
            let row = ItemRow {
                item_id: ItemId(i.item_id),
                event_id: EventId(i.event_id),
                name: i.name,
                category: i.category,
                price: Money::new(i.price_minor, currency),
                tax_rate_bp: decoded(u32::try_from(i.tax_rate_bp))?,
                rank: i.rank,
                active: i.active,
                admission: i.admission,
                look_at_id: i.look_at_id,
                checkin_text: i.checkin_text,
                variations: variations(i.variations, currency),
                addon_to: i.addon_to.into_iter().map(ItemId).collect(),
                door: ItemDoor::default(),
                version: i.version,
            };
            Ok(ShopItem { row, description: i.description })
        })
        .collect()
}

#[derive(sqlx::FromRow)]
struct Date {
    date_id: i64,
    name: String,
    starts_at: i64,
    ends_at: Option<i64>,
    admission_at: Option<i64>,
    active: bool,
    version: i64,
}

/// The dates of an event, switched off ones too, the earliest first; empty where it takes place once.
///
/// # Errors
/// When the database does not answer.
pub async fn dates(tx: &mut Tx, event: EventId) -> sqlx::Result<Vec<DateRow>> {
    let rows: Vec<Date> = sqlx::query_as(
        "SELECT date_id, name, starts_at, ends_at, admission_at, active, version FROM event_date
         WHERE organizer_id = $1 AND event_id = $2 ORDER BY starts_at, date_id",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .fetch_all(tx.conn())
    .await?;
    let row = |d: Date| DateRow {
        date_id: DateId(d.date_id),
        event_id: event,
        name: d.name,
        starts_at: UtcMillis(d.starts_at),
        ends_at: d.ends_at.map(UtcMillis),
        admission_at: d.admission_at.map(UtcMillis),
        active: d.active,
        version: d.version,
    };
    Ok(rows.into_iter().map(row).collect())
}

#[derive(sqlx::FromRow)]
struct Quota {
    quota_id: i64,
    event_id: i64,
    name: String,
    size: Option<i64>,
    free: Option<i64>,
    leased: i64,
    items: Vec<i64>,
    date_id: Option<i64>,
    version: i64,
}

/// The quotas of an event and what is left of each, ascending.
///
/// # Errors
/// When the database does not answer.
pub async fn quotas(tx: &mut Tx, event: EventId) -> sqlx::Result<Vec<QuotaRow>> {
    let rows: Vec<Quota> = sqlx::query_as(
        "SELECT q.quota_id, q.event_id, q.name, q.size, coalesce(q.target, q.size) - q.sold - q.leased - q.unheard AS free,
                q.leased, q.version, q.date_id,
                ARRAY(SELECT qi.item_id FROM quota_item qi
                      WHERE qi.organizer_id = q.organizer_id AND qi.quota_id = q.quota_id ORDER BY 1) AS items
         FROM quota q WHERE q.organizer_id = $1 AND q.event_id = $2 ORDER BY q.quota_id",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .fetch_all(tx.conn())
    .await?;
    let row = |q: Quota| QuotaRow {
        quota_id: QuotaId(q.quota_id),
        event_id: EventId(q.event_id),
        name: q.name,
        size: q.size,
        items: q.items.into_iter().map(ItemId).collect(),
        date_id: q.date_id.map(DateId),
        free: q.free.map(|free| free.max(0)),
        outstanding: q.leased,
        version: q.version,
    };
    Ok(rows.into_iter().map(row).collect())
}

/// The organizer of this transaction as a seller.
///
/// # Errors
/// When the database does not answer, or the organizer is gone.
pub async fn seller(tx: &mut Tx) -> sqlx::Result<Seller> {
    let (slug, name, legal_name, address, bank_details, accent): (String, String, String, String, String, String) =
        sqlx::query_as(
            "SELECT slug, name, legal_name, address, bank_details, accent FROM organizer WHERE organizer_id = $1",
        )
        .bind(tx.organizer.0)
        .fetch_one(tx.conn())
        .await?;
    Ok(Seller { slug, name, legal_name, address, bank_details, accent })
}
