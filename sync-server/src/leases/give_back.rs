//! Units that come back: returned by their station, or all it held when it ended.

use super::{
    blanks,
    store::{self, Moved},
};
use crate::{
    app::Tx,
    http::{caller::DeviceCaller, problem::Failure},
    sync::{Applied, Subject, note},
};
use serde_json::json;
use willcall_domain::{
    id::{EventId, LeaseId, QuotaId},
    leases::{
        LeaseState, UnitRange,
        ledger::{LeaseAccount, QuotaAccount},
    },
    sync::{CaseKind, Entry, Fact, change::VoidWhy},
};

/// A lease of this station and its quota, both held; `None` when it has no such lease.
pub(super) async fn load(
    tx: &mut Tx,
    caller: &DeviceCaller,
    lease: LeaseId,
) -> Result<Option<(QuotaId, EventId, QuotaAccount, LeaseAccount)>, Failure> {
    let Some((quota, event)) = store::quota_of(tx, lease).await? else { return Ok(None) };
    let Some((_, account)) = store::lock_quota(tx, quota).await? else { return Ok(None) };
    let lease = store::lock_lease(tx, lease).await?.filter(|l| l.holder == caller.device);
    Ok(lease.map(|lease| (quota, event, account, lease)))
}

/// The station returns units, blanks, or both. What it has no right to return stays where it is, with a case.
///
/// # Errors
/// When the database is away.
pub async fn give_back(tx: &mut Tx, caller: &DeviceCaller, fact: &Fact) -> Result<Applied, Failure> {
    let Fact::LeaseReturned { lease_id, from, units, blanks: named, .. } = fact else { return Ok(Applied::Done) };
    let Some((quota, event, mut account, mut lease)) = load(tx, caller, *lease_id).await? else {
        let detail = json!({ "lease_id": lease_id, "units": units });
        return Ok(Applied::Parked { kind: CaseKind::UnknownLease, event: None, detail });
    };
    let back = lease.give_back(&mut account, &UnitRange::of(*from, *units).into());
    // A recall that was followed is over.
    if lease.keep.is_some_and(|keep| lease.outstanding().count() <= keep) {
        lease.recall(None);
    }
    blanks::void_named(tx, event, *lease_id, named, VoidWhy::Void).await?;
    close_if_empty(tx, &mut lease).await?;
    store::save_moved(tx, &Moved::lease(quota, &account, &lease)).await?;
    note(tx, Subject::Quota(quota, event)).await?;
    note(tx, Subject::Lease(*lease_id, event)).await?;
    tracing::info!(device = caller.device.0, lease = %lease_id, units = back.free.count(), "units returned");
    if back.refused.is_empty() {
        return Ok(Applied::Done);
    }
    let detail = json!({ "lease_id": lease_id, "units": back.refused.to_string() });
    Ok(Applied::Notice { kind: CaseKind::UnknownLease, event: Some(event), detail })
}

/// Nothing outstanding and no blank left: the lease is closed.
async fn close_if_empty(tx: &mut Tx, lease: &mut LeaseAccount) -> Result<(), Failure> {
    if lease.state != LeaseState::Open || !lease.outstanding().is_empty() {
        return Ok(());
    }
    if blanks::left(tx, lease.lease_id).await?.iter().all(|(_, numbers)| numbers.is_empty()) {
        lease.state = LeaseState::Closed;
        lease.recall(None);
    }
    Ok(())
}

/// The station has ended for good: what its journal had accepted and not returned is free, its unsold blanks are void.
///
/// # Errors
/// When the database is away.
pub async fn closed(tx: &mut Tx, caller: &DeviceCaller, entry: &Entry) -> Result<(), Failure> {
    // Before any quota is held, as everywhere.
    super::rights::closed(tx, caller.device, entry.incarnation).await?;
    let mut returned = 0;
    for (quota, event, lease_id) in store::leases_of(tx, caller.device, Some(entry.incarnation)).await? {
        let Some((_, _, mut account, mut lease)) = load(tx, caller, lease_id).await? else { continue };
        returned += lease.close(&mut account).count();
        blanks::void_left(tx, event, lease_id, VoidWhy::Void).await?;
        store::save_moved(tx, &Moved::lease(quota, &account, &lease)).await?;
        note(tx, Subject::Quota(quota, event)).await?;
        note(tx, Subject::Lease(lease_id, event)).await?;
    }
    tracing::info!(device = caller.device.0, units = returned, "a station has ended");
    Ok(())
}
