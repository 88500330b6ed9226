//! Units another till hands over: looked into, taken in, or declined for good. All of a file or nothing of it, each
//! hand-over once, and the giver's signed entry inside this station's own, so that this one alone proves the move.

use super::{
    file, list,
    store::{self, Way},
};
use crate::{
    catalog,
    change_feed::Topic,
    copies,
    devices::Identity,
    error::Fault,
    journal::{self, Pen},
    station::Station,
};
use rusqlite::Transaction;
use std::{path::PathBuf, sync::Arc};
use willcall_domain::{
    id::DeviceId,
    leases::{
        passing::{HandOverFile, NotPassed, Passed, check_codes, check_proof},
        view::{HandOverOffer, LeasesView, OfferStanding, OfferedPart},
    },
    problem::{Code, Problem},
    sync::Fact,
    ticketing::EventKey,
};

/// A file that was read and checked against the keys that are here.
struct Checked {
    file: HandOverFile,
    /// As far as the proofs hold: as many as parts, or fewer.
    passed: Vec<Passed>,
    /// What is wrong with it, whatever is known here.
    wrong: Option<OfferStanding>,
}

/// What a hand-over file holds and what can be done with it. Changes nothing.
///
/// # Errors
/// When the file cannot be read.
pub async fn look_into(station: &Station, path: PathBuf) -> Result<HandOverOffer, Problem> {
    let (identity, checked) = check(station, path).await?;
    Ok(station.db().read(move |tx| offer(tx, &identity, &checked)).await?)
}

/// Takes units in. From then on they are sold here.
///
/// # Errors
/// When they cannot be taken, with the reason; nothing has changed then.
pub async fn take(station: &Station, path: PathBuf) -> Result<LeasesView, Problem> {
    let (identity, checked) = check(station, path).await?;
    if !identity.role.sells() {
        return Err(Problem::new(Code::Forbidden, "This station is a door; it takes no units in."));
    }
    let pen = station.pen(&identity, station.reading().at)?;
    let units = station.db().write(move |tx| take_in(tx, &identity, &pen, &checked)).await?;
    tracing::info!(units, "took units of another till in");
    station.feed().announce_fact(&[Topic::Till, Topic::Status]);
    list::leases(station).await
}

/// Declines units, finally: they are the other till's again as soon as the server has told it.
///
/// # Errors
/// When they cannot be declined, with the reason; nothing has changed then.
pub async fn decline(station: &Station, path: PathBuf) -> Result<LeasesView, Problem> {
    let (identity, checked) = check(station, path).await?;
    let pen = station.pen(&identity, station.reading().at)?;
    station.db().write(move |tx| decline_all(tx, &identity, &pen, &checked)).await?;
    tracing::info!("declined units of another till");
    station.feed().announce_fact(&[Topic::Till, Topic::Status]);
    list::leases(station).await
}

/// Checking signatures of many codes takes a while and is done away from the threads that answer.
async fn check(station: &Station, path: PathBuf) -> Result<(Identity, Checked), Problem> {
    let identity = station.enrolled()?;
    let (who, keys) = (identity.clone(), station.event_keys());
    let work = move || -> Result<Checked, Problem> { Ok(verify(file::read(&path)?, &who, &keys)) };
    let checked = tokio::task::spawn_blocking(work).await;
    let checked = checked.map_err(|_| Problem::new(Code::Internal, "The file could not be checked."))?;
    Ok((identity, checked?))
}

fn verify(file: HandOverFile, who: &Identity, keys: &Arc<Vec<EventKey>>) -> Checked {
    let (mut passed, mut wrong): (Vec<Passed>, Option<OfferStanding>) = (Vec::new(), None);
    for part in &file.parts {
        match check_proof(&part.proof, &who.server_key) {
            Ok(one) if passed.iter().any(|before| before.out.hand_over_id == one.out.hand_over_id) => {
                wrong = Some(OfferStanding::Forged);
            }
            Ok(one) if one.out.to == file.to => {
                if one.out.to == who.device_id
                    && let Err(why) = check_codes(&one.out, &part.codes, keys)
                {
                    wrong = wrong.or(Some(standing_of(why)));
                }
                passed.push(one);
            }
            Ok(_) => wrong = Some(OfferStanding::Forged),
            Err(why) => wrong = Some(standing_of(why)),
        }
    }
    Checked { file, passed, wrong }
}

fn standing_of(why: NotPassed) -> OfferStanding {
    match why {
        NotPassed::Forged => OfferStanding::Forged,
        NotPassed::Certificate => OfferStanding::UnknownTill,
        NotPassed::NotLent => OfferStanding::NotLent,
        NotPassed::Codes => OfferStanding::BadCodes,
        NotPassed::NoKey => OfferStanding::NoKey,
    }
}

