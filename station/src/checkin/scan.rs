//! One scan: find the ticket, load its history, let the domain decide, record entry and row in one transaction, answer.
//! The network is never in the path.

use super::{
    again::Again,
    find::{self, Found, Sought},
    found::FoundSeal,
    store,
    store::setup,
    undo::lets_through,
    unrecorded::{Kept, Unrecorded},
    verdict,
};
use crate::{
    access, catalog,
    change_feed::Topic,
    db::Writer,
    devices::Identity,
    error::Fault,
    journal::{self, Pen},
    station::{Reading, Station},
};
use rusqlite::Transaction;
use willcall_domain::{
    checkin::{
        Named, ScanInput, Verdict, VerdictView, decide,
        question::QuestionRow,
        simulate::verify_typed,
        wire::{Delivery, GateRow, ScanRequest},
    },
    devices::Right,
    id::{EntryId, EventId, ItemId, ScanId, VariationId},
    problem::{Code, Problem},
    sync::Fact,
    ticketing::Verification,
};

/// Most characters of an unreadable code that are kept.
const KEPT_CODE: usize = 1000;
const NO_TIME_BY_HAND: &str = "This station may not scan under a time given by hand; nothing was recorded. The organizer \
                               can allow it in the office, under the devices; then sync.";
const NOT_UNPAID: &str = "Nobody may let in by right here what is not paid; nothing was recorded. Somebody who may has to \
                          sign in.";

/// Decides and records. Where something must be asked first, nothing is recorded, and the answer names the questions.
///
/// # Errors
/// When the station is not enrolled, locked or was switched off, a time is given by hand or an unpaid ticket admitted
/// without the right to, there is no such list, or the database cannot even be read: then it did not happen. A scan that
/// the disk does not take is no error: it is decided, and the answer says that it is not recorded.
pub async fn scan(station: &Station, request: ScanRequest) -> Result<VerdictView, Problem> {
    let identity = station.enrolled()?;
    access::sign_in::awake(station, &identity)?;
    let rights = station.rights_in_force(&identity);
    if request.at.is_some() && !rights.contains(&Right::TimeByHand) {
        return Err(Problem::new(Code::Forbidden, NO_TIME_BY_HAND));
    }
    if request.admit_unpaid && !rights.contains(&Right::AdmitUnpaid) {
        return Err(Problem::new(Code::Forbidden, NOT_UNPAID));
    }
    let ask = Ask::of(station, identity, rights, request)?;
    let (unrecorded, again) = (station.unrecorded(), station.again());
    let answered = station.db().with_writer(move |writer| answer(writer, &ask, &unrecorded, &again)).await?;
    tracing::info!(
        scan = %answered.scan_id, list = answered.list_id.0, class = ?answered.class, reason = ?answered.reason,
        "scanned"
    );
    if answered.delivery != Delivery::Asked && !answered.repeated {
        station.feed().announce_fact(&[Topic::Door, Topic::Status]);
    }
    Ok(answered)
}

/// All that one scan needs besides the database.
pub(super) struct Ask {
    pub request: ScanRequest,
    pub verification: Verification,
    pub seal: FoundSeal,
    pub reading: Reading,
    pub data_age_s: Option<u64>,
    pub who: Identity,
    /// What may be done now, with whoever is signed in.
    pub rights: Vec<Right>,
    pub pen: Pen,
    /// The scan's id, however it comes to be recorded.
    pub id: EntryId,
}

impl Ask {
    /// # Errors
    /// When the station has no journal to write to.
    pub fn of(station: &Station, who: Identity, rights: Vec<Right>, request: ScanRequest) -> Result<Self, Problem> {
        let reading = station.reading().by_hand(request.at);
        Ok(Self {
            verification: verify_typed(&request.code, &station.event_keys()),
            seal: station.found_seal().clone(),
            data_age_s: station.data_age().map(|a| a.seconds),
            pen: station.pen(&who, reading.at)?,
            id: EntryId::born(reading.at.wall, &*station.host().entropy),
            rights,
            who,
            reading,
            request,
        })
    }

    /// What is looked for.
    pub fn sought<'a>(&'a self, unrecorded: &'a Unrecorded) -> Sought<'a> {
        Sought {
            code: &self.request.code,
            verification: &self.verification,
            seal: &self.seal,
            lists: std::iter::once(self.request.list_id).chain(self.request.more_lists.iter().copied()).collect(),
            now: self.reading.now,
            unrecorded,
        }
    }
}

/// A decision with what it was made from.
pub(super) struct Decided {
    pub found: Found,
    pub questions: Vec<QuestionRow>,
    pub other_event: Option<String>,
    pub verdict: Verdict,
}

/// The verdict of the first reading of this presentation; this is that one, or it was.
fn answer(writer: &mut Writer<'_>, ask: &Ask, unrecorded: &Unrecorded, again: &Again) -> Result<VerdictView, Fault> {
    let now_ms = ask.reading.at.monotonic_ms;
    if let Some(before) = again.seen(&ask.request, now_ms) {
        return Ok(before);
    }
    let answered = first(writer, ask, unrecorded);
    if let Ok(view) = &answered {
        again.note(&ask.request, view, now_ms, lets_through(view.class));
    }
    answered
}

