//! One scan: find the ticket, load its history, let the domain decide, record entry and row in one transaction, answer.
//! The network is never in the path.

use super::{
    found::FoundSeal,
    store, undo,
    unrecorded::{Kept, Unrecorded},
};
use crate::{
    catalog,
    change_feed::Topic,
    copies,
    db::Writer,
    devices::Identity,
    error::Fault,
    journal::{self, Pen},
    leases, orders,
    station::{Reading, Station},
    ticketing,
};
use rusqlite::Transaction;
use willcall_domain::{
    catalog::ItemRow,
    checkin::{
        ListRow, Mark, ScanInput, Subject, Verdict, VerdictView, decide,
        simulate::verify_typed,
        wire::{Delivery, ScanRequest, UseView},
    },
    devices::Right,
    id::{EntryId, PositionId, ScanId},
    orders::PositionRow,
    problem::{Code, Problem},
    sync::Fact,
    ticketing::{Signed, Verification, blank::VoidWhy},
};

/// Most characters of an unreadable code that are kept.
const KEPT_CODE: usize = 1000;
const NO_TIME_BY_HAND: &str = "This station may not scan under a time given by hand; nothing was recorded. The organizer \
                               can allow it in the office, under the devices; then sync.";

/// Decides and records.
///
/// # Errors
/// When the station is not enrolled or was switched off, a time is given by hand without the right to, there is no such
/// list, or the database cannot even be read: then it did not happen. A scan that the disk does not take is no error:
/// it is decided, and the answer says that it is not recorded.
pub async fn scan(station: &Station, request: ScanRequest) -> Result<VerdictView, Problem> {
    let identity = station.enrolled()?;
    if request.at.is_some() && !identity.rights.contains(&Right::TimeByHand) {
        return Err(Problem::new(Code::Forbidden, NO_TIME_BY_HAND));
    }
    let reading = station.reading().by_hand(request.at);
    let ask = Ask {
        verification: verify_typed(&request.code, &station.event_keys()),
        seal: station.found_seal().clone(),
        data_age_s: station.data_age().map(|a| a.seconds),
        pen: station.pen(&identity, reading.at)?,
        who: identity,
        reading,
        id: EntryId::born(reading.at.wall, &*station.host().entropy),
        request,
    };
    let unrecorded = station.unrecorded();
    let answered = station.db().with_writer(move |writer| answer(writer, &ask, &unrecorded)).await?;
    tracing::info!(
        scan = %answered.scan_id, list = answered.list_id.0, class = ?answered.class, reason = ?answered.reason,
        "scanned"
    );
    station.feed().announce_fact(&[Topic::Door, Topic::Status]);
    Ok(answered)
}

/// All that one scan needs besides the database.
struct Ask {
    request: ScanRequest,
    verification: Verification,
    seal: FoundSeal,
    reading: Reading,
    data_age_s: Option<u64>,
    who: Identity,
    pen: Pen,
    /// The scan's id, however it comes to be recorded.
    id: EntryId,
}

/// A decision with what it was made from.
struct Decided {
    list: ListRow,
    ticket: Ticket,
    item: Option<ItemRow>,
    other_event: Option<String>,
    verdict: Verdict,
}

/// What the code turned out to be, with all it borrows from.
struct Ticket {
    position: Option<PositionRow>,
    signed: Option<Signed>,
    void: Option<VoidWhy>,
    unknown_key: bool,
}

