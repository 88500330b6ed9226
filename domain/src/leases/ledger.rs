//! The server's account of what is lent: quotas, leases and hand-overs as plain values, and what each movement does to
//! them. Nothing here knows a database: the server loads the rows of one movement, decides here, and saves; the
//! simulation keeps a whole [`Ledger`].
//!
//! The promise, for every quota at every instant, which [`Ledger::check`] says whole and the database checks again:
//!
//! ```text
//! sold + leased + unheard ≤ size + excess         leased = Σ outstanding + in flight
//! outstanding = granted + taken − given − returned − freed − sold from it − written off      (per lease, never below 0)
//! ```
//!
//! The same movement a second time changes nothing. A movement that names units that are not where it thinks they are
//! moves what it can and says the rest.

mod hand_over;
mod lease;
mod quota;

#[cfg(test)]
mod tests;

pub use hand_over::{HandOver, HandOverState, NotDeclined, Offer, Taken, declined_at_once, give};
pub use lease::{GivenUp, LeaseAccount, Returned, Sale, Undone, grant, restore};
pub use quota::{BelowSold, QuotaAccount, TooFew};

use super::units::Units;
use crate::id::{DeviceId, HandOverId, LeaseId, QuotaId};
use std::collections::BTreeMap;

/// All accounts of one organizer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger {
    pub quotas: BTreeMap<QuotaId, QuotaAccount>,
    pub leases: BTreeMap<LeaseId, LeaseAccount>,
    pub hand_overs: BTreeMap<HandOverId, HandOver>,
}

/// What the ledger does not know; the fact waits until it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    #[error("no quota {0}")]
    Quota(QuotaId),
    #[error("no lease {0}")]
    Lease(LeaseId),
    #[error("no hand-over {0}")]
    HandOver(HandOverId),
    #[error("lease {0} is another station's")]
    Holder(LeaseId),
}

/// What part of the promise does not hold, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("quota {0}: {1}")]
    Quota(QuotaId, &'static str),
    #[error("lease {0}: {1}")]
    Lease(LeaseId, &'static str),
    #[error("quota {quota}: {counted} are lent by its own count, {found} by its leases")]
    Leased { quota: QuotaId, counted: i64, found: i64 },
    #[error("quota {quota}: {counted} are in flight by its own count, {found} by its hand-overs")]
    InFlight { quota: QuotaId, counted: i64, found: i64 },
}

/// Checks one quota against its leases and hand-overs.
///
/// # Errors
/// Names the first thing that does not hold.
pub fn check<'a>(
    quota_id: QuotaId,
    quota: &QuotaAccount,
    leases: impl IntoIterator<Item = &'a LeaseAccount>,
    hand_overs: impl IntoIterator<Item = &'a HandOver>,
) -> Result<(), Broken> {
    if let Some(why) = quota.broken() {
        return Err(Broken::Quota(quota_id, why));
    }
    let mut outstanding = 0;
    for lease in leases.into_iter().filter(|l| l.quota_id == quota_id) {
        if let Some(why) = lease.broken() {
            return Err(Broken::Lease(lease.lease_id, why));
        }
        outstanding += lease.outstanding().total();
    }
    let flying: i64 = hand_overs.into_iter().filter(|h| h.quota_id == quota_id).map(|h| h.in_flight().total()).sum();
    if quota.in_flight != flying {
        return Err(Broken::InFlight { quota: quota_id, counted: quota.in_flight, found: flying });
    }
    if quota.leased != outstanding + flying {
        return Err(Broken::Leased { quota: quota_id, counted: quota.leased, found: outstanding + flying });
    }
    Ok(())
}

impl Ledger {
    /// Checks every quota.
    ///
    /// # Errors
    /// Names the first thing that does not hold.
    pub fn check(&self) -> Result<(), Broken> {
        self.quotas.iter().try_for_each(|(id, quota)| check(*id, quota, self.leases.values(), self.hand_overs.values()))
    }

    /// The lease of this station and its quota, to be changed together.
    ///
    /// # Errors
    /// When there is no such lease, or another station holds it.
    pub fn lease(
        &mut self,
        holder: DeviceId,
        lease: LeaseId,
    ) -> Result<(&mut QuotaAccount, &mut LeaseAccount), Unknown> {
        let account = self.leases.get_mut(&lease).ok_or(Unknown::Lease(lease))?;
        if account.holder != holder {
            return Err(Unknown::Holder(lease));
        }
        let quota = self.quotas.get_mut(&account.quota_id).ok_or(Unknown::Quota(account.quota_id))?;
        Ok((quota, account))
    }

