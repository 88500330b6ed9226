//! SQL that takes an order in again.

use crate::tx::Tx;
use willcall_domain::{
    id::{ItemId, OrderId, QuotaId},
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
             tax_minor, attendee_name, issue, canceled, plain_code)
         SELECT $1, $2, $3, i.event_id, i.item_id, i.price_minor, i.tax_rate_bp,
             i.price_minor - round(i.price_minor * 10000.0 / (10000 + i.tax_rate_bp))::bigint, $6, $7, $8, $9
         FROM item i WHERE i.organizer_id = $1 AND i.event_id = $4 AND i.item_id = $5 ON CONFLICT DO NOTHING",
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
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The quotas a product counts in.
pub(super) async fn quotas_of(tx: &mut Tx, item: ItemId) -> sqlx::Result<Vec<QuotaId>> {
    let ids: Vec<i64> = sqlx::query_scalar(
        "SELECT quota_id FROM quota_item WHERE organizer_id = $1 AND item_id = $2 ORDER BY quota_id",
    )
    .bind(tx.organizer.0)
    .bind(item.0)
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
