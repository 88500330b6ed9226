//! SQL of dates, variations and add-ons.

use crate::{app::Tx, catalog::edit::DateFull};
use willcall_domain::{
    catalog::draft::{DateDraft, VariationDraft},
    clock::UtcMillis,
    id::{DateId, EventId, ItemId, VariationId},
};

#[derive(sqlx::FromRow)]
struct DateRow {
    date_id: i64,
    name: String,
    starts_at: i64,
    ends_at: Option<i64>,
    admission_at: Option<i64>,
    active: bool,
    sold: i64,
    places: Option<i64>,
    counted: bool,
}

/// The dates of an event, the earliest first, or one of them.
pub(in crate::catalog::edit) async fn dates(
    tx: &mut Tx,
    event: EventId,
    only: Option<DateId>,
) -> sqlx::Result<Vec<DateFull>> {
    let rows: Vec<DateRow> = sqlx::query_as(
        "SELECT d.date_id, d.name, d.starts_at, d.ends_at, d.admission_at, d.active,
                (SELECT count(*) FROM order_position p JOIN orders o USING (organizer_id, order_id)
                 WHERE p.organizer_id = $1 AND p.event_id = $2 AND p.date_id = d.date_id AND NOT p.canceled
                   AND o.status IN ('pending', 'paid')) AS sold,
                (SELECT sum(coalesce(q.target, q.size))::bigint FROM quota q
                 WHERE q.organizer_id = $1 AND q.event_id = $2 AND q.date_id = d.date_id) AS places,
                EXISTS (SELECT FROM quota q JOIN quota_item i USING (organizer_id, quota_id)
                        WHERE q.organizer_id = $1 AND q.event_id = $2
                          AND (q.date_id IS NULL OR q.date_id = d.date_id)) AS counted
         FROM event_date d
         WHERE d.organizer_id = $1 AND d.event_id = $2 AND ($3::bigint IS NULL OR d.date_id = $3)
         ORDER BY d.starts_at, d.date_id",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(only.map(|date| date.0))
    .fetch_all(tx.conn())
    .await?;
    let read = |row: DateRow| DateFull {
        date_id: DateId(row.date_id),
        event_id: event,
        sold: row.sold,
        places: row.places,
        counted: row.counted,
        draft: DateDraft {
            name: row.name,
            starts_at: UtcMillis(row.starts_at),
            ends_at: row.ends_at.map(UtcMillis),
            admission_at: row.admission_at.map(UtcMillis),
            active: row.active,
        },
    };
    Ok(rows.into_iter().map(read).collect())
}

pub(in crate::catalog::edit) async fn insert_date(
    tx: &mut Tx,
    event: EventId,
    draft: &DateDraft,
) -> sqlx::Result<DateId> {
    sqlx::query_scalar(
        "INSERT INTO event_date (organizer_id, event_id, name, starts_at, ends_at, admission_at, active)
         VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING date_id",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(&draft.name)
    .bind(draft.starts_at.0)
    .bind(draft.ends_at.map(|at| at.0))
    .bind(draft.admission_at.map(|at| at.0))
    .bind(draft.active)
    .fetch_one(tx.conn())
    .await
    .map(DateId)
}

pub(in crate::catalog::edit) async fn update_date(tx: &mut Tx, date: DateId, draft: &DateDraft) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE event_date SET name = $3, starts_at = $4, ends_at = $5, admission_at = $6, active = $7,
             version = version + 1
         WHERE organizer_id = $1 AND date_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(date.0)
    .bind(&draft.name)
    .bind(draft.starts_at.0)
    .bind(draft.ends_at.map(|at| at.0))
    .bind(draft.admission_at.map(|at| at.0))
    .bind(draft.active)
    .execute(tx.conn())
    .await
    .map(drop)
}

/// Whether anything was ever sold, lent or admitted by this date, or a list is bound to it.
pub(in crate::catalog::edit) async fn date_is_used(tx: &mut Tx, event: EventId, date: DateId) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM order_position WHERE organizer_id = $1 AND event_id = $2 AND date_id = $3)
             OR EXISTS (SELECT FROM blank_range WHERE organizer_id = $1 AND date_id = $3)
             OR EXISTS (SELECT FROM checkin_list WHERE organizer_id = $1 AND event_id = $2 AND date_id = $3)
             OR EXISTS (SELECT FROM quota q JOIN lease l USING (organizer_id, quota_id)
                        WHERE q.organizer_id = $1 AND q.event_id = $2 AND q.date_id = $3)",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(date.0)
    .fetch_one(tx.conn())
    .await
}

