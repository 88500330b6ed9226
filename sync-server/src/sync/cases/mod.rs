//! Cases: what a person must look at. Opened where something does not fit, closed by a person who is named, or, where
//! it became moot, with a line that says why: never silently. Stations of the event see them by the change feed.

mod resolve;
mod retry;

pub(super) use resolve::refuse;
pub use resolve::{By, Resolved, resolve};
pub(super) use retry::again;

use super::{
    changes::{Subject, note},
    store::{cases as store, incarnation},
};
use crate::{app::Tx, http::Failure};
use serde_json::Value;
use std::collections::HashMap;
use willcall_domain::{
    id::{CaseId, DeviceId, EventId},
    sync::{CaseKind, Resolution},
};

/// What a case is about.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCase {
    /// The station it is about.
    pub device: DeviceId,
    /// The event whose stations see it; without one only its own station does.
    pub event: Option<EventId>,
    pub kind: CaseKind,
    /// What to show: numbers, ids, order codes; nobody's name.
    pub detail: Value,
}

/// Why a case closed by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Moot {
    /// What it waited for came, and what waited was applied.
    Applied,
    /// The missing entries came.
    Filled,
    /// The whole entry came after the damaged one.
    CameWhole,
    /// The station reported.
    Heard,
    /// The station has everything again.
    Complete,
    /// The clock is right again.
    ClockRight,
    /// Every machine has confirmed.
    Confirmed,
    /// The units arrived.
    Arrived,
    /// What came since shows that nobody entered once too often.
    NoDouble,
}

impl Moot {
    /// Every reason, for screens and tests.
    pub const ALL: [Self; 9] = [
        Self::Applied,
        Self::Filled,
        Self::CameWhole,
        Self::Heard,
        Self::Complete,
        Self::ClockRight,
        Self::Confirmed,
        Self::Arrived,
        Self::NoDouble,
    ];

    /// The word that is stored.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Filled => "filled",
            Self::CameWhole => "came_whole",
            Self::Heard => "heard",
            Self::Complete => "complete",
            Self::ClockRight => "clock_right",
            Self::Confirmed => "confirmed",
            Self::Arrived => "arrived",
            Self::NoDouble => "no_double",
        }
    }
}

/// Opens a case of its own.
///
/// # Errors
/// When the database is away.
pub async fn open(tx: &mut Tx, case: &NewCase) -> Result<CaseId, Failure> {
    let case_id = CaseId::born(tx.now(), tx.entropy());
    insert(tx, case_id, None, case).await?;
    Ok(case_id)
}

/// The one open case of this kind about this: opened, or the one there is. `about` names what there is one of, such as
/// `7` for a device or `7/2` for its second incarnation. Answers whether it is new.
///
/// # Errors
/// When the database is away.
pub async fn open_once(tx: &mut Tx, about: &str, case: &NewCase) -> Result<(CaseId, bool), Failure> {
    loop {
        if let Some(found) = store::open_about(tx, &case.kind.word(), about).await? {
            return Ok((found.case_id, false));
        }
        let case_id = CaseId::born(tx.now(), tx.entropy());
        // Not taken: another transaction has just opened it, and it is found now.
        if insert(tx, case_id, Some(about), case).await? {
            return Ok((case_id, true));
        }
    }
}

async fn insert(tx: &mut Tx, case_id: CaseId, about: Option<&str>, case: &NewCase) -> Result<bool, Failure> {
    let kind = case.kind.word();
    let opening =
        store::Opening { case_id, device: case.device, event: case.event, kind: &kind, about, detail: &case.detail };
    if !store::insert(tx, &opening).await? {
        return Ok(false);
    }
    note(tx, Subject::Case(case_id, case.event)).await?;
    tracing::warn!(device = case.device.0, case = %case_id, kind, "case opened");
    Ok(true)
}

/// A case about something, open or closed.
#[derive(Debug, Clone)]
pub struct Standing {
    pub case_id: CaseId,
    pub about: String,
    pub open: bool,
    pub detail: Value,
}

/// The cases of a kind about any of these, by what they are about.
///
/// # Errors
/// When the database is away.
pub async fn standing(
    tx: &mut Tx,
    kind: CaseKind,
    about: &[String],
) -> Result<HashMap<String, Vec<Standing>>, Failure> {
    let mut found: HashMap<String, Vec<Standing>> = HashMap::new();
    for case in store::about(tx, &kind.word(), about).await? {
        found.entry(case.about.clone()).or_default().push(case);
    }
    Ok(found)
}

