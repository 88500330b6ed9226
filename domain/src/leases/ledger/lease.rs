//! The account of one lease: where each of its units is. A unit is in one place: outstanding at the station, sold,
//! returned by it, freed by the server, given to another station, or written off.

use super::{QuotaAccount, TooFew};
use crate::{
    id::{DeviceId, LeaseId, QuotaId},
    leases::{LeaseState, units::Units},
};
use serde::{Deserialize, Serialize};

/// A lease in units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseAccount {
    pub lease_id: LeaseId,
    pub quota_id: QuotaId,
    /// The station that may sell.
    pub holder: DeviceId,
    /// Units lent or taken over, numbered from 0.
    pub granted: u32,
    pub sold: Units,
    /// Given back by the station: it can never sell them again.
    pub returned: Units,
    /// Freed by the server: their sale was undone while a code is out there, or cancelled by the office.
    pub freed: Units,
    /// Gone to another station, or on the way there.
    pub given: Units,
    /// Given up by a person, and free again.
    pub written_off: Units,
    pub state: LeaseState,
    /// The station's journal says it took the units in.
    pub accepted: bool,
    /// Most units the station should still hold unsold; `None` is no recall.
    pub keep: Option<u32>,
    /// A sale came from it after it had been written off.
    pub proved_wrong: bool,
}

/// What a sale from a lease came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sale {
    /// From *leased* to *sold*.
    Covered,
    /// The unit had been written off: honoured. `beyond` when it is one more than there are, `first` when nothing had
    /// shown yet that the write-off was wrong.
    AfterWriteOff { beyond: bool, first: bool },
    /// This unit is sold already; the caller knows whether to this very position.
    SoldBefore,
    /// It was not this station's to sell: never lent, returned, freed or given away.
    NotLent,
}

/// What a return came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Returned {
    /// Free from now on.
    pub free: Units,
    /// Written off before: they do not return a second time.
    pub void: Units,
    /// Not the station's to return: sold, given away or never lent.
    pub refused: Units,
}

/// What undoing the sale of a unit came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undone {
    /// The station may sell it again. `beyond` when that is one more than there are: it had been freed here, and was
    /// taken by somebody else.
    Back { beyond: bool },
    /// It is free.
    Freed,
    /// The lease is written off: the unit stays void.
    Void,
    /// Nothing to undo: it is not a sold unit of this lease, or was undone before.
    Nothing,
}

/// Why a person gives units up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GivenUp {
    /// The station is gone; its paper may be with honest buyers.
    Lost,
    /// Whoever has its blanks has no right to them.
    Stolen,
}

impl GivenUp {
    /// The state of a lease given up so.
    #[must_use]
    pub fn state(self) -> LeaseState {
        match self {
            Self::Lost => LeaseState::Lost,
            Self::Stolen => LeaseState::Stolen,
        }
    }
}

/// Lends `units` of a quota to a station.
///
/// # Errors
/// When fewer are free.
pub fn grant(
    quota: &mut QuotaAccount,
    quota_id: QuotaId,
    lease_id: LeaseId,
    holder: DeviceId,
    units: u32,
) -> Result<LeaseAccount, TooFew> {
    quota.has_free(i64::from(units))?;
    quota.lend(i64::from(units));
    Ok(LeaseAccount::new(quota_id, lease_id, holder, units))
}

/// Takes a grant back into the books that a server put back to an earlier instant has lost, and a station can prove.
/// Answers whether it is more than there are.
pub fn restore(quota: &mut QuotaAccount, lease: &LeaseAccount) -> bool {
    quota.lend(lease.outstanding().total());
    quota.allow()
}

impl LeaseAccount {
    /// All units outstanding, not taken in yet.
    #[must_use]
    pub fn new(quota_id: QuotaId, lease_id: LeaseId, holder: DeviceId, units: u32) -> Self {
        Self {
            lease_id,
            quota_id,
            holder,
            granted: units,
            sold: Units::none(),
            returned: Units::none(),
            freed: Units::none(),
            given: Units::none(),
            written_off: Units::none(),
            state: LeaseState::Open,
            accepted: false,
            keep: None,
            proved_wrong: false,
        }
    }

    /// Units the station holds unsold, as far as is known here.
    #[must_use]
    pub fn outstanding(&self) -> Units {
        let gone = [&self.returned, &self.freed, &self.given, &self.written_off];
        Units::first(self.granted).without(&gone.into_iter().fold(self.sold.clone(), |all, more| all.with(more)))
    }

