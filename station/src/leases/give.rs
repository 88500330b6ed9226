//! Handing units to another till with no server between: the entry is written first, so that this till can never sell
//! them again by itself; then the file the other till needs.

use super::{
    file::Place,
    list,
    store::{self, KnownHandOver, Way},
};
use crate::{
    catalog,
    change_feed::Topic,
    copies,
    devices::{self, Identity},
    error::Fault,
    journal::{self, Pen},
    station::Station,
};
use rusqlite::Transaction;
use std::path::{Path, PathBuf};
use willcall_domain::{
    devices::{DeviceCertificate, check_certificate},
    id::{HandOverId, LeaseId},
    leases::{
        HandOut,
        holding::{CannotGive, hand_outs},
        passing::{FORMAT, HandOverFile, Origin, Part, Proof},
        view::{GiveRequest, GivenView},
    },
    problem::{Code, Problem},
    sync::{Entry, Fact},
};

/// Hands units over and writes the file they travel in.
///
/// # Errors
/// When this station doubts itself, has not that many units to give, or the file cannot be written; nothing is handed
/// over then, unless the problem says that it is on its way: then the file is to be written again.
pub async fn give(station: &Station, request: GiveRequest, file: PathBuf) -> Result<GivenView, Problem> {
    let identity = station.enrolled()?;
    if !identity.role.sells() {
        return Err(Problem::new(Code::Forbidden, "This station is a door; it has no units to hand over."));
    }
    copies::standing::must_not_doubt(station).await?;
    let place = Place::reserve(&file)?;
    let deal = Deal { pen: station.pen(&identity, station.reading().at)?, identity, request };
    let content = station.db().write(move |tx| deal.close(tx)).await?;
    tracing::info!(units = request.units, to = request.to.0, parts = content.parts.len(), "units handed over");
    station.feed().announce_fact(&[Topic::Till, Topic::Status]);
    written(station, place, &content, &file).await
}

/// Writes the file of units that are on their way once more: the first was lost. It moves nothing twice, for the other
/// till takes each hand-over in once.
///
/// # Errors
/// When one of them is not on its way from here, or the file cannot be written.
pub async fn write_again(station: &Station, ids: Vec<HandOverId>, file: PathBuf) -> Result<GivenView, Problem> {
    let identity = station.enrolled()?;
    let place = Place::reserve(&file)?;
    let content = station.db().read(move |tx| again(tx, &identity, &ids)).await?;
    written(station, place, &content, &file).await
}

async fn written(station: &Station, place: Place, content: &HandOverFile, file: &Path) -> Result<GivenView, Problem> {
    place.write(content).map_err(|error| {
        let detail = format!(
            "The units are on their way, but {} could not be written: {error}. Write the file again, elsewhere if need \
             be; the units are with nobody until the other till has taken them in.",
            file.display()
        );
        Problem::new(Code::NotRecorded, detail)
    })?;
    let read =
        |part: &Part| serde_json::from_str::<Entry>(&part.proof.given).ok()?.fact().as_ref().and_then(HandOut::of);
    let ids: Vec<HandOverId> = content.parts.iter().filter_map(read).map(|out| out.hand_over_id).collect();
    let hand_overs = station.db().read(move |tx| list::hand_over_views(tx, &ids)).await?;
    Ok(GivenView { file: file.display().to_string(), hand_overs })
}

struct Deal {
    pen: Pen,
    identity: Identity,
    request: GiveRequest,
}

impl Deal {
    fn close(&self, tx: &Transaction<'_>) -> Result<HandOverFile, Fault> {
        let (pen, request) = (&self.pen, self.request);
        copies::standing::refuse_doubt(tx, pen.station, pen.incarnation)?;
        let certificate = certificate(tx, &self.identity)?.ok_or_else(|| {
            let detail = "The server has not signed this till's key yet. Give it a link once, then hand over. Nothing was \
                          handed over.";
            Fault::refused(Code::Conflict, detail)
        })?;
        let held = store::held_leases(tx, pen.station, pen.incarnation)?;
        let born = || HandOverId::born(pen.at.wall, &*pen.entropy);
        let outs = hand_outs(&held, request.quota_id, (pen.station, request.to), request.units, born);
        let outs = outs.map_err(|why| self.refused(tx, &why))?;
        let mut parts = Vec::with_capacity(outs.len());
        for out in outs {
            let origin = origin(tx, out.lease_id)?;
            // Before they are marked as gone.
            let codes = store::codes_of_hand_over(tx, &out)?;
            let entry = journal::append(tx, pen, &out.fact(), None, Vec::new())?;
            let given = serde_json::to_string(&entry)?;
            parts.push(Part { proof: Proof { given, certificate: certificate.clone(), origin }, codes });
        }
        Ok(HandOverFile { willcall_hand_over: FORMAT, to: request.to, parts })
    }

