//! SQL of scans.

pub(super) mod setup;

use crate::app::Tx;
use sqlx::{Row as _, types::Json};
use std::collections::{BTreeSet, HashMap};
use willcall_domain::{
    checkin::{
        Class, Direction, ScanRow,
        merge::{Allowed, Splits},
        wire::SawRef,
    },
    clock::UtcMillis,
    id::{DeviceId, EntryId, EventId, ListId, PositionId, ScanId},
};

/// What recording looks at of a list.
pub(super) struct ListFacts {
    pub event_id: EventId,
    pub allowed: Allowed,
}

/// What recording looks at of these lists.
pub(super) async fn lists(tx: &mut Tx, lists: &[ListId]) -> sqlx::Result<HashMap<ListId, ListFacts>> {
    let ids: BTreeSet<i64> = lists.iter().map(|l| l.0).collect();
    let rows = sqlx::query(
        "SELECT list_id, event_id, allow_multiple_entries, allow_entry_after_exit FROM checkin_list
         WHERE organizer_id = $1 AND list_id = ANY($2)",
    )
    .bind(tx.organizer.0)
    .bind(ids.into_iter().collect::<Vec<_>>())
    .fetch_all(tx.conn())
    .await?;
    rows.iter()
        .map(|r| {
            let facts = ListFacts {
                event_id: EventId(r.try_get("event_id")?),
                allowed: Allowed {
                    multiple_entries: r.try_get("allow_multiple_entries")?,
                    entry_after_exit: r.try_get("allow_entry_after_exit")?,
                },
            };
            Ok((ListId(r.try_get("list_id")?), facts))
        })
        .collect()
}

/// Many scans in one statement.
pub(super) async fn insert(tx: &mut Tx, scans: &[&ScanRow]) -> sqlx::Result<()> {
    if scans.is_empty() {
        return Ok(());
    }
    let words =
        |of: fn(&ScanRow) -> sqlx::Result<String>| scans.iter().map(|s| of(s)).collect::<sqlx::Result<Vec<_>>>();
    let reasons = scans.iter().map(|s| s.reason.as_ref().map(word).transpose()).collect::<sqlx::Result<Vec<_>>>();
    sqlx::query(
        "INSERT INTO scan (organizer_id, scan_id, event_id, list_id, position_id, payload_hash, device_id, incarnation,
             seq, direction, class, reason, at, gate, undone, saw, uncertainty_ms)
         SELECT $1, s.id, s.event, s.list, s.position, s.payload, s.device, s.incarnation, s.seq, s.direction, s.class,
             s.reason, s.at, s.gate, s.undone OR u.scan_id IS NOT NULL, s.saw, s.uncertainty_ms
         FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::uuid[], $6::text[], $7::bigint[],
             $8::bigint[], $9::bigint[], $10::text[], $11::text[], $12::text[], $13::bigint[], $14::text[],
             $15::boolean[], $16::jsonb[], $17::bigint[]) AS s (id, event, list, position, payload, device, incarnation,
             seq, direction, class, reason, at, gate, undone, saw, uncertainty_ms)
         LEFT JOIN scan_undone u ON u.organizer_id = $1 AND u.scan_id = s.id AND u.list_id = s.list
         ON CONFLICT DO NOTHING",
    )
    .bind(tx.organizer.0)
    .bind(scans.iter().map(|s| s.scan_id.0).collect::<Vec<_>>())
    .bind(scans.iter().map(|s| s.event_id.0).collect::<Vec<_>>())
    .bind(scans.iter().map(|s| s.list_id.0).collect::<Vec<_>>())
    .bind(scans.iter().map(|s| s.position_id.map(|p| p.0)).collect::<Vec<_>>())
    .bind(scans.iter().map(|s| s.payload_hash.as_deref()).collect::<Vec<_>>())
    .bind(scans.iter().map(|s| s.station.0).collect::<Vec<_>>())
    .bind(scans.iter().map(|s| i64::from(s.incarnation)).collect::<Vec<_>>())
    .bind(scans.iter().map(|s| s.seq.cast_signed()).collect::<Vec<_>>())
    .bind(words(|s| word(&s.direction))?)
    .bind(words(|s| word(&s.class))?)
    .bind(reasons?)
    .bind(scans.iter().map(|s| s.at.0).collect::<Vec<_>>())
    .bind(scans.iter().map(|s| s.gate.as_str()).collect::<Vec<_>>())
    .bind(scans.iter().map(|s| s.undone).collect::<Vec<_>>())
    .bind(scans.iter().map(|s| Json(&s.saw)).collect::<Vec<_>>())
    .bind(scans.iter().map(|s| s.uncertainty_ms).collect::<Vec<_>>())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Holds the lists of these scans, ascending, until the transaction ends.
