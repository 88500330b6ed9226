//! Signing in by PIN and out again, and what may be done by whom. A PIN is hashed by a function that is slow on purpose,
//! beside the threads that serve; wrong ones are counted before they are looked at.

use super::store;
use crate::{
    change_feed::Topic,
    devices::Identity,
    error::Fault,
    journal::{self, Pen},
    station::Station,
};
use argon2::{
    Argon2,
    password_hash::{PasswordVerifier, phc::PasswordHash},
};
use rusqlite::Transaction;
use std::future::Future;
use willcall_domain::{
    access::{
        OperatorRow,
        operator::wait_ms,
        view::{OperatorView, PeopleView, SignInRequest},
    },
    devices::Right,
    id::OperatorId,
    problem::{Code, Problem},
    sync::{Fact, fact::LeftBecause},
};

const WRONG: &str = "That is not this person's PIN.";
const LOCKED: &str = "Somebody must sign in before anything is done here.";

/// Who may sign in, who is, and what may be done now; empty before enrolment.
///
/// # Errors
/// When the database cannot be read.
pub async fn people(station: &Station) -> Result<PeopleView, Problem> {
    let Some(identity) = station.identity() else { return Ok(PeopleView::default()) };
    out_when_idle(station, &identity).await?;
    let operators = station.db().read(store::operators).await?;
    let signed_in = who(station);
    let view = |row: &OperatorRow| {
        let may = |right: &Right| identity.rights.contains(right) && identity.setup.guarded.contains(right);
        let mut rights: Vec<Right> = row.rights.iter().copied().filter(may).collect();
        if row.rights.contains(&Right::Supervise) && !rights.contains(&Right::Supervise) {
            rights.push(Right::Supervise);
        }
        OperatorView { operator_id: row.operator_id, name: row.name.clone(), rights }
    };
    let supervised = signed_in.as_ref().is_some_and(|row| row.rights.contains(&Right::Supervise));
    Ok(PeopleView {
        operators: operators.iter().map(view).collect(),
        locked: identity.setup.locked && signed_in.is_none(),
        kiosk: identity.setup.kiosk && !supervised,
        hide_names: identity.setup.hide_names,
        rights: in_force(station, &identity),
        guarded: identity.setup.guarded.iter().copied().filter(|right| identity.rights.contains(right)).collect(),
        signed_in: signed_in.as_ref().map(view),
    })
}

/// Signs somebody in; whoever was signed in is not any more.
///
/// # Errors
/// When there is no such person here, the PIN is wrong, or too many wrong ones were typed just now.
pub async fn sign_in(station: &Station, request: SignInRequest) -> Result<PeopleView, Problem> {
    let identity = station.enrolled()?;
    let operator = recognise(station, request).await?;
    change(station, &identity, Some(operator), LeftBecause::Other).await?;
    people(station).await
}

/// Signs out whoever is signed in; nobody is fine.
///
/// # Errors
/// When the disk does not take it.
pub async fn sign_out(station: &Station) -> Result<PeopleView, Problem> {
    let identity = station.enrolled()?;
    change(station, &identity, None, LeftBecause::Left).await?;
    people(station).await
}

/// Does one thing in the name of somebody who says so by PIN; then whoever was signed in is again.
///
/// # Errors
/// As [`sign_in`], or as the deed.
pub async fn for_one_act<T>(
    station: &Station,
    approval: Option<SignInRequest>,
    act: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let Some(approval) = approval else { return act.await };
    let identity = station.enrolled()?;
    let approves = recognise(station, approval).await?;
    let before = who(station);
    change(station, &identity, Some(approves), LeftBecause::Other).await?;
    let done = act.await;
    change(station, &identity, before, LeftBecause::Left).await?;
    done
}

/// What may be done here now.
#[must_use]
pub fn in_force(station: &Station, identity: &Identity) -> Vec<Right> {
    let operator = who(station);
    identity.setup.in_force(&identity.rights, operator.as_ref().map(|row| row.rights.as_slice()))
}

/// Refuses while somebody must sign in first; else whoever is signed in did something.
///
/// # Errors
/// `locked`, with a sentence.
pub fn awake(station: &Station, identity: &Identity) -> Result<(), Problem> {
    if identity.setup.locked && who(station).is_none() {
        return Err(Problem::new(Code::Locked, LOCKED));
    }
    station.signed_in().did(station.host().clock.monotonic_ms());
    Ok(())
}