    fn refused(&self, tx: &Transaction<'_>, why: &CannotGive) -> Fault {
        let quota = catalog::quota(tx, self.request.quota_id).ok().flatten().map_or_else(String::new, |q| q.name);
        match why {
            CannotGive::Units { wanted, here } => {
                let detail = format!("{wanted} × {quota} wanted, {here} can be handed over. Nothing was handed over.");
                Fault::refused(Code::LeaseSpent, detail)
            }
            CannotGive::Itself => {
                Fault::from(Problem::field("to", "That is this till's own number. Ask the other till for its."))
            }
            CannotGive::Nothing => Fault::from(Problem::field("units", "At least one unit is handed over.")),
            CannotGive::Unconfirmed => Fault::refused(
                Code::Conflict,
                "Some of these units came from another till. Hand them on once this till had a link; they can be sold \
                 meanwhile. Nothing was handed over.",
            ),
        }
    }
}

/// The server's word on this station's keys, where it names the one it signs with now.
pub(super) fn certificate(tx: &Transaction<'_>, who: &Identity) -> Result<Option<DeviceCertificate>, Fault> {
    let Some(kept) = devices::certificate(tx, who.device_id)? else { return Ok(None) };
    let named = check_certificate(&kept, &who.server_key)
        .is_ok_and(|certified| certified.device_id == who.device_id && *certified.keys.newest() == who.public_key);
    Ok(named.then_some(kept))
}

/// What proves that a lease is this station's.
fn origin(tx: &Transaction<'_>, lease: LeaseId) -> Result<Origin, Fault> {
    if let Some(proof) = store::proof(tx, HandOverId(lease.0))? {
        return Ok(Origin::HandOver { proof: Box::new(proof) });
    }
    let entry = match store::accepted_by(tx, lease)? {
        Some(of) => journal::of_name(tx, of)?,
        None => None,
    };
    match entry.and_then(|entry| entry.fact()) {
        Some(Fact::LeaseAccepted { grant, grant_signature, .. }) => {
            Ok(Origin::Grant { body: grant, signature: grant_signature })
        }
        _other => {
            let detail = "What proves that these units are this till's was lost with a damaged file. They can be sold or \
                          given back, and not handed over.";
            Err(Fault::refused(Code::Conflict, detail))
        }
    }
}

fn again(tx: &Transaction<'_>, who: &Identity, ids: &[HandOverId]) -> Result<HandOverFile, Fault> {
    let mut found: Vec<KnownHandOver> = Vec::new();
    for id in ids {
        let given = store::of_id(tx, *id)?.into_iter().find(|one| one.way == Way::Given && list::is_flying(one));
        let none = || Fault::refused(Code::NotFound, format!("{id} is not on its way from this till."));
        found.push(given.ok_or_else(none)?);
    }
    let Some(to) = found.first().map(|one| one.out.to) else {
        return Err(Fault::from(Problem::field("hand_over", "Name at least one hand-over.")));
    };
    if found.iter().any(|one| one.out.to != to) {
        return Err(Fault::from(Problem::field("hand_over", "One file is for one till.")));
    }
    let unsigned =
        || Fault::refused(Code::Conflict, "The server has not signed this till's key yet. Give it a link once.");
    let certificate = devices::certificate(tx, who.device_id)?.ok_or_else(unsigned)?;
    let mut parts = Vec::new();
    for one in found {
        let lost = || Fault::Data("the entry of a hand-over is not here".into());
        let entry = journal::of_name(tx, one.entry)?.ok_or_else(lost)?;
        let proof = Proof {
            given: serde_json::to_string(&entry)?,
            certificate: certificate.clone(),
            origin: origin(tx, one.out.lease_id)?,
        };
        parts.push(Part { proof, codes: store::codes_of_hand_over(tx, &one.out)? });
    }
    Ok(HandOverFile { willcall_hand_over: FORMAT, to, parts })
}
