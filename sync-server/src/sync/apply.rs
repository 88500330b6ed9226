//! One journal entry into the tables it belongs to. What cannot be applied is parked with a case that says why.

use super::store::{self, NewCase};
use crate::http::problem::Failure;
use crate::{
    app::{App, Tx},
    checkin,
    http::caller::DeviceCaller,
    leases, till,
};
use serde_json::{Value, json};
use willcall_domain::{
    id::{CaseId, EventId},
    sync::{Entry, Fact, Outcome},
};

/// What a slice says of a fact it was given.
#[derive(Debug, Clone, PartialEq)]
pub enum Applied {
    Done,
    /// Applied, and a person should look: a kind of case and what to show.
    Notice {
        kind: &'static str,
        event: Option<EventId>,
        detail: Value,
    },
    /// Not applied.
    Parked {
        kind: &'static str,
        event: Option<EventId>,
        detail: Value,
    },
}

pub(super) async fn apply(app: &App, tx: &mut Tx, caller: &DeviceCaller, entry: &Entry) -> Result<Outcome, Failure> {
    let Some(fact) = entry.fact() else {
        let detail = json!({ "kind": entry.kind, "seq": entry.seq });
        return opened_case(app, tx, caller, Applied::Parked { kind: "unknown_kind", event: None, detail }).await;
    };
    if let Some(order) = fact.order()
        && store::order_is_parked(tx, caller.device, order.0).await?
    {
        let detail = json!({ "order_id": order, "seq": entry.seq });
        return opened_case(app, tx, caller, Applied::Parked { kind: "refers_to_parked", event: None, detail }).await;
    }
    // A savepoint, so that what cannot be applied leaves nothing behind.
    store::savepoint(tx).await?;
    let applied = match fact {
        Fact::Opened { .. } | Fact::Print { .. } => Applied::Done,
        Fact::LeaseAccepted { lease_id, .. } => leases::accept(app, tx, caller, lease_id).await?,
        Fact::Sale { .. } => till::record_sale(tx, caller, entry, &fact).await?,
        Fact::Payment { .. } => till::record_payment(tx, caller, entry, &fact).await?,
        Fact::Receipt { .. } => till::record_receipt(tx, caller, &fact).await?,
        Fact::Scan { .. } => checkin::record_scan(tx, caller, entry, &fact).await?,
    };
    match applied {
        Applied::Parked { .. } => store::rollback_to_savepoint(tx).await?,
        Applied::Done | Applied::Notice { .. } => store::release_savepoint(tx).await?,
    }
    opened_case(app, tx, caller, applied).await
}

async fn opened_case(app: &App, tx: &mut Tx, caller: &DeviceCaller, applied: Applied) -> Result<Outcome, Failure> {
    let now = app.clock.now();
    let case_id = CaseId::born(now, app.entropy.as_ref());
    let (outcome, kind, event, detail) = match applied {
        Applied::Done => return Ok(Outcome::Applied),
        Applied::Notice { kind, event, detail } => (Outcome::AppliedWithCase { case_id }, kind, event, detail),
        Applied::Parked { kind, event, detail } => (Outcome::Parked { case_id }, kind, event, detail),
    };
    store::open_case(tx, NewCase { case_id, device: caller.device, event, kind, detail }, now).await?;
    tracing::warn!(device = caller.device.0, case = %case_id, kind, "case opened");
    Ok(outcome)
}
