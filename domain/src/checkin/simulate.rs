//! `simulate`: decides a check-in from one document without storing anything. The shape is described in
//! `docs/API.md`.

use super::{
    medium::{self, MediumRow},
    merge::{self, Allowed, Certainty, Splits, Use},
    question::{AnswerGiven, AnswerWrong, QuestionRow},
    rule::Term,
    scan::{Around, Candidate, Named, PastScan, ScanInput, Subject, Verdict, decide},
    wire::{Class, Direction, Exchange, GateRow, ItemDoor, ListRow, Mark, Of, Reason, RuleTrouble, SawRef},
};
use crate::{
    catalog::{DateRow, EventRow, ItemRow},
    clock::UtcMillis,
    id::{DateId, DeviceId, EventId, GateId, ItemId, PositionId, QuestionId, ScanId, VariationId},
    money::Money,
    orders::PositionRow,
    ticketing::{self, EventKey, KeyRow, Verification, blank::VoidWhy},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One earlier scan of the ticket on the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimulatedScan {
    pub at: UtcMillis,
    pub direction: Direction,
    #[serde(default)]
    pub gate: String,
    /// How far `at` may be wrong, in milliseconds; -1 where it says nothing.
    #[serde(default)]
    pub uncertainty_ms: i64,
    /// The station that recorded it.
    #[serde(default)]
    pub station: i64,
    /// Its place in that station's journal; without one, its place by time among these.
    #[serde(default)]
    pub seq: Option<u64>,
    /// The last use of each station it was decided with.
    #[serde(default)]
    pub saw: Vec<SawRef>,
    #[serde(default)]
    pub undone: bool,
}

/// A further ticket: an add-on of the one that is scanned, or one that the same text stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimulatedTicket {
    pub ticket: PositionRow,
    #[serde(default)]
    pub item: Option<ItemRow>,
    #[serde(default)]
    pub history: Vec<SimulatedScan>,
    #[serde(default)]
    pub answered: Vec<QuestionId>,
}

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimulateCase {
    pub event: EventRow,
    pub list: ListRow,
    /// The position, if the station would have it.
    #[serde(default)]
    pub ticket: Option<PositionRow>,
    #[serde(default)]
    pub item: Option<ItemRow>,
    #[serde(default)]
    pub history: Vec<SimulatedScan>,
    /// As scanned. Where it is absent, the ticket is taken as found.
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub keys: Vec<KeyRow>,
    /// Why the code is one of a void blank, if the station would know it as one.
    #[serde(default)]
    pub void: Option<VoidWhy>,
    pub now: UtcMillis,
    /// How far `now` may be wrong, in milliseconds.
    #[serde(default)]
    pub uncertainty_ms: i64,
    pub direction: Direction,
    #[serde(default)]
    pub gate: Option<i64>,
    /// The operator may admit what is not paid, and asked to.
    #[serde(default)]
    pub admit_unpaid: bool,
    /// Add-ons of the ticket, and further tickets of the same text.
    #[serde(default)]
    pub others: Vec<SimulatedTicket>,
    /// The dates of the event.
    #[serde(default)]
    pub dates: Vec<DateRow>,
    /// The products there are, which rules may name. Where it is absent, they may name anything.
    #[serde(default)]
    pub items: Option<Vec<ItemRow>>,
    /// The gates there are.
    #[serde(default)]
    pub gates: Vec<GateRow>,
    /// The questions of the event.
    #[serde(default)]
    pub questions: Vec<QuestionRow>,
    /// Answers that come along.
    #[serde(default)]
    pub answers: Vec<AnswerGiven>,
    /// Questions answered before, besides those of the ticket's row.
    #[serde(default)]
    pub answered: Vec<QuestionId>,
    /// Whether nobody is there to ask.
    #[serde(default)]
    pub kiosk: bool,
    /// Media: those of the ticket, and those the code may be.
    #[serde(default)]
    pub media: Vec<MediumRow>,
    /// Seconds since the station's data was the newest there is.
    #[serde(default)]
    pub data_age_s: u64,
    /// How old it may be at the device, in minutes.
    #[serde(default)]
    pub max_data_age_min: Option<u32>,
}

