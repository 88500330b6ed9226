//! Becoming the holder of a right: by asking the server for it, or because the server grants it unasked.

use super::{list, store};
use crate::{
    change_feed::Topic,
    copies,
    error::Fault,
    journal::{self, Pen},
    station::Station,
    sync::Refusal,
};
use rusqlite::Transaction;
use willcall_domain::{
    catalog::voucher::fold_code,
    leases::{
        HeldRight, RightBody, RightGrant, RightKind, RightRequest, check_right,
        right_view::{RightView, TakeRightRequest},
    },
    problem::{Code, Problem},
    sync::Fact,
};

/// Takes a right that is not here yet, and answers it.
///
/// # Errors
/// `needs-link` where it is not here and the server cannot be reached; what the server says where it does not give it.
pub async fn take_right(station: &Station, request: TakeRightRequest) -> Result<RightView, Problem> {
    let held = ensure(station, &request.code, request.what).await?;
    Ok(station.db().read(move |tx| list::view(tx, &held)).await?)
}

/// The right to a voucher or an order of this code: the one that is here, else one the server gives now.
///
/// # Errors
/// As [`take_right`].
pub async fn ensure(station: &Station, code: &str, what: Option<RightKind>) -> Result<HeldRight, Problem> {
    let identity = station.enrolled()?;
    if !identity.role.sells() {
        return Err(Problem::new(Code::Forbidden, "This station is a door; it does not sell."));
    }
    copies::standing::must_not_doubt(station).await?;
    let code = fold_code(code);
    if code.is_empty() {
        return Err(Problem::field("code", "The code of a voucher or a web order."));
    }
    let (device, incarnation, wanted) = (identity.device_id, identity.incarnation, code.clone());
    let look = move |tx: &Transaction<'_>| find(&store::held(tx, device, incarnation)?, &wanted, what);
    if let Some(held) = station.db().read(look).await? {
        return Ok(held);
    }
    let new = station.new_request_id();
    let (asked, word) = (code.clone(), store::what_word(what));
    let request_id = station.db().write(move |tx| store::request(tx, &asked, word, new)).await?;
    let request = RightRequest { request_id, code: code.clone(), of: what };
    let answer = station.transport().right(&station.server(&identity)?, &request).await;
    match answer {
        Ok(grant) => {
            let right = accept(station, grant).await?;
            let look = move |tx: &Transaction<'_>| {
                Ok(store::held(tx, device, incarnation)?.into_iter().find(|held| held.right_id == right))
            };
            // It was given back before its answer was heard again.
            let gone = || Problem::new(Code::Conflict, format!("{code} was used or given back here. Ask again."));
            station.db().read(look).await?.ok_or_else(gone)
        }
        Err(Refusal::Problem { problem, .. }) if problem.code.status() < 429 && problem.code != Code::Revoked => {
            station.db().write(move |tx| store::answered(tx, request_id)).await?;
            Err(*problem)
        }
        Err(Refusal::Here(fault)) => Err(fault.into()),
        Err(refusal) => {
            if refusal.is_revoked() {
                station.note_revoked().await?;
                return Err(refusal.into());
            }
            let asked = code.clone();
            let known = station.db().read(move |tx| store::voucher_word(tx, &asked)).await?;
            Err(needs_link(&code, known))
        }
    }
}

/// Why it cannot be decided here; what the server last said of the voucher goes along.
fn needs_link(code: &str, known: Option<(bool, bool)>) -> Problem {
    let known = match known {
        Some((true, _)) => " It was spent, as far as is known here.",
        Some((false, false)) => " It was switched off, as far as is known here.",
        Some((false, true)) | None => "",
    };
    let detail = format!(
        "{code} is not this till's to use, and the server cannot be reached: this needs a link.{known} Nothing was done."
    );
    Problem::new(Code::NeedsLink, detail)
}

fn find(held: &[HeldRight], code: &str, what: Option<RightKind>) -> Result<Option<HeldRight>, Fault> {
    let named = |right: &&HeldRight| right.code == code && what.is_none_or(|what| what == right.subject.kind());
    let mut found: Vec<&HeldRight> = held.iter().filter(named).collect();
    // Orders first, as the server looks; the newest of several.
    found.sort_by_key(|right| right.subject.kind() == RightKind::Order);
    Ok(found.pop().cloned())
}

/// Takes a grant in, and answers which right it is of. The same grant again changes nothing.
///
/// # Errors
/// When the grant is not this server's for this station, or it could not be recorded.
pub async fn accept(station: &Station, grant: RightGrant) -> Result<willcall_domain::id::RightId, Problem> {
    let identity = station.enrolled()?;
    let body = check_right(&grant, &identity.server_key, identity.device_id)
        .map_err(|error| Problem::new(Code::Protocol, format!("A right was refused: {error}.")))?;
    let pen = station.pen(&identity, station.reading().at)?;
    let (right, kind) = (body.right_id, body.subject.kind());
    let news = station.db().write(move |tx| take_in(tx, &pen, &body, grant)).await?;
    if news {
        tracing::info!(%right, ?kind, "took a right");
        station.feed().announce_fact(&[Topic::Till, Topic::Status]);
    }
    Ok(right)
}

fn take_in(tx: &Transaction<'_>, pen: &Pen, body: &RightBody, grant: RightGrant) -> Result<bool, Fault> {
    store::answered(tx, body.request_id)?;
    if store::known(tx, body.right_id)? {
        return Ok(false);
    }
    let fact = Fact::RightTaken {
        right_id: body.right_id,
        event_id: body.event_id,
        subject: body.subject,
        grant: grant.body,
        grant_signature: grant.signature,
    };
    journal::append(tx, pen, &fact, None, Vec::new())?;
    Ok(true)
}
