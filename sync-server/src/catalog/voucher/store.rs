//! SQL of vouchers.

use super::{Listed, Logged, Voucher};
use crate::{app::Tx, leases::Person};
use sqlx::{AssertSqlSafe, Row as _, postgres::PgRow, types::Json};
use willcall_domain::{
    catalog::{VoucherEffect, draft::VoucherDraft},
    clock::UtcMillis,
    id::{DeviceId, EventId, ItemId, PositionId, VoucherId},
    sync::change::VoucherRow,
};

const COLUMNS: &str =
    "v.voucher_id, v.event_id, v.code, v.effect, v.item_id, v.home_device_id, v.active, v.uses, v.excess";

fn read(row: &PgRow) -> sqlx::Result<Voucher> {
    let count = |column| -> sqlx::Result<u32> { Ok(u32::try_from(row.try_get::<i64, _>(column)?).unwrap_or(u32::MAX)) };
    Ok(Voucher {
        voucher_id: VoucherId(row.try_get("voucher_id")?),
        event_id: EventId(row.try_get("event_id")?),
        code: row.try_get("code")?,
        effect: row.try_get::<Json<VoucherEffect>, _>("effect")?.0,
        item_id: row.try_get::<Option<i64>, _>("item_id")?.map(ItemId),
        home: row.try_get::<Option<i64>, _>("home_device_id")?.map(DeviceId),
        active: row.try_get("active")?,
        uses: count("uses")?,
        excess: count("excess")?,
    })
}

pub(super) async fn lock(tx: &mut Tx, id: VoucherId) -> sqlx::Result<Option<Voucher>> {
    let sql = format!("SELECT {COLUMNS} FROM voucher v WHERE v.organizer_id = $1 AND v.voucher_id = $2 FOR UPDATE");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(tx.organizer.0).bind(id.0).fetch_optional(tx.conn()).await?;
    row.as_ref().map(read).transpose()
}

pub(super) async fn id_of_code(tx: &mut Tx, code: &str) -> sqlx::Result<Option<VoucherId>> {
    let id: Option<i64> = sqlx::query_scalar("SELECT voucher_id FROM voucher WHERE organizer_id = $1 AND code = $2")
        .bind(tx.organizer.0)
        .bind(code)
        .fetch_optional(tx.conn())
        .await?;
    Ok(id.map(VoucherId))
}

/// `None` when there is a voucher of this code already.
pub(super) async fn insert(
    tx: &mut Tx,
    event: EventId,
    code: &str,
    draft: &VoucherDraft,
) -> sqlx::Result<Option<VoucherId>> {
    let now = tx.now();
    let id: Option<i64> = sqlx::query_scalar(
        "INSERT INTO voucher (organizer_id, event_id, code, effect, item_id, home_device_id, made_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (organizer_id, code) DO NOTHING RETURNING voucher_id",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(code)
    .bind(Json(draft.effect))
    .bind(draft.item_id.map(|i| i.0))
    .bind(draft.home.map(|d| d.0))
    .bind(now.0)
    .fetch_optional(tx.conn())
    .await?;
    Ok(id.map(VoucherId))
}

pub(super) async fn save_uses(tx: &mut Tx, voucher: &Voucher) -> sqlx::Result<()> {
    let done = sqlx::query(
        "UPDATE voucher SET uses = $3, excess = $4, version = version + 1
         WHERE organizer_id = $1 AND voucher_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(voucher.voucher_id.0)
    .bind(i64::from(voucher.uses))
    .bind(i64::from(voucher.excess))
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(sqlx::Error::RowNotFound) }
}

pub(super) async fn insert_use(
    tx: &mut Tx,
    id: VoucherId,
    position: PositionId,
    device: DeviceId,
    at: UtcMillis,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO voucher_use (organizer_id, position_id, voucher_id, device_id, at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(tx.organizer.0)
    .bind(position.0)
    .bind(id.0)
    .bind(device.0)
    .bind(at.0)
    .execute(tx.conn())
    .await
    .map(drop)
}

pub(super) async fn undo_uses(tx: &mut Tx, positions: &[PositionId]) -> sqlx::Result<Vec<VoucherId>> {
    let now = tx.now();
    let ids: Vec<uuid::Uuid> = positions.iter().map(|p| p.0).collect();
    let undone: Vec<i64> = sqlx::query_scalar(
        "UPDATE voucher_use SET undone_at = $3
         WHERE organizer_id = $1 AND position_id = ANY($2) AND undone_at IS NULL RETURNING voucher_id",
    )
    .bind(tx.organizer.0)
    .bind(ids)
    .bind(now.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(undone.into_iter().map(VoucherId).collect())
}

/// Left out are those that a station holds: see the one-holder index of `held_right`.
pub(super) async fn waiting_for(tx: &mut Tx, home: DeviceId, most: i64) -> sqlx::Result<Vec<VoucherId>> {
    let ids: Vec<i64> = sqlx::query_scalar(
        "SELECT v.voucher_id FROM voucher v
         WHERE v.organizer_id = $1 AND v.home_device_id = $2 AND v.active AND v.uses = 0
             AND NOT EXISTS (SELECT FROM held_right r WHERE r.organizer_id = $1 AND r.voucher_id = v.voucher_id
                 AND r.state IN ('granted', 'taken'))
         ORDER BY v.voucher_id LIMIT $3",
    )
    .bind(tx.organizer.0)
    .bind(home.0)
    .bind(most)
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().map(VoucherId).collect())
}

pub(super) async fn set_home(tx: &mut Tx, id: VoucherId, home: Option<DeviceId>) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE voucher SET home_device_id = $3, version = version + 1 WHERE organizer_id = $1 AND voucher_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(id.0)
    .bind(home.map(|d| d.0))
    .execute(tx.conn())
    .await
    .map(drop)
}

pub(super) async fn set_active(tx: &mut Tx, id: VoucherId, active: bool) -> sqlx::Result<()> {
    sqlx::query("UPDATE voucher SET active = $3, version = version + 1 WHERE organizer_id = $1 AND voucher_id = $2")
        .bind(tx.organizer.0)
        .bind(id.0)
        .bind(active)
        .execute(tx.conn())
        .await
        .map(drop)
}

pub(super) async fn insert_log(
    tx: &mut Tx,
    id: VoucherId,
    what: &str,
    device: Option<DeviceId>,
    by: Person<'_>,
) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query(
        "INSERT INTO voucher_log (organizer_id, voucher_id, what, device_id, at, staff_id, person)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(tx.organizer.0)
    .bind(id.0)
    .bind(what)
    .bind(device.map(|d| d.0))
    .bind(now.0)
    .bind(by.id.0)
    .bind(by.name)
    .execute(tx.conn())
    .await
    .map(drop)
}

pub(super) async fn log(tx: &mut Tx, id: VoucherId) -> sqlx::Result<Vec<Logged>> {
    let rows: Vec<(String, Option<String>, i64, String)> = sqlx::query_as(
        "SELECT l.what, d.name, l.at, l.person FROM voucher_log l
         LEFT JOIN device d ON d.organizer_id = l.organizer_id AND d.device_id = l.device_id
         WHERE l.organizer_id = $1 AND l.voucher_id = $2 ORDER BY l.at, l.voucher_log_id",
    )
    .bind(tx.organizer.0)
    .bind(id.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|(what, device, at, person)| Logged { what, device, at: UtcMillis(at), person }).collect())
}

