//! Ticket + history + time → verdict. One pure function, used by station, server and `simulate` alike.
//!
//! Order of the checks: is it ours → which of the tickets it stands for (`choose`) → the list's event → ended → revoked →
//! blocked → unapproved → validity → product → date → unpaid → rules → questions → medium → age of the data → used. An exit
//! asks neither for validity, nor rules, questions, age of the data, nor use.

mod ask;
mod choose;
mod rules;

use super::{
    medium::{MediumRow, MediumUse},
    merge::{self, Allowed, Splits, Use},
    question::{AnswerGiven, AnswerWrong, QuestionRow},
    rule::Term,
    wire::{Class, Direction, Exchange, GateRow, ListRow, Mark, Of, Reason, RuleTrouble, SawRef},
};
use crate::{
    catalog::{DateRow, EventRow, ItemRow},
    clock::UtcMillis,
    id::{DateId, EventId, GateId, ItemId, QuestionId, VariationId},
    orders::{OrderStatus, PositionRow},
    ticketing::{KeyStatus, Signed, blank::VoidWhy, sig1},
};

/// Data older than this is marked, in seconds.
pub const OLD_DATA_S: u64 = 15 * 60;

/// One scan of this ticket that let somebody in or out. One that was undone counts no more, but is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastScan {
    pub scan: Use,
    pub gate: String,
}

/// What is known around a ticket.
#[derive(Debug, Clone, Copy, Default)]
pub struct Around<'a> {
    /// The product it is of.
    pub item: Option<&'a ItemRow>,
    /// The date it is for.
    pub date: Option<&'a DateRow>,
    /// Scans of it on this list that let somebody in or out, undone ones too, in any order.
    pub history: &'a [PastScan],
    /// Questions that journals say were answered; those the server knows stand with the position.
    pub answered: &'a [QuestionId],
    /// The media that stand for it, switched off ones too.
    pub media: &'a [MediumRow],
}

/// A ticket that the code may stand for.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    pub position: &'a PositionRow,
    /// Whether the code itself names it; else it is an add-on of one that it names.
    pub named: bool,
    pub around: Around<'a>,
}

/// What the code turned out to be.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// Neither signed by a key at hand nor known to the database.
    Unreadable,
    /// Signed under a key number this station does not have.
    UnknownKey,
    /// A wristband or the like that stands for no ticket, or no longer.
    MediumInvalid,
    /// Positions in the data, at least one of them named. `signed` where the code was a signed one, `medium` where it was
    /// that of a wristband or the like.
    Known { candidates: &'a [Candidate<'a>], signed: Option<&'a Signed>, medium: Option<&'a MediumRow> },
    /// The signature is good; the position is not in the data. `void` where it is a blank that will be no ticket.
    SignatureOnly { signed: &'a Signed, void: Option<VoidWhy>, around: Around<'a> },
}

/// What there is that a rule may name. What it names besides refuses entry.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    pub items: &'a [ItemId],
    pub variations: &'a [VariationId],
    pub gates: &'a [GateRow],
}

/// All a decision looks at.
#[derive(Debug, Clone, Copy)]
pub struct ScanInput<'a> {
    pub now: UtcMillis,
    /// How far `now` may be wrong, in milliseconds.
    pub uncertainty_ms: i64,
    pub direction: Direction,
    pub event: &'a EventRow,
    pub list: &'a ListRow,
    /// Where this station stands.
    pub gate: Option<GateId>,
    pub subject: Subject<'a>,
    /// What rules may name; `None` where that is not known, then they may name anything.
    pub named: Option<Named<'a>>,
    /// The questions of the event.
    pub questions: &'a [QuestionRow],
    /// Answers that came along.
    pub answers: &'a [AnswerGiven],
    /// Whether somebody is there to ask the holder.
    pub ask: bool,
    /// Whether the operator may admit unpaid tickets.
    pub may_admit_unpaid: bool,
    /// And asked to.
    pub admit_unpaid: bool,
    /// Seconds since the data was the newest there is; `None` where it never was.
    pub data_age_s: Option<u64>,
    /// How old it may be at this device, in minutes, whatever the product.
    pub max_data_age_min: Option<u32>,
}

