//! SQL of sales that tills bring.

use crate::app::Tx;
use sqlx::Row as _;
use willcall_domain::{
    catalog::Article,
    clock::UtcMillis,
    id::{DateId, DeviceId, EventId, ItemId, OrderId, PaymentId, PositionId, QuotaId, VariationId},
    money::{Currency, Money},
    orders::OrderStatus,
    sync::{Fact, fact::SaleLine},
};

pub(super) async fn event_currency(tx: &mut Tx, event: EventId) -> sqlx::Result<Option<Currency>> {
    let code: Option<String> =
        sqlx::query_scalar("SELECT currency::text FROM event WHERE organizer_id = $1 AND event_id = $2")
            .bind(tx.organizer.0)
            .bind(event.0)
            .fetch_optional(tx.conn())
            .await?;
    code.map(|c| c.parse().map_err(|e: willcall_domain::money::MoneyError| sqlx::Error::Decode(e.into()))).transpose()
}

/// Whether every line's item is one of the event.
pub(super) async fn items_known(tx: &mut Tx, event: EventId, lines: &[SaleLine]) -> sqlx::Result<bool> {
    let ids: Vec<i64> = lines.iter().map(|l| l.item_id.0).collect();
    sqlx::query_scalar(
        "SELECT NOT EXISTS (SELECT FROM unnest($3::bigint[]) AS wanted (id) WHERE NOT EXISTS (
             SELECT FROM item WHERE organizer_id = $1 AND event_id = $2 AND item_id = wanted.id))",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(ids)
    .fetch_one(tx.conn())
    .await
}

/// Whether a line was sold at another price than the very version of the item it names.
pub(super) async fn price_differs(tx: &mut Tx, event: EventId, lines: &[SaleLine]) -> sqlx::Result<bool> {
    let ids: Vec<i64> = lines.iter().map(|l| l.item_id.0).collect();
    let prices: Vec<i64> = lines.iter().map(|l| l.price.minor).collect();
    let versions: Vec<i64> = lines.iter().map(|l| l.item_version).collect();
    let variations: Vec<Option<i64>> = lines.iter().map(|l| l.variation_id.map(|v| v.0)).collect();
    sqlx::query_scalar(
        "SELECT EXISTS (
             SELECT FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
                 AS sold (id, price, version, variation)
             JOIN item i ON i.organizer_id = $1 AND i.event_id = $2 AND i.item_id = sold.id
             LEFT JOIN variation v ON v.organizer_id = $1 AND v.item_id = i.item_id AND v.variation_id = sold.variation
             WHERE i.version = sold.version AND coalesce(v.price_minor, i.price_minor) <> sold.price)",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(ids)
    .bind(prices)
    .bind(versions)
    .bind(variations)
    .fetch_one(tx.conn())
    .await
}

/// What the very version of the item cost that this line names; `None` when that is not the present one.
pub(super) async fn price_at(tx: &mut Tx, event: EventId, line: &SaleLine) -> sqlx::Result<Option<Money>> {
    let minor: Option<i64> = sqlx::query_scalar(
        "SELECT coalesce(v.price_minor, i.price_minor) FROM item i
         LEFT JOIN variation v ON v.organizer_id = $1 AND v.item_id = i.item_id AND v.variation_id = $5
         WHERE i.organizer_id = $1 AND i.event_id = $2 AND i.item_id = $3 AND i.version = $4",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(line.item_id.0)
    .bind(line.item_version)
    .bind(line.variation_id.map(|v| v.0))
    .fetch_optional(tx.conn())
    .await?;
    Ok(minor.map(|minor| Money::new(minor, line.price.currency)))
}

/// Orders of one till that may bear one code; there are as many as there are copies of it.
const BRANCHES: u32 = 9;

/// `false` when there is an order of this id, or another's of this code. A till that was copied gives the same code to
/// two sales, and both were made: the second is kept as `CODE-2`.
pub(super) async fn insert_order(
    tx: &mut Tx,
    device: DeviceId,
    sale: &Fact,
    status: OrderStatus,
    at: UtcMillis,
) -> sqlx::Result<bool> {
    let Fact::Sale { order_id, order_code, .. } = sale else { return Ok(false) };
    if insert_as(tx, device, (sale, order_code), status, at).await? {
        return Ok(true);
    }
    let branches: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM orders WHERE organizer_id = $1 AND code = $2 AND device_id = $3)
            AND NOT EXISTS (SELECT FROM orders WHERE organizer_id = $1 AND order_id = $4)",
    )
    .bind(tx.organizer.0)
    .bind(order_code)
    .bind(device.0)
    .bind(order_id.0)
    .fetch_one(tx.conn())
    .await?;
    if !branches {
        return Ok(false);
    }
    for branch in 2..=BRANCHES {
        let code = format!("{order_code}-{branch}");
        if insert_as(tx, device, (sale, &code), status, at).await? {
            tracing::warn!(device = device.0, order = %order_id, code, "a copy of this till has used the code");
            return Ok(true);
        }
    }
    Ok(false)
}

