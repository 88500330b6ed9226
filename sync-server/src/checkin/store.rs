//! SQL of scans.

use crate::app::Tx;
use sqlx::{Row as _, types::Json};
use willcall_domain::{
    checkin::{Class, Direction, ScanRow, wire::SawRef},
    clock::UtcMillis,
    id::{DeviceId, EventId, ListId, PositionId, ScanId},
};

/// What recording looks at of a list.
pub(super) struct ListFacts {
    pub event_id: EventId,
    pub allow_multiple_entries: bool,
    pub allow_entry_after_exit: bool,
}

pub(super) async fn list(tx: &mut Tx, list: ListId) -> sqlx::Result<Option<ListFacts>> {
    let row = sqlx::query(
        "SELECT event_id, allow_multiple_entries, allow_entry_after_exit FROM checkin_list
         WHERE organizer_id = $1 AND list_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(list.0)
    .fetch_optional(tx.conn())
    .await?;
    row.map(|r| {
        Ok(ListFacts {
            event_id: EventId(r.try_get("event_id")?),
            allow_multiple_entries: r.try_get("allow_multiple_entries")?,
            allow_entry_after_exit: r.try_get("allow_entry_after_exit")?,
        })
    })
    .transpose()
}

pub(super) async fn insert(tx: &mut Tx, scan: &ScanRow) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO scan (organizer_id, scan_id, event_id, list_id, position_id, payload_hash, device_id, incarnation,
             seq, direction, class, reason, at, gate, undone, saw)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT DO NOTHING",
    )
    .bind(tx.organizer.0)
    .bind(scan.scan_id.0)
    .bind(scan.event_id.0)
    .bind(scan.list_id.0)
    .bind(scan.position_id.map(|p| p.0))
    .bind(&scan.payload_hash)
    .bind(scan.station.0)
    .bind(i64::from(scan.incarnation))
    .bind(scan.seq.cast_signed())
    .bind(word(&scan.direction)?)
    .bind(word(&scan.class)?)
    .bind(scan.reason.as_ref().map(word).transpose()?)
    .bind(scan.at.0)
    .bind(&scan.gate)
    .bind(scan.undone)
    .bind(Json(&scan.saw))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Counted scans of the same ticket on the same list, this one apart.
pub(super) async fn scans_of_ticket(tx: &mut Tx, scan: &ScanRow) -> sqlx::Result<Vec<ScanRow>> {
    let rows = sqlx::query(
        "SELECT * FROM scan WHERE organizer_id = $1 AND list_id = $2 AND scan_id <> $3 AND NOT undone
             AND class IN ('admitted', 'look')
             AND (position_id = $4 OR ($4 IS NULL AND payload_hash = $5))
         ORDER BY at, scan_id",
    )
    .bind(tx.organizer.0)
    .bind(scan.list_id.0)
    .bind(scan.scan_id.0)
    .bind(scan.position_id.map(|p| p.0))
    .bind(&scan.payload_hash)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(row).collect()
}

/// A row of the table as stations and screens see it.
pub(crate) fn row(r: &sqlx::postgres::PgRow) -> sqlx::Result<ScanRow> {
    let saw: Json<Vec<SawRef>> = r.try_get("saw")?;
    Ok(ScanRow {
        scan_id: ScanId(r.try_get("scan_id")?),
        event_id: EventId(r.try_get("event_id")?),
        list_id: ListId(r.try_get("list_id")?),
        position_id: r.try_get::<Option<uuid::Uuid>, _>("position_id")?.map(PositionId),
        payload_hash: r.try_get("payload_hash")?,
        station: DeviceId(r.try_get("device_id")?),
        incarnation: u32::try_from(r.try_get::<i64, _>("incarnation")?).unwrap_or(u32::MAX),
        seq: r.try_get::<i64, _>("seq")?.unsigned_abs(),
        gate: r.try_get("gate")?,
        direction: read_word::<Direction>(r.try_get("direction")?)?,
        class: read_word::<Class>(r.try_get("class")?)?,
        reason: r.try_get::<Option<&str>, _>("reason")?.map(read_word).transpose()?,
        at: UtcMillis(r.try_get("at")?),
        undone: r.try_get("undone")?,
        saw: saw.0,
    })
}

/// An enum as the word it is stored and sent by.
fn word<T: serde::Serialize>(value: &T) -> sqlx::Result<String> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => Ok(text),
        Ok(_) => Err(sqlx::Error::Encode("not written as a word".into())),
        Err(e) => Err(sqlx::Error::Encode(e.into())),
    }
}

fn read_word<T: serde::de::DeserializeOwned>(text: &str) -> sqlx::Result<T> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|e| sqlx::Error::Decode(e.into()))
}
