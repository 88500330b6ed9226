//! `POST /api/station/v1/journal`: takes a page of entries, of whichever station and by whoever carries it. Each is
//! checked, kept as it came, and applied by itself.

use super::{
    intake::{self, Taken},
    store::incarnation,
};
use crate::{
    app::App,
    http::{Failure, caller::Carrier},
};
use axum::{Json, body::Bytes, extract::State};
use std::collections::BTreeMap;
use willcall_domain::{
    problem::{Code, Problem},
    sync::PushAnswer,
};

/// Most entries of one page.
const PAGE_MAX: usize = 1_000;

/// Takes a page of a journal.
///
/// # Errors
/// When the page cannot be read or is too long, when a device that was switched off brings another's, or when the
/// database is away.
pub async fn push(carrier: Carrier, State(app): State<App>, page: Bytes) -> Result<Json<PushAnswer>, Failure> {
    let groups = tokio::task::spawn_blocking(move || intake::read(&page)).await.map_err(Failure::internal)?;
    let groups = groups.map_err(|e| Problem::new(Code::Invalid, format!("This is no page of a journal: {e}.")))?;
    if groups.values().map(Vec::len).sum::<usize>() > PAGE_MAX {
        return Err(Problem::new(Code::TooLarge, format!("At most {PAGE_MAX} entries at once.")).into());
    }
    let me = carrier.caller.device;
    if carrier.revoked && groups.keys().any(|claim| claim.station != me) {
        return Err(Problem::new(Code::Revoked, "It may bring its own journal, and nobody else's.").into());
    }
    // Signatures take longer than all else and need nothing of the database but the keys.
    let mut tx = app.begin(carrier.caller.organizer).await?;
    let mut keys = BTreeMap::new();
    for claim in groups.keys() {
        keys.insert(*claim, incarnation::keys(&mut tx, claim.station).await?);
    }
    tx.rollback().await?;
    let mut checked = Vec::with_capacity(groups.len());
    for (claim, entries) in groups {
        let keys = keys.remove(&claim).flatten();
        checked.push((claim, intake::check_all(entries, keys).await?));
    }
    let mut tx = app.begin(carrier.caller.organizer).await?;
    let mut answer = PushAnswer { outcomes: Vec::new(), acked: 0, safe: 0 };
    let most = checked.iter().max_by_key(|(_, all)| all.len()).map(|(claim, _)| *claim);
    // Ascending by station, so that two carriers never wait for each other.
    for (claim, all) in checked {
        let Taken { outcomes, run } = intake::take(&app, &mut tx, me, claim, all).await?;
        answer.outcomes.extend(outcomes);
        if claim.station == me && run > 0 {
            incarnation::note_acked(&mut tx, me, claim.incarnation, run).await?;
        }
        if most == Some(claim) {
            answer.acked = run;
            answer.safe = incarnation::safe(&mut tx, claim.station, claim.incarnation).await?;
        }
    }
    tx.commit().await?;
    answer.outcomes.sort_by_key(|(seq, _)| *seq);
    Ok(Json(answer))
}
