//! What must be true of the data of every tenant, however the server was stopped and whatever stations sent. Looked at on
//! live data, each tenant in one instant.

use super::{Report, store};
use crate::{app::App, http::Failure};

/// How many wrong ones of each kind are named.
const NAMED: usize = 5;

/// Looks at every tenant.
pub(super) async fn look(report: &mut Report, app: &App) {
    let mut wrong: Vec<Vec<String>> = vec![Vec::new(); store::INVARIANTS.len()];
    match look_at_all(app, &mut wrong).await {
        Ok(()) => {}
        Err(failure) => return report.add("invariants", false, format!("they cannot be examined: {failure}")),
    }
    for (invariant, mut found) in store::INVARIANTS.iter().zip(wrong) {
        let more = found.len().saturating_sub(NAMED);
        found.truncate(NAMED);
        if more > 0 {
            found.push(format!("and {more} more"));
        }
        report.none(invariant.check, invariant.good, invariant.wrong, &found);
    }
}

async fn look_at_all(app: &App, wrong: &mut [Vec<String>]) -> Result<(), Failure> {
    for organizer in app.organizers().await? {
        let mut tx = app.begin_snapshot(organizer.organizer_id).await?;
        for (invariant, found) in store::INVARIANTS.iter().zip(wrong.iter_mut()) {
            found.extend(store::violations(&mut tx, invariant).await?);
        }
        tx.rollback().await?;
    }
    Ok(())
}
