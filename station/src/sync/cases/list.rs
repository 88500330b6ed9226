//! The cases of this station's events.

use super::store;
use crate::station::Station;
use rusqlite::Transaction;
use willcall_domain::{
    problem::Problem,
    sync::case_view::{CaseView, CasesView},
};

/// Closed cases that are shown.
const CLOSED_SHOWN: usize = 50;

/// Open cases, the oldest first, and the newest closed ones.
///
/// # Errors
/// When the database cannot be read.
pub async fn cases(station: &Station) -> Result<CasesView, Problem> {
    let read = |tx: &Transaction<'_>| {
        let rows = store::cases(tx)?;
        rows.into_iter().map(|row| Ok(CaseView::of(row.clone(), store::closed_here(tx, row.case_id)?))).collect()
    };
    let all: Vec<CaseView> = station.db().read(read).await?;
    let (mut open, mut closed): (Vec<_>, Vec<_>) = all.into_iter().partition(|case| case.closed_at.is_none());
    open.sort_by_key(|case| (case.opened_at, case.case_id));
    closed.sort_by_key(|case| std::cmp::Reverse((case.closed_at, case.case_id)));
    closed.truncate(CLOSED_SHOWN);
    Ok(CasesView { open, closed })
}
