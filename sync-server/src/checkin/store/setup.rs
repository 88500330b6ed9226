//! SQL of answers and media.

use crate::app::Tx;
use sqlx::{Row as _, postgres::PgRow};
use uuid::Uuid;
use willcall_domain::{
    checkin::medium::{MediumKind, MediumRow},
    clock::UtcMillis,
    id::{DeviceId, EntryId, EventId, MediumId, PositionId, QuestionId, ScanId},
    sync::Row,
};

/// Answers of one entry.
#[derive(Debug)]
pub(in crate::checkin) struct NewAnswer<'a> {
    pub entry: EntryId,
    pub scan: ScanId,
    pub event: EventId,
    pub position: Option<PositionId>,
    pub payload_hash: Option<&'a str>,
    pub device: DeviceId,
    pub at: UtcMillis,
    pub questions: &'a [QuestionId],
    /// What was said to each; `None` where it is not known.
    pub values: &'a [Option<&'a str>],
}

/// Keeps answers, each once.
pub(in crate::checkin) async fn insert_answers(tx: &mut Tx, new: &NewAnswer<'_>) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO answer (organizer_id, entry_id, question_id, event_id, position_id, payload_hash, scan_id, device_id,
             value, at)
         SELECT $1, $2, a.question, $3, $4, $5, $6, $7, a.value, $8
         FROM unnest($9::bigint[], $10::text[]) AS a (question, value)
         ON CONFLICT DO NOTHING",
    )
    .bind(tx.organizer.0)
    .bind(new.entry.0)
    .bind(new.event.0)
    .bind(new.position.map(|p| p.0))
    .bind(new.payload_hash)
    .bind(new.scan.0)
    .bind(new.device.0)
    .bind(new.at.0)
    .bind(new.questions.iter().map(|q| q.0).collect::<Vec<_>>())
    .bind(new.values)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A medium as it is kept.
#[derive(Debug)]
pub(in crate::checkin) struct NewMedium<'a> {
    pub medium: MediumId,
    pub event: EventId,
    pub kind: MediumKind,
    pub identifier: Option<&'a str>,
    pub identifier_hash: &'a str,
    pub position: Option<PositionId>,
    pub expires_at: Option<UtcMillis>,
    pub device: Option<DeviceId>,
    pub at: UtcMillis,
}

/// Keeps a medium; answers whether it is new.
pub(in crate::checkin) async fn insert_medium(tx: &mut Tx, new: &NewMedium<'_>) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "INSERT INTO medium (organizer_id, medium_id, event_id, kind, identifier, identifier_hash, position_id,
             expires_at, device_id, exchanged_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
    )
    .bind(tx.organizer.0)
    .bind(new.medium.0)
    .bind(new.event.0)
    .bind(new.kind.as_str())
    .bind(new.identifier)
    .bind(new.identifier_hash)
    .bind(new.position.map(|p| p.0))
    .bind(new.expires_at.map(|t| t.0))
    .bind(new.device.map(|d| d.0))
    .bind(new.at.0)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Switches these media of a ticket off; answers those that were on.
pub(in crate::checkin) async fn switch_off(
    tx: &mut Tx,
    media: &[MediumId],
    of: PositionId,
) -> sqlx::Result<Vec<MediumId>> {
    if media.is_empty() {
        return Ok(Vec::new());
    }
    let off: Vec<Uuid> = sqlx::query_scalar(
        "UPDATE medium SET active = false, version = version + 1
         WHERE organizer_id = $1 AND medium_id = ANY($2) AND position_id = $3 AND active RETURNING medium_id",
    )
    .bind(tx.organizer.0)
    .bind(media.iter().map(|m| m.0).collect::<Vec<_>>())
    .bind(of.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(off.into_iter().map(MediumId).collect())
}

/// Media that are on and stand for the same ticket, or read the same and stand for another.
pub(in crate::checkin) async fn others_active(tx: &mut Tx, new: &NewMedium<'_>) -> sqlx::Result<Vec<MediumId>> {
    let others: Vec<Uuid> = sqlx::query_scalar(
        "SELECT medium_id FROM medium
         WHERE organizer_id = $1 AND event_id = $2 AND active AND medium_id <> $3
             AND (position_id = $4 OR (identifier_hash = $5 AND position_id IS NOT NULL))
         ORDER BY medium_id",
    )
    .bind(tx.organizer.0)
    .bind(new.event.0)
    .bind(new.medium.0)
    .bind(new.position.map(|p| p.0))
    .bind(new.identifier_hash)
    .fetch_all(tx.conn())
    .await?;
    Ok(others.into_iter().map(MediumId).collect())
}

/// Media as stations get them, `(subject, row)`.
pub(crate) async fn medium_rows(
    tx: &mut Tx,
    events: &[EventId],
    ids: Option<Vec<Uuid>>,
) -> sqlx::Result<Vec<(String, Row)>> {
    let rows = sqlx::query(
        "SELECT medium_id, event_id, kind, identifier_hash, position_id, active, expires_at, version FROM medium
         WHERE organizer_id = $1 AND event_id = ANY($2) AND ($3::uuid[] IS NULL OR medium_id = ANY($3))
         ORDER BY medium_id",
    )
    .bind(tx.organizer.0)
    .bind(events.iter().map(|e| e.0).collect::<Vec<_>>())
    .bind(ids)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(|r| medium(r).map(|row| (row.medium_id.to_string(), Row::Medium(row)))).collect()
}

/// The media of these tickets, and those that read like this, switched off ones too.
pub(in crate::checkin) async fn media_of(
    tx: &mut Tx,
    event: EventId,
    positions: &[PositionId],
    identifier_hash: &str,
) -> sqlx::Result<Vec<MediumRow>> {
    let rows = sqlx::query(
        "SELECT medium_id, event_id, kind, identifier_hash, position_id, active, expires_at, version FROM medium
         WHERE organizer_id = $1 AND event_id = $2 AND (position_id = ANY($3) OR identifier_hash = $4)
         ORDER BY medium_id",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(positions.iter().map(|p| p.0).collect::<Vec<_>>())
    .bind(identifier_hash)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(medium).collect()
}

fn medium(r: &PgRow) -> sqlx::Result<MediumRow> {
    let kind: String = r.try_get("kind")?;
    Ok(MediumRow {
        medium_id: MediumId(r.try_get("medium_id")?),
        event_id: EventId(r.try_get("event_id")?),
        kind: MediumKind::of_word(&kind)
            .ok_or_else(|| sqlx::Error::Decode(format!("{kind:?} is no kind of medium").into()))?,
        identifier_hash: r.try_get("identifier_hash")?,
        position_id: r.try_get::<Option<Uuid>, _>("position_id")?.map(PositionId),
        active: r.try_get("active")?,
        expires_at: r.try_get::<Option<i64>, _>("expires_at")?.map(UtcMillis),
        version: r.try_get("version")?,
    })
}
