//! Journal entries into the tables they belong to, each by itself. What cannot be applied is parked with a case that
//! says why, and leaves nothing else behind; what refers to it parks with it. Scans, of which there are most, go in
//! together as long as none of them is refused.

use super::{
    cases::{self, By, NewCase},
    store::{self, incarnation, journal},
};
use crate::http::problem::Failure;
use crate::{
    app::{App, Tx},
    checkin,
    http::caller::DeviceCaller,
    leases, till,
};
use serde_json::{Value, json};
use std::{collections::HashSet, ops::Range};
use willcall_domain::{
    id::{CaseId, EventId, OrderId},
    problem::Code,
    sync::{CaseKind, Entry, Fact, Outcome, Resolution},
};

/// What a slice says of a fact it was given.
#[derive(Debug, Clone, PartialEq)]
pub enum Applied {
    Done,
    /// Applied, and a person should look: a kind of case and what to show.
    Notice {
        kind: CaseKind,
        event: Option<EventId>,
        detail: Value,
    },
    /// Applied, and part of a case that its slice keeps.
    InCase(CaseId),
    /// Not applied.
    Parked {
        kind: CaseKind,
        event: Option<EventId>,
        detail: Value,
    },
}

/// An entry that was not known before.
#[derive(Debug)]
pub(super) struct Fresh<'a> {
    pub entry: &'a Entry,
    /// `None` for a kind that is not known, or a body that cannot be read.
    pub fact: Option<Fact>,
    /// The case of the hole or the fork it came with.
    pub within: Option<CaseId>,
}

