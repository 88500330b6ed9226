//! After the server was put back to an earlier instant: what stations may have been lent in the time that was lost is
//! held back until they report, and what they can prove by a signed grant is in the books again.

use super::store::{self, Lent, Moved};
use crate::{
    app::{App, Tx},
    http::Failure,
    sync::{Subject, note},
    ticketing,
};
use willcall_domain::{
    id::DeviceId,
    leases::{
        ledger::{self, LeaseAccount},
        prove_grant,
        size::{GrantSize, Rates},
    },
    sync::Fact,
};

/// Holds back, of every quota this till may sell, what it could have been lent at most and is still there.
///
/// # Errors
/// When the database is away.
pub async fn hold_back(tx: &mut Tx, device: DeviceId) -> Result<(), Failure> {
    for (quota, event) in store::quotas_of_till(tx, device).await? {
        let selling = store::selling(tx, device, quota, event).await?;
        let Some((_, mut account)) = store::lock_quota(tx, quota).await? else { continue };
        // Nothing is too much of a quota without limit.
        let Some(limit) = account.limit() else { continue };
        let cap = GrantSize {
            wanted: u32::MAX,
            free: None,
            size: Some(limit),
            held: selling.held,
            held_by_all: 0,
            tills: selling.tills,
            rates: Rates::default(),
            caps: selling.caps,
        };
        let held = account.hold_back(i64::from(cap.units()));
        if held > 0 {
            store::save_moved(tx, &Moved::quota(quota, &account)).await?;
            store::hold_for(tx, device, quota, held).await?;
            note(tx, Subject::Quota(quota, event)).await?;
        }
    }
    Ok(())
}

/// What was held back for a station is free again: it has reported, or a person says it never will.
///
/// # Errors
/// When the database is away.
pub async fn let_go(tx: &mut Tx, device: DeviceId) -> Result<(), Failure> {
    for (quota, units) in store::held_for(tx, device).await? {
        let Some((event, mut account)) = store::lock_quota(tx, quota).await? else { continue };
        account.let_go(units);
        store::save_moved(tx, &Moved::quota(quota, &account)).await?;
        store::hold_less(tx, device, quota, units).await?;
        note(tx, Subject::Quota(quota, event)).await?;
    }
    Ok(())
}

/// What came of a grant that is not in the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Restored {
    /// It is not ours, or its quota is not here any more.
    No,
    Yes {
        /// There are more than the quota holds now.
        beyond: bool,
    },
}

/// Takes a lease that was lost with the server's last hours back into the books: the station has our signature for it.
/// Its units come out of what was held back for the station, then of what is free, and count as excess beyond that.
pub(super) async fn restore(app: &App, tx: &mut Tx, device: DeviceId, fact: &Fact) -> Result<Restored, Failure> {
    let Fact::LeaseAccepted { lease_id, quota_id, grant, grant_signature, .. } = fact else { return Ok(Restored::No) };
    let server = app.secrets.identity().verifying_key();
    let Ok(body) = prove_grant(grant, grant_signature, &server, device) else { return Ok(Restored::No) };
    if body.lease_id != *lease_id || body.quota_id != *quota_id || body.organizer_id != tx.organizer {
        return Ok(Restored::No);
    }
    let Some((event, mut account)) = store::lock_quota(tx, body.quota_id).await? else { return Ok(Restored::No) };
    if event != body.event_id {
        return Ok(Restored::No);
    }
    let held = store::held_for(tx, device).await?.into_iter().find(|(quota, _)| *quota == body.quota_id);
    if let Some((quota, units)) = held {
        let units = units.min(i64::from(body.units));
        account.let_go(units);
        store::hold_less(tx, device, quota, units).await?;
    }
    let lease = LeaseAccount::new(body.quota_id, body.lease_id, device, body.units);
    let beyond = ledger::restore(&mut account, &lease);
    let signer = ticketing::signer(tx, app, event).await?;
    store::save_moved(tx, &Moved::lent(body.quota_id, &account, Lent::granted(&lease, &body)?)).await?;
    store::insert_blank_ranges(tx, body.lease_id, &body.blanks, signer.number, signer.format).await?;
    note(tx, Subject::Quota(body.quota_id, event)).await?;
    super::recall::arrived(tx, body.quota_id, event).await?;
    tracing::warn!(device = device.0, quota = body.quota_id.0, units = body.units, beyond, "a lost lease is proven");
    Ok(Restored::Yes { beyond })
}
