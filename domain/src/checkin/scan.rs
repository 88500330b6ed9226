//! Ticket + history + time → verdict. One pure function, used by station, server and `simulate` alike.
//!
//! Order of the checks: is it ours → ended → revoked → blocked → validity → product → unpaid → rules → used. An exit
//! asks neither for validity, nor rules, nor use.

use super::{
    merge::{self, Allowed, Splits, Use},
    rule::{Rule, RuleInput},
    wire::{Class, Direction, ListRow, Mark, Reason, SawRef},
};
use crate::{
    catalog::{EventRow, ItemRow},
    clock::UtcMillis,
    id::{EventId, ItemId},
    orders::{OrderStatus, PositionRow},
    ticketing::{KeyStatus, Signed, blank::VoidWhy},
};

/// One scan of this ticket that let somebody in or out. One that was undone counts no more, but is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastScan {
    pub scan: Use,
    pub gate: String,
}

/// What the code turned out to be.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// Neither signed by a key at hand nor known to the database.
    Unreadable,
    /// Signed under a key number this station does not have.
    UnknownKey,
    /// The position is in the data. `signed` where the code was a signed one.
    Known { position: &'a PositionRow, signed: Option<&'a Signed> },
    /// The signature is good; the position is not in the data. `void` where it is a blank that will be no ticket.
    SignatureOnly { signed: &'a Signed, void: Option<VoidWhy> },
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
    pub gate: Option<i64>,
    pub subject: Subject<'a>,
    /// The item the ticket is for, where it is known.
    pub item: Option<&'a ItemRow>,
    /// Scans of this ticket on this list that let somebody in or out, undone ones too, in any order.
    pub history: &'a [PastScan],
    /// The operator may admit unpaid tickets and asked to.
    pub admit_unpaid: bool,
}

/// The decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub class: Class,
    pub reason: Option<Reason>,
    pub marks: Vec<Mark>,
    /// The earliest counted entry, where the reason is *already redeemed*.
    pub first_use: Option<PastScan>,
    /// The last use known from each station: what this decision has seen.
    pub saw: Vec<SawRef>,
    /// The event the ticket is for, where it is another than the list's.
    pub other_event: Option<EventId>,
    pub valid_from: Option<UtcMillis>,
    pub valid_until: Option<UtcMillis>,
}

/// Decides.
#[must_use]
pub fn decide(input: &ScanInput<'_>) -> Verdict {
    let mut verdict = Verdict {
        class: Class::Refused,
        reason: None,
        marks: Vec::new(),
        first_use: None,
        saw: last_of_each_station(input.history),
        other_event: None,
        valid_from: None,
        valid_until: None,
    };
    if let Err(reason) = check(input, &mut verdict) {
        verdict.class = if reason == Reason::AlreadyRedeemed { Class::Used } else { Class::Refused };
        verdict.reason = Some(reason);
        return verdict;
    }
    let look = verdict.marks.iter().any(|m| match m {
        Mark::LookAtId | Mark::TimeUncertain | Mark::Unpaid | Mark::AskForReceipt => true,
        Mark::SignatureOnly | Mark::SaleNotSeen | Mark::Test | Mark::StationInDoubt => false,
    });
    let text = input.direction == Direction::Entry && input.item.is_some_and(|i| !i.checkin_text.is_empty());
    verdict.class = if look || text { Class::Look } else { Class::Admitted };
    verdict
}

/// What known and signature-only tickets have in common.
struct Facts {
    event_id: EventId,
    item_id: ItemId,
    valid_from: Option<UtcMillis>,
    valid_until: Option<UtcMillis>,
}

fn check(input: &ScanInput<'_>, verdict: &mut Verdict) -> Result<(), Reason> {
    let facts = identify(input, verdict)?;
    if facts.event_id != input.list.event_id {
        verdict.other_event = Some(facts.event_id);
        return Err(Reason::WrongEvent);
    }
    let entry = input.direction == Direction::Entry;
    if entry {
        check_time(input, &facts, verdict)?;
    }
    if input.list.items.as_ref().is_some_and(|items| !items.contains(&facts.item_id)) {
        return Err(Reason::Product);
    }
    if let Subject::Known { position, .. } = input.subject
        && position.order_status == OrderStatus::Pending
    {
        if !(input.list.include_pending && input.admit_unpaid) {
            return Err(Reason::Unpaid);
        }
        verdict.marks.push(Mark::Unpaid);
    }
    if entry {
        check_rules(input, &facts)?;
        check_use(input, verdict)?;
        if input.item.is_some_and(|i| i.look_at_id) && !verdict.marks.contains(&Mark::LookAtId) {
            verdict.marks.push(Mark::LookAtId);
        }
    }
    Ok(())
}

