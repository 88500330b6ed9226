//! SQL that takes an order in again.

use crate::tx::Tx;
use willcall_domain::{
    catalog::Article,
    id::{OrderId, QuotaId},
    orders::PositionRow,
};

/// `false` when its number or code is taken, or its event is not here.
pub(super) async fn insert_order(tx: &mut Tx, row: &PositionRow) -> sqlx::Result<bool> {
    let now = tx.now();
    let done = sqlx::query(
        "INSERT INTO orders (organizer_id, order_id, event_id, code, status, name, total_minor, channel, placed_at)
         SELECT $1, $2, e.event_id, $4, $5, $6, 0, 'web', $7 FROM event e
         WHERE e.organizer_id = $1 AND e.event_id = $3 ON CONFLICT DO NOTHING",
    )
    .bind(tx.organizer.0)
    .bind(row.order_id.0)
    .bind(row.event_id.0)
    .bind(&row.order_code)
    .bind(row.order_status.as_str())
    .bind(row.name.as_deref().unwrap_or_default())
    .bind(now.0)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// `false` when its product is not here.
pub(super) async fn insert_position(tx: &mut Tx, row: &PositionRow) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "INSERT INTO order_position (organizer_id, position_id, order_id, event_id, item_id, price_minor, tax_rate_bp,
             tax_minor, attendee_name, issue, canceled, plain_code, variation_id, date_id, addon_to)
         SELECT $1, $2, $3, i.event_id, i.item_id, sold.price, sold.rate,
             sold.price - round(sold.price * 10000.0 / (10000 + sold.rate))::bigint, $6, $7, $8, $9,
             form.variation_id,
             (SELECT d.date_id FROM event_date d
              WHERE d.organizer_id = $1 AND d.event_id = i.event_id AND d.date_id = $11),
             (SELECT a.position_id FROM order_position a WHERE a.organizer_id = $1 AND a.position_id = $12)
         FROM item i
         LEFT JOIN variation form
             ON form.organizer_id = $1 AND form.item_id = i.item_id AND form.variation_id = $10
         CROSS JOIN LATERAL (SELECT coalesce($13, form.price_minor, i.price_minor) AS price, coalesce($14, i.tax_rate_bp) AS rate) sold
         WHERE i.organizer_id = $1 AND i.event_id = $4 AND i.item_id = $5 ON CONFLICT DO NOTHING",
    )
    .bind(tx.organizer.0)
    .bind(row.position_id.0)
    .bind(row.order_id.0)
    .bind(row.event_id.0)
    .bind(row.item_id.0)
    .bind(row.name.as_deref().unwrap_or_default())
    .bind(i16::from(row.issue))
    .bind(row.canceled)
    .bind(&row.plain)
    .bind(row.variation_id.map(|v| v.0))
    .bind(row.date_id.map(|d| d.0))
    .bind(row.addon_to.map(|p| p.0))
    .bind(row.sold_at.map(|at| at.price_minor))
    .bind(row.sold_at.map(|at| i32::try_from(at.tax_rate_bp).unwrap_or(i32::MAX)))
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The quotas an article counts in.
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

pub(super) async fn set_total(tx: &mut Tx, order: OrderId) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE orders SET total_minor = (SELECT coalesce(sum(price_minor), 0) FROM order_position
             WHERE organizer_id = $1 AND order_id = $2)
         WHERE organizer_id = $1 AND order_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(order.0)
    .execute(tx.conn())
    .await?;
    Ok(())
}