/// Applies entries of one author in their order; answers what became of each.
pub(super) async fn all(
    app: &App,
    tx: &mut Tx,
    author: &DeviceCaller,
    fresh: &[Fresh<'_>],
) -> Result<Vec<Outcome>, Failure> {
    let orders: Vec<uuid::Uuid> = fresh.iter().filter_map(about).map(|order| order.0).collect();
    let mut parked: HashSet<OrderId> = HashSet::new();
    if !orders.is_empty() {
        parked.extend(journal::parked_orders(tx, author.device, &orders).await?);
    }
    // In one order for all, so that two tills and the web never wait for each other in a circle.
    leases::lock_subjects(tx, fresh.iter().filter_map(|f| f.fact.as_ref())).await?;
    leases::lock_page(tx, fresh.iter().filter_map(|f| f.fact.as_ref())).await?;
    let mut outcomes = Vec::with_capacity(fresh.len());
    while outcomes.len() < fresh.len() {
        let from = outcomes.len();
        let scans = fresh[from..].iter().take_while(|f| matches!(f.fact, Some(Fact::Scan { .. }))).count();
        if scans > 1
            && let Some(applied) = together(tx, author, &fresh[from..from + scans]).await?
        {
            settle(tx, author, (fresh, from..from + scans), applied, &mut outcomes).await?;
            continue;
        }
        for next in from..from + scans.max(1) {
            let applied = by_itself(app, tx, author, &fresh[next], &parked).await?;
            if matches!(applied, Applied::Parked { .. }) {
                parked.extend(about(&fresh[next]));
            }
            settle(tx, author, (fresh, next..next + 1), vec![applied], &mut outcomes).await?;
        }
    }
    Ok(outcomes)
}

fn about(fresh: &Fresh<'_>) -> Option<OrderId> {
    fresh.fact.as_ref().and_then(Fact::order)
}

/// From what slices said to outcomes, with a case where there is one.
async fn settle(
    tx: &mut Tx,
    author: &DeviceCaller,
    (fresh, range): (&[Fresh<'_>], Range<usize>),
    applied: Vec<Applied>,
    outcomes: &mut Vec<Outcome>,
) -> Result<(), Failure> {
    for (fresh, applied) in fresh[range].iter().zip(applied) {
        let outcome = match with_case(tx, author, applied).await? {
            // It has no case of its own, so the one of the hole or fork it came with is shown with it.
            Outcome::Applied => fresh.within.map_or(Outcome::Applied, |case_id| Outcome::AppliedWithCase { case_id }),
            noticed @ (Outcome::AppliedWithCase { .. } | Outcome::Parked { .. }) => noticed,
        };
        outcomes.push(outcome);
    }
    Ok(())
}

/// Scans in one go; `None` when the database refuses one of them: then each goes by itself.
async fn together(tx: &mut Tx, author: &DeviceCaller, fresh: &[Fresh<'_>]) -> Result<Option<Vec<Applied>>, Failure> {
    let scans: Vec<(&Entry, &Fact)> = fresh.iter().filter_map(|f| Some((f.entry, f.fact.as_ref()?))).collect();
    store::savepoint(tx).await?;
    match checkin::record_scans(tx, author, &scans).await {
        // A parked one among them leaves nothing behind by itself.
        Ok(applied) => match store::release_savepoint(tx).await {
            Ok(()) => Ok(Some(applied)),
            Err(error) => refused(tx, error.into()).await.map(|_| None),
        },
        Err(failure) => refused(tx, failure).await.map(|_| None),
    }
}

/// Undoes to the savepoint when the database refused the data; the reason, for the case.
async fn refused(tx: &mut Tx, failure: Failure) -> Result<String, Failure> {
    if !failure.is_about_data() {
        return Err(failure);
    }
    store::rollback_to_savepoint(tx).await?;
    Ok(failure.cause().unwrap_or_default().to_owned())
}

/// One entry within a savepoint, so that what cannot be applied leaves nothing behind.
async fn by_itself(
    app: &App,
    tx: &mut Tx,
    author: &DeviceCaller,
    fresh: &Fresh<'_>,
    parked: &HashSet<OrderId>,
) -> Result<Applied, Failure> {
    let entry = fresh.entry;
    let named = || json!({ "kind": entry.kind, "incarnation": entry.incarnation, "seq": entry.seq, "entry": entry.id });
    let Some(fact) = &fresh.fact else {
        return Ok(Applied::Parked { kind: CaseKind::UnknownKind, event: None, detail: named() });
    };
    if let Some(order) = fact.order().filter(|order| parked.contains(order)) {
        let mut detail = named();
        detail["order_id"] = json!(order);
        return Ok(Applied::Parked { kind: CaseKind::RefersToParked, event: None, detail });
    }
    store::savepoint(tx).await?;
    let why = match one(app, tx, author, entry, fact).await {
        Ok(parked @ Applied::Parked { .. }) => {
            store::rollback_to_savepoint(tx).await?;
            return Ok(parked);
        }
        Ok(applied) => match store::release_savepoint(tx).await {
            Ok(()) => return Ok(applied),
            Err(error) => refused(tx, error.into()).await?,
        },
        Err(failure) => refused(tx, failure).await?,
    };
    tracing::error!(device = author.device.0, seq = entry.seq, kind = %entry.kind, why, "an entry cannot be applied");
    let mut detail = named();
    if let Some(order) = fact.order() {
        detail["order_id"] = json!(order);
    }
    Ok(Applied::Parked { kind: CaseKind::CannotApply, event: None, detail })
}

/// Gives a fact to the slice it belongs to.
async fn one(app: &App, tx: &mut Tx, caller: &DeviceCaller, entry: &Entry, fact: &Fact) -> Result<Applied, Failure> {
    match fact {
        // The journal itself is the record of these.
        Fact::Opened { .. }
        | Fact::Print { .. }
        | Fact::Badge { .. }
        | Fact::OperatorIn { .. }
        | Fact::OperatorOut { .. }
        | Fact::Checkpoint { .. } => Ok(Applied::Done),
        Fact::LeaseAccepted { .. } => leases::accept(app, tx, caller, entry, fact).await,
        Fact::Sale { .. } => till::record_sale(tx, caller, entry, fact).await,
        Fact::Payment { .. } => till::record_payment(tx, caller, entry, fact).await,
        Fact::Receipt { .. } => till::record_receipt(tx, caller, fact).await,
        Fact::Scan { .. } => {
            let applied = checkin::record_scans(tx, caller, &[(entry, fact)]).await?;
            Ok(applied.into_iter().next().unwrap_or(Applied::Done))
        }
        Fact::CaseClosed { case_id, resolution } => case_closed(app, tx, caller, entry, (*case_id, resolution)).await,
        Fact::KeyChanged { .. } => key_changed(tx, caller, entry).await,
        Fact::Closed { .. } => {
            incarnation::set_closed(tx, entry).await?;
            leases::closed(tx, caller, entry).await?;
            Ok(Applied::Done)
        }
        Fact::LeaseReturned { .. } => leases::give_back(tx, caller, fact).await,
        Fact::HandOverGiven { .. } => leases::given(tx, caller, fact).await,
        Fact::HandOverTaken { .. } => leases::taken(tx, caller, entry, fact).await,
        Fact::HandOverDeclined { .. } => leases::declined(tx, caller, fact).await,
        Fact::Void { .. } => till::record_void(tx, caller, entry, fact).await,
        Fact::Refund { .. } => till::record_refund(tx, caller, entry, fact).await,
        Fact::RightTaken { .. } => leases::right_taken(app, tx, caller, entry, fact).await,
        Fact::RightReleased { .. } => leases::right_released(tx, caller, fact).await,
        Fact::ScanUndone { .. } => checkin::record_undo(tx, caller, entry, fact).await,
        Fact::Answers { .. } => checkin::record_answers(tx, caller, entry, fact).await,
        Fact::Exchanged { .. } => checkin::record_exchange(tx, caller, entry, fact).await,
    }
}

/// A person at a station closed a case. Somebody may have been faster, or the way may not be a station's: the entry is
/// good all the same, and what holds goes down to the station again: a case that is not closed that way is open there, too.
async fn case_closed(
    app: &App,
    tx: &mut Tx,
    caller: &DeviceCaller,
    entry: &Entry,
    (case_id, resolution): (CaseId, &str),
) -> Result<Applied, Failure> {
    let unknown = || Applied::Parked {
        kind: CaseKind::UnknownKind,
        event: None,
        detail: json!({ "kind": "case_closed", "case_id": case_id, "resolution": resolution }),
    };
    let Some(resolution) = Resolution::of_word(resolution) else { return Ok(unknown()) };
    let by = By::Device { id: caller.device, name: &caller.name };
    match cases::resolve(app, tx, case_id, resolution, &by, "").await {
        Ok(_) => {}
        // Put back to an earlier instant, the server may not have that case any more.
        Err(failure) if failure.problem().code == Code::NotFound => return Ok(unknown()),
        Err(failure) if matches!(failure.problem().code, Code::Conflict | Code::Forbidden) => {
            cases::refuse(tx, case_id, resolution, &by, entry.reference()).await?;
        }
        Err(failure) => return Err(failure),
    }
    cases::tell_again(tx, case_id).await?;
    Ok(Applied::Done)
}

/// The device has a new key. The entry was signed by the old one; here the new one's own signature is checked.
async fn key_changed(tx: &mut Tx, caller: &DeviceCaller, entry: &Entry) -> Result<Applied, Failure> {
    let Some(mut keys) = incarnation::keys(tx, caller.device).await? else { return Ok(Applied::Done) };
    match keys.change(entry) {
        Ok(Some(held)) => {
            incarnation::insert_key(tx, caller.device, &held).await?;
            Ok(Applied::Done)
        }
        Ok(None) => Ok(Applied::Done),
        Err(why) => {
            let detail = json!({ "seq": entry.seq, "incarnation": entry.incarnation, "why": why.to_string() });
            Ok(Applied::Parked { kind: CaseKind::BadEntry, event: None, detail })
        }
    }
}

async fn with_case(tx: &mut Tx, author: &DeviceCaller, applied: Applied) -> Result<Outcome, Failure> {
    let device = author.device;
    match applied {
        Applied::Done => Ok(Outcome::Applied),
        Applied::Notice { kind, event, detail } => {
            let case_id = cases::open(tx, &NewCase { device, event, kind, detail }).await?;
            Ok(Outcome::AppliedWithCase { case_id })
        }
        Applied::InCase(case_id) => Ok(Outcome::AppliedWithCase { case_id }),
        Applied::Parked { kind, event, detail } => {
            let case_id = cases::open(tx, &NewCase { device, event, kind, detail }).await?;
            Ok(Outcome::Parked { case_id })
        }
    }
}

/// Applies an entry that waited; why not, where it still cannot be.
pub(super) async fn again(app: &App, tx: &mut Tx, entry: &Entry) -> Result<Result<Outcome, String>, Failure> {
    let Some((author, _)) = DeviceCaller::author(tx, entry.station).await? else {
        return Ok(Err("unknown station".to_owned()));
    };
    let fresh = Fresh { entry, fact: entry.fact(), within: None };
    match by_itself(app, tx, &author, &fresh, &HashSet::new()).await? {
        Applied::Parked { kind, .. } => Ok(Err(kind.word())),
        applied @ (Applied::Done | Applied::Notice { .. } | Applied::InCase(_)) => {
            with_case(tx, &author, applied).await.map(Ok)
        }
    }
}
