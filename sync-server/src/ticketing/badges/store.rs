//! SQL of badges' write side.

use crate::app::Tx;
use sqlx::types::Json;
use willcall_domain::{
    id::{BadgeId, EventId, ItemId},
    ticketing::BadgeLayout,
};

/// A badge with all an organizer sees of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadgeFull {
    pub badge_id: BadgeId,
    pub name: String,
    pub layout: BadgeLayout,
    /// The products it is for, ascending; empty is every product without one of its own.
    pub items: Vec<ItemId>,
}

pub(super) async fn badges(tx: &mut Tx, event: EventId, only: Option<BadgeId>) -> sqlx::Result<Vec<BadgeFull>> {
    let rows: Vec<(i64, String, Json<BadgeLayout>, Vec<i64>)> = sqlx::query_as(
        "SELECT b.badge_id, b.name, b.layout,
                ARRAY(SELECT i.item_id FROM badge_item i WHERE i.organizer_id = $1 AND i.badge_id = b.badge_id
                      ORDER BY 1)
         FROM badge b
         WHERE b.organizer_id = $1 AND b.event_id = $2 AND ($3::bigint IS NULL OR b.badge_id = $3)
         ORDER BY b.badge_id",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(only.map(|badge| badge.0))
    .fetch_all(tx.conn())
    .await?;
    let badge = |(id, name, layout, items): (i64, String, Json<BadgeLayout>, Vec<i64>)| BadgeFull {
        badge_id: BadgeId(id),
        name,
        layout: layout.0,
        items: items.into_iter().map(ItemId).collect(),
    };
    Ok(rows.into_iter().map(badge).collect())
}

pub(super) async fn insert(tx: &mut Tx, event: EventId, badge: &BadgeFull) -> sqlx::Result<BadgeId> {
    sqlx::query_scalar(
        "INSERT INTO badge (organizer_id, event_id, name, layout) VALUES ($1, $2, $3, $4) RETURNING badge_id",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(&badge.name)
    .bind(Json(&badge.layout))
    .fetch_one(tx.conn())
    .await
    .map(BadgeId)
}

pub(super) async fn update(tx: &mut Tx, id: BadgeId, badge: &BadgeFull) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE badge SET name = $3, layout = $4, version = version + 1 WHERE organizer_id = $1 AND badge_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(id.0)
    .bind(&badge.name)
    .bind(Json(&badge.layout))
    .execute(tx.conn())
    .await
    .map(drop)
}

pub(super) async fn set_items(tx: &mut Tx, id: BadgeId, items: &[ItemId]) -> sqlx::Result<()> {
    let items: Vec<i64> = items.iter().map(|item| item.0).collect();
    sqlx::query("DELETE FROM badge_item WHERE organizer_id = $1 AND badge_id = $2 AND item_id <> ALL ($3)")
        .bind(tx.organizer.0)
        .bind(id.0)
        .bind(&items)
        .execute(tx.conn())
        .await?;
    sqlx::query(
        "INSERT INTO badge_item (organizer_id, badge_id, item_id) SELECT $1, $2, unnest($3::bigint[])
         ON CONFLICT DO NOTHING",
    )
    .bind(tx.organizer.0)
    .bind(id.0)
    .bind(&items)
    .execute(tx.conn())
    .await
    .map(drop)
}

/// How many of these products are not of this event.
pub(super) async fn foreign_items(tx: &mut Tx, event: EventId, items: &[ItemId]) -> sqlx::Result<i64> {
    let items: Vec<i64> = items.iter().map(|item| item.0).collect();
    sqlx::query_scalar(
        "SELECT count(*) FROM unnest($3::bigint[]) AS wanted (item_id)
         WHERE NOT EXISTS (SELECT FROM item i WHERE i.organizer_id = $1 AND i.event_id = $2
                           AND i.item_id = wanted.item_id)",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(&items)
    .fetch_one(tx.conn())
    .await
}
