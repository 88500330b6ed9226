//! `POST /api/station/v1/journal`: takes a page of entries, of whichever station and by whoever carries it. Each is
//! checked, kept as it came, and applied by itself.

use super::{
    intake::{self, Checked, Claim, Taken},
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

/// Most entries that are taken in at once.
pub(super) const PAGE_MAX: usize = 1_000;

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
    let most = groups.iter().max_by_key(|(_, all)| all.len()).map(|(claim, _)| *claim);
    let mut answer = PushAnswer { outcomes: Vec::new(), acked: 0, safe: 0, history: Some(app.history) };
    for (claim, Taken { outcomes, run }, safe) in take_all(&app, &carrier, groups).await? {
        answer.outcomes.extend(outcomes);
        if most == Some(claim) {
            (answer.acked, answer.safe) = (run, safe);
        }
    }
    answer.outcomes.sort_by_key(|(seq, _)| *seq);
    Ok(Json(answer))
}

/// Takes entries in, of whichever stations: what became of each incarnation's, and up to where it is in a backup.
pub(super) async fn take_all(
    app: &App,
    carrier: &Carrier,
    groups: BTreeMap<Claim, Vec<Checked>>,
) -> Result<Vec<(Claim, Taken, u64)>, Failure> {
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
    let mut all = Vec::with_capacity(checked.len());
    // Ascending by station, so that two carriers never wait for each other.
    for (claim, entries) in checked {
        let taken = intake::take(app, &mut tx, me, claim, entries).await?;
        if claim.station == me && taken.run > 0 {
            incarnation::note_acked(&mut tx, me, claim.incarnation, taken.run).await?;
        }
        let safe = incarnation::safe(&mut tx, claim.station, claim.incarnation).await?;
        all.push((claim, taken, safe));
    }
    tx.commit().await?;
    Ok(all)
}