async fn insert_as(
    tx: &mut Tx,
    device: DeviceId,
    (sale, code): (&Fact, &str),
    status: OrderStatus,
    at: UtcMillis,
) -> sqlx::Result<bool> {
    let Fact::Sale { order_id, event_id, request_id, total, .. } = sale else { return Ok(false) };
    let done = sqlx::query(
        "INSERT INTO orders (organizer_id, order_id, event_id, code, status, total_minor, channel, device_id, placed_at,
             request_id)
         VALUES ($1, $2, $3, $4, $5, $6, 'till', $7, $8, $9) ON CONFLICT DO NOTHING",
    )
    .bind(tx.organizer.0)
    .bind(order_id.0)
    .bind(event_id.0)
    .bind(code)
    .bind(status.as_str())
    .bind(total.minor)
    .bind(device.0)
    .bind(at.0)
    .bind(request_id.0)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// `false` when there is a position of this id already: one blank, one ticket.
pub(super) async fn insert_position(
    tx: &mut Tx,
    order: OrderId,
    event: EventId,
    line: &SaleLine,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "INSERT INTO order_position (organizer_id, position_id, order_id, event_id, item_id, price_minor, tax_rate_bp,
             tax_minor, lease_id, variation_id, date_id, addon_to)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, (SELECT lease_id FROM lease WHERE organizer_id = $1 AND lease_id = $9),
             $10, $11, $12)
         ON CONFLICT DO NOTHING",
    )
    .bind(tx.organizer.0)
    .bind(line.position_id.0)
    .bind(order.0)
    .bind(event.0)
    .bind(line.item_id.0)
    .bind(line.price.minor)
    .bind(i32::try_from(line.tax_rate_bp).unwrap_or(i32::MAX))
    .bind(line.tax.minor)
    .bind(line.blank.map(|l| l.0))
    .bind(line.variation_id.map(|v| v.0))
    .bind(line.date_id.map(|d| d.0))
    .bind(line.addon_to.map(|p| p.0))
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The quotas an article counts in, ascending.
pub(super) async fn quotas_of(tx: &mut Tx, article: Article) -> sqlx::Result<Vec<QuotaId>> {
    let ids: Vec<i64> = sqlx::query_scalar(
        "SELECT q.quota_id FROM quota_item i
         JOIN quota q ON q.organizer_id = i.organizer_id AND q.quota_id = i.quota_id
         WHERE i.organizer_id = $1 AND i.item_id = $2 AND (q.date_id IS NULL OR q.date_id = $3) ORDER BY 1",
    )
    .bind(tx.organizer.0)
    .bind(article.item_id.0)
    .bind(article.date_id.map(|d| d.0))
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().map(QuotaId).collect())
}

/// A till's own order.
pub(super) struct TillOrder {
    pub event_id: EventId,
    pub status: OrderStatus,
    pub total: Money,
}

pub(super) async fn till_order(tx: &mut Tx, device: DeviceId, order: OrderId) -> sqlx::Result<Option<TillOrder>> {
    order_of(tx, device, order, false).await
}

/// A till's own order, or a web order whose right it has or had.
pub(super) async fn counter_order(tx: &mut Tx, device: DeviceId, order: OrderId) -> sqlx::Result<Option<TillOrder>> {
    order_of(tx, device, order, true).await
}

async fn order_of(tx: &mut Tx, device: DeviceId, order: OrderId, by_right: bool) -> sqlx::Result<Option<TillOrder>> {
    let row = sqlx::query(
        "SELECT o.event_id, o.status, o.total_minor, e.currency::text AS currency
         FROM orders o JOIN event e ON e.organizer_id = o.organizer_id AND e.event_id = o.event_id
         WHERE o.organizer_id = $1 AND o.order_id = $2 AND (o.device_id = $3 OR $4 AND EXISTS (
             SELECT FROM held_right r WHERE r.organizer_id = $1 AND r.order_id = o.order_id AND r.device_id = $3))
         FOR UPDATE OF o",
    )
    .bind(tx.organizer.0)
    .bind(order.0)
    .bind(device.0)
    .bind(by_right)
    .fetch_optional(tx.conn())
    .await?;
    row.map(|r| {
        let decode = |e: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(e);
        let currency: Currency = r
            .try_get::<&str, _>("currency")?
            .parse()
            .map_err(|e: willcall_domain::money::MoneyError| decode(e.into()))?;
        let status = r
            .try_get::<&str, _>("status")?
            .parse()
            .map_err(|e: willcall_domain::orders::OrderError| decode(e.into()))?;
        Ok(TillOrder {
            event_id: EventId(r.try_get("event_id")?),
            status,
            total: Money::new(r.try_get("total_minor")?, currency),
        })
    })
    .transpose()
}

