//! SQL of erasures.

use crate::{app::Tx, sync::erase::Machine};
use sqlx::{PgPool, Row as _};
use uuid::Uuid;
use willcall_domain::{
    clock::UtcMillis,
    id::{DeviceId, EventId, OrderId, OrganizerId, RequestId, StaffId},
    sync::{EntryRef, Row, change::EraseRow},
};

/// Forgets what stands beside the entries about an order, with its salt; answers the entries. Those of the first version
/// say only in their body what they are about: they are looked for in the journal of the till that sold.
pub(in crate::sync) async fn forget_private(
    tx: &mut Tx,
    order: OrderId,
    device: Option<DeviceId>,
) -> sqlx::Result<Vec<EntryRef>> {
    let rows: Vec<(i64, i64, i64)> = sqlx::query_as(
        "UPDATE journal_entry SET private = NULL
         WHERE organizer_id = $1 AND private IS NOT NULL
             AND (about = $2 OR (about IS NULL AND device_id = $3 AND body::jsonb ->> 'order_id' = $2::text))
         RETURNING device_id, incarnation, seq",
    )
    .bind(tx.organizer.0)
    .bind(order.0)
    .bind(device.map(|d| d.0))
    .fetch_all(tx.conn())
    .await?;
    // What was said and given out at the door is about a ticket of it, wherever that was.
    let at_the_door: Vec<(i64, i64, i64)> = sqlx::query_as(
        "UPDATE journal_entry SET private = NULL
         WHERE organizer_id = $1 AND private IS NOT NULL AND entry_id IN (
             SELECT a.entry_id FROM answer a
             JOIN order_position p ON p.organizer_id = a.organizer_id AND p.position_id = a.position_id
             WHERE a.organizer_id = $1 AND p.order_id = $2
             UNION ALL SELECT m.medium_id FROM medium m
             JOIN order_position p ON p.organizer_id = m.organizer_id AND p.position_id = m.position_id
             WHERE m.organizer_id = $1 AND p.order_id = $2)
         RETURNING device_id, incarnation, seq",
    )
    .bind(tx.organizer.0)
    .bind(order.0)
    .fetch_all(tx.conn())
    .await?;
    let entry = |(station, incarnation, seq): (i64, i64, i64)| EntryRef {
        station: DeviceId(station),
        incarnation: u32::try_from(incarnation).unwrap_or(u32::MAX),
        seq: seq.unsigned_abs(),
    };
    Ok(rows.into_iter().chain(at_the_door).map(entry).collect())
}

/// An erasure as it is kept.
#[derive(Debug)]
pub(in crate::sync) struct Erasure<'a> {
    pub row: &'a EraseRow,
    pub order: OrderId,
    pub event: EventId,
    pub by: StaffId,
}

/// Keeps it, with every enrolled machine that may see the event.
pub(in crate::sync) async fn insert(tx: &mut Tx, erasure: Erasure<'_>) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query(
        "INSERT INTO erasure (organizer_id, erase_id, order_id, event_id, body, signature, at, staff_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(tx.organizer.0)
    .bind(erasure.row.erase_id.0)
    .bind(erasure.order.0)
    .bind(erasure.event.0)
    .bind(&erasure.row.body)
    .bind(&erasure.row.signature)
    .bind(now.0)
    .bind(erasure.by.0)
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "INSERT INTO erasure_machine (organizer_id, erase_id, device_id)
         SELECT $1, $2, d.device_id FROM device d
         WHERE d.organizer_id = $1 AND d.enrolled_at IS NOT NULL AND (d.all_events OR EXISTS (
             SELECT FROM device_event v WHERE v.organizer_id = $1 AND v.device_id = d.device_id AND v.event_id = $3))",
    )
    .bind(tx.organizer.0)
    .bind(erasure.row.erase_id.0)
    .bind(erasure.event.0)
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(in crate::sync) async fn machines(tx: &mut Tx, order: OrderId) -> sqlx::Result<Vec<Machine>> {
    let rows = sqlx::query(
        "SELECT d.name, e.at, m.confirmed_at, d.last_contact_at FROM erasure e
         JOIN erasure_machine m ON m.organizer_id = e.organizer_id AND m.erase_id = e.erase_id
         JOIN device d ON d.organizer_id = m.organizer_id AND d.device_id = m.device_id
         WHERE e.organizer_id = $1 AND e.order_id = $2 ORDER BY m.confirmed_at IS NOT NULL, d.name, e.at",
    )
    .bind(tx.organizer.0)
    .bind(order.0)
    .fetch_all(tx.conn())
    .await?;
    rows.iter()
        .map(|r| {
            Ok(Machine {
                name: r.try_get("name")?,
                erased_at: UtcMillis(r.try_get("at")?),
                confirmed_at: r.try_get::<Option<i64>, _>("confirmed_at")?.map(UtcMillis),
                last_contact_at: r.try_get::<Option<i64>, _>("last_contact_at")?.map(UtcMillis),
            })
        })
        .collect()
}

/// How many erasures a machine has not confirmed.
pub(in crate::sync) async fn unconfirmed(tx: &mut Tx, device: DeviceId) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "SELECT count(*) FROM erasure_machine WHERE organizer_id = $1 AND device_id = $2 AND confirmed_at IS NULL",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .fetch_one(tx.conn())
    .await
}

/// Organizers that have machines which were told before `since` and have not confirmed.
pub(in crate::sync) async fn unerased(pool: &PgPool, since: UtcMillis) -> sqlx::Result<Vec<OrganizerId>> {
    let rows: Vec<i64> =
        sqlx::query_scalar("SELECT organizer_id FROM crossing.unerased($1)").bind(since.0).fetch_all(pool).await?;
    Ok(rows.into_iter().map(OrganizerId).collect())
}

/// Those machines, each with how many erasures it has not confirmed.
pub(in crate::sync) async fn silent(tx: &mut Tx, since: UtcMillis) -> sqlx::Result<Vec<(DeviceId, i64)>> {
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT m.device_id, count(*) FROM erasure_machine m
         JOIN erasure e ON e.organizer_id = m.organizer_id AND e.erase_id = m.erase_id
         WHERE m.organizer_id = $1 AND m.confirmed_at IS NULL AND e.at < $2 GROUP BY 1 ORDER BY 1",
    )
    .bind(tx.organizer.0)
    .bind(since.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|(device, count)| (DeviceId(device), count)).collect())
}

/// Orders to erase as stations get them, `(subject, row)`.
pub(in crate::sync) async fn rows(
    tx: &mut Tx,
    events: &[EventId],
    ids: Option<Vec<Uuid>>,
) -> sqlx::Result<Vec<(String, Row)>> {
    let events: Vec<i64> = events.iter().map(|e| e.0).collect();
    let rows: Vec<(Uuid, String, String)> = sqlx::query_as(
        "SELECT erase_id, body, signature FROM erasure
         WHERE organizer_id = $1 AND event_id = ANY($2) AND ($3::uuid[] IS NULL OR erase_id = ANY($3)) ORDER BY at",
    )
    .bind(tx.organizer.0)
    .bind(events)
    .bind(ids)
    .fetch_all(tx.conn())
    .await?;
    let row = |(id, body, signature): (Uuid, String, String)| {
        let erase_id = RequestId(id);
        (erase_id.to_string(), Row::Erase(EraseRow { erase_id, body, signature }))
    };
    Ok(rows.into_iter().map(row).collect())
}
