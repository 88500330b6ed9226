//! SQL that erases people from an order.

use crate::tx::Tx;
use uuid::Uuid;
use willcall_domain::id::{DeviceId, OrderId, PositionId};

/// Blanks what names somebody; answers the till that sold it.
pub(super) async fn blank(tx: &mut Tx, order: OrderId) -> sqlx::Result<Option<DeviceId>> {
    let device: Option<i64> = sqlx::query_scalar(
        "UPDATE orders SET name = '', email = '', checkin_text = '', version = version + 1
         WHERE organizer_id = $1 AND order_id = $2 RETURNING device_id",
    )
    .bind(tx.organizer.0)
    .bind(order.0)
    .fetch_one(tx.conn())
    .await?;
    sqlx::query("UPDATE order_position SET attendee_name = '' WHERE organizer_id = $1 AND order_id = $2")
        .bind(tx.organizer.0)
        .bind(order.0)
        .execute(tx.conn())
        .await?;
    for said in [
        "UPDATE answer a SET value = NULL FROM order_position p
         WHERE p.organizer_id = $1 AND p.order_id = $2 AND a.organizer_id = $1 AND a.position_id = p.position_id",
        "UPDATE medium m SET identifier = NULL FROM order_position p
         WHERE p.organizer_id = $1 AND p.order_id = $2 AND m.organizer_id = $1 AND m.position_id = p.position_id",
        "UPDATE orders SET checkin_text = '' WHERE organizer_id = $1 AND order_id = $2",
    ] {
        sqlx::query(said).bind(tx.organizer.0).bind(order.0).execute(tx.conn()).await?;
    }
    sqlx::query("DELETE FROM artefact WHERE organizer_id = $1 AND order_id = $2")
        .bind(tx.organizer.0)
        .bind(order.0)
        .execute(tx.conn())
        .await?;
    Ok(device.map(DeviceId))
}

pub(super) async fn positions(tx: &mut Tx, order: OrderId) -> sqlx::Result<Vec<PositionId>> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "SELECT position_id FROM order_position WHERE organizer_id = $1 AND order_id = $2 ORDER BY 1",
    )
    .bind(tx.organizer.0)
    .bind(order.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().map(PositionId).collect())
}
