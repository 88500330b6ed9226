//! `POST /api/station/v1/journal`: takes a page of entries. Each is checked, kept as it came, and applied by itself;
//! a bad one never blocks the next. Sent again, it answers what it answered before.

use super::{apply, store};
use crate::http::problem::Failure;
use crate::{
    app::{App, Tx},
    http::caller::DeviceCaller,
    metrics::EntryOutcome,
};
use axum::{Json, extract::State};
use ed25519_dalek::VerifyingKey;
use serde_json::json;
use willcall_domain::{
    id::CaseId,
    problem::{Code, Problem},
    sync::{Entry, Outcome, PushAnswer, PushRequest, journal::FIRST},
};

/// Most entries of one page.
const PAGE_MAX: usize = 1_000;

/// Takes a page of a station's journal.
///
/// # Errors
/// When an entry is not this station's, not signed by it, or does not follow what the server has (`conflict`, with
/// nothing of the rest stored); when the page is too long; when the database is away.
pub async fn push(
    caller: DeviceCaller,
    State(app): State<App>,
    Json(page): Json<PushRequest>,
) -> Result<Json<PushAnswer>, Failure> {
    if page.entries.len() > PAGE_MAX {
        return Err(Problem::new(Code::TooLarge, format!("At most {PAGE_MAX} entries at once.")).into());
    }
    let key = caller.key;
    let mut tx = app.begin(caller.organizer).await?;
    store::lock_journal(&mut tx, caller.device).await?;
    let mut outcomes = Vec::with_capacity(page.entries.len());
    let mut broken = None;
    for entry in &page.entries {
        match take(&app, &mut tx, &caller, &key, entry).await? {
            Ok(outcome) => outcomes.push((entry.seq, outcome)),
            Err(problem) => {
                broken = Some(problem);
                break;
            }
        }
    }
    let incarnation = page.entries.first().map_or(1, |e| e.incarnation);
    let acked = store::tail(&mut tx, caller.device, incarnation).await?.map_or(0, |t| t.seq);
    store::note_acked(&mut tx, caller.device, incarnation, acked, app.clock.now()).await?;
    tx.commit().await?;
    match broken {
        Some(problem) if outcomes.is_empty() => Err(problem.into()),
        _ => Ok(Json(PushAnswer { outcomes, acked, safe: super::SAFE })),
    }
}

/// One entry: the inner result is a refusal that ends the page, the outer a failure of ours.
async fn take(
    app: &App,
    tx: &mut Tx,
    caller: &DeviceCaller,
    key: &VerifyingKey,
    entry: &Entry,
) -> Result<Result<Outcome, Problem>, Failure> {
    if entry.station != caller.device {
        return Ok(Err(Problem::new(Code::Forbidden, "This entry is another station's.")));
    }
    if let Err(error) = entry.verify(key) {
        tracing::warn!(device = caller.device.0, seq = entry.seq, %error, "journal entry refused");
        return Ok(Err(Problem::new(Code::Invalid, error.to_string())));
    }
    let here = store::stored(tx, caller.device, entry.incarnation, entry.seq).await?;
    if let Some(same) = here.iter().find(|s| hex::encode(s.hash) == entry.hash) {
        return Ok(Ok(same.outcome));
    }
    let now = app.clock.now();
    if !here.is_empty() {
        // One name, two entries: both are kept, and a person must know.
        let case_id = CaseId::born(now, app.entropy.as_ref());
        let case = store::NewCase {
            case_id,
            device: caller.device,
            event: None,
            kind: "fork",
            detail: json!({ "incarnation": entry.incarnation, "seq": entry.seq, "entry": entry.id }),
        };
        store::open_case(tx, case, now).await?;
        let outcome = Outcome::Parked { case_id };
        store::insert_entry(tx, entry, outcome, now).await?;
        return Ok(Ok(outcome));
    }
    let tail = store::tail(tx, caller.device, entry.incarnation).await?;
    let (last_seq, last_hash) = tail.map_or((0, FIRST), |t| (t.seq, t.hash));
    if let Err(error) = entry.follows(last_seq, &last_hash) {
        return Ok(Err(Problem::new(Code::Conflict, format!("{error}; the server has {last_seq}."))));
    }
    let outcome = apply::apply(app, tx, caller, entry).await?;
    store::insert_entry(tx, entry, outcome, now).await?;
    app.metrics.journal_entry(match outcome {
        Outcome::Applied => EntryOutcome::Applied,
        Outcome::AppliedWithCase { .. } => EntryOutcome::AppliedWithCase,
        Outcome::Parked { .. } => EntryOutcome::Parked,
    });
    tracing::info!(device = caller.device.0, seq = entry.seq, kind = %entry.kind, ?outcome, "journal entry");
    Ok(Ok(outcome))
}