impl SimulateCase {
    /// A case with nothing said but what must be.
    #[must_use]
    pub fn new(event: EventRow, list: ListRow, now: UtcMillis, direction: Direction) -> Self {
        Self {
            event,
            list,
            ticket: None,
            item: None,
            history: Vec::new(),
            code: None,
            keys: Vec::new(),
            void: None,
            now,
            uncertainty_ms: 0,
            direction,
            gate: None,
            admit_unpaid: false,
            others: Vec::new(),
            dates: Vec::new(),
            items: None,
            gates: Vec::new(),
            questions: Vec::new(),
            answers: Vec::new(),
            answered: Vec::new(),
            kiosk: false,
            media: Vec::new(),
            data_age_s: 0,
            max_data_age_min: None,
        }
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimulateAnswer {
    pub class: Class,
    pub reason: Option<Reason>,
    pub marks: Vec<Mark>,
    pub first_use_at: Option<UtcMillis>,
    pub valid_from: Option<UtcMillis>,
    pub valid_until: Option<UtcMillis>,
    /// Double admissions among the scans of the history, before this one.
    #[serde(default)]
    pub doubles: Vec<SimulatedDouble>,
    /// The ticket it is about.
    #[serde(default)]
    pub position_id: Option<PositionId>,
    /// The event or date the ticket is for, where that is not the list's.
    #[serde(default)]
    pub other_event: Option<EventId>,
    #[serde(default)]
    pub other_date: Option<DateId>,
    /// The nearest way in, where the rules refuse.
    #[serde(default)]
    pub explanation: Vec<Term>,
    #[serde(default)]
    pub rule_trouble: Option<RuleTrouble>,
    /// What is to be asked first.
    #[serde(default)]
    pub questions: Vec<QuestionId>,
    #[serde(default)]
    pub wrong_answers: Vec<AnswerWrong>,
    /// Answers that would be kept.
    #[serde(default)]
    pub answers: Vec<AnswerGiven>,
    #[serde(default)]
    pub attention: Vec<Of>,
    #[serde(default)]
    pub exchange: Exchange,
}

/// Entries of the history that did not know each other and are more than the list allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimulatedDouble {
    /// Their places in the history, from 0, in their most probable order.
    pub scans: Vec<usize>,
    pub certainty: Certainty,
}

/// A ticket of the document with its history as the decision takes it.
struct Laid<'a> {
    position: &'a PositionRow,
    item: Option<&'a ItemRow>,
    history: Vec<PastScan>,
    answered: &'a [QuestionId],
    media: Vec<MediumRow>,
}

/// Decides the case.
///
/// # Errors
/// When a key of the document cannot be read.
pub fn simulate(case: &SimulateCase) -> Result<SimulateAnswer, ticketing::key::KeyError> {
    let keys = case.keys.iter().map(EventKey::parse).collect::<Result<Vec<_>, _>>()?;
    let laid = lay(case);
    let verification = case.code.as_ref().map(|code| verify_typed(code, &keys));
    let by_code = |position: &PositionRow| names(verification.as_ref(), position);
    let media: Vec<&MediumRow> = case.code.iter().flat_map(|code| read_as(case, code)).collect();
    let medium = media.iter().find(|medium| medium.holds(case.now)).copied();
    let on_medium = |position: &PositionRow| {
        media.iter().any(|medium| medium.holds(case.now) && medium.position_id == Some(position.position_id))
    };
    let found = laid.iter().any(|ticket| by_code(ticket.position));
    let named = |position: &PositionRow| if found { by_code(position) } else { on_medium(position) };
    let candidates = candidates(case, &laid, &named);
    let signed = match &verification {
        Some(Verification::Good(signed)) => Some(signed),
        Some(Verification::UnknownKey | Verification::Forged | Verification::Plain(_)) | None => None,
    };
    let history: Vec<PastScan> = past(&case.history);
    let assumed = signed.filter(|_| case.item.is_none()).and_then(|signed| product_of(case, signed));
    let subject = match (&verification, signed) {
        _ if candidates.iter().any(|c| c.named) => {
            Subject::Known { candidates: &candidates, signed, medium: if found { None } else { medium } }
        }
        (_, Some(signed)) => {
            let date = signed.date_id.and_then(|id| case.dates.iter().find(|date| date.date_id == id));
            let item = case.item.as_ref().or(assumed.as_ref());
            let around = Around { item, date, history: &history, answered: &case.answered, media: &[] };
            Subject::SignatureOnly { signed, void: case.void, around }
        }
        _ if !media.is_empty() => Subject::MediumInvalid,
        (Some(Verification::UnknownKey), None) => Subject::UnknownKey,
        (_, None) => Subject::Unreadable,
    };
    let verdict = decided(case, subject);
    let position = verdict.chosen.map(|at| candidates[at].position.position_id);
    Ok(answered(case, verdict, position, &history))
}