/// Decides and records, what waited in memory before it; or, where the disk takes nothing, decides and keeps in memory.
fn answer(writer: &mut Writer<'_>, ask: &Ask, unrecorded: &Unrecorded) -> Result<VerdictView, Fault> {
    if unrecorded.count() > 0
        && let Err(fault) = unrecorded.record(writer, &ask.pen)
    {
        tracing::error!(%fault, scans = unrecorded.count(), "scans are still not recorded");
    }
    let recorded = writer.write(|tx| {
        let decided = decided(tx, ask, unrecorded)?;
        let (fact, private) = fact(ask, &decided)?;
        let entry = journal::append_as(tx, &ask.pen, ask.id, &fact, private, decided.verdict.saw.clone())?;
        let view = view(ask, &decided, Delivery::Here);
        store::remember_verdict(tx, &entry, &view)?;
        Ok(view)
    });
    match recorded {
        Err(refused) if refused.is_refused_by_disk() => {
            tracing::error!(cause = %refused, "a scan could not be recorded");
            let decided = writer.look(|tx| decided(tx, ask, unrecorded))?;
            let view = view(ask, &decided, Delivery::NotRecorded);
            let (fact, private) = fact(ask, &decided)?;
            let scan = Kept {
                id: ask.id,
                station: ask.pen.station,
                at: ask.pen.at,
                gate: ask.pen.gate.clone(),
                fact,
                private,
                saw: decided.verdict.saw,
                view: view.clone(),
            };
            if unrecorded.keep(scan) { Ok(view) } else { Err(refused) }
        }
        recorded => recorded,
    }
}

fn decided(tx: &Transaction<'_>, ask: &Ask, unrecorded: &Unrecorded) -> Result<Decided, Fault> {
    let no_list = || Fault::refused(Code::NotFound, format!("There is no check-in list {} here.", ask.request.list_id));
    let list = store::list(tx, ask.request.list_id)?.ok_or_else(no_list)?;
    let event = catalog::event(tx, list.event_id)?.ok_or_else(no_list)?;
    let ticket = find(tx, ask, &list)?;
    let item = match ticket.item_id() {
        Some(id) => catalog::item(tx, id)?,
        None => None,
    };
    let mut history = store::history(tx, list.list_id, ticket.position_id(), ticket.payload_hash())?;
    history.extend(unrecorded.uses(list.list_id, ticket.position_id(), ticket.payload_hash()));
    let mut verdict = decide(&ScanInput {
        now: ask.reading.now,
        uncertainty_ms: ask.reading.uncertainty_ms,
        direction: ask.request.direction,
        event: &event,
        list: &list,
        gate: None,
        subject: ticket.subject(),
        item: item.as_ref(),
        history: &history,
        admit_unpaid: false,
    });
    // What stands in no journal cannot be named; as an own scan it comes before this one anyway.
    verdict.saw.retain(|seen| seen.seq > 0);
    if copies::standing::doubts(tx, &ask.who)?.is_some() {
        verdict.marks.push(Mark::StationInDoubt);
    }
    let other_event = match verdict.other_event {
        Some(id) => Some(catalog::event(tx, id)?.map_or_else(|| format!("event {id}"), |e| e.name)),
        None => None,
    };
    Ok(Decided { list, ticket, item, other_event, verdict })
}

fn find(tx: &Transaction<'_>, ask: &Ask, list: &ListRow) -> Result<Ticket, Fault> {
    let mut ticket = Ticket { position: None, signed: None, void: None, unknown_key: false };
    match &ask.verification {
        Verification::Good(signed) => {
            ticket.position = match (signed.position_id, signed.seed.as_deref().and_then(ticketing::pack)) {
                (Some(id), _) => orders::by_id(tx, id)?,
                (None, Some(seed)) => orders::by_seed(tx, signed.event_id, seed)?,
                (None, None) => None,
            };
            if ticket.position.is_none() {
                ticket.void = why_void(tx, signed)?;
            }
            ticket.signed = Some(signed.clone());
        }
        Verification::UnknownKey | Verification::Forged | Verification::Plain(_) => {
            ticket.unknown_key = ask.verification == Verification::UnknownKey;
            let code = &ask.request.code;
            ticket.position = match ask.seal.read(code) {
                Some(id) => orders::by_id(tx, id)?,
                None => by_plain(tx, code, list)?,
            };
        }
    }
    Ok(ticket)
}

/// A plain secret, of the list's event before any other.
fn by_plain(tx: &Transaction<'_>, code: &str, list: &ListRow) -> Result<Option<PositionRow>, Fault> {
    let mut found = orders::by_plain(tx, code)?;
    let at = found.iter().position(|p| p.event_id == list.event_id).unwrap_or(0);
    Ok((at < found.len()).then(|| found.swap_remove(at)))
}

