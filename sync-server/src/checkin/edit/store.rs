//! SQL of check-in lists' write side.

use super::ListFull;
use crate::app::Tx;
use willcall_domain::{
    checkin::list::ListDraft,
    clock::UtcMillis,
    id::{DateId, EventId, GateId, ItemId, ListId},
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
    date_id: Option<i64>,
    addon_match: bool,
    shown_from: Option<i64>,
    shown_until: Option<i64>,
    rules: Option<serde_json::Value>,
    items: Vec<i64>,
    gates: Vec<i64>,
    admitted: i64,
}

/// The lists of an event, or one of them.
pub(super) async fn lists(tx: &mut Tx, event: EventId, only: Option<ListId>) -> sqlx::Result<Vec<ListFull>> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT l.list_id, l.event_id, l.name, l.all_items, l.include_pending, l.allow_multiple_entries,
                l.allow_entry_after_exit, l.date_id, l.addon_match, l.shown_from, l.shown_until, l.rules,
                ARRAY(SELECT i.item_id FROM checkin_list_item i WHERE i.organizer_id = $1 AND i.list_id = l.list_id
                      ORDER BY 1) AS items,
                ARRAY(SELECT g.gate_id FROM checkin_list_gate g WHERE g.organizer_id = $1 AND g.list_id = l.list_id
                      ORDER BY 1) AS gates,
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
        rules: row.rules,
        draft: ListDraft {
            name: row.name,
            items: (!row.all_items).then(|| row.items.into_iter().map(ItemId).collect()),
            include_pending: row.include_pending,
            allow_multiple_entries: row.allow_multiple_entries,
            allow_entry_after_exit: row.allow_entry_after_exit,
            date_id: row.date_id.map(DateId),
            addon_match: row.addon_match,
            gates: row.gates.into_iter().map(GateId).collect(),
            shown_from: row.shown_from.map(UtcMillis),
            shown_until: row.shown_until.map(UtcMillis),
        },
    };
    Ok(rows.into_iter().map(read).collect())
}

pub(super) async fn insert(tx: &mut Tx, event: EventId, draft: &ListDraft) -> sqlx::Result<ListId> {
    sqlx::query_scalar(
        "INSERT INTO checkin_list (organizer_id, event_id, name, all_items, include_pending, allow_multiple_entries,
             allow_entry_after_exit, date_id, addon_match, shown_from, shown_until)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING list_id",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(&draft.name)
    .bind(draft.items.is_none())
    .bind(draft.include_pending)
    .bind(draft.allow_multiple_entries)
    .bind(draft.allow_entry_after_exit)
    .bind(draft.date_id.map(|date| date.0))
    .bind(draft.addon_match)
    .bind(draft.shown_from.map(|at| at.0))
    .bind(draft.shown_until.map(|at| at.0))
    .fetch_one(tx.conn())
    .await
    .map(ListId)
}

pub(super) async fn update(tx: &mut Tx, list: ListId, draft: &ListDraft) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE checkin_list SET name = $3, all_items = $4, include_pending = $5, allow_multiple_entries = $6,
             allow_entry_after_exit = $7, date_id = $8, addon_match = $9, shown_from = $10, shown_until = $11,
             version = version + 1
         WHERE organizer_id = $1 AND list_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(list.0)
    .bind(&draft.name)
    .bind(draft.items.is_none())
    .bind(draft.include_pending)
    .bind(draft.allow_multiple_entries)
    .bind(draft.allow_entry_after_exit)
    .bind(draft.date_id.map(|date| date.0))
    .bind(draft.addon_match)
    .bind(draft.shown_from.map(|at| at.0))
    .bind(draft.shown_until.map(|at| at.0))
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

pub(super) async fn set_rule(tx: &mut Tx, list: ListId, rule: Option<&serde_json::Value>) -> sqlx::Result<()> {
    sqlx::query("UPDATE checkin_list SET rules = $3, version = version + 1 WHERE organizer_id = $1 AND list_id = $2")
        .bind(tx.organizer.0)
        .bind(list.0)
        .bind(rule)
        .execute(tx.conn())
        .await
        .map(drop)
}

pub(super) async fn set_gates(tx: &mut Tx, list: ListId, gates: &[GateId]) -> sqlx::Result<()> {
    let gates: Vec<i64> = gates.iter().map(|gate| gate.0).collect();
    sqlx::query("DELETE FROM checkin_list_gate WHERE organizer_id = $1 AND list_id = $2 AND gate_id <> ALL ($3)")
        .bind(tx.organizer.0)
        .bind(list.0)
        .bind(&gates)
        .execute(tx.conn())
        .await?;
    sqlx::query(
        "INSERT INTO checkin_list_gate (organizer_id, list_id, gate_id) SELECT $1, $2, unnest($3::bigint[])
         ON CONFLICT DO NOTHING",
    )
    .bind(tx.organizer.0)
    .bind(list.0)
    .bind(&gates)
    .execute(tx.conn())
    .await
    .map(drop)
}

/// How many of these gates are not the organizer's.
pub(super) async fn foreign_gates(tx: &mut Tx, gates: &[GateId]) -> sqlx::Result<i64> {
    let gates: Vec<i64> = gates.iter().map(|gate| gate.0).collect();
    sqlx::query_scalar(
        "SELECT count(*) FROM unnest($2::bigint[]) AS wanted (gate_id)
         WHERE NOT EXISTS (SELECT FROM gate g WHERE g.organizer_id = $1 AND g.gate_id = wanted.gate_id)",
    )
    .bind(tx.organizer.0)
    .bind(&gates)
    .fetch_one(tx.conn())
    .await
}

/// The dates of an event in their order.
pub(super) async fn dates(tx: &mut Tx, event: EventId) -> sqlx::Result<Vec<(DateId, String, UtcMillis)>> {
    let rows: Vec<(i64, String, i64)> = sqlx::query_as(
        "SELECT date_id, name, starts_at FROM event_date WHERE organizer_id = $1 AND event_id = $2
         ORDER BY starts_at, date_id",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|(id, name, at)| (DateId(id), name, UtcMillis(at))).collect())
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