/// Changes what an open case shows.
///
/// # Errors
/// When the database is away.
pub async fn refresh(tx: &mut Tx, case: CaseId, event: Option<EventId>, detail: &Value) -> Result<(), Failure> {
    store::set_detail(tx, case, detail).await?;
    note(tx, Subject::Case(case, event)).await
}

/// Closes the open case of this kind about this, because it became moot; `None` when there is none.
///
/// # Errors
/// When the database is away.
pub async fn close_by_itself(tx: &mut Tx, kind: CaseKind, about: &str, why: Moot) -> Result<Option<CaseId>, Failure> {
    let Some(case) = store::open_about(tx, &kind.word(), about).await? else { return Ok(None) };
    end_by_itself(tx, &case, why).await?;
    Ok(Some(case.case_id))
}

async fn end_by_itself(tx: &mut Tx, case: &store::Case, why: Moot) -> Result<(), Failure> {
    store::close(tx, case.case_id, store::Ending { note: why.word(), ..store::Ending::default() }).await?;
    after_close(tx, case).await?;
    tracing::info!(case = %case.case_id, kind = case.kind, why = why.word(), "case closed by itself");
    Ok(())
}

/// Closes a case that waits with nothing any more, once its last entry was applied.
pub(super) async fn close_if_done(tx: &mut Tx, id: CaseId, why: Moot) -> Result<bool, Failure> {
    if store::entries_waiting(tx, id).await? > 0 {
        return Ok(false);
    }
    match store::lock(tx, id).await?.filter(|case| case.closed_at.is_none()) {
        Some(case) => end_by_itself(tx, &case, why).await.map(|()| true),
        None => Ok(false),
    }
}

/// The open case of this kind about this.
pub(super) async fn open_about(tx: &mut Tx, kind: CaseKind, about: &str) -> Result<Option<CaseId>, Failure> {
    Ok(store::open_about(tx, &kind.word(), about).await?.map(|case| case.case_id))
}

/// Closes the cases of holes that are filled: nothing is missing up to `run`.
pub(super) async fn close_filled(tx: &mut Tx, device: DeviceId, incarnation: u32, run: u64) -> Result<(), Failure> {
    for case in store::open_of_device(tx, device, &[CaseKind::Gap.word()]).await? {
        let number = |name: &str| case.detail.get(name).and_then(Value::as_u64);
        if number("incarnation") == Some(u64::from(incarnation)) && number("until").is_some_and(|until| until <= run) {
            end_by_itself(tx, &case, Moot::Filled).await?;
        }
    }
    Ok(())
}

/// Has stations hear of a case again: somebody closed it that was closed before.
pub(super) async fn tell_again(tx: &mut Tx, id: CaseId) -> Result<(), Failure> {
    match store::lock(tx, id).await? {
        Some(case) => note(tx, Subject::Case(id, case.event)).await,
        None => Ok(()),
    }
}

/// Closes the open cases of these kinds about a device, as a person decided elsewhere: a write-off.
///
/// # Errors
/// When the database is away.
pub async fn close_of_device(
    tx: &mut Tx,
    device: DeviceId,
    kinds: &[CaseKind],
    resolution: Resolution,
    by: &By<'_>,
) -> Result<u32, Failure> {
    let words: Vec<String> = kinds.iter().map(|kind| kind.word()).collect();
    let mut closed = 0;
    for case in store::open_of_device(tx, device, &words).await? {
        store::close(tx, case.case_id, by.ending(resolution, "")).await?;
        after_close(tx, &case).await?;
        closed += 1;
    }
    Ok(closed)
}

/// Closes the open case of this kind about this, as a person decided elsewhere.
///
/// # Errors
/// When the database is away.
pub async fn close_about(
    tx: &mut Tx,
    (kind, about): (CaseKind, &str),
    resolution: Resolution,
    by: &By<'_>,
) -> Result<(), Failure> {
    let Some(case) = store::open_about(tx, &kind.word(), about).await? else { return Ok(()) };
    store::close(tx, case.case_id, by.ending(resolution, "")).await?;
    after_close(tx, &case).await
}

/// What follows from the end of a case, whoever ended it.
async fn after_close(tx: &mut Tx, case: &store::Case) -> Result<(), Failure> {
    let doubts = [CaseKind::Fork, CaseKind::SuspectStation].map(CaseKind::word);
    if doubts.contains(&case.kind) && store::open_of_device(tx, case.device, &doubts).await?.is_empty() {
        incarnation::lift_suspension(tx, case.device).await?;
        note(tx, Subject::Device(case.device)).await?;
    }
    note(tx, Subject::Case(case.case_id, case.event)).await
}