pub(super) async fn insert_payment(
    tx: &mut Tx,
    device: DeviceId,
    payment: PaymentId,
    order: OrderId,
    amount: Money,
    at: UtcMillis,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO payment (organizer_id, payment_id, order_id, provider, amount_minor, state, created_at,
             confirmed_at, device_id)
         VALUES ($1, $2, $3, 'cash', $4, 'confirmed', $5, $5, $6) ON CONFLICT DO NOTHING",
    )
    .bind(tx.organizer.0)
    .bind(payment.0)
    .bind(order.0)
    .bind(amount.minor)
    .bind(at.0)
    .bind(device.0)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Confirmed money of an order, in minor units.
pub(super) async fn paid(tx: &mut Tx, order: OrderId) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "SELECT coalesce(sum(amount_minor), 0)::bigint FROM payment
         WHERE organizer_id = $1 AND order_id = $2 AND state = 'confirmed'",
    )
    .bind(tx.organizer.0)
    .bind(order.0)
    .fetch_one(tx.conn())
    .await
}

pub(super) async fn set_paid(tx: &mut Tx, order: OrderId) -> sqlx::Result<()> {
    sqlx::query("UPDATE orders SET status = 'paid', version = version + 1 WHERE organizer_id = $1 AND order_id = $2")
        .bind(tx.organizer.0)
        .bind(order.0)
        .execute(tx.conn())
        .await?;
    sqlx::query("UPDATE order_position SET version = version + 1 WHERE organizer_id = $1 AND order_id = $2")
        .bind(tx.organizer.0)
        .bind(order.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub(super) async fn positions(tx: &mut Tx, order: OrderId) -> sqlx::Result<Vec<PositionId>> {
    let ids: Vec<uuid::Uuid> =
        sqlx::query_scalar("SELECT position_id FROM order_position WHERE organizer_id = $1 AND order_id = $2")
            .bind(tx.organizer.0)
            .bind(order.0)
            .fetch_all(tx.conn())
            .await?;
    Ok(ids.into_iter().map(PositionId).collect())
}

/// The positions of an order with their items, and whether each is cancelled already.
pub(super) async fn sold_positions(tx: &mut Tx, order: OrderId) -> sqlx::Result<Vec<(PositionId, Article, bool)>> {
    type Sold = (uuid::Uuid, i64, Option<i64>, Option<i64>, bool);
    let rows: Vec<Sold> = sqlx::query_as(
        "SELECT position_id, item_id, variation_id, date_id, canceled FROM order_position
         WHERE organizer_id = $1 AND order_id = $2 ORDER BY position_id FOR UPDATE",
    )
    .bind(tx.organizer.0)
    .bind(order.0)
    .fetch_all(tx.conn())
    .await?;
    let sold = |(position, item, variation, date, canceled): Sold| {
        let (variation_id, date_id) = (variation.map(VariationId), date.map(DateId));
        (PositionId(position), Article { item_id: ItemId(item), variation_id, date_id }, canceled)
    };
    Ok(rows.into_iter().map(sold).collect())
}

/// Marks positions as cancelled.
pub(super) async fn cancel_positions(tx: &mut Tx, positions: &[PositionId]) -> sqlx::Result<()> {
    let ids: Vec<uuid::Uuid> = positions.iter().map(|p| p.0).collect();
    sqlx::query(
        "UPDATE order_position SET canceled = true, version = version + 1
         WHERE organizer_id = $1 AND position_id = ANY($2)",
    )
    .bind(tx.organizer.0)
    .bind(ids)
    .execute(tx.conn())
    .await
    .map(drop)
}

/// Every position of the order is undone.
pub(super) async fn set_canceled(tx: &mut Tx, order: OrderId, at: UtcMillis) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE orders SET status = 'canceled', expires_at = NULL, canceled_at = $3, version = version + 1
         WHERE organizer_id = $1 AND order_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(order.0)
    .bind(at.0)
    .execute(tx.conn())
    .await
    .map(drop)
}

/// Whether this much was given back for an order; `amount_minor` is below zero.
pub(super) async fn refunded(tx: &mut Tx, order: OrderId, amount_minor: i64) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM payment
             WHERE organizer_id = $1 AND order_id = $2 AND state = 'confirmed' AND amount_minor = $3)",
    )
    .bind(tx.organizer.0)
    .bind(order.0)
    .bind(amount_minor)
    .fetch_one(tx.conn())
    .await
}