/// Whoever may not sign in any more is out.
pub(crate) async fn follow(station: &Station, identity: &Identity) -> Result<(), Fault> {
    let known = station.db().read(store::operators).await?;
    if let Some(gone) = station.signed_in().follow(&known) {
        left(station, identity, gone, LeftBecause::Left).await?;
    }
    Ok(())
}

fn who(station: &Station) -> Option<OperatorRow> {
    station.signed_in().who(station.host().clock.monotonic_ms())
}

async fn out_when_idle(station: &Station, identity: &Identity) -> Result<(), Fault> {
    match station.signed_in().take_idle(station.host().clock.monotonic_ms()) {
        Some(idle) => left(station, identity, idle, LeftBecause::Idle).await,
        None => Ok(()),
    }
}

/// The person, when the PIN is theirs.
async fn recognise(station: &Station, request: SignInRequest) -> Result<OperatorRow, Problem> {
    let (id, now) = (request.operator_id, station.host().clock.now());
    let found = move |tx: &Transaction<'_>| {
        let found = store::operator(tx, id)?.filter(|(row, ..)| row.active && !row.pin.is_empty());
        let Some((row, wrong, last)) = found else {
            return Err(Fault::refused(Code::NotFound, "There is nobody of that name here any more."));
        };
        let waited = u64::try_from(now.0.saturating_sub(last.0)).unwrap_or(0);
        let left = wait_ms(wrong).saturating_sub(waited).div_ceil(1000);
        if left > 0 {
            let detail = format!("Too many wrong PINs. The next one is looked at in {left} s.");
            return Err(Fault::refused(Code::TooManyRequests, detail));
        }
        Ok(row)
    };
    let operator = station.db().read(found).await?;
    // On a full disk somebody must be able to sign in all the same.
    or_logged(station.db().write_small(move |tx| store::count_wrong(tx, id, now)).await)?;
    let (hashed, pin) = (operator.pin.clone(), request.pin);
    let is_right = move || {
        let known = PasswordHash::new(&hashed);
        known.is_ok_and(|known| Argon2::default().verify_password(pin.as_bytes(), &known).is_ok())
    };
    let right = tokio::task::spawn_blocking(is_right).await.map_err(|error| {
        tracing::error!(%error, "a PIN could not be looked at");
        Problem::new(Code::Internal, "That failed. Nobody was signed in.")
    })?;
    if !right {
        tracing::warn!(operator = id.0, "a wrong PIN");
        return Err(Problem::field("pin", WRONG));
    }
    or_logged(station.db().write_small(move |tx| store::forget_wrong(tx, id)).await)?;
    Ok(operator)
}

/// Writes who went and who came, and lets them be it.
async fn change(
    station: &Station,
    identity: &Identity,
    next: Option<OperatorRow>,
    why: LeftBecause,
) -> Result<(), Problem> {
    out_when_idle(station, identity).await?;
    let (before, after) = (who(station).map(|row| row.operator_id), next.as_ref().map(|row| row.operator_id));
    if before != after {
        let pen = station.pen(identity, station.reading().at)?;
        let write = move |tx: &Transaction<'_>| {
            if let Some(operator_id) = before {
                append(tx, &pen, &Fact::OperatorOut { operator_id, why })?;
            }
            after.map_or(Ok(()), |operator_id| append(tx, &pen, &Fact::OperatorIn { operator_id }))
        };
        or_logged(station.db().write_small(write).await)?;
    }
    station.signed_in().replace(next, station.host().clock.monotonic_ms());
    station.feed().announce_fact(&[Topic::Status, Topic::Door]);
    Ok(())
}

async fn left(station: &Station, identity: &Identity, who: OperatorId, why: LeftBecause) -> Result<(), Fault> {
    let pen = station.pen(identity, station.reading().at)?;
    let write = move |tx: &Transaction<'_>| append(tx, &pen, &Fact::OperatorOut { operator_id: who, why });
    or_logged(station.db().write_small(write).await)?;
    station.feed().announce_fact(&[Topic::Status, Topic::Door]);
    Ok(())
}

/// A disk that takes nothing keeps nobody from the door.
fn or_logged(done: Result<(), Fault>) -> Result<(), Fault> {
    match done {
        Err(refused) if refused.is_refused_by_disk() => {
            tracing::error!(cause = %refused, "who signs in or out could not be recorded");
            Ok(())
        }
        done => done,
    }
}

fn append(tx: &Transaction<'_>, pen: &Pen, fact: &Fact) -> Result<(), Fault> {
    journal::append(tx, pen, fact, None, Vec::new()).map(drop)
}