/// The decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub class: Class,
    pub reason: Option<Reason>,
    pub marks: Vec<Mark>,
    /// Which of the candidates it is about.
    pub chosen: Option<usize>,
    /// The earliest counted entry, where the reason is *already redeemed*.
    pub first_use: Option<PastScan>,
    /// The last use known from each station: what this decision has seen.
    pub saw: Vec<SawRef>,
    /// The event the ticket is for, where it is another than the list's.
    pub other_event: Option<EventId>,
    /// The date the ticket is for, where it is another than the list's.
    pub other_date: Option<DateId>,
    pub valid_from: Option<UtcMillis>,
    pub valid_until: Option<UtcMillis>,
    /// The nearest way in, where the rules refuse.
    pub explanation: Vec<Term>,
    /// What is wrong with the rules, where they cannot be used.
    pub rule_trouble: Option<RuleTrouble>,
    /// What is to be asked first, in order.
    pub questions: Vec<QuestionId>,
    /// Answers that cannot be taken.
    pub wrong_answers: Vec<AnswerWrong>,
    /// Answers to be kept, in the spelling they are kept in. Empty unless somebody enters.
    pub answers: Vec<AnswerGiven>,
    /// Who asks to look.
    pub attention: Vec<Of>,
    pub exchange: Exchange,
    /// How old the data may be, in minutes, where it is older.
    pub max_data_age_min: Option<u32>,
    /// Whether the operator may let in by right what is not paid.
    pub may_admit_unpaid: bool,
    /// It is no more than a question: somebody is there to ask the holder first, and nothing happened that could be
    /// recorded.
    pub asks: bool,
}

impl Verdict {
    fn undecided() -> Self {
        Self {
            class: Class::Refused,
            reason: None,
            marks: Vec::new(),
            chosen: None,
            first_use: None,
            saw: Vec::new(),
            other_event: None,
            other_date: None,
            valid_from: None,
            valid_until: None,
            explanation: Vec::new(),
            rule_trouble: None,
            questions: Vec::new(),
            wrong_answers: Vec::new(),
            answers: Vec::new(),
            attention: Vec::new(),
            exchange: Exchange::None,
            max_data_age_min: None,
            may_admit_unpaid: false,
            asks: false,
        }
    }
}

/// Decides.
#[must_use]
pub fn decide(input: &ScanInput<'_>) -> Verdict {
    let mut verdict = Verdict::undecided();
    match check(input, &mut verdict) {
        Ok(Looked(true)) => verdict.class = Class::Look,
        Ok(Looked(false)) => verdict.class = Class::Admitted,
        Err(reason) => {
            let used = reason == Reason::AlreadyRedeemed;
            verdict.class = if used { Class::Used } else { Class::Refused };
            verdict.asks = reason == Reason::AnswersRequired && input.ask;
            verdict.reason = Some(reason);
            verdict.answers.clear();
        }
    }
    if input.data_age_s.is_none_or(|age| age > OLD_DATA_S) {
        verdict.marks.push(Mark::OldData);
    }
    verdict
}

/// Whether staff must look before they let somebody in.
struct Looked(bool);

/// What known and signature-only tickets have in common.
struct Ticket<'a> {
    item_id: ItemId,
    variation_id: Option<VariationId>,
    date_id: Option<DateId>,
    valid_from: Option<UtcMillis>,
    valid_until: Option<UtcMillis>,
    around: Around<'a>,
    position: Option<&'a PositionRow>,
    by_medium: bool,
}

fn check(input: &ScanInput<'_>, verdict: &mut Verdict) -> Result<Looked, Reason> {
    let ticket = identify(input, verdict)?;
    verdict.exchange = exchange(&ticket, input.now);
    let entry = input.direction == Direction::Entry;
    if entry {
        check_time(input, &ticket, verdict)?;
    }
    if !choose::is_on_list(input.list, ticket.item_id) {
        return Err(Reason::Product);
    }
    if input.list.date_id.is_some() && input.list.date_id != ticket.date_id {
        verdict.other_date = ticket.date_id;
        return Err(Reason::WrongDate);
    }
    if ticket.position.is_none() && ticket.around.item.is_none() {
        return Err(Reason::Error);
    }
    check_paid(input, &ticket, verdict)?;
    if entry {
        rules::check(input, &ticket, verdict)?;
        ask::check(input, &ticket, verdict)?;
    }
    check_medium(&ticket, verdict)?;
    if !entry {
        return Ok(Looked(false));
    }
    check_age(input, &ticket, verdict)?;
    check_use(input, &ticket, verdict)?;
    Ok(Looked(look(&ticket, verdict)))
}