pub(super) async fn hold_lists(tx: &mut Tx, of: &[&ScanRow]) -> sqlx::Result<()> {
    let lists: BTreeSet<i64> = of.iter().map(|scan| scan.list_id.0).collect();
    if lists.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "SELECT FROM checkin_list WHERE organizer_id = $1 AND list_id = ANY($2) ORDER BY list_id FOR NO KEY UPDATE",
    )
    .bind(tx.organizer.0)
    .bind(lists.into_iter().collect::<Vec<_>>())
    .execute(tx.conn())
    .await
    .map(drop)
}

/// What lets somebody in or out of the tickets of these scans, these included; undone ones too, for they stay listed.
pub(super) async fn uses(tx: &mut Tx, of: &[&ScanRow]) -> sqlx::Result<Vec<ScanRow>> {
    if of.is_empty() {
        return Ok(Vec::new());
    }
    let positions: BTreeSet<uuid::Uuid> = of.iter().filter_map(|s| s.position_id.map(|p| p.0)).collect();
    let payloads: BTreeSet<&str> = of.iter().filter_map(|s| s.payload_hash.as_deref()).collect();
    // Two statements in one, so that each takes its own index. A code of the other signed format is known by its payload
    // at one gate and by its position at another.
    let rows = sqlx::query(
        "SELECT * FROM scan WHERE organizer_id = $1 AND class IN ('admitted', 'look')
             AND position_id = ANY($2)
         UNION ALL
         SELECT * FROM scan WHERE organizer_id = $1 AND class IN ('admitted', 'look')
             AND payload_hash = ANY($3) AND (position_id IS NULL OR position_id <> ALL($2))
         ORDER BY at, scan_id",
    )
    .bind(tx.organizer.0)
    .bind(positions.into_iter().collect::<Vec<_>>())
    .bind(payloads.into_iter().collect::<Vec<_>>())
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(row).collect()
}

/// Where the journals of these stations were forked.
pub(super) async fn splits(tx: &mut Tx, of: &[DeviceId]) -> sqlx::Result<Splits> {
    let devices: BTreeSet<i64> = of.iter().map(|d| d.0).collect();
    let rows: Vec<(i64, i64, i64)> = sqlx::query_as(
        "SELECT device_id, incarnation, split_seq FROM incarnation
         WHERE organizer_id = $1 AND device_id = ANY($2) AND split_seq IS NOT NULL",
    )
    .bind(tx.organizer.0)
    .bind(devices.into_iter().collect::<Vec<_>>())
    .fetch_all(tx.conn())
    .await?;
    let split = |(device, incarnation, seq): (i64, i64, i64)| {
        ((DeviceId(device), u32::try_from(incarnation).unwrap_or(u32::MAX)), seq.unsigned_abs())
    };
    Ok(rows.into_iter().map(split).collect())
}

/// Scans of one journal from a number on that let somebody in or out.
pub(super) async fn of_journal(
    tx: &mut Tx,
    device: DeviceId,
    incarnation: u32,
    from: u64,
) -> sqlx::Result<Vec<ScanRow>> {
    let rows = sqlx::query(
        "SELECT * FROM scan WHERE organizer_id = $1 AND device_id = $2 AND incarnation = $3 AND seq >= $4
             AND class IN ('admitted', 'look')",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(i64::from(incarnation))
    .bind(from.cast_signed())
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(row).collect()
}

/// Tickets of an event by what somebody types: an order code, a plain secret, or what a wristband reads.
pub(super) async fn named_by_text(
    tx: &mut Tx,
    event: EventId,
    text: &str,
    identifier_hash: &str,
) -> sqlx::Result<Vec<PositionId>> {
    let ids: Vec<uuid::Uuid> = sqlx::query_scalar(
        "SELECT p.position_id FROM order_position p
         JOIN orders o ON o.organizer_id = p.organizer_id AND o.order_id = p.order_id
         JOIN item i ON i.organizer_id = p.organizer_id AND i.item_id = p.item_id
         WHERE p.organizer_id = $1 AND p.event_id = $2 AND i.admission AND (
             (o.code = upper(trim($3)) AND p.addon_to IS NULL) OR p.plain_code = $3 OR p.position_id IN (
                 SELECT m.position_id FROM medium m
                 WHERE m.organizer_id = $1 AND m.event_id = $2 AND m.identifier_hash = $4))
         ORDER BY p.position_id LIMIT 50",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(text)
    .bind(identifier_hash)
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().map(PositionId).collect())
}

/// What was bought together with a ticket.
pub(super) async fn addons_of(tx: &mut Tx, position: PositionId) -> sqlx::Result<Vec<PositionId>> {
    let ids: Vec<uuid::Uuid> = sqlx::query_scalar(
        "SELECT position_id FROM order_position WHERE organizer_id = $1 AND addon_to = $2 ORDER BY 1",
    )
    .bind(tx.organizer.0)
    .bind(position.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().map(PositionId).collect())
}

/// Every ticket of an event with its issue.
pub(super) async fn issues(tx: &mut Tx, event: EventId) -> sqlx::Result<Vec<(PositionId, u8)>> {
    let rows: Vec<(uuid::Uuid, i16)> =
        sqlx::query_as("SELECT position_id, issue FROM order_position WHERE organizer_id = $1 AND event_id = $2")
            .bind(tx.organizer.0)
            .bind(event.0)
            .fetch_all(tx.conn())
            .await?;
    Ok(rows.into_iter().map(|(id, issue)| (PositionId(id), u8::try_from(issue).unwrap_or(u8::MAX))).collect())
}

/// What let somebody in or out by these tickets, or by this signed payload, on a list.
pub(super) async fn of_tickets(
    tx: &mut Tx,
    list: ListId,
    positions: &[PositionId],
    payload_hash: Option<&str>,
) -> sqlx::Result<Vec<ScanRow>> {
    let rows = sqlx::query(
        "SELECT * FROM scan WHERE organizer_id = $1 AND list_id = $2 AND class IN ('admitted', 'look')
             AND (position_id = ANY($3) OR (position_id IS NULL AND payload_hash = $4))
         ORDER BY at, scan_id",
    )
    .bind(tx.organizer.0)
    .bind(list.0)
    .bind(positions.iter().map(|p| p.0).collect::<Vec<_>>())
    .bind(payload_hash)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(row).collect()
}

/// What undoes a scan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Undoing {
    pub scan: ScanId,
    pub event: EventId,
    pub list: ListId,
    pub device: DeviceId,
    pub entry: EntryId,
    pub at: UtcMillis,
}

