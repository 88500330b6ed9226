//! What an up-to-date station would say to a scan, without storing anything: for whoever writes a list's rules, or wants to
//! know why somebody was refused. It asks the very function that stations ask.

use super::store::{self, setup};
use crate::{app::Tx, http::problem::Failure, sync::rows_of};
use willcall_domain::{
    catalog::{DateRow, EventRow, ItemRow},
    checkin::{
        Direction, ListRow, ScanRow,
        medium::{self, MediumRow},
        question::{AnswerGiven, QuestionRow},
        simulate::{SimulateAnswer, SimulateCase, SimulatedScan, SimulatedTicket, simulate as decide, verify_typed},
        wire::GateRow,
    },
    clock::UtcMillis,
    id::{EventId, GateId, ItemId, ListId, PositionId},
    orders::PositionRow,
    problem::{Code, Problem},
    sync::Row,
    ticketing::{EventKey, KeyRow, Signed, Verification, sig1},
};

/// A scan to be thought through.
#[derive(Debug, Clone)]
pub struct Wish<'a> {
    pub event: EventId,
    pub list: ListId,
    /// A ticket's code, an order code, or what a wristband reads.
    pub text: &'a str,
    pub at: UtcMillis,
    pub direction: Direction,
    pub gate: Option<GateId>,
    pub admit_unpaid: bool,
    pub answers: Vec<AnswerGiven>,
    /// Rules in place of the list's: those of an editor that are not saved yet.
    pub rules: Option<serde_json::Value>,
}

/// What would be said of one ticket.
#[derive(Debug, Clone)]
pub struct Simulated {
    /// The ticket the text names; `None` where it names none that is known here.
    pub position: Option<PositionRow>,
    /// What the verdict is about: this ticket, or an add-on of it.
    pub about: Option<PositionRow>,
    pub item: Option<ItemRow>,
    pub date: Option<DateRow>,
    pub answer: SimulateAnswer,
}

/// Thinks a scan through, for each ticket of an order where that is what was typed.
///
/// # Errors
/// When there is no such list in the event, or the database is away.
pub async fn simulate(tx: &mut Tx, wish: &Wish<'_>) -> Result<Vec<Simulated>, Failure> {
    let house = House::read(tx, wish).await?;
    let verification = verify_typed(wish.text, &house.event_keys);
    let signed = match &verification {
        Verification::Good(signed) => Some(signed),
        Verification::UnknownKey | Verification::Forged | Verification::Plain(_) => None,
    };
    let named = match signed {
        Some(signed) => by_signed(tx, wish.event, signed).await?.into_iter().collect(),
        None => store::named_by_text(tx, wish.event, wish.text, &medium::hash(wish.text)).await?,
    };
    if named.is_empty() {
        let case = SimulateCase { code: Some(wish.text.to_owned()), ..house.case(wish, &[]) };
        return Ok(vec![house.said(&case, None)?]);
    }
    let mut all = Vec::with_capacity(named.len());
    for position in named {
        all.push(one(tx, &house, wish, position, signed).await?);
    }
    Ok(all)
}

async fn one(
    tx: &mut Tx,
    house: &House,
    wish: &Wish<'_>,
    position: PositionId,
    signed: Option<&Signed>,
) -> Result<Simulated, Failure> {
    let mut ids = vec![position];
    ids.extend(store::addons_of(tx, position).await?);
    let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let mut tickets = Vec::new();
    for row in rows_of(tx, wish.event, "position", Some(&names)).await? {
        if let Row::Position(row) = row {
            tickets.push(row);
        }
    }
    let scans = store::of_tickets(tx, wish.list, &ids, signed.map(|s| hex::encode(s.payload_hash)).as_deref()).await?;
    let media = setup::media_of(tx, wish.event, &ids, &medium::hash(wish.text)).await?;
    let mut case = house.case(wish, &media);
    if let Some(at) = tickets.iter().position(|ticket| ticket.position_id == position) {
        let ticket = tickets.swap_remove(at);
        case.history = scans_of(&scans, &ticket, true);
        case.item = house.item(ticket.item_id);
        case.ticket = Some(ticket);
    }
    // A code that was replaced, or a medium that is off, is for the decision to see.
    case.code = (signed.is_some() || media.iter().any(|one| one.identifier_hash == medium::hash(wish.text)))
        .then(|| wish.text.to_owned());
    case.others = tickets
        .into_iter()
        .map(|ticket| SimulatedTicket {
            item: house.item(ticket.item_id),
            history: scans_of(&scans, &ticket, false),
            answered: Vec::new(),
            ticket,
        })
        .collect();
    house.said(&case, case.ticket.clone())
}