fn lay(case: &SimulateCase) -> Vec<Laid<'_>> {
    let media = |position: &PositionRow| -> Vec<MediumRow> {
        case.media.iter().filter(|medium| medium.position_id == Some(position.position_id)).cloned().collect()
    };
    let first = case.ticket.iter().map(|position| Laid {
        position,
        item: case.item.as_ref(),
        history: past(&case.history),
        answered: &case.answered,
        media: media(position),
    });
    let others = case.others.iter().map(|other| Laid {
        position: &other.ticket,
        item: other.item.as_ref(),
        history: past(&other.history),
        answered: &other.answered,
        media: media(&other.ticket),
    });
    first.chain(others).collect()
}

/// The product of a bare signature: of those the document lists, or, where it lists none, one with nothing set.
fn product_of(case: &SimulateCase, signed: &ticketing::Signed) -> Option<ItemRow> {
    let id = signed.item_id;
    if let Some(items) = &case.items {
        return items.iter().find(|item| item.item_id == id).cloned();
    }
    Some(ItemRow {
        item_id: id,
        event_id: signed.event_id,
        name: format!("product {id}"),
        category: String::new(),
        price: Money::new(0, case.event.currency),
        tax_rate_bp: 0,
        rank: 0,
        active: true,
        admission: true,
        look_at_id: false,
        checkin_text: String::new(),
        variations: Vec::new(),
        addon_to: Vec::new(),
        door: ItemDoor::default(),
        version: 0,
    })
}

/// Named tickets, and the add-ons of these.
fn candidates<'a>(
    case: &'a SimulateCase,
    laid: &'a [Laid<'a>],
    named: &dyn Fn(&PositionRow) -> bool,
) -> Vec<Candidate<'a>> {
    let is_named: Vec<PositionId> =
        laid.iter().filter(|ticket| named(ticket.position)).map(|ticket| ticket.position.position_id).collect();
    let of = |ticket: &&Laid<'_>| {
        is_named.contains(&ticket.position.position_id)
            || ticket.position.addon_to.is_some_and(|main| is_named.contains(&main))
    };
    laid.iter()
        .filter(of)
        .map(|ticket| Candidate {
            position: ticket.position,
            named: is_named.contains(&ticket.position.position_id),
            around: Around {
                item: ticket.item,
                date: ticket.position.date_id.and_then(|id| case.dates.iter().find(|date| date.date_id == id)),
                history: &ticket.history,
                answered: ticket.answered,
                media: &ticket.media,
            },
        })
        .collect()
}

/// Whether what was scanned names this position; without a code, the first of the document is meant.
fn names(verification: Option<&Verification>, position: &PositionRow) -> bool {
    match verification {
        None => position.addon_to.is_none(),
        Some(Verification::Good(signed)) => ticketing_matches(signed, position),
        Some(Verification::Plain(text)) => position.plain.as_ref() == Some(text),
        Some(Verification::UnknownKey | Verification::Forged) => false,
    }
}

fn read_as<'a>(case: &'a SimulateCase, code: &str) -> impl Iterator<Item = &'a MediumRow> {
    let hash = medium::hash(code);
    case.media.iter().filter(move |medium| medium.identifier_hash == hash)
}

