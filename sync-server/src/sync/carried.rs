//! `POST /api/station/v1/journal/carried`: a journal in a file, brought by whichever station has a link: a till's whose
//! line is dead, or the mirror of one that is. Who carries it can read nothing of it; here it is opened, and taken in as
//! if its station had brought it.

use super::{
    intake::{self, Checked, Claim},
    push::{PAGE_MAX, take_all},
};
use crate::{
    app::App,
    http::{Failure, caller::Carrier},
};
use axum::{Json, body::Bytes, extract::State};
use std::collections::BTreeMap;
use willcall_domain::{
    problem::{Code, Problem},
    sync::{
        Outcome,
        mirror::{self, CarriedAnswer, CarriedJournal, MirrorError},
        sealing::SealingSecret,
    },
};

/// Takes a file, or the beginning of one and some of its records.
///
/// # Errors
/// When it is no journal, one only its station can read, or of another server or organizer; when it is too long, when the
/// carrier was switched off, or when the database is away.
pub async fn carried(carrier: Carrier, State(app): State<App>, file: Bytes) -> Result<Json<CarriedAnswer>, Failure> {
    let secret = app.secrets.sealing(carrier.caller.organizer);
    let opened = tokio::task::spawn_blocking(move || open(&file, &secret)).await.map_err(Failure::internal)?;
    let (groups, unreadable) = opened.map_err(|error| Problem::new(Code::Invalid, words(error)))?;
    if groups.values().map(Vec::len).sum::<usize>() > PAGE_MAX {
        return Err(Problem::new(Code::TooLarge, format!("At most {PAGE_MAX} entries at once.")).into());
    }
    let taken = take_all(&app, &carrier, groups).await?;
    let journals: Vec<CarriedJournal> =
        taken.into_iter().map(|(claim, taken, _)| summary(claim, &taken.outcomes)).collect();
    let of = |count: fn(&CarriedJournal) -> u64| journals.iter().map(count).sum::<u64>();
    tracing::info!(
        carrier = carrier.caller.device.0,
        journals = journals.len(),
        applied = of(|j| j.applied),
        with_case = of(|j| j.with_case),
        parked = of(|j| j.parked),
        unreadable,
        "a journal was carried here"
    );
    Ok(Json(CarriedAnswer { journals, unreadable }))
}

/// Opens what can be opened; what cannot is counted.
fn open(file: &[u8], secret: &SealingSecret) -> Result<(BTreeMap<Claim, Vec<Checked>>, u64), MirrorError> {
    let parts = mirror::split(file)?;
    let key = parts.open_key(secret)?;
    let mut groups: BTreeMap<Claim, Vec<Checked>> = BTreeMap::new();
    let mut unreadable = 0;
    for record in &parts.records {
        match key.open(record).and_then(|text| intake::read_one(&text)) {
            Some((claim, one)) => groups.entry(claim).or_default().push(one),
            None => unreadable += 1,
        }
    }
    Ok((groups, unreadable))
}

fn words(error: MirrorError) -> String {
    let reason = error.to_string();
    let mut letters = reason.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

fn summary(claim: Claim, outcomes: &[(u64, Outcome)]) -> CarriedJournal {
    let count = |which: fn(&Outcome) -> bool| outcomes.iter().filter(|(_, o)| which(o)).count() as u64;
    CarriedJournal {
        station: claim.station,
        incarnation: claim.incarnation,
        applied: count(|o| matches!(o, Outcome::Applied)),
        with_case: count(|o| matches!(o, Outcome::AppliedWithCase { .. })),
        parked: count(|o| matches!(o, Outcome::Parked { .. })),
    }
}
