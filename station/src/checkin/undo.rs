//! Undoing a scan: a fact of its own that names it, for good. The ticket is as if that scan never was, here at once and
//! everywhere when they hear of it; the scan itself stays in the journals.

use super::store;
use crate::{access, change_feed::Topic, error::Fault, journal, station::Station};
use rusqlite::Transaction;
use willcall_domain::{
    checkin::{Class, wire::UndoRequest},
    devices::Right,
    id::ScanId,
    problem::{Code, Problem},
    sync::Fact,
};

/// Most characters of a reason.
const REASON: usize = 500;
const NOT_ALLOWED: &str = "This station may not undo scans. The organizer can allow it in the office, under the devices; \
                           then sync.";
const NOTHING_TO_UNDO: &str = "That scan let nobody in or out: there is nothing to undo.";

/// Whether a scan of this class let somebody in or out, so that there is something to undo.
#[must_use]
pub fn lets_through(class: Class) -> bool {
    match class {
        Class::Admitted | Class::Look => true,
        Class::Used | Class::Refused => false,
    }
}

/// What was undone.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Undone {
    pub scan_id: ScanId,
    /// Whether this call did it; it had been undone before otherwise.
    pub news: bool,
}

/// Undoes a scan that is known here, of whichever station. Doing it again changes nothing.
///
/// # Errors
/// When the station is not enrolled or has no right to, no reason is given, the scan is not known here or let nobody
/// through, or the disk does not take it.
pub async fn undo(station: &Station, request: UndoRequest) -> Result<Undone, Problem> {
    let identity = station.enrolled()?;
    access::sign_in::awake(station, &identity)?;
    if !station.rights_in_force(&identity).contains(&Right::Undo) {
        return Err(Problem::new(Code::Forbidden, NOT_ALLOWED));
    }
    let reason: String = request.reason.trim().chars().take(REASON).collect();
    if reason.is_empty() {
        return Err(Problem::field("reason", "Say why, for whoever asks later."));
    }
    let (scan, unrecorded) = (request.scan_id, station.unrecorded());
    let pen = station.pen(&identity, station.reading().at)?;
    let undone = station.db().with_writer(move |writer| {
        // What waits in memory comes first: it may be the very scan.
        if unrecorded.count() > 0 {
            unrecorded.record(writer, &pen)?;
        }
        writer.write(|tx| record(tx, &pen, scan, &reason))
    });
    let undone = undone.await?;
    station.again().forget();
    if undone.news {
        tracing::info!(%scan, "a scan was undone");
        station.feed().announce_fact(&[Topic::Door, Topic::Status]);
    }
    Ok(undone)
}

fn record(tx: &Transaction<'_>, pen: &journal::Pen, scan: ScanId, reason: &str) -> Result<Undone, Fault> {
    let unknown = || Fault::refused(Code::NotFound, format!("There is no scan {scan} here."));
    let found = store::find(tx, scan)?.ok_or_else(unknown)?;
    if !lets_through(found.class) {
        return Err(Fault::refused(Code::Conflict, NOTHING_TO_UNDO));
    }
    if found.undone {
        return Ok(Undone { scan_id: scan, news: false });
    }
    let fact = Fact::ScanUndone { scan_id: scan, event_id: found.event_id, list_id: found.list_id };
    // A reason may name people: it stands beside the entry, never in it.
    let private = serde_json::to_string(&serde_json::json!({ "reason": reason }))?;
    journal::append(tx, pen, &fact, Some(private), Vec::new())?;
    Ok(Undone { scan_id: scan, news: true })
}