/// A `sig1` code names its position by a seed; it may be of a code that was replaced since.
async fn by_signed(tx: &mut Tx, event: EventId, signed: &Signed) -> Result<Option<PositionId>, Failure> {
    let Some(seed) = &signed.seed else { return Ok(signed.position_id) };
    let all = store::issues(tx, event).await?;
    let fits = |(position, issue): &&(PositionId, u8)| (0..=*issue).any(|of| sig1::seed(*position, of) == *seed);
    Ok(all.iter().find(fits).map(|(position, _)| *position))
}

/// The counted scans of a ticket among these, as the document wants them.
fn scans_of(scans: &[ScanRow], ticket: &PositionRow, named: bool) -> Vec<SimulatedScan> {
    let of = |scan: &&ScanRow| match scan.position_id {
        Some(position) => position == ticket.position_id,
        None => named,
    };
    scans
        .iter()
        .filter(of)
        .map(|scan| SimulatedScan {
            at: scan.at,
            direction: scan.direction,
            gate: scan.gate.clone(),
            uncertainty_ms: scan.uncertainty_ms,
            station: scan.station.0,
            seq: Some(scan.seq),
            saw: scan.saw.clone(),
            undone: scan.undone,
        })
        .collect()
}

/// What is set of an event for the door.
struct House {
    event: EventRow,
    list: ListRow,
    items: Vec<ItemRow>,
    dates: Vec<DateRow>,
    gates: Vec<GateRow>,
    questions: Vec<QuestionRow>,
    keys: Vec<KeyRow>,
    event_keys: Vec<EventKey>,
}

macro_rules! read {
    ($tx:expr, $event:expr, $kind:literal, $row:path) => {{
        let mut out = Vec::new();
        for row in rows_of($tx, $event, $kind, None).await? {
            if let $row(row) = row {
                out.push(row);
            }
        }
        out
    }};
}

impl House {
    async fn read(tx: &mut Tx, wish: &Wish<'_>) -> Result<Self, Failure> {
        let no_list = || Problem::new(Code::NotFound, "There is no such check-in list in this event.");
        let event = read!(tx, wish.event, "event", Row::Event).pop().ok_or_else(no_list)?;
        let mut lists = read!(tx, wish.event, "list", Row::List);
        let at = lists.iter().position(|list: &ListRow| list.list_id == wish.list).ok_or_else(no_list)?;
        let mut list = lists.swap_remove(at);
        if wish.rules.is_some() {
            list.rules.clone_from(&wish.rules);
        }
        let keys: Vec<KeyRow> = read!(tx, wish.event, "key", Row::Key);
        let event_keys = keys.iter().map(EventKey::parse).collect::<Result<_, _>>().map_err(Failure::internal)?;
        Ok(Self {
            items: read!(tx, wish.event, "item", Row::Item),
            dates: read!(tx, wish.event, "date", Row::Date),
            gates: read!(tx, wish.event, "gate", Row::Gate),
            questions: read!(tx, wish.event, "question", Row::Question),
            event,
            list,
            keys,
            event_keys,
        })
    }

    fn item(&self, id: ItemId) -> Option<ItemRow> {
        self.items.iter().find(|item| item.item_id == id).cloned()
    }

    fn case(&self, wish: &Wish<'_>, media: &[MediumRow]) -> SimulateCase {
        SimulateCase {
            keys: self.keys.clone(),
            gate: wish.gate.map(|gate| gate.0),
            admit_unpaid: wish.admit_unpaid,
            dates: self.dates.clone(),
            items: Some(self.items.clone()),
            gates: self.gates.clone(),
            questions: self.questions.clone(),
            answers: wish.answers.clone(),
            media: media.to_vec(),
            ..SimulateCase::new(self.event.clone(), self.list.clone(), wish.at, wish.direction)
        }
    }

    fn said(&self, case: &SimulateCase, position: Option<PositionRow>) -> Result<Simulated, Failure> {
        let answer = decide(case).map_err(Failure::internal)?;
        let tickets = case.ticket.iter().chain(case.others.iter().map(|other| &other.ticket));
        let about = answer.position_id.and_then(|id| tickets.clone().find(|t| t.position_id == id)).cloned();
        let of = about.as_ref().or(position.as_ref());
        Ok(Simulated {
            item: of.and_then(|ticket| self.item(ticket.item_id)),
            date: of.and_then(|t| t.date_id).and_then(|id| self.dates.iter().find(|date| date.date_id == id)).cloned(),
            about,
            position,
            answer,
        })
    }
}