/// Whose ticket this is, and whether it still is one.
fn identify(input: &ScanInput<'_>, verdict: &mut Verdict) -> Result<Facts, Reason> {
    match input.subject {
        Subject::Unreadable => Err(Reason::Invalid),
        Subject::UnknownKey => Err(Reason::UnknownKey),
        Subject::Known { position, signed } => {
            match position.order_status {
                OrderStatus::Canceled | OrderStatus::Expired => return Err(Reason::Canceled),
                OrderStatus::Pending | OrderStatus::Paid => {}
            }
            if position.canceled {
                return Err(Reason::Canceled);
            }
            // sig1 codes carry no issue: their seed names it, so finding the position by seed has compared it already.
            if signed.is_some_and(|s| s.seed.is_none() && s.issue < position.issue) {
                return Err(Reason::Revoked);
            }
            if position.blocked {
                return Err(Reason::Blocked);
            }
            if position.test || signed.is_some_and(|s| s.flags.test) {
                verdict.marks.push(Mark::Test);
            }
            Ok(Facts {
                event_id: position.event_id,
                item_id: position.item_id,
                valid_from: position.valid_from,
                valid_until: position.valid_until,
            })
        }
        Subject::SignatureOnly { signed, void } => {
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
            Ok(Facts {
                event_id: signed.event_id,
                item_id: signed.item_id,
                valid_from: signed.valid_from,
                valid_until: signed.valid_until,
            })
        }
    }
}

fn check_time(input: &ScanInput<'_>, facts: &Facts, verdict: &mut Verdict) -> Result<(), Reason> {
    (verdict.valid_from, verdict.valid_until) = (facts.valid_from, facts.valid_until);
    let (now, wide) = (input.now.0, input.uncertainty_ms.max(0));
    let surely_early = facts.valid_from.is_some_and(|from| now.saturating_add(wide) < from.0);
    let surely_late = facts.valid_until.is_some_and(|until| now.saturating_sub(wide) >= until.0);
    if surely_early || surely_late {
        return Err(Reason::InvalidTime);
    }
    let maybe_early = facts.valid_from.is_some_and(|from| now.saturating_sub(wide) < from.0);
    let maybe_late = facts.valid_until.is_some_and(|until| now.saturating_add(wide) >= until.0);
    if maybe_early || maybe_late {
        verdict.marks.push(Mark::TimeUncertain);
    }
    Ok(())
}

fn check_rules(input: &ScanInput<'_>, facts: &Facts) -> Result<(), Reason> {
    let Some(rules) = &input.list.rules else { return Ok(()) };
    let rule = Rule::parse(rules).map_err(|_| Reason::Rules)?;
    let counted = input.history.iter().map(|past| &past.scan).filter(|scan| !scan.undone);
    let entries: Vec<(UtcMillis, Direction)> = counted.map(|scan| (scan.at, scan.direction)).collect();
    let admitted = rule.evaluate(&RuleInput {
        now: input.now,
        zone: &input.event.zone,
        product: facts.item_id,
        variation: None,
        gate: input.gate,
        date_from: input.event.starts_at,
        date_to: input.event.ends_at,
        date_admission: input.event.admission_at,
        entries: &entries,
    });
    match admitted {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(Reason::Rules),
    }
}

fn check_use(input: &ScanInput<'_>, verdict: &mut Verdict) -> Result<(), Reason> {
    // What was forked and where is the server's to know; here all that is known was known.
    let state = merge::state(input.history.iter().map(|past| &past.scan), &Splits::new());
    if state.admits(Allowed::from(input.list)) {
        return Ok(());
    }
    let first = state.first_entry.map(|first| first.scan_id);
    verdict.first_use = input.history.iter().find(|past| Some(past.scan.scan_id) == first).cloned();
    Err(Reason::AlreadyRedeemed)
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
