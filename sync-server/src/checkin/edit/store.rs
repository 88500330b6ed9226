//! SQL of check-in lists' write side.

use super::ListFull;
use crate::app::Tx;
use willcall_domain::{
    checkin::list::ListDraft,
    id::{EventId, ItemId, ListId},
};

#[derive(sqlx::FromRow)]
struct Row {
    list_id: i64,
    event_id: i64,
    name: String,
    all_items: bool,
    include_pending: bool,
    allow_multiple_entries: bool,
    allow_entry_after_exit: bool,
    items: Vec<i64>,
    admitted: i64,
}

/// The lists of an event, or one of them.
pub(super) async fn lists(tx: &mut Tx, event: EventId, only: Option<ListId>) -> sqlx::Result<Vec<ListFull>> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT l.list_id, l.event_id, l.name, l.all_items, l.include_pending, l.allow_multiple_entries,
                l.allow_entry_after_exit,
                ARRAY(SELECT i.item_id FROM checkin_list_item i WHERE i.organizer_id = $1 AND i.list_id = l.list_id
                      ORDER BY 1) AS items,
                (SELECT count(*) FROM scan s WHERE s.organizer_id = $1 AND s.list_id = l.list_id
                     AND s.class IN ('admitted', 'look') AND s.direction = 'entry' AND NOT s.undone) AS admitted
         FROM checkin_list l
         WHERE l.organizer_id = $1 AND l.event_id = $2 AND ($3::bigint IS NULL OR l.list_id = $3)
         ORDER BY l.list_id",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(only.map(|list| list.0))
    .fetch_all(tx.conn())
    .await?;
    let read = |row: Row| ListFull {
        list_id: ListId(row.list_id),
        event_id: EventId(row.event_id),
        admitted: row.admitted,
        draft: ListDraft {
            name: row.name,
            items: (!row.all_items).then(|| row.items.into_iter().map(ItemId).collect()),
            include_pending: row.include_pending,
            allow_multiple_entries: row.allow_multiple_entries,
            allow_entry_after_exit: row.allow_entry_after_exit,
        },
    };
    Ok(rows.into_iter().map(read).collect())
}

pub(super) async fn insert(tx: &mut Tx, event: EventId, draft: &ListDraft) -> sqlx::Result<ListId> {
    sqlx::query_scalar(
        "INSERT INTO checkin_list (organizer_id, event_id, name, all_items, include_pending, allow_multiple_entries,
             allow_entry_after_exit)
         VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING list_id",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(&draft.name)
    .bind(draft.items.is_none())
    .bind(draft.include_pending)
    .bind(draft.allow_multiple_entries)
    .bind(draft.allow_entry_after_exit)
    .fetch_one(tx.conn())
    .await
    .map(ListId)
}

pub(super) async fn update(tx: &mut Tx, list: ListId, draft: &ListDraft) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE checkin_list SET name = $3, all_items = $4, include_pending = $5, allow_multiple_entries = $6,
             allow_entry_after_exit = $7, version = version + 1
         WHERE organizer_id = $1 AND list_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(list.0)
    .bind(&draft.name)
    .bind(draft.items.is_none())
    .bind(draft.include_pending)
    .bind(draft.allow_multiple_entries)
    .bind(draft.allow_entry_after_exit)
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn set_items(tx: &mut Tx, list: ListId, items: &[ItemId]) -> sqlx::Result<()> {
    let items: Vec<i64> = items.iter().map(|item| item.0).collect();
    sqlx::query("DELETE FROM checkin_list_item WHERE organizer_id = $1 AND list_id = $2 AND item_id <> ALL ($3)")
        .bind(tx.organizer.0)
        .bind(list.0)
        .bind(&items)
        .execute(tx.conn())
        .await?;
    sqlx::query(
        "INSERT INTO checkin_list_item (organizer_id, list_id, item_id) SELECT $1, $2, unnest($3::bigint[])
         ON CONFLICT DO NOTHING",
    )
    .bind(tx.organizer.0)
    .bind(list.0)
    .bind(&items)
    .execute(tx.conn())
    .await?;
    Ok(())
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