fn decided(case: &SimulateCase, subject: Subject<'_>) -> Verdict {
    let items: Option<Vec<ItemId>> = case.items.as_ref().map(|items| items.iter().map(|item| item.item_id).collect());
    let variations: Vec<VariationId> =
        case.items.iter().flatten().flat_map(|item| item.variations.iter().map(|v| v.variation_id)).collect();
    decide(&ScanInput {
        now: case.now,
        uncertainty_ms: case.uncertainty_ms,
        direction: case.direction,
        event: &case.event,
        list: &case.list,
        gate: case.gate.map(GateId),
        subject,
        named: items.as_ref().map(|items| Named { items, variations: &variations, gates: &case.gates }),
        questions: &case.questions,
        answers: &case.answers,
        ask: !case.kiosk,
        may_admit_unpaid: case.admit_unpaid,
        admit_unpaid: case.admit_unpaid,
        data_age_s: Some(case.data_age_s),
        max_data_age_min: case.max_data_age_min,
    })
}

fn answered(
    case: &SimulateCase,
    verdict: Verdict,
    position_id: Option<PositionId>,
    history: &[PastScan],
) -> SimulateAnswer {
    SimulateAnswer {
        class: verdict.class,
        reason: verdict.reason,
        marks: verdict.marks,
        first_use_at: verdict.first_use.map(|past| past.scan.at),
        valid_from: verdict.valid_from,
        valid_until: verdict.valid_until,
        doubles: doubles(history, &case.list),
        position_id,
        other_event: verdict.other_event,
        other_date: verdict.other_date,
        explanation: verdict.explanation,
        rule_trouble: verdict.rule_trouble,
        questions: verdict.questions,
        wrong_answers: verdict.wrong_answers,
        answers: verdict.answers,
        attention: verdict.attention,
        exchange: verdict.exchange,
    }
}

fn doubles(history: &[PastScan], list: &ListRow) -> Vec<SimulatedDouble> {
    let uses: Vec<Use> = history.iter().map(|past| past.scan.clone()).collect();
    let place = |id: &ScanId| uses.iter().position(|one| one.scan_id == *id);
    merge::doubles(&uses, Allowed::from(list), &Splits::new())
        .into_iter()
        .map(|double| SimulatedDouble {
            scans: double.scans.iter().filter_map(place).collect(),
            certainty: double.certainty,
        })
        .collect()
}

/// Whether a verified code is one of this position: by the id it carries, or by its seed, of this issue or an earlier one.
#[must_use]
pub fn ticketing_matches(signed: &ticketing::Signed, position: &PositionRow) -> bool {
    match (&signed.position_id, &signed.seed) {
        (Some(id), _) => *id == position.position_id,
        (None, Some(seed)) => {
            (0..=position.issue).rev().any(|issue| *seed == ticketing::sig1::seed(position.position_id, issue))
        }
        (None, None) => false,
    }
}

/// Verifies what a scanner typed: as it is, then once for each usual layout mistake. The first signed reading that
/// verifies wins; else what the text itself was.
#[must_use]
pub fn verify_typed(typed: &str, keys: &[EventKey]) -> Verification {
    let as_typed = ticketing::verify(ticketing::read(typed), keys);
    if matches!(as_typed, Verification::Good(_)) {
        return as_typed;
    }
    ticketing::wedge::readings(typed)
        .into_iter()
        .skip(1)
        .map(|reading| ticketing::verify(ticketing::read(&reading), keys))
        .find(|v| matches!(v, Verification::Good(_)))
        .unwrap_or(as_typed)
}

fn past(history: &[SimulatedScan]) -> Vec<PastScan> {
    history.iter().enumerate().map(|(nth, scan)| past_scan(history, nth, scan)).collect()
}

fn past_scan(history: &[SimulatedScan], nth: usize, scan: &SimulatedScan) -> PastScan {
    // Without a place in a journal its time gives it one.
    let earlier = history.iter().enumerate().filter(|(at, other)| (other.at, *at) < (scan.at, nth)).count();
    let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let seq = scan.seq.unwrap_or_else(|| number(earlier).saturating_add(1));
    let of = Use {
        scan_id: ScanId(Uuid::from_u128(u128::from(number(nth)))),
        entry: SawRef { station: DeviceId(scan.station), incarnation: 1, seq },
        saw: scan.saw.clone(),
        direction: scan.direction,
        at: scan.at,
        uncertainty_ms: scan.uncertainty_ms,
        undone: scan.undone,
    };
    PastScan { scan: of, gate: scan.gate.clone() }
}

#[cfg(test)]
mod tests;
