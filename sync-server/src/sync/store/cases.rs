//! SQL of cases.

use crate::{app::Tx, sync::cases::Standing};
use serde_json::Value;
use sqlx::Row as _;
use uuid::Uuid;
use willcall_domain::{
    clock::UtcMillis,
    id::{CaseId, DeviceId, EventId, StaffId},
    sync::{EntryRef, Row, change::CaseRow},
};

/// What a case is about, besides its id and time.
#[derive(Debug)]
pub(in crate::sync) struct Opening<'a> {
    pub case_id: CaseId,
    pub device: DeviceId,
    pub event: Option<EventId>,
    pub kind: &'a str,
    /// What there is one open case of.
    pub about: Option<&'a str>,
    pub detail: &'a Value,
}

/// `false` when there is an open one about the same.
pub(in crate::sync) async fn insert(tx: &mut Tx, case: &Opening<'_>) -> sqlx::Result<bool> {
    let now = tx.now();
    let done = sqlx::query(
        "INSERT INTO station_case (organizer_id, case_id, device_id, event_id, kind, detail, opened_at, about)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (organizer_id, kind, about) WHERE closed_at IS NULL AND about IS NOT NULL DO NOTHING",
    )
    .bind(tx.organizer.0)
    .bind(case.case_id.0)
    .bind(case.device.0)
    .bind(case.event.map(|e| e.0))
    .bind(case.kind)
    .bind(case.detail)
    .bind(now.0)
    .bind(case.about)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A case as it is closed or looked at.
#[derive(Debug, Clone)]
pub(in crate::sync) struct Case {
    pub case_id: CaseId,
    pub device: DeviceId,
    pub event: Option<EventId>,
    pub kind: String,
    pub detail: Value,
    pub closed_at: Option<UtcMillis>,
    pub resolution: Option<String>,
    pub person: String,
}

fn case(r: &sqlx::postgres::PgRow) -> sqlx::Result<Case> {
    Ok(Case {
        case_id: CaseId(r.try_get("case_id")?),
        device: DeviceId(r.try_get("device_id")?),
        event: r.try_get::<Option<i64>, _>("event_id")?.map(EventId),
        kind: r.try_get("kind")?,
        detail: r.try_get("detail")?,
        closed_at: r.try_get::<Option<i64>, _>("closed_at")?.map(UtcMillis),
        resolution: r.try_get("resolution")?,
        person: r.try_get("person")?,
    })
}

/// The case, locked until the transaction ends.
pub(in crate::sync) async fn lock(tx: &mut Tx, id: CaseId) -> sqlx::Result<Option<Case>> {
    let row = sqlx::query(
        "SELECT case_id, device_id, event_id, kind, detail, closed_at, resolution, person FROM station_case
         WHERE organizer_id = $1 AND case_id = $2 FOR UPDATE",
    )
    .bind(tx.organizer.0)
    .bind(id.0)
    .fetch_optional(tx.conn())
    .await?;
    row.as_ref().map(case).transpose()
}

/// The open case about this, locked.
pub(in crate::sync) async fn open_about(tx: &mut Tx, kind: &str, about: &str) -> sqlx::Result<Option<Case>> {
    let row = sqlx::query(
        "SELECT case_id, device_id, event_id, kind, detail, closed_at, resolution, person FROM station_case
         WHERE organizer_id = $1 AND kind = $2 AND about = $3 AND closed_at IS NULL FOR UPDATE",
    )
    .bind(tx.organizer.0)
    .bind(kind)
    .bind(about)
    .fetch_optional(tx.conn())
    .await?;
    row.as_ref().map(case).transpose()
}

/// Cases about any of these, open or closed; open ones locked.
pub(in crate::sync) async fn about(tx: &mut Tx, kind: &str, about: &[String]) -> sqlx::Result<Vec<Standing>> {
    let rows = sqlx::query(
        "SELECT case_id, about, closed_at IS NULL AS open, detail FROM station_case
         WHERE organizer_id = $1 AND kind = $2 AND about = ANY($3) ORDER BY case_id FOR UPDATE",
    )
    .bind(tx.organizer.0)
    .bind(kind)
    .bind(about)
    .fetch_all(tx.conn())
    .await?;
    let standing = |r: &sqlx::postgres::PgRow| {
        Ok(Standing {
            case_id: CaseId(r.try_get("case_id")?),
            about: r.try_get("about")?,
            open: r.try_get("open")?,
            detail: r.try_get("detail")?,
        })
    };
    rows.iter().map(standing).collect()
}

/// Open cases of these kinds about a device, locked.
pub(in crate::sync) async fn open_of_device(
    tx: &mut Tx,
    device: DeviceId,
    kinds: &[String],
) -> sqlx::Result<Vec<Case>> {
    let rows = sqlx::query(
        "SELECT case_id, device_id, event_id, kind, detail, closed_at, resolution, person FROM station_case
         WHERE organizer_id = $1 AND device_id = $2 AND kind = ANY($3) AND closed_at IS NULL
         ORDER BY opened_at, case_id FOR UPDATE",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(kinds)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(case).collect()
}

/// Who closed a case, and how.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::sync) struct Ending<'a> {
    /// `None` where it became moot.
    pub resolution: Option<&'a str>,
    pub note: &'a str,
    pub person: &'a str,
    pub staff: Option<StaffId>,
    pub device: Option<DeviceId>,
}

pub(in crate::sync) async fn close(tx: &mut Tx, id: CaseId, how: Ending<'_>) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query(
        "UPDATE station_case SET closed_at = $3, closed_by = $4, closed_device = $5, resolution = $6, note = $7,
             person = $8, version = version + 1
         WHERE organizer_id = $1 AND case_id = $2 AND closed_at IS NULL",
    )
    .bind(tx.organizer.0)
    .bind(id.0)
    .bind(now.0)
    .bind(how.staff.map(|s| s.0))
    .bind(how.device.map(|d| d.0))
    .bind(how.resolution)
    .bind(how.note)
    .bind(how.person)
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(in crate::sync) async fn set_detail(tx: &mut Tx, id: CaseId, detail: &Value) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE station_case SET detail = $3, version = version + 1
         WHERE organizer_id = $1 AND case_id = $2 AND detail <> $3",
    )
    .bind(tx.organizer.0)
    .bind(id.0)
    .bind(detail)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What was done about a case besides closing it.
