//! What waits is applied again, because what it missed may be there now; and with it all that waited for it.

use super::{Moot, close_if_done};
use crate::{
    app::{App, Tx},
    http::Failure,
    sync::{
        apply, intake,
        store::{
            aside,
            journal::{self, Waiting, Which},
        },
    },
};
use std::collections::BTreeSet;
use willcall_domain::{id::CaseId, sync::Outcome};

/// Applies all that waits with a case again; answers the kinds of cases that say why something still cannot be applied.
pub(super) async fn case(app: &App, tx: &mut Tx, id: CaseId) -> Result<Vec<String>, Failure> {
    let mut still: BTreeSet<String> = BTreeSet::new();
    let entries = journal::waiting(tx, Which::OfCase(id)).await?;
    still.extend(again(app, tx, entries).await?);
    for (carrier, raw) in aside::of_case(tx, id).await? {
        if let Err(why) = intake::take_aside(app, tx, carrier, &raw).await? {
            still.insert(why);
        } else {
            aside::settle(tx, &raw).await?;
        }
    }
    Ok(still.into_iter().collect())
}

/// Applies these again, and what waited for the orders they are about. Whatever case has nothing waiting after is closed
/// with a line; the case a person tries again is closed by whoever called. Answers why some could not be applied.
pub(in crate::sync) async fn again(app: &App, tx: &mut Tx, entries: Vec<Waiting>) -> Result<Vec<String>, Failure> {
    let asked: BTreeSet<CaseId> = entries.iter().map(|w| w.case_id).collect();
    let mut queue: std::collections::VecDeque<Waiting> = entries.into();
    let mut seen = BTreeSet::new();
    let mut still = Vec::new();
    let mut touched = BTreeSet::new();
    while let Some(Waiting { entry, case_id }) = queue.pop_front() {
        if !seen.insert((entry.station, entry.incarnation, entry.seq, entry.hash.clone())) {
            continue;
        }
        // Boxed, as applying a fact may close a case and so come here again.
        let tried = Box::pin(apply::again(app, tx, &entry)).await?;
        match tried {
            Ok(outcome) => {
                // It waits with no case any more, but may be shown with one of its own.
                let outcome = if outcome == Outcome::Applied { Outcome::AppliedWithCase { case_id } } else { outcome };
                journal::set_outcome(tx, &entry, outcome).await?;
                touched.insert(case_id);
                if let Some(order) = entry.fact().and_then(|fact| fact.order()) {
                    queue.extend(journal::waiting(tx, Which::ForOrder(entry.station, order)).await?);
                }
            }
            Err(why) => still.push(why),
        }
    }
    for case in touched.difference(&asked) {
        close_if_done(tx, *case, Moot::Applied).await?;
    }
    Ok(still)
}
