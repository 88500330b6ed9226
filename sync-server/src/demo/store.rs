//! SQL of made-up orders: whole columns at once, so that thousands take a moment.

use super::orders::{MadeUp, Offer, Offered};
use crate::app::Tx;
use std::collections::HashMap;
use willcall_domain::{
    catalog::Article,
    id::{DateId, EventId, ItemId, QuotaId, VariationId},
    money::Money,
    orders::OrderStatus,
};

pub(super) async fn has_orders(tx: &mut Tx, event: EventId) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM orders WHERE organizer_id = $1 AND event_id = $2)")
        .bind(tx.organizer.0)
        .bind(event.0)
        .fetch_one(tx.conn())
        .await
}

#[derive(sqlx::FromRow)]
struct Row {
    item_id: i64,
    variation_id: Option<i64>,
    date_id: Option<i64>,
    price_minor: i64,
    currency: String,
    tax_rate_bp: i32,
    admission: bool,
    quotas: Vec<i64>,
}

/// Everything that may be sold by itself; a tenth of each quota is left for whoever tries the shop.
pub(super) async fn offer(tx: &mut Tx, event: EventId) -> sqlx::Result<Offer> {
    let items: Vec<Row> = sqlx::query_as(
        "SELECT i.item_id, v.variation_id, d.date_id, coalesce(v.price_minor, i.price_minor) AS price_minor,
                e.currency::text, i.tax_rate_bp, i.admission,
                ARRAY(SELECT q.quota_id FROM quota q JOIN quota_item n USING (organizer_id, quota_id)
                      WHERE q.organizer_id = $1 AND n.item_id = i.item_id
                        AND (q.date_id IS NULL OR q.date_id = d.date_id)) AS quotas
         FROM item i JOIN event e USING (organizer_id, event_id)
         LEFT JOIN variation v ON v.organizer_id = i.organizer_id AND v.item_id = i.item_id
         LEFT JOIN event_date d ON d.organizer_id = i.organizer_id AND d.event_id = i.event_id
         WHERE i.organizer_id = $1 AND i.event_id = $2 AND i.active
           AND NOT EXISTS (SELECT FROM item_addon a WHERE a.organizer_id = $1 AND a.item_id = i.item_id)
         ORDER BY i.rank, i.item_id, v.rank, v.variation_id, d.starts_at, d.date_id",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .fetch_all(tx.conn())
    .await?;
    let free: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT quota_id, size * 9 / 10 - sold - leased FROM quota
         WHERE organizer_id = $1 AND event_id = $2 AND size IS NOT NULL",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .fetch_all(tx.conn())
    .await?;
    let items = items.into_iter().filter(|row| !row.quotas.is_empty()).map(|row| {
        let currency = row.currency.parse().map_err(|e| sqlx::Error::Decode(Box::new(e)))?;
        let (variation_id, date_id) = (row.variation_id.map(VariationId), row.date_id.map(DateId));
        Ok(Offered {
            article: Article { item_id: ItemId(row.item_id), variation_id, date_id },
            price: Money::new(row.price_minor, currency),
            tax_rate_bp: u32::try_from(row.tax_rate_bp).unwrap_or(0),
            admission: row.admission,
            quotas: row.quotas.into_iter().map(QuotaId).collect(),
        })
    });
    Ok(Offer {
        items: items.collect::<sqlx::Result<_>>()?,
        free: free.into_iter().map(|(quota, left)| (QuotaId(quota), left)).collect::<HashMap<_, _>>(),
    })
}

pub(super) async fn insert(tx: &mut Tx, event: EventId, orders: &[MadeUp]) -> sqlx::Result<()> {
    insert_orders(tx, event, orders).await?;
    insert_positions(tx, event, orders).await?;
    insert_payments(tx, orders).await
}

fn column<'a, R, T>(rows: &'a [R], of: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}

