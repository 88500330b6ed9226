//! SQL of grants: a lease as it was signed, repeated until it is accepted.

use crate::app::Tx;
use sqlx::types::Json;
use willcall_domain::{
    catalog::Article,
    id::{DateId, DeviceId, EventId, ItemId, QuotaId, RequestId, VariationId},
    leases::GrantBody,
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

/// What may be sold from units of a quota and admits somebody, ascending: its products, in each of their variations, for
/// each date that is to come. Nothing for a date of a quota that counts another.
pub(in crate::leases) async fn articles(tx: &mut Tx, quota: QuotaId) -> sqlx::Result<Vec<Article>> {
    let now = tx.now();
    let rows: Vec<(i64, Option<i64>, Option<i64>)> = sqlx::query_as(
        "SELECT i.item_id, v.variation_id, d.date_id FROM quota q
         JOIN quota_item qi ON qi.organizer_id = q.organizer_id AND qi.quota_id = q.quota_id
         JOIN item i ON i.organizer_id = qi.organizer_id AND i.item_id = qi.item_id AND i.admission AND i.active
         LEFT JOIN variation v ON v.organizer_id = i.organizer_id AND v.item_id = i.item_id
         LEFT JOIN event_date d ON d.organizer_id = q.organizer_id AND d.event_id = q.event_id
         WHERE q.organizer_id = $1 AND q.quota_id = $2
             AND (v.variation_id IS NULL OR v.active)
             AND (d.date_id IS NULL OR d.active AND coalesce(d.ends_at, d.starts_at + 43200000) > $3
                  AND (q.date_id IS NULL OR q.date_id = d.date_id))
         ORDER BY 1, 2, 3",
    )
    .bind(tx.organizer.0)
    .bind(quota.0)
    .bind(now.0)
    .fetch_all(tx.conn())
    .await?;
    let article = |(item, variation, date): (i64, Option<i64>, Option<i64>)| Article {
        item_id: ItemId(item),
        variation_id: variation.map(VariationId),
        date_id: date.map(DateId),
    };
    Ok(rows.into_iter().map(article).collect())
}

/// Whether anything of the event is sold for a date, in a variation, or only together with something else.
pub(in crate::leases) async fn has_articles(tx: &mut Tx, event: EventId) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM event_date WHERE organizer_id = $1 AND event_id = $2)
             OR EXISTS (SELECT FROM item i WHERE i.organizer_id = $1 AND i.event_id = $2
                        AND (EXISTS (SELECT FROM variation v WHERE v.organizer_id = $1 AND v.item_id = i.item_id)
                             OR EXISTS (SELECT FROM item_addon a WHERE a.organizer_id = $1 AND a.item_id = i.item_id)))",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .fetch_one(tx.conn())
    .await
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