    /// A person gave it up.
    #[must_use]
    pub fn given_up(&self) -> bool {
        match self.state {
            LeaseState::Lost | LeaseState::Stolen => true,
            LeaseState::Open | LeaseState::Closed => false,
        }
    }

    /// The station's journal says it took the units in. Answers whether that was news.
    pub fn accept(&mut self) -> bool {
        !std::mem::replace(&mut self.accepted, true)
    }

    /// The station sold `unit`.
    pub fn sell(&mut self, quota: &mut QuotaAccount, unit: u32) -> Sale {
        let this = Units::one(unit);
        if self.sold.contains(unit) {
            return Sale::SoldBefore;
        }
        if self.written_off.contains(unit) {
            self.written_off.remove(&this);
            self.sold.add(&this);
            let first = !std::mem::replace(&mut self.proved_wrong, true);
            return Sale::AfterWriteOff { beyond: quota.sell_uncovered(), first };
        }
        if !self.outstanding().contains(unit) {
            return Sale::NotLent;
        }
        self.sold.add(&this);
        quota.sold += 1;
        quota.unlend(1);
        Sale::Covered
    }

    /// The station gave units back.
    pub fn give_back(&mut self, quota: &mut QuotaAccount, units: &Units) -> Returned {
        let free = units.common(&self.outstanding());
        let known = free.with(&self.returned).with(&self.freed).with(&self.written_off);
        let answer =
            Returned { void: units.common(&self.written_off), refused: units.without(&known), free: free.clone() };
        self.returned.add(&free);
        quota.unlend(free.total());
        answer
    }

    /// The sale of `unit` is undone: `back` to the station where no code left the house, else free.
    pub fn undo_sale(&mut self, quota: &mut QuotaAccount, unit: u32, back: bool) -> Undone {
        let this = Units::one(unit);
        let was_sold = self.sold.contains(unit);
        let was_freed = back && !self.given_up() && self.freed.contains(unit);
        if !was_sold && !was_freed {
            return Undone::Nothing;
        }
        self.sold.remove(&this);
        self.freed.remove(&this);
        let undone = if self.given_up() {
            self.written_off.add(&this);
            Undone::Void
        } else if back {
            if self.state == LeaseState::Closed {
                self.state = LeaseState::Open;
            }
            quota.lend(1);
            Undone::Back { beyond: false }
        } else {
            self.freed.add(&this);
            Undone::Freed
        };
        if was_sold {
            quota.unsell(1);
        }
        match undone {
            Undone::Back { .. } => Undone::Back { beyond: quota.allow() },
            Undone::Freed | Undone::Void | Undone::Nothing => undone,
        }
    }

    /// The station has ended: what it held unsold is free. Answers which units that is.
    pub fn close(&mut self, quota: &mut QuotaAccount) -> Units {
        let free = self.outstanding();
        self.returned.add(&free);
        if !self.given_up() {
            self.state = LeaseState::Closed;
        }
        self.keep = None;
        quota.unlend(free.total());
        free
    }

    /// A person gives up what the station still holds: it is free from now on. Answers which units that is; none when
    /// it was given up before.
    pub fn write_off(&mut self, quota: &mut QuotaAccount, how: GivenUp) -> Units {
        let gone = self.outstanding();
        if !self.given_up() {
            self.state = how.state();
        }
        self.keep = None;
        self.written_off.add(&gone);
        quota.unlend(gone.total());
        gone
    }

    /// Asks the station to keep at most `keep` unsold; `None` ends a recall. Answers whether that is news to it.
    pub fn recall(&mut self, keep: Option<u32>) -> bool {
        std::mem::replace(&mut self.keep, keep) != keep
    }

    /// What does not hold; `None` when all does.
    #[must_use]
    pub fn broken(&self) -> Option<&'static str> {
        let places = [&self.sold, &self.returned, &self.freed, &self.given, &self.written_off];
        let all = places.into_iter().fold(Units::none(), |all, more| all.with(more));
        let counted: u32 = places.into_iter().map(Units::count).sum();
        if all.count() != counted {
            Some("a unit is in two places")
        } else if !all.without(&Units::first(self.granted)).is_empty() {
            Some("a unit was never lent")
        } else if self.given_up() && !self.outstanding().is_empty() {
            Some("a lease that was given up has units outstanding")
        } else {
            None
        }
    }
}
