//! SQL of grants: a lease as it was signed, repeated until it is accepted.

use super::insert_blank_ranges;
use crate::app::Tx;
use sqlx::types::Json;
use willcall_domain::{
    id::{DeviceId, EventId, ItemId, QuotaId, RequestId},
    leases::GrantBody,
    ticketing::CodeFormat,
};

pub(in crate::leases) async fn by_request(
    tx: &mut Tx,
    device: DeviceId,
    request: RequestId,
    quota: QuotaId,
) -> sqlx::Result<Option<GrantBody>> {
    let body: Option<Json<GrantBody>> = sqlx::query_scalar(
        "SELECT grant_body FROM lease
         WHERE organizer_id = $1 AND device_id = $2 AND request_id = $3 AND quota_id = $4",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(request.0)
    .bind(quota.0)
    .fetch_optional(tx.conn())
    .await?;
    Ok(body.map(|Json(b)| b))
}

/// Items of a quota that admit somebody, ascending.
pub(in crate::leases) async fn admission_items(tx: &mut Tx, quota: QuotaId) -> sqlx::Result<Vec<ItemId>> {
    let ids: Vec<i64> = sqlx::query_scalar(
        "SELECT i.item_id FROM quota_item q JOIN item i ON i.organizer_id = q.organizer_id AND i.item_id = q.item_id
         WHERE q.organizer_id = $1 AND q.quota_id = $2 AND i.admission AND i.active ORDER BY i.item_id",
    )
    .bind(tx.organizer.0)
    .bind(quota.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().map(ItemId).collect())
}

/// Items of an event whose holders show an ID.
pub(in crate::leases) async fn look_at_id(tx: &mut Tx, event: EventId) -> sqlx::Result<Vec<ItemId>> {
    let ids: Vec<i64> =
        sqlx::query_scalar("SELECT item_id FROM item WHERE organizer_id = $1 AND event_id = $2 AND look_at_id")
            .bind(tx.organizer.0)
            .bind(event.0)
            .fetch_all(tx.conn())
            .await?;
    Ok(ids.into_iter().map(ItemId).collect())
}

/// Stores a lease as it was granted, with its blanks. What it takes of the quota is saved beside.
pub(in crate::leases) async fn insert_lease(
    tx: &mut Tx,
    body: &GrantBody,
    key: u8,
    format: CodeFormat,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO lease (organizer_id, lease_id, event_id, quota_id, device_id, granted, request_id, requested_at,
             grant_body)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(tx.organizer.0)
    .bind(body.lease_id.0)
    .bind(body.event_id.0)
    .bind(body.quota_id.0)
    .bind(body.station.0)
    .bind(i64::from(body.units))
    .bind(body.request_id.0)
    .bind(body.granted_at.0)
    .bind(Json(body))
    .execute(tx.conn())
    .await?;
    insert_blank_ranges(tx, body.lease_id, &body.blanks, key, format).await
}

pub(in crate::leases) async fn not_accepted(tx: &mut Tx, device: DeviceId) -> sqlx::Result<Vec<GrantBody>> {
    let bodies: Vec<Json<GrantBody>> = sqlx::query_scalar(
        "SELECT grant_body FROM lease
         WHERE organizer_id = $1 AND device_id = $2 AND accepted_at IS NULL AND closed_at IS NULL
         ORDER BY requested_at, lease_id LIMIT 50",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(bodies.into_iter().map(|Json(b)| b).collect())
}