/// Whether this is a till in use that sees the event.
pub(super) async fn sells(tx: &mut Tx, device: DeviceId, event: EventId) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM device d WHERE d.organizer_id = $1 AND d.device_id = $2 AND d.role = 'till'
             AND d.revoked_at IS NULL AND (d.all_events OR EXISTS (SELECT FROM device_event e
                 WHERE e.organizer_id = $1 AND e.device_id = $2 AND e.event_id = $3)))",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(event.0)
    .fetch_one(tx.conn())
    .await
}

pub(super) async fn list(tx: &mut Tx, event: EventId, only: Option<VoucherId>) -> sqlx::Result<Vec<Listed>> {
    let sql = format!(
        "SELECT {COLUMNS}, i.name AS item_name, h.name AS home_name,
             (SELECT d.name FROM held_right r JOIN device d ON d.organizer_id = r.organizer_id
                  AND d.device_id = r.device_id
              WHERE r.organizer_id = v.organizer_id AND r.voucher_id = v.voucher_id
                  AND r.state IN ('granted', 'taken')) AS holder,
             ARRAY(SELECT o.code FROM voucher_use u
                   JOIN order_position p ON p.organizer_id = u.organizer_id AND p.position_id = u.position_id
                   JOIN orders o ON o.organizer_id = p.organizer_id AND o.order_id = p.order_id
                   WHERE u.organizer_id = v.organizer_id AND u.voucher_id = v.voucher_id AND u.undone_at IS NULL
                   ORDER BY u.at) AS spent_in
         FROM voucher v
         LEFT JOIN item i ON i.organizer_id = v.organizer_id AND i.item_id = v.item_id
         LEFT JOIN device h ON h.organizer_id = v.organizer_id AND h.device_id = v.home_device_id
         WHERE v.organizer_id = $1 AND v.event_id = $2 AND ($3::bigint IS NULL OR v.voucher_id = $3)
         ORDER BY v.voucher_id DESC LIMIT 1000"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(tx.organizer.0)
        .bind(event.0)
        .bind(only.map(|v| v.0))
        .fetch_all(tx.conn())
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Listed {
                voucher: read(row)?,
                item_name: row.try_get("item_name")?,
                home_name: row.try_get("home_name")?,
                holder: row.try_get("holder")?,
                orders: row.try_get("spent_in")?,
            })
        })
        .collect()
}

pub(super) async fn rows(
    tx: &mut Tx,
    home: DeviceId,
    events: &[EventId],
    only: Option<Vec<i64>>,
) -> sqlx::Result<Vec<VoucherRow>> {
    let events: Vec<i64> = events.iter().map(|e| e.0).collect();
    // Who was its home, or held it, is told too: it may still be shown as one's own there.
    let sql = format!(
        "SELECT {COLUMNS}, v.version FROM voucher v
         WHERE v.organizer_id = $1 AND v.event_id = ANY($3) AND ($4::bigint[] IS NULL OR v.voucher_id = ANY($4))
             AND (v.home_device_id = $2 OR EXISTS (SELECT FROM voucher_log l WHERE l.organizer_id = $1
                 AND l.voucher_id = v.voucher_id AND l.device_id = $2))
         ORDER BY v.voucher_id"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(tx.organizer.0)
        .bind(home.0)
        .bind(events)
        .bind(only)
        .fetch_all(tx.conn())
        .await?;
    rows.iter()
        .map(|row| {
            let of = read(row)?;
            Ok(VoucherRow {
                voucher_id: of.voucher_id,
                event_id: of.event_id,
                code: of.code,
                item_id: of.item_id,
                effect: of.effect,
                home: of.home,
                spent: of.uses > 0,
                active: of.active,
                version: row.try_get("version")?,
            })
        })
        .collect()
}
