//! A person closes a case in one of its ways, and what the way says is done in the same transaction. The first closing
//! wins; whoever comes second is told.

use super::{after_close, retry, store};
use crate::{
    app::{App, Tx},
    http::Failure,
    sync::{history, offers, store::aside},
};
use willcall_domain::{
    id::{CaseId, DeviceId, StaffId},
    problem::{Code, Problem},
    sync::{CaseKind, EntryRef, Resolution},
};

/// Longest note of who closes a case, in characters.
const NOTE_MAX: usize = 500;

/// Who closes.
#[derive(Debug, Clone, Copy)]
pub enum By<'a> {
    Staff { id: StaffId, name: &'a str },
    Device { id: DeviceId, name: &'a str },
}

impl<'a> By<'a> {
    pub(super) fn ending(&self, resolution: Resolution, note: &'a str) -> store::Ending<'a> {
        let (person, staff, device) = match self {
            Self::Staff { id, name } => (*name, Some(*id), None),
            Self::Device { id, name } => (*name, None, Some(*id)),
        };
        store::Ending { resolution: Some(resolution.word()), note, person, staff, device }
    }

    fn name(&self) -> &'a str {
        match self {
            Self::Staff { name, .. } | Self::Device { name, .. } => name,
        }
    }
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    Closed,
    /// Tried again, and it still cannot be applied: it stays open.
    StillOpen {
        /// Kinds of cases that say why.
        why: Vec<String>,
    },
    /// Somebody was first.
    ClosedBefore {
        resolution: Option<String>,
        person: String,
    },
}

/// Closes a case as `resolution` says, and does what it says.
///
/// # Errors
/// `not-found`, `conflict` for a way this case cannot be closed in, `forbidden` for a station where only the office may;
/// else when the database is away.
pub async fn resolve(
    app: &App,
    tx: &mut Tx,
    id: CaseId,
    resolution: Resolution,
    by: &By<'_>,
    note: &str,
) -> Result<Resolved, Failure> {
    let case = store::lock(tx, id).await?;
    let case = case.ok_or_else(|| Problem::new(Code::NotFound, "There is no such case."))?;
    if case.closed_at.is_some() {
        let line = store::Line { what: "second", person: by.name(), resolution: resolution.word(), detail: "" };
        store::add_line(tx, id, line).await?;
        return Ok(Resolved::ClosedBefore { resolution: case.resolution, person: case.person });
    }
    if matches!(by, By::Device { .. }) && resolution.only_in_the_office() {
        return Err(Problem::new(Code::Forbidden, "This is decided in the office.").into());
    }
    let waiting = store::entries_waiting(tx, id).await? > 0;
    let kind = CaseKind::of_word(&case.kind);
    // A kind of a newer version can be looked at, and nothing more.
    let choices = kind.map_or_else(|| vec![Resolution::Seen], |kind| kind.choices(waiting));
    if !choices.contains(&resolution) {
        return Err(Problem::new(Code::Conflict, "This case is not closed that way.").into());
    }
    if resolution.is_a_write_off() {
        return Err(Problem::new(Code::Conflict, "Units are given up on the page of the station.").into());
    }
    if let Some(why) = carry_out(app, tx, &case, resolution).await? {
        let line =
            store::Line { what: "tried", person: by.name(), resolution: resolution.word(), detail: &why.join(", ") };
        store::add_line(tx, id, line).await?;
        return Ok(Resolved::StillOpen { why });
    }
    let note: String = note.trim().chars().take(NOTE_MAX).collect();
    store::close(tx, id, by.ending(resolution, &note)).await?;
    after_close(tx, &case).await?;
    tracing::info!(organizer = tx.organizer.0, case = %id, kind = case.kind, how = resolution.word(), "case closed");
    Ok(Resolved::Closed)
}

/// A station closed a case in a way it cannot be closed in there: a line says so, and the station has it open again.
pub(in crate::sync) async fn refuse(
    tx: &mut Tx,
    id: CaseId,
    resolution: Resolution,
    by: &By<'_>,
    entry: EntryRef,
) -> Result<(), Failure> {
    let detail = serde_json::to_string(&entry).map_err(Failure::internal)?;
    let line = store::Line { what: "refused", person: by.name(), resolution: resolution.word(), detail: &detail };
    store::add_line(tx, id, line).await?;
    store::touch(tx, id).await?;
    tracing::info!(organizer = tx.organizer.0, case = %id, how = resolution.word(), "a case is not closed that way");
    Ok(())
}

/// Does what the way says; `Some` says why it could not be done.
async fn carry_out(
    app: &App,
    tx: &mut Tx,
    case: &store::Case,
    resolution: Resolution,
) -> Result<Option<Vec<String>>, Failure> {
    match resolution {
        Resolution::Retry => {
            let still = retry::case(app, tx, case.case_id).await?;
            Ok(Some(still).filter(|why| !why.is_empty()))
        }
        Resolution::LeaveOut => {
            aside::settle_case(tx, case.case_id).await?;
            offers::forget(tx, case.case_id).await?;
            Ok(None)
        }
        Resolution::Adopt => {
            offers::adopt(tx, case.case_id, case.device).await?;
            Ok(None)
        }
        Resolution::Release => {
            history::release(tx, case.device).await?;
            Ok(None)
        }
        Resolution::Seen | Resolution::RefundByHand | Resolution::WriteOffLost | Resolution::WriteOffStolen => Ok(None),
    }
}