#[derive(Debug, Clone, Copy)]
pub(in crate::sync) struct Line<'a> {
    /// `tried`, `refused`, `second`.
    pub what: &'a str,
    pub person: &'a str,
    pub resolution: &'a str,
    /// Of `tried`, why it still cannot be; of `refused`, the entry that wanted it, as [`EntryRef`].
    pub detail: &'a str,
}

pub(in crate::sync) async fn add_line(tx: &mut Tx, id: CaseId, line: Line<'_>) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query(
        "INSERT INTO case_line (organizer_id, case_id, at, what, person, resolution, detail)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(tx.organizer.0)
    .bind(id.0)
    .bind(now.0)
    .bind(line.what)
    .bind(line.person)
    .bind(line.resolution)
    .bind(line.detail)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A case that stations must take for news, though nothing of it changed.
pub(in crate::sync) async fn touch(tx: &mut Tx, id: CaseId) -> sqlx::Result<()> {
    sqlx::query("UPDATE station_case SET version = version + 1 WHERE organizer_id = $1 AND case_id = $2")
        .bind(tx.organizer.0)
        .bind(id.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The entry a line is about.
fn entry(text: &str) -> sqlx::Result<EntryRef> {
    serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// How many entries wait with a case, in the journal or set aside.
pub(in crate::sync) async fn entries_waiting(tx: &mut Tx, id: CaseId) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM journal_entry WHERE organizer_id = $1 AND case_id = $2 AND outcome = 'parked')
              + (SELECT count(*) FROM quarantine WHERE organizer_id = $1 AND case_id = $2 AND settled_at IS NULL)",
    )
    .bind(tx.organizer.0)
    .bind(id.0)
    .fetch_one(tx.conn())
    .await
}

/// Cases as stations see them, `(subject, row)`: open ones, or these. What is about no event goes to its own station.
pub(in crate::sync) async fn rows(
    tx: &mut Tx,
    device: DeviceId,
    events: &[EventId],
    ids: Option<Vec<Uuid>>,
) -> sqlx::Result<Vec<(String, Row)>> {
    let events: Vec<i64> = events.iter().map(|e| e.0).collect();
    let rows = sqlx::query(
        "SELECT c.case_id, c.kind, c.event_id, c.device_id, d.name AS device, c.detail, c.opened_at, c.closed_at,
             c.resolution, c.version,
             EXISTS (SELECT FROM journal_entry j
                 WHERE j.organizer_id = $1 AND j.case_id = c.case_id AND j.outcome = 'parked')
             OR EXISTS (SELECT FROM quarantine q
                 WHERE q.organizer_id = $1 AND q.case_id = c.case_id AND q.settled_at IS NULL) AS waits,
             ARRAY(SELECT l.detail FROM case_line l WHERE l.organizer_id = $1 AND l.case_id = c.case_id
                 AND l.what = 'refused' AND l.detail <> '' ORDER BY l.line_id) AS refused
         FROM station_case c JOIN device d ON d.organizer_id = c.organizer_id AND d.device_id = c.device_id
         WHERE c.organizer_id = $1 AND (c.event_id = ANY($2) OR (c.event_id IS NULL AND c.device_id = $3))
             AND CASE WHEN $4::uuid[] IS NULL THEN c.closed_at IS NULL ELSE c.case_id = ANY($4) END
         ORDER BY c.opened_at, c.case_id",
    )
    .bind(tx.organizer.0)
    .bind(events)
    .bind(device.0)
    .bind(ids)
    .fetch_all(tx.conn())
    .await?;
    rows.iter()
        .map(|r| {
            let case_id = CaseId(r.try_get("case_id")?);
            let row = CaseRow {
                case_id,
                kind: r.try_get("kind")?,
                event_id: r.try_get::<Option<i64>, _>("event_id")?.map(EventId),
                device_id: DeviceId(r.try_get("device_id")?),
                device_name: r.try_get("device")?,
                detail: r.try_get("detail")?,
                opened_at: UtcMillis(r.try_get("opened_at")?),
                closed_at: r.try_get::<Option<i64>, _>("closed_at")?.map(UtcMillis),
                resolution: r.try_get("resolution")?,
                waits: r.try_get("waits")?,
                refused: r
                    .try_get::<Vec<String>, _>("refused")?
                    .iter()
                    .map(|text| entry(text))
                    .collect::<Result<_, _>>()?,
                version: r.try_get("version")?,
            };
            Ok((case_id.to_string(), Row::Case(row)))
        })
        .collect()
}
