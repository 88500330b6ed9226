//! `lease_accepted` in a journal: the station has taken the units in.

use super::{
    store,
    unheard::{self, Restored},
};
use crate::{
    app::{App, Tx},
    http::{caller::DeviceCaller, problem::Failure},
    sync::{Applied, Subject, note},
};
use serde_json::json;
use willcall_domain::{
    leases::LeaseState,
    sync::{CaseKind, Entry, Fact},
};

/// Notes that the units were taken in; a lease that was closed or given up in the mean time is told to the station again.
///
/// # Errors
/// When the database is away.
pub async fn accept(
    app: &App,
    tx: &mut Tx,
    caller: &DeviceCaller,
    entry: &Entry,
    fact: &Fact,
) -> Result<Applied, Failure> {
    let Fact::LeaseAccepted { lease_id, .. } = fact else { return Ok(Applied::Done) };
    // Not even by our own signature: the units are counted by a person, never silently.
    let unknown =
        Applied::Parked { kind: CaseKind::UnknownLease, event: None, detail: json!({ "lease_id": lease_id }) };
    let mut beyond = false;
    let found = match store::quota_of(tx, *lease_id).await? {
        Some(found) => Some(found),
        None => {
            let restored = unheard::restore(app, tx, caller.device, fact).await?;
            beyond = restored == Restored::Yes { beyond: true };
            store::quota_of(tx, *lease_id).await?
        }
    };
    let Some((quota, event)) = found else { return Ok(unknown) };
    store::lock_quotas(tx, &[quota.0]).await?;
    let Some(mut lease) = store::lock_lease(tx, *lease_id).await? else { return Ok(unknown) };
    if lease.holder != caller.device {
        return Ok(unknown);
    }
    lease.accept();
    store::note_accepted(tx, *lease_id, entry.incarnation).await?;
    if lease.state != LeaseState::Open || lease.keep.is_some() {
        note(tx, Subject::Lease(*lease_id, event)).await?;
    }
    if beyond {
        let detail = json!({ "lease_id": lease_id, "quotas": [quota] });
        return Ok(Applied::Notice { kind: CaseKind::Excess, event: Some(event), detail });
    }
    Ok(Applied::Done)
}
