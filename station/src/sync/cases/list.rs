//! The cases of this station's events.

use super::store;
use crate::{catalog, error::Fault, station::Station};
use rusqlite::Transaction;
use willcall_domain::{
    problem::Problem,
    sync::{
        case_view::{CaseView, CasesView, OfEvent},
        change::CaseRow,
    },
};

/// Closed cases that are shown.
const CLOSED_SHOWN: usize = 50;

/// Open cases, the oldest first, and the newest closed ones.
///
/// # Errors
/// When the database cannot be read.
pub async fn cases(station: &Station) -> Result<CasesView, Problem> {
    let read = |tx: &Transaction<'_>| store::cases(tx)?.into_iter().map(|row| view(tx, row)).collect();
    let all: Vec<CaseView> = station.db().read(read).await?;
    let (mut open, mut closed): (Vec<_>, Vec<_>) = all.into_iter().partition(|case| case.closed_at.is_none());
    open.sort_by_key(|case| (case.opened_at, case.case_id));
    closed.sort_by_key(|case| std::cmp::Reverse((case.closed_at, case.case_id)));
    closed.truncate(CLOSED_SHOWN);
    Ok(CasesView { open, closed })
}

fn view(tx: &Transaction<'_>, row: CaseRow) -> Result<CaseView, Fault> {
    let event = row.event_id.map(|event| catalog::event(tx, event)).transpose()?.flatten();
    let event = event.map(|event| OfEvent { name: event.name, zone: event.zone });
    let (closed_here, tried_at) = match store::done_here(tx, row.case_id)? {
        Some(done) if done.closes() => (Some((done.at, done.how)), None),
        Some(done) => (None, Some(done.at).filter(|_| !done.refused)),
        None => (None, None),
    };
    let view = CaseView::of(row, event, closed_here);
    Ok(CaseView { tried_at: tried_at.filter(|_| view.closed_at.is_none()), ..view })
}