    /// Lends; the same lease again changes nothing and answers `Ok`.
    ///
    /// # Errors
    /// When there is no such quota, or (inside) fewer are free.
    pub fn grant(
        &mut self,
        quota: QuotaId,
        lease: LeaseId,
        holder: DeviceId,
        units: u32,
    ) -> Result<Result<(), TooFew>, Unknown> {
        if self.leases.contains_key(&lease) {
            return Ok(Ok(()));
        }
        let account = self.quotas.get_mut(&quota).ok_or(Unknown::Quota(quota))?;
        Ok(grant(account, quota, lease, holder, units).map(|granted| _ = self.leases.insert(lease, granted)))
    }

    /// The giver's *given*.
    ///
    /// # Errors
    /// When the lease is not known or not the giver's.
    pub fn give(&mut self, from: DeviceId, lease: LeaseId, offer: &Offer) -> Result<(), Unknown> {
        if self.hand_overs.contains_key(&offer.hand_over_id) {
            return Ok(());
        }
        let (quota, account) = self.lease(from, lease)?;
        let hand_over = give(quota, account, offer);
        self.hand_overs.insert(offer.hand_over_id, hand_over);
        Ok(())
    }

    /// The receiver's *taken*, with the giver's offer inside; answers the units of the new lease that are void.
    ///
    /// # Errors
    /// When the giver's lease is not known.
    pub fn take(&mut self, from: DeviceId, lease: LeaseId, offer: &Offer) -> Result<Units, Unknown> {
        let taken_as = LeaseId(offer.hand_over_id.0);
        if self.leases.contains_key(&taken_as) {
            return Ok(Units::none());
        }
        self.give(from, lease, offer)?;
        let unknown = Unknown::HandOver(offer.hand_over_id);
        let hand_over = self.hand_overs.get_mut(&offer.hand_over_id).ok_or(unknown)?;
        let giver = self.leases.get(&hand_over.lease_id).ok_or(Unknown::Lease(lease))?;
        let quota = self.quotas.get_mut(&giver.quota_id).ok_or(Unknown::Quota(giver.quota_id))?;
        match hand_over.take(quota, giver) {
            Taken::New { lease, void } => {
                self.leases.insert(taken_as, lease);
                Ok(void)
            }
            Taken::Again => Ok(Units::none()),
        }
    }

    /// The receiver's *declined*; answers the units that are the giver's again, or that it was taken before.
    ///
    /// # Errors
    /// When the giver's lease is not known.
    pub fn decline(
        &mut self,
        from: DeviceId,
        lease: LeaseId,
        offer: &Offer,
    ) -> Result<Result<Units, NotDeclined>, Unknown> {
        let (_, giver) = self.lease(from, lease)?;
        let at_once = declined_at_once(giver, offer);
        let hand_over = self.hand_overs.entry(offer.hand_over_id).or_insert(at_once);
        let giver = self.leases.get_mut(&hand_over.lease_id).ok_or(Unknown::Lease(lease))?;
        let quota = self.quotas.get_mut(&giver.quota_id).ok_or(Unknown::Quota(giver.quota_id))?;
        Ok(hand_over.decline(quota, giver))
    }

    /// After units of a lease became its station's again: those it had promised to others go there. See
    /// [`HandOver::settle`].
    pub fn settle(&mut self, lease: LeaseId) {
        for hand_over in self.hand_overs.values_mut().filter(|h| h.lease_id == lease) {
            let taken_as = LeaseId(hand_over.hand_over_id.0);
            let mut receiver = self.leases.remove(&taken_as);
            if let (Some(giver), Some(quota)) = (self.leases.get_mut(&lease), self.quotas.get_mut(&hand_over.quota_id))
            {
                hand_over.settle(quota, giver, receiver.as_mut());
            }
            self.leases.extend(receiver.map(|account| (taken_as, account)));
        }
    }

    /// Units of `quota` that each open lease of it should keep, so that at least `wanted` come back; see
    /// [`super::size::recalled`].
    #[must_use]
    pub fn keeps(&self, quota: QuotaId, wanted: i64) -> BTreeMap<LeaseId, u32> {
        let open = self.leases.values().filter(|l| l.quota_id == quota && !l.outstanding().is_empty());
        super::size::recalled(open.map(|l| (l.lease_id, l.outstanding().count())), wanted)
    }
}