/// Whose ticket this is, and whether it still is one.
fn identify<'a>(input: &ScanInput<'a>, verdict: &mut Verdict) -> Result<Ticket<'a>, Reason> {
    match input.subject {
        Subject::Unreadable => Err(Reason::Invalid),
        Subject::UnknownKey => Err(Reason::UnknownKey),
        Subject::MediumInvalid => Err(Reason::MediumInvalid),
        Subject::Known { candidates, signed, medium } => {
            let (chosen, several) = choose::choose(input, candidates).ok_or(Reason::Invalid)?;
            let Candidate { position, named, around } = candidates[chosen];
            verdict.chosen = Some(chosen);
            verdict.saw = last_of_each_station(around.history);
            of_the_lists_event(input, position.event_id, verdict)?;
            if several {
                return Err(Reason::Ambiguous);
            }
            if !named {
                // What was bought with it enters by the code of another: that one must be good as well.
                candidates.iter().filter(|c| c.named).try_for_each(|c| good_code(c.position, signed))?;
            }
            known(position, signed.filter(|_| named), verdict)?;
            Ok(Ticket {
                item_id: position.item_id,
                variation_id: position.variation_id,
                date_id: position.date_id,
                valid_from: position.valid_from,
                valid_until: position.valid_until,
                around,
                position: Some(position),
                by_medium: medium.is_some(),
            })
        }
        Subject::SignatureOnly { signed, void, around } => {
            verdict.saw = last_of_each_station(around.history);
            of_the_lists_event(input, signed.event_id, verdict)?;
            signature_only(signed, void, verdict)?;
            Ok(Ticket {
                item_id: signed.item_id,
                variation_id: signed.variation_id,
                date_id: signed.date_id,
                valid_from: signed.valid_from,
                valid_until: signed.valid_until,
                around,
                position: None,
                by_medium: false,
            })
        }
    }
}

fn of_the_lists_event(input: &ScanInput<'_>, event: EventId, verdict: &mut Verdict) -> Result<(), Reason> {
    if event == input.list.event_id {
        return Ok(());
    }
    verdict.other_event = Some(event);
    Err(Reason::WrongEvent)
}

fn known(position: &PositionRow, signed: Option<&Signed>, verdict: &mut Verdict) -> Result<(), Reason> {
    match position.order_status {
        OrderStatus::Canceled | OrderStatus::Expired => return Err(Reason::Canceled),
        OrderStatus::Pending | OrderStatus::Paid => {}
    }
    if position.canceled {
        return Err(Reason::Canceled);
    }
    good_code(position, signed)?;
    if position.order_status == OrderStatus::Pending && position.door.needs_approval {
        return Err(Reason::Unapproved);
    }
    if position.test || signed.is_some_and(|s| s.flags.test) {
        verdict.marks.push(Mark::Test);
    }
    Ok(())
}

fn good_code(position: &PositionRow, signed: Option<&Signed>) -> Result<(), Reason> {
    if signed.is_some_and(|code| is_replaced(code, position)) {
        return Err(Reason::Revoked);
    }
    if position.blocked { Err(Reason::Blocked) } else { Ok(()) }
}

/// Whether a newer code was issued in place of this one. A `sig1` code carries no issue: its seed names it, and one of
/// another issue than the position's has another seed.
fn is_replaced(code: &Signed, position: &PositionRow) -> bool {
    match &code.seed {
        Some(seed) => *seed != sig1::seed(position.position_id, position.issue),
        None => code.issue < position.issue,
    }
}

fn signature_only(signed: &Signed, void: Option<VoidWhy>, verdict: &mut Verdict) -> Result<(), Reason> {
    verdict.marks.push(match void {
        Some(VoidWhy::Void | VoidWhy::Stolen) => return Err(Reason::Void),
        // The till may have sold it before it was lost, and nobody will ever tell: the paper has to.
        Some(VoidWhy::Lost) => Mark::AskForReceipt,
        None if signed.flags.blank => Mark::SaleNotSeen,
        None => Mark::SignatureOnly,
    });
    if signed.flags.test {
        verdict.marks.push(Mark::Test);
    }
    // A compromised key's codes are worth a look at most where the position is not known.
    if signed.flags.look_at_id || signed.key_status == KeyStatus::Compromised {
        verdict.marks.push(Mark::LookAtId);
    }
    Ok(())
}

fn check_time(input: &ScanInput<'_>, ticket: &Ticket<'_>, verdict: &mut Verdict) -> Result<(), Reason> {
    (verdict.valid_from, verdict.valid_until) = (ticket.valid_from, ticket.valid_until);
    let (now, wide) = (input.now.0, input.uncertainty_ms.max(0));
    let surely_early = ticket.valid_from.is_some_and(|from| now.saturating_add(wide) < from.0);
    let surely_late = ticket.valid_until.is_some_and(|until| now.saturating_sub(wide) >= until.0);
    if surely_early || surely_late {
        return Err(Reason::InvalidTime);
    }
    let maybe_early = ticket.valid_from.is_some_and(|from| now.saturating_sub(wide) < from.0);
    let maybe_late = ticket.valid_until.is_some_and(|until| now.saturating_add(wide) >= until.0);
    if maybe_early || maybe_late {
        verdict.marks.push(Mark::TimeUncertain);
    }
    Ok(())
}