/// Why a blank is void. One that this very station holds and has not sold is.
fn why_void(tx: &Transaction<'_>, signed: &Signed) -> Result<Option<VoidWhy>, Fault> {
    let (held, told) = if let Some(id) = signed.position_id {
        (leases::holds_unsold(tx, id)?, ticketing::why_void(tx, id)?)
    } else if let Some(seed) = signed.seed.as_deref().and_then(ticketing::pack) {
        (leases::holds_unsold_seed(tx, seed)?, ticketing::why_void_seed(tx, seed)?)
    } else {
        (false, None)
    };
    Ok(if held { Some(VoidWhy::Void) } else { told })
}

impl Ticket {
    fn subject(&self) -> Subject<'_> {
        match (&self.position, &self.signed) {
            (Some(position), signed) => Subject::Known { position, signed: signed.as_ref() },
            (None, Some(signed)) => Subject::SignatureOnly { signed, void: self.void },
            (None, None) if self.unknown_key => Subject::UnknownKey,
            (None, None) => Subject::Unreadable,
        }
    }

    fn item_id(&self) -> Option<willcall_domain::id::ItemId> {
        self.position.as_ref().map(|p| p.item_id).or_else(|| self.signed.as_ref().map(|s| s.item_id))
    }

    fn position_id(&self) -> Option<PositionId> {
        self.position.as_ref().map(|p| p.position_id).or_else(|| self.signed.as_ref().and_then(|s| s.position_id))
    }

    fn payload_hash(&self) -> Option<&[u8; 32]> {
        self.signed.as_ref().map(|s| &s.payload_hash)
    }
}

/// What goes into the journal, and what stands beside it.
fn fact(ask: &Ask, decided: &Decided) -> Result<(Fact, Option<String>), Fault> {
    let Decided { list, ticket, verdict, .. } = decided;
    let fact = Fact::Scan {
        event_id: list.event_id,
        list_id: list.list_id,
        position_id: ticket.position_id(),
        payload_hash: ticket.payload_hash().map(hex::encode),
        direction: ask.request.direction,
        class: verdict.class,
        reason: verdict.reason,
        time_by_hand: ask.request.at,
    };
    let told_nothing = ticket.position_id().is_none() && ticket.payload_hash().is_none();
    let private = if told_nothing {
        let code: String = ask.request.code.chars().take(KEPT_CODE).collect();
        Some(serde_json::to_string(&serde_json::json!({ "code": code }))?)
    } else {
        None
    };
    Ok((fact, private))
}

fn view(ask: &Ask, decided: &Decided, delivery: Delivery) -> VerdictView {
    let Decided { list, ticket, item, other_event, verdict } = decided;
    let (position, item) = (ticket.position.as_ref(), item.as_ref());
    VerdictView {
        scan_id: ScanId(ask.id.0),
        class: verdict.class,
        reason: verdict.reason,
        marks: verdict.marks.clone(),
        direction: ask.request.direction,
        event_id: list.event_id,
        list_id: list.list_id,
        product: item.map(|i| i.name.clone()),
        name: position.and_then(|p| p.name.clone()),
        order_code: position.map(|p| p.order_code.clone()),
        position_id: ticket.position_id(),
        checkin_text: item.map(|i| i.checkin_text.clone()).unwrap_or_default(),
        first_use: verdict.first_use.as_ref().map(|u| UseView {
            at: u.scan.at,
            gate: u.gate.clone(),
            direction: u.scan.direction,
        }),
        valid_from: verdict.valid_from,
        valid_until: verdict.valid_until,
        other_event: other_event.clone(),
        at: ask.pen.at.ticket_time(),
        gate: ask.pen.gate.clone(),
        delivery,
        undone: false,
        may_undo: delivery != Delivery::NotRecorded
            && ask.who.rights.contains(&Right::Undo)
            && undo::lets_through(verdict.class),
        uncertainty_ms: verdict.marks.contains(&Mark::TimeUncertain).then_some(ask.reading.uncertainty_ms),
        data_age_s: ask.data_age_s,
    }
}
