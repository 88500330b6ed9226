//! A ticket exchanged for a wristband or the like, with nobody to ask: from this entry on the medium stands for the ticket
//! here, and at every gate that hears of it.

use super::{
    find::{self, Found},
    scan::Ask,
    store::setup,
};
use crate::{access, change_feed::Topic, error::Fault, journal, station::Station};
use rusqlite::Transaction;
use willcall_domain::{
    checkin::{
        Direction, Reason, ScanInput, decide,
        medium::{self, MAX_IDENTIFIER, MediumRow, MediumUse},
        simulate::verify_typed,
        wire::{Delivery, ExchangeRequest, ExchangeView, ScanRequest},
    },
    devices::Right,
    id::MediumId,
    problem::{Code, Problem},
    sync::Fact,
    ticketing::Verification,
};

const NO_RIGHT: &str = "Nobody may exchange tickets here now; nothing was recorded. Somebody who may has to sign in.";
const NOT_EXCHANGED: &str = "Tickets of this product are not exchanged for wristbands.";
const NOT_KNOWN: &str = "This ticket is not in the data of this station, so it cannot be exchanged here yet. Let the station \
                         fetch, then exchange it.";
const A_TICKET: &str = "That is a ticket, not a wristband. Scan the wristband itself.";
const TAKEN: &str = "This wristband stands for another ticket already. Take another one.";
const HAS_ONE: &str = "This ticket has a wristband already. Replace it, where the first is lost or broken.";

/// Exchanges a ticket. Asking again for the same ticket and medium changes nothing.
///
/// # Errors
/// When nobody may do that here, the ticket is none that could enter by a medium, either of the two is taken already, or the
/// database cannot be written.
pub async fn exchange(station: &Station, request: ExchangeRequest) -> Result<ExchangeView, Problem> {
    let identity = station.enrolled()?;
    access::sign_in::awake(station, &identity)?;
    let rights = station.rights_in_force(&identity);
    if !rights.contains(&Right::Exchange) {
        return Err(Problem::new(Code::Forbidden, NO_RIGHT));
    }
    let length = request.identifier.chars().count();
    if length == 0 || length > MAX_IDENTIFIER {
        let detail = format!("What a wristband says has 1 to {MAX_IDENTIFIER} characters; this has {length}.");
        return Err(Problem::field("identifier", detail));
    }
    if matches!(verify_typed(&request.identifier, &station.event_keys()), Verification::Good(_)) {
        return Err(Problem::field("identifier", A_TICKET));
    }
    let scan = ScanRequest::new(request.code.clone(), request.list_id, Direction::Exit);
    let ask = Ask::of(station, identity, rights, scan)?;
    let unrecorded = station.unrecorded();
    let exchanged = station.db().write(move |tx| {
        let found = find::find(tx, &ask.sought(&unrecorded))?;
        record(tx, &ask, &request, &found)
    });
    let exchanged = exchanged.await?;
    tracing::info!(medium = %exchanged.medium_id, position = %exchanged.position_id, "a ticket was exchanged");
    station.feed().announce_fact(&[Topic::Door, Topic::Status]);
    Ok(exchanged)
}

fn conflict(detail: impl Into<String>) -> Fault {
    Fault::refused(Code::Conflict, detail.into())
}

/// The place of the ticket among those found. It is asked as if it left: whatever would not even let it out is no ticket to
/// be exchanged; when and where it may enter is for the door to say.
fn good_ticket(ask: &Ask, found: &Found) -> Result<usize, Fault> {
    let candidates = found.candidates();
    let verdict = decide(&ScanInput {
        now: ask.reading.now,
        uncertainty_ms: ask.reading.uncertainty_ms,
        direction: Direction::Exit,
        event: &found.event,
        list: &found.list,
        gate: ask.who.setup.gate_id,
        subject: found.subject(&candidates),
        named: None,
        questions: &[],
        answers: &[],
        ask: false,
        may_admit_unpaid: false,
        admit_unpaid: false,
        data_age_s: ask.data_age_s,
        max_data_age_min: None,
    });
    match (verdict.reason, verdict.chosen) {
        (None | Some(Reason::ExchangeRequired | Reason::AlreadyExchanged), Some(chosen)) => Ok(chosen),
        (None, None) => Err(conflict(NOT_KNOWN)),
        (Some(reason), _) => {
            let word = serde_json::to_value(reason)?;
            let word = word.as_str().unwrap_or_default().replace('_', " ");
            Err(conflict(format!("This ticket cannot be exchanged: {word}.")))
        }
    }
}

fn record(tx: &Transaction<'_>, ask: &Ask, request: &ExchangeRequest, found: &Found) -> Result<ExchangeView, Fault> {
    let chosen = good_ticket(ask, found)?;
    let (ticket, known) = (&found.tickets[chosen].position, found.known(Some(chosen)));
    if known.item.as_ref().is_none_or(|item| item.door.medium == MediumUse::None) {
        return Err(conflict(NOT_EXCHANGED));
    }
    let identifier_hash = medium::hash(&request.identifier);
    let holds = |one: &&MediumRow| one.holds(ask.reading.now);
    let view = |medium_id, replaced: Vec<MediumId>| ExchangeView {
        medium_id,
        position_id: ticket.position_id,
        order_code: ticket.order_code.clone(),
        product: known.item.as_ref().map(|item| item.name.clone()),
        name: ticket.name.clone().filter(|_| !ask.who.setup.hide_names),
        replaced,
        delivery: Delivery::Here,
    };
    let own: Vec<&MediumRow> = known.media.iter().filter(holds).collect();
    if let Some(same) = own.iter().find(|one| one.identifier_hash == identifier_hash) {
        return Ok(view(same.medium_id, Vec::new()));
    }
    let taken = setup::media_of_hash(tx, &identifier_hash)?;
    if taken.iter().filter(holds).any(|one| one.event_id == found.list.event_id && one.position_id.is_some()) {
        return Err(conflict(TAKEN));
    }
    if !own.is_empty() && !request.replace {
        return Err(conflict(HAS_ONE));
    }
    let replaces: Vec<MediumId> = own.iter().map(|one| one.medium_id).collect();
    let fact = Fact::Exchanged {
        medium_id: MediumId(ask.id.0),
        event_id: found.list.event_id,
        list_id: found.list.list_id,
        position_id: ticket.position_id,
        medium: request.kind,
        identifier_hash,
        replaces: replaces.clone(),
    };
    let private = serde_json::to_string(&serde_json::json!({ "identifier": request.identifier }))?;
    journal::append_as(tx, &ask.pen, ask.id, &fact, Some(private), Vec::new())?;
    Ok(view(MediumId(ask.id.0), replaces))
}