/// What can be done with a file, by what is known here now.
fn standing(tx: &Transaction<'_>, who: &Identity, checked: &Checked) -> Result<OfferStanding, Fault> {
    if checked.passed.len() < checked.file.parts.len() {
        return Ok(checked.wrong.unwrap_or(OfferStanding::Forged));
    }
    if checked.passed.iter().any(|one| one.from == who.device_id) {
        return Ok(OfferStanding::Own);
    }
    if checked.file.to != who.device_id {
        return Ok(OfferStanding::OtherTill);
    }
    for one in &checked.passed {
        if let Some(known) = store::of_id(tx, one.out.hand_over_id)?.first() {
            return Ok(match known.way {
                Way::Given => OfferStanding::Own,
                Way::Taken => OfferStanding::Taken,
                Way::Declined => OfferStanding::Declined,
            });
        }
    }
    if copies::standing::doubts(tx, who)?.is_some() {
        return Ok(OfferStanding::InDoubt);
    }
    // An entry that is lost may have taken them in; what was given after this life began cannot have been.
    if copies::standing::has_frozen(tx, who)? {
        let begun = journal::began(tx, who.device_id, who.incarnation)?;
        let fresh = |one: &Passed| begun.as_ref().is_some_and(|begun| one.is_surely_after(begun));
        if !checked.passed.iter().all(fresh) {
            return Ok(OfferStanding::MayBeTaken);
        }
    }
    if let Some(wrong) = checked.wrong {
        return Ok(wrong);
    }
    if checked.passed.iter().any(|one| !who.events.contains(&one.out.event_id)) {
        return Ok(OfferStanding::NotItsEvent);
    }
    Ok(OfferStanding::Takeable)
}

fn offer(tx: &Transaction<'_>, who: &Identity, checked: &Checked) -> Result<HandOverOffer, Fault> {
    let standing = standing(tx, who, checked)?;
    let mut parts = Vec::new();
    for one in &checked.passed {
        parts.push(OfferedPart {
            hand_over_id: one.out.hand_over_id,
            quota_id: one.out.quota_id,
            event_id: one.out.event_id,
            name: catalog::quota(tx, one.out.quota_id)?.map(|q| q.name).unwrap_or_default(),
            event_name: catalog::event(tx, one.out.event_id)?.map(|e| e.name).unwrap_or_default(),
            units: one.out.units.count(),
        });
    }
    let first = checked.passed.first();
    Ok(HandOverOffer {
        from: first.map_or(DeviceId(0), |one| one.from),
        from_name: first.map(|one| one.from_name.clone()).unwrap_or_default(),
        to: checked.file.to,
        parts,
        standing,
    })
}

fn take_in(tx: &Transaction<'_>, who: &Identity, pen: &Pen, checked: &Checked) -> Result<u32, Fault> {
    let standing = standing(tx, who, checked)?;
    if standing != OfferStanding::Takeable {
        return Err(refused(standing));
    }
    let mut units = 0;
    for (one, part) in checked.passed.iter().zip(&checked.file.parts) {
        let out = &one.out;
        let fact = Fact::HandOverTaken {
            hand_over_id: out.hand_over_id,
            quota_id: out.quota_id,
            event_id: out.event_id,
            units: out.units.count(),
            given: part.proof.given.clone(),
        };
        journal::append(tx, pen, &fact, None, Vec::new())?;
        let lease = willcall_domain::id::LeaseId(out.hand_over_id.0);
        store::put_blanks(tx, lease, &out.blanks, &part.codes)?;
        store::put_beside(tx, out.hand_over_id, &one.from_name, &part.proof)?;
        units += out.units.count();
    }
    Ok(units)
}

fn decline_all(tx: &Transaction<'_>, who: &Identity, pen: &Pen, checked: &Checked) -> Result<(), Fault> {
    use OfferStanding::{BadCodes, NoKey, NotItsEvent, Takeable};
    let standing = standing(tx, who, checked)?;
    if !matches!(standing, Takeable | BadCodes | NoKey | NotItsEvent) {
        return Err(refused(standing));
    }
    for (one, part) in checked.passed.iter().zip(&checked.file.parts) {
        let given = part.proof.given.clone();
        let fact = Fact::HandOverDeclined { hand_over_id: one.out.hand_over_id, given };
        journal::append(tx, pen, &fact, None, Vec::new())?;
        store::put_beside(tx, one.out.hand_over_id, &one.from_name, &part.proof)?;
    }
    Ok(())
}

fn refused(standing: OfferStanding) -> Fault {
    let code = match standing {
        OfferStanding::InDoubt => Code::InDoubt,
        OfferStanding::Forged | OfferStanding::BadCodes => Code::Corrupt,
        OfferStanding::UnknownTill | OfferStanding::NotLent | OfferStanding::NotItsEvent => Code::Forbidden,
        OfferStanding::Takeable
        | OfferStanding::Taken
        | OfferStanding::Declined
        | OfferStanding::Own
        | OfferStanding::OtherTill
        | OfferStanding::NoKey
        | OfferStanding::MayBeTaken => Code::Conflict,
    };
    Fault::refused(code, standing.sentence())
}