fn check_paid(input: &ScanInput<'_>, ticket: &Ticket<'_>, verdict: &mut Verdict) -> Result<(), Reason> {
    let Some(position) = ticket.position else { return Ok(()) };
    if position.order_status != OrderStatus::Pending || position.door.valid_if_pending {
        return Ok(());
    }
    let by_right = input.list.include_pending && input.may_admit_unpaid;
    if by_right && input.admit_unpaid {
        verdict.marks.push(Mark::Unpaid);
        return Ok(());
    }
    verdict.may_admit_unpaid = by_right;
    Err(Reason::Unpaid)
}

/// Whether a wristband or the like takes the ticket's place.
fn exchange(ticket: &Ticket<'_>, now: UtcMillis) -> Exchange {
    let wanted = ticket.around.item.map_or(MediumUse::None, |item| item.door.medium);
    let linked = ticket.by_medium || ticket.around.media.iter().any(|medium| medium.holds(now));
    match (wanted, linked) {
        (MediumUse::None, false) => Exchange::None,
        (_, true) => Exchange::Done,
        (MediumUse::May, false) => Exchange::May,
        (MediumUse::Must, false) => Exchange::Must,
    }
}

fn check_medium(ticket: &Ticket<'_>, verdict: &Verdict) -> Result<(), Reason> {
    let must = ticket.around.item.is_some_and(|item| item.door.medium == MediumUse::Must);
    if !must || ticket.by_medium {
        return Ok(());
    }
    Err(if verdict.exchange == Exchange::Done { Reason::AlreadyExchanged } else { Reason::ExchangeRequired })
}

/// A product of high risk is worth nothing without data that is young enough to say that it was not used.
fn check_age(input: &ScanInput<'_>, ticket: &Ticket<'_>, verdict: &mut Verdict) -> Result<(), Reason> {
    let wanted = ticket.around.item.and_then(|item| item.door.max_data_age_min);
    let Some(most) = wanted.into_iter().chain(input.max_data_age_min).min() else { return Ok(()) };
    if input.data_age_s.is_some_and(|age| age <= u64::from(most) * 60) {
        return Ok(());
    }
    verdict.max_data_age_min = Some(most);
    Err(Reason::StaleData)
}

fn check_use(input: &ScanInput<'_>, ticket: &Ticket<'_>, verdict: &mut Verdict) -> Result<(), Reason> {
    let history = ticket.around.history;
    // What was forked and where is the server's to know; here all that is known was known.
    let state = merge::state(history.iter().map(|past| &past.scan), &Splits::new());
    if state.admits(Allowed::from(input.list)) {
        return Ok(());
    }
    let first = state.first_entry.map(|first| first.scan_id);
    verdict.first_use = history.iter().find(|past| Some(past.scan.scan_id) == first).cloned();
    Err(Reason::AlreadyRedeemed)
}

/// What staff must look at before they let somebody in; whether there is anything.
fn look(ticket: &Ticket<'_>, verdict: &mut Verdict) -> bool {
    let item = ticket.around.item;
    if item.is_some_and(|i| i.look_at_id) && !verdict.marks.contains(&Mark::LookAtId) {
        verdict.marks.push(Mark::LookAtId);
    }
    let door = ticket.position.map(|position| &position.door);
    let flags = [(Of::Product, item.is_some_and(|i| i.door.attention)), (Of::Order, door.is_some_and(|d| d.attention))];
    verdict.attention = flags.into_iter().filter_map(|(of, set)| set.then_some(of)).collect();
    if !verdict.attention.is_empty() {
        verdict.marks.push(Mark::Attention);
    }
    let variation = ticket.variation_id.and_then(|id| item?.variation(id));
    let text = item.is_some_and(|i| !i.checkin_text.is_empty())
        || variation.is_some_and(|v| !v.checkin_text.is_empty())
        || door.is_some_and(|d| !d.checkin_text.is_empty());
    let unseen = ticket.position.is_none() && item.is_some_and(|i| i.door.look_if_unseen);
    let marked = verdict.marks.iter().any(|mark| match mark {
        Mark::LookAtId | Mark::TimeUncertain | Mark::Unpaid | Mark::AskForReceipt | Mark::Attention => true,
        Mark::SignatureOnly | Mark::SaleNotSeen | Mark::Test | Mark::StationInDoubt | Mark::OldData => false,
    });
    text || unseen || marked
}

fn last_of_each_station(history: &[PastScan]) -> Vec<SawRef> {
    let mut last: Vec<SawRef> = Vec::new();
    for entry in history.iter().map(|past| past.scan.entry) {
        match last.iter_mut().find(|l| l.station == entry.station) {
            Some(known) => *known = (*known).max(entry),
            None => last.push(entry),
        }
    }
    last.sort();
    last
}

#[cfg(test)]
mod tests;