async fn insert_orders(tx: &mut Tx, event: EventId, orders: &[MadeUp]) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO orders (organizer_id, event_id, channel, order_id, code, status, name, email, language, total_minor,
                             placed_at, expires_at, canceled_at)
         SELECT $1, $2, 'web', * FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                                             $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[])",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(column(orders, |o| o.order.0))
    .bind(column(orders, |o| o.code.as_str()))
    .bind(column(orders, |o| o.status.as_str()))
    .bind(column(orders, |o| o.name.as_str()))
    .bind(column(orders, |o| o.email.as_str()))
    .bind(column(orders, |o| o.language))
    .bind(column(orders, |o| o.total.minor))
    .bind(column(orders, |o| o.placed_at.0))
    .bind(column(orders, |o| o.expires_at.map(|at| at.0)))
    .bind(column(orders, |o| (o.status == OrderStatus::Canceled).then_some(o.placed_at.0)))
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn insert_positions(tx: &mut Tx, event: EventId, orders: &[MadeUp]) -> sqlx::Result<()> {
    let rows: Vec<_> = orders.iter().flat_map(|o| o.positions.iter().map(move |p| (o, p))).collect();
    sqlx::query(
        "INSERT INTO order_position (organizer_id, event_id, position_id, order_id, item_id, price_minor, tax_rate_bp,
                                     tax_minor, attendee_name, canceled, variation_id, date_id)
         SELECT $1, $2, * FROM unnest($3::uuid[], $4::uuid[], $5::bigint[], $6::bigint[], $7::integer[], $8::bigint[],
                                      $9::text[], $10::boolean[], $11::bigint[], $12::bigint[])",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(column(&rows, |(_, p)| p.position.0))
    .bind(column(&rows, |(o, _)| o.order.0))
    .bind(column(&rows, |(_, p)| p.article.item_id.0))
    .bind(column(&rows, |(_, p)| p.price.minor))
    .bind(column(&rows, |(_, p)| i32::try_from(p.tax_rate_bp).unwrap_or(0)))
    .bind(column(&rows, |(_, p)| p.tax.minor))
    .bind(column(&rows, |(_, p)| p.attendee.as_str()))
    .bind(column(&rows, |(o, _)| o.status == OrderStatus::Canceled))
    .bind(column(&rows, |(_, p)| p.article.variation_id.map(|v| v.0)))
    .bind(column(&rows, |(_, p)| p.article.date_id.map(|d| d.0)))
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn insert_payments(tx: &mut Tx, orders: &[MadeUp]) -> sqlx::Result<()> {
    let state = |o: &MadeUp| match o.status {
        OrderStatus::Paid => "confirmed",
        OrderStatus::Pending => "created",
        OrderStatus::Expired | OrderStatus::Canceled => "canceled",
    };
    sqlx::query(
        "INSERT INTO payment (organizer_id, payment_id, order_id, provider, amount_minor, state, created_at, confirmed_at)
         SELECT $1, * FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::text[], $7::bigint[],
                                  $8::bigint[])",
    )
    .bind(tx.organizer.0)
    .bind(column(orders, |o| o.payment.0))
    .bind(column(orders, |o| o.order.0))
    .bind(column(orders, |o| o.provider.as_str()))
    .bind(column(orders, |o| o.total.minor))
    .bind(column(orders, state))
    .bind(column(orders, |o| o.placed_at.0))
    .bind(column(orders, |o| o.paid_at.map(|at| at.0)))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Sets what each quota has sold to what the orders hold.
pub(super) async fn count_sold(tx: &mut Tx, event: EventId) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE quota q SET version = version + 1, sold = (
             SELECT count(*) FROM quota_item i
             JOIN order_position p ON p.organizer_id = i.organizer_id AND p.item_id = i.item_id
                 AND (q.date_id IS NULL OR q.date_id = p.date_id)
             JOIN orders o ON o.organizer_id = p.organizer_id AND o.order_id = p.order_id
             WHERE i.organizer_id = $1 AND i.quota_id = q.quota_id AND NOT p.canceled AND o.status IN ('pending', 'paid'))
         WHERE q.organizer_id = $1 AND q.event_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .execute(tx.conn())
    .await?;
    Ok(())
}