/// Notes that a scan counts no more, and marks it where it is here. Answers the scan, if this changed it.
pub(super) async fn undo(tx: &mut Tx, undoing: &Undoing) -> sqlx::Result<Option<ScanRow>> {
    sqlx::query(
        "INSERT INTO scan_undone (organizer_id, scan_id, event_id, list_id, device_id, entry_id, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
    )
    .bind(tx.organizer.0)
    .bind(undoing.scan.0)
    .bind(undoing.event.0)
    .bind(undoing.list.0)
    .bind(undoing.device.0)
    .bind(undoing.entry.0)
    .bind(undoing.at.0)
    .execute(tx.conn())
    .await?;
    let row = sqlx::query(
        "UPDATE scan SET undone = true, version = version + 1
         WHERE organizer_id = $1 AND scan_id = $2 AND list_id = $3 AND NOT undone RETURNING *",
    )
    .bind(tx.organizer.0)
    .bind(undoing.scan.0)
    .bind(undoing.list.0)
    .fetch_optional(tx.conn())
    .await?;
    row.as_ref().map(self::row).transpose()
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
        uncertainty_ms: r.try_get("uncertainty_ms")?,
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

/// A ticket that was let in and that nobody sold.
pub(super) struct Unsold {
    pub scan_id: ScanId,
    pub event_id: EventId,
    pub list_id: ListId,
    pub position_id: PositionId,
    pub gate: String,
    pub at: UtcMillis,
}

/// The first entries before an instant with positions within these ranges (both ends included) that no order has. None
/// while a sale of the till waits for a person.
pub(super) async fn admitted_without_sale(
    tx: &mut Tx,
    till: DeviceId,
    ranges: &[(PositionId, PositionId)],
    before: UtcMillis,
) -> sqlx::Result<Vec<Unsold>> {
    if ranges.is_empty() {
        return Ok(Vec::new());
    }
    let (from, to): (Vec<uuid::Uuid>, Vec<uuid::Uuid>) = ranges.iter().map(|(a, b)| (a.0, b.0)).unzip();
    let rows = sqlx::query(
        "SELECT DISTINCT ON (s.position_id) s.position_id, s.scan_id, s.event_id, s.list_id, s.gate, s.at
         FROM unnest($2::uuid[], $3::uuid[]) AS r (first, last)
         JOIN scan s ON s.organizer_id = $1 AND s.position_id BETWEEN r.first AND r.last
         WHERE s.class IN ('admitted', 'look') AND s.direction = 'entry' AND NOT s.undone AND s.at < $4
             AND NOT EXISTS (SELECT FROM order_position p
                             WHERE p.organizer_id = $1 AND p.position_id = s.position_id)
             AND NOT EXISTS (SELECT FROM journal_entry j
                             WHERE j.organizer_id = $1 AND j.device_id = $5 AND j.kind = 'sale'
                                 AND j.outcome = 'parked')
         ORDER BY s.position_id, s.at",
    )
    .bind(tx.organizer.0)
    .bind(from)
    .bind(to)
    .bind(before.0)
    .bind(till.0)
    .fetch_all(tx.conn())
    .await?;
    rows.iter()
        .map(|r| {
            Ok(Unsold {
                scan_id: ScanId(r.try_get("scan_id")?),
                event_id: EventId(r.try_get("event_id")?),
                list_id: ListId(r.try_get("list_id")?),
                position_id: PositionId(r.try_get("position_id")?),
                gate: r.try_get("gate")?,
                at: UtcMillis(r.try_get("at")?),
            })
        })
        .collect()
}