/// Deletes a date that was never used, and the quotas that count it; answers those.
pub(in crate::catalog::edit) async fn delete_date(
    tx: &mut Tx,
    event: EventId,
    date: DateId,
) -> sqlx::Result<Vec<willcall_domain::id::QuotaId>> {
    let quotas: Vec<i64> = sqlx::query_scalar(
        "DELETE FROM quota WHERE organizer_id = $1 AND event_id = $2 AND date_id = $3 RETURNING quota_id",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(date.0)
    .fetch_all(tx.conn())
    .await?;
    sqlx::query("DELETE FROM event_date WHERE organizer_id = $1 AND date_id = $2")
        .bind(tx.organizer.0)
        .bind(date.0)
        .execute(tx.conn())
        .await?;
    Ok(quotas.into_iter().map(willcall_domain::id::QuotaId).collect())
}

/// An event with dates lasts from the first to the end of the last: what sorts events and ends their sale need not know of
/// dates. One that has none keeps its own times. Answers whether anything is otherwise now.
pub(in crate::catalog::edit) async fn span_dates(tx: &mut Tx, event: EventId) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "UPDATE event e SET starts_at = s.starts_at, ends_at = s.ends_at, admission_at = s.admission_at,
             version = version + 1
         FROM (SELECT min(starts_at) AS starts_at, max(coalesce(ends_at, starts_at + 43200000)) AS ends_at,
                      (array_agg(admission_at ORDER BY starts_at, date_id))[1] AS admission_at
               FROM event_date WHERE organizer_id = $1 AND event_id = $2) s
         WHERE e.organizer_id = $1 AND e.event_id = $2 AND s.starts_at IS NOT NULL
           AND (e.starts_at, e.ends_at, e.admission_at) IS DISTINCT FROM (s.starts_at, s.ends_at, s.admission_at)",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(in crate::catalog::edit) async fn insert_variation(
    tx: &mut Tx,
    item: ItemId,
    draft: &VariationDraft,
) -> sqlx::Result<VariationId> {
    sqlx::query_scalar(
        "INSERT INTO variation (organizer_id, item_id, name, price_minor, rank, active, checkin_text)
         VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING variation_id",
    )
    .bind(tx.organizer.0)
    .bind(item.0)
    .bind(&draft.name)
    .bind(draft.price.map(|p| p.minor))
    .bind(draft.rank)
    .bind(draft.active)
    .bind(&draft.checkin_text)
    .fetch_one(tx.conn())
    .await
    .map(VariationId)
}

/// `false` where there is no such variation of the product.
pub(in crate::catalog::edit) async fn update_variation(
    tx: &mut Tx,
    (item, variation): (ItemId, VariationId),
    draft: &VariationDraft,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "UPDATE variation SET name = $4, price_minor = $5, rank = $6, active = $7, checkin_text = $8
         WHERE organizer_id = $1 AND item_id = $2 AND variation_id = $3",
    )
    .bind(tx.organizer.0)
    .bind(item.0)
    .bind(variation.0)
    .bind(&draft.name)
    .bind(draft.price.map(|p| p.minor))
    .bind(draft.rank)
    .bind(draft.active)
    .bind(&draft.checkin_text)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A change of its variations is a change of the product.
pub(in crate::catalog::edit) async fn raise_item(tx: &mut Tx, item: ItemId) -> sqlx::Result<()> {
    sqlx::query("UPDATE item SET version = version + 1 WHERE organizer_id = $1 AND item_id = $2")
        .bind(tx.organizer.0)
        .bind(item.0)
        .execute(tx.conn())
        .await
        .map(drop)
}

pub(in crate::catalog::edit) async fn set_addon_to(tx: &mut Tx, item: ItemId, to: &[ItemId]) -> sqlx::Result<()> {
    let to: Vec<i64> = to.iter().map(|item| item.0).collect();
    sqlx::query("DELETE FROM item_addon WHERE organizer_id = $1 AND item_id = $2 AND to_item_id <> ALL ($3)")
        .bind(tx.organizer.0)
        .bind(item.0)
        .bind(&to)
        .execute(tx.conn())
        .await?;
    sqlx::query(
        "INSERT INTO item_addon (organizer_id, item_id, to_item_id) SELECT $1, $2, unnest($3::bigint[])
         ON CONFLICT DO NOTHING",
    )
    .bind(tx.organizer.0)
    .bind(item.0)
    .bind(&to)
    .execute(tx.conn())
    .await
    .map(drop)
}

/// Whether any of these is itself sold only with others, or something is sold only with `item`.
pub(in crate::catalog::edit) async fn would_chain(
    tx: &mut Tx,
    item: Option<ItemId>,
    to: &[ItemId],
) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM item_addon
                        WHERE organizer_id = $1 AND (item_id = ANY($3) OR to_item_id = $2))",
    )
    .bind(tx.organizer.0)
    .bind(item.map(|item| item.0))
    .bind(to.iter().map(|item| item.0).collect::<Vec<_>>())
    .fetch_one(tx.conn())
    .await
}