/// Decides and records, what waited in memory before it; or, where the disk takes nothing, decides and keeps in memory.
fn first(writer: &mut Writer<'_>, ask: &Ask, unrecorded: &Unrecorded) -> Result<VerdictView, Fault> {
    if unrecorded.count() > 0
        && let Err(fault) = unrecorded.record(writer, &ask.pen)
    {
        tracing::error!(%fault, scans = unrecorded.count(), "scans are still not recorded");
    }
    let recorded = writer.write(|tx| {
        let decided = decided(tx, ask, unrecorded)?;
        let view = verdict::view(ask, &decided, Delivery::Here);
        if decided.verdict.asks {
            return Ok(view);
        }
        let (fact, private) = fact(ask, &decided)?;
        let entry = journal::append_as(tx, &ask.pen, ask.id, &fact, private, decided.verdict.saw.clone())?;
        store::remember_verdict(tx, &entry, &view)?;
        if let Some((fact, private)) = answers(ask, &decided)? {
            journal::append(tx, &ask.pen, &fact, Some(private), Vec::new())?;
        }
        Ok(view)
    });
    match recorded {
        Err(refused) if refused.is_refused_by_disk() => {
            tracing::error!(cause = %refused, "a scan could not be recorded");
            let decided = writer.look(|tx| decided(tx, ask, unrecorded))?;
            let view = verdict::view(ask, &decided, Delivery::NotRecorded);
            if decided.verdict.asks || unrecorded.keep(kept(ask, decided, view.clone())?) {
                Ok(view)
            } else {
                Err(refused)
            }
        }
        recorded => recorded,
    }
}

fn kept(ask: &Ask, decided: Decided, view: VerdictView) -> Result<Kept, Fault> {
    let (fact, private) = fact(ask, &decided)?;
    Ok(Kept {
        id: ask.id,
        station: ask.pen.station,
        at: ask.pen.at,
        gate: ask.pen.gate.clone(),
        fact,
        private,
        answers: answers(ask, &decided)?,
        saw: decided.verdict.saw,
        view,
    })
}

fn decided(tx: &Transaction<'_>, ask: &Ask, unrecorded: &Unrecorded) -> Result<Decided, Fault> {
    let found = find::find(tx, &ask.sought(unrecorded))?;
    let questions = setup::questions(tx, found.list.event_id)?;
    let named = if found.list.rules.is_some() { Some(ToName::read(tx, found.list.event_id)?) } else { None };
    let mut verdict = {
        let candidates = found.candidates();
        decide(&ScanInput {
            now: ask.reading.now,
            uncertainty_ms: ask.reading.uncertainty_ms,
            direction: ask.request.direction,
            event: &found.event,
            list: &found.list,
            gate: ask.who.setup.gate_id,
            subject: found.subject(&candidates),
            named: named.as_ref().map(ToName::named),
            questions: &questions,
            answers: &ask.request.answers,
            ask: ask.request.ask && !ask.who.setup.kiosk,
            may_admit_unpaid: ask.rights.contains(&Right::AdmitUnpaid),
            admit_unpaid: ask.request.admit_unpaid,
            data_age_s: ask.data_age_s,
            max_data_age_min: ask.who.setup.max_data_age_min,
        })
    };
    // What stands in no journal cannot be named; as an own scan it comes before this one anyway.
    verdict.saw.retain(|seen| seen.seq > 0);
    verdict::mark_doubt(tx, ask, &mut verdict)?;
    let other_event = verdict.other_event.map(|id| verdict::event_name(tx, id)).transpose()?;
    Ok(Decided { found, questions, other_event, verdict })
}

/// What there is that the rules of a list may name.
struct ToName {
    items: Vec<ItemId>,
    variations: Vec<VariationId>,
    gates: Vec<GateRow>,
}

impl ToName {
    fn read(tx: &Transaction<'_>, event: EventId) -> Result<Self, Fault> {
        let items = catalog::items_of_event(tx, event)?;
        Ok(Self {
            variations: items.iter().flat_map(|item| item.variations.iter().map(|v| v.variation_id)).collect(),
            items: items.iter().map(|item| item.item_id).collect(),
            gates: setup::gates(tx)?,
        })
    }

    fn named(&self) -> Named<'_> {
        Named { items: &self.items, variations: &self.variations, gates: &self.gates }
    }
}

/// What goes into the journal, and what stands beside it.
fn fact(ask: &Ask, decided: &Decided) -> Result<(Fact, Option<String>), Fault> {
    let Decided { found, verdict, .. } = decided;
    let (position_id, payload_hash) = found.name(verdict.chosen);
    let fact = Fact::Scan {
        event_id: found.list.event_id,
        list_id: found.list.list_id,
        position_id,
        payload_hash: payload_hash.map(hex::encode),
        direction: ask.request.direction,
        class: verdict.class,
        reason: verdict.reason,
        time_by_hand: ask.request.at,
    };
    let private = if position_id.is_none() && payload_hash.is_none() {
        let code: String = ask.request.code.chars().take(KEPT_CODE).collect();
        Some(serde_json::to_string(&serde_json::json!({ "code": code }))?)
    } else {
        None
    };
    Ok((fact, private))
}

/// What was answered, where somebody was let in: which questions in the journal, what was said beside it.
fn answers(ask: &Ask, decided: &Decided) -> Result<Option<(Fact, String)>, Fault> {
    let Decided { found, verdict, .. } = decided;
    if verdict.answers.is_empty() {
        return Ok(None);
    }
    let (position_id, payload_hash) = found.name(verdict.chosen);
    let fact = Fact::Answers {
        scan_id: ScanId(ask.id.0),
        event_id: found.list.event_id,
        position_id,
        payload_hash: payload_hash.map(hex::encode),
        questions: verdict.answers.iter().map(|answer| answer.question_id).collect(),
    };
    let private = serde_json::to_string(&serde_json::json!({ "answers": verdict.answers }))?;
    Ok(Some((fact, private)))
}
