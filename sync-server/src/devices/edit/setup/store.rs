//! SQL of how devices are set up.

use crate::app::Tx;
use sqlx::Row as _;
use willcall_domain::{
    devices::{BadgePrint, DeviceSetup, Right},
    id::{DeviceId, GateId, ListId},
};

pub(super) async fn setup(tx: &mut Tx, device: DeviceId) -> sqlx::Result<Option<DeviceSetup>> {
    let row = sqlx::query(
        "SELECT d.gate_id, d.kiosk, d.badge_print, d.max_data_age_min, d.locked, d.guarded, d.hide_names,
             array(SELECT l.list_id FROM device_list l WHERE l.organizer_id = $1 AND l.device_id = d.device_id
                   ORDER BY l.list_id) AS lists
         FROM device d WHERE d.organizer_id = $1 AND d.device_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .fetch_optional(tx.conn())
    .await?;
    row.map(|r| {
        Ok(DeviceSetup {
            told: true,
            gate_id: r.try_get::<Option<i64>, _>("gate_id")?.map(GateId),
            lists: r.try_get::<Vec<i64>, _>("lists")?.into_iter().map(ListId).collect(),
            kiosk: r.try_get("kiosk")?,
            badge_print: BadgePrint::of_word(r.try_get("badge_print")?).unwrap_or_default(),
            max_data_age_min: r.try_get::<Option<i32>, _>("max_data_age_min")?.map(i32::unsigned_abs),
            locked: r.try_get("locked")?,
            guarded: Right::known(&r.try_get::<Vec<String>, _>("guarded")?),
            hide_names: r.try_get("hide_names")?,
        })
    })
    .transpose()
}

/// `false` where there is no such gate. A device at a gate is called by it; one that is at none keeps its own words.
pub(super) async fn update(tx: &mut Tx, device: DeviceId, setup: &DeviceSetup) -> sqlx::Result<bool> {
    let guarded: Vec<&str> = setup.guarded.iter().map(|right| right.as_str()).collect();
    let done = sqlx::query(
        "UPDATE device d SET gate_id = $3, kiosk = $4, badge_print = $5, max_data_age_min = $6, locked = $7,
             guarded = $8, hide_names = $9, version = version + 1,
             gate = coalesce((SELECT g.name FROM gate g WHERE g.organizer_id = $1 AND g.gate_id = $3), d.gate)
         WHERE d.organizer_id = $1 AND d.device_id = $2
             AND ($3::bigint IS NULL OR EXISTS (SELECT FROM gate g WHERE g.organizer_id = $1 AND g.gate_id = $3))",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(setup.gate_id.map(|gate| gate.0))
    .bind(setup.kiosk)
    .bind(setup.badge_print.as_str())
    .bind(setup.max_data_age_min.map(|minutes| i32::try_from(minutes).unwrap_or(i32::MAX)))
    .bind(setup.locked)
    .bind(guarded)
    .bind(setup.hide_names)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn set_lists(tx: &mut Tx, device: DeviceId, lists: &[ListId]) -> sqlx::Result<()> {
    let lists: Vec<i64> = lists.iter().map(|list| list.0).collect();
    sqlx::query("DELETE FROM device_list WHERE organizer_id = $1 AND device_id = $2 AND list_id <> ALL ($3)")
        .bind(tx.organizer.0)
        .bind(device.0)
        .bind(&lists)
        .execute(tx.conn())
        .await?;
    sqlx::query(
        "INSERT INTO device_list (organizer_id, device_id, list_id) SELECT $1, $2, unnest($3::bigint[])
         ON CONFLICT DO NOTHING",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(&lists)
    .execute(tx.conn())
    .await
    .map(drop)
}

pub(super) async fn foreign_lists(tx: &mut Tx, lists: &[ListId]) -> sqlx::Result<i64> {
    let lists: Vec<i64> = lists.iter().map(|list| list.0).collect();
    sqlx::query_scalar(
        "SELECT count(*) FROM unnest($2::bigint[]) AS wanted (list_id)
         WHERE NOT EXISTS (SELECT FROM checkin_list l WHERE l.organizer_id = $1 AND l.list_id = wanted.list_id)",
    )
    .bind(tx.organizer.0)
    .bind(&lists)
    .fetch_one(tx.conn())
    .await
}
