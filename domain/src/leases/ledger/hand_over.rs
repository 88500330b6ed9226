//! Units on their way from one till to another, with no server between them. The giver writes *given*, the receiver
//! *taken* with the giver's signed entry inside; either may arrive here first, and the receiver's alone is enough. Until
//! *taken*, *declined* or a write-off they are in flight: counted, and sold by nobody.

use super::{GivenUp, LeaseAccount, QuotaAccount};
use crate::{
    id::{DeviceId, HandOverId, LeaseId, QuotaId},
    leases::{LeaseState, units::UnitRange, units::Units},
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What the giver has signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    pub hand_over_id: HandOverId,
    /// Units of the giver's lease.
    pub units: UnitRange,
    pub to: DeviceId,
}

/// Where a hand-over stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum HandOverState {
    /// Given, and not heard of since.
    InFlight,
    /// A lease of the receiver.
    Taken,
    /// The giver's again; final.
    Declined,
    /// Given up by a person while in flight, and free again.
    Lost,
    /// The same, and its blanks are no longer valid.
    Stolen,
}

/// One hand-over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOver {
    pub hand_over_id: HandOverId,
    /// The giver's lease.
    pub lease_id: LeaseId,
    pub quota_id: QuotaId,
    pub from: DeviceId,
    pub to: DeviceId,
    /// Units of the giver's lease that were offered.
    pub units: UnitRange,
    /// Those of them that were the giver's to give.
    pub moved: Units,
    pub state: HandOverState,
}

/// What *taken* came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// A lease of the receiver. `void` are units of it, by their new numbers, that were not there to give: written off,
    /// sold or returned before. The receiver is told to give everything back, for it cannot tell which.
    New { lease: LeaseAccount, void: Units },
    /// Known already.
    Again,
}

/// Why a *declined* changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotDeclined {
    #[error("it was taken before")]
    Taken,
}

/// The giver's *given* arrives, or is read out of the receiver's entry. Nothing changes when it is known: the caller
/// passes only hand-overs that are not.
pub fn give(quota: &mut QuotaAccount, giver: &mut LeaseAccount, offer: &Offer) -> HandOver {
    let moved = Units::from(offer.units).common(&giver.outstanding());
    giver.given.add(&moved);
    quota.in_flight += moved.total();
    HandOver {
        hand_over_id: offer.hand_over_id,
        lease_id: giver.lease_id,
        quota_id: giver.quota_id,
        from: giver.holder,
        to: offer.to,
        units: offer.units,
        moved,
        state: HandOverState::InFlight,
    }
}

/// The receiver's *declined* arrives before the giver's *given*: the units never left.
#[must_use]
pub fn declined_at_once(giver: &LeaseAccount, offer: &Offer) -> HandOver {
    HandOver {
        hand_over_id: offer.hand_over_id,
        lease_id: giver.lease_id,
        quota_id: giver.quota_id,
        from: giver.holder,
        to: offer.to,
        units: offer.units,
        moved: Units::none(),
        state: HandOverState::Declined,
    }
}

impl HandOver {
    /// The receiver's *taken* arrives. The caller passes only hand-overs of which the receiver has no lease yet.
    pub fn take(&mut self, quota: &mut QuotaAccount, giver: &LeaseAccount) -> Taken {
        // Written off in the mean time, or the receiver had said no: what it sells now is honoured, the rest is void.
        let (good, void_as) = match self.state {
            HandOverState::Taken => return Taken::Again,
            HandOverState::InFlight => (self.moved.clone(), giver.state),
            HandOverState::Lost => (Units::none(), LeaseState::Lost),
            HandOverState::Stolen => (Units::none(), LeaseState::Stolen),
            HandOverState::Declined => (Units::none(), LeaseState::Closed),
        };
        quota.in_flight -= good.total();
        // Only one of *taken* and *declined* can be true: the first of them stands.
        if self.state != HandOverState::Declined {
            self.state = HandOverState::Taken;
            self.moved = good.clone();
        }
        let mut lease = LeaseAccount::new(self.quota_id, LeaseId(self.hand_over_id.0), self.to, self.units.count());
        lease.accepted = true;
        lease.written_off = Units::first(lease.granted).without(&good.renumbered(self.units.from, 0));
        if good.is_empty() {
            lease.state = if void_as == LeaseState::Open { LeaseState::Closed } else { void_as };
        } else if !lease.written_off.is_empty() {
            lease.keep = Some(0);
        }
        let void = lease.written_off.clone();
        Taken::New { lease, void }
    }

    /// The receiver's *declined* arrives: the units are the giver's again, unless a person gave them up or the giver is
    /// no more. Answers which units are back at the giver.
    ///
    /// # Errors
    /// When the receiver had taken them.
    pub fn decline(&mut self, quota: &mut QuotaAccount, giver: &mut LeaseAccount) -> Result<Units, NotDeclined> {
        let units = self.moved.clone();
        let was = self.state;
        match was {
            HandOverState::Taken => return Err(NotDeclined::Taken),
            HandOverState::Declined => return Ok(Units::none()),
            HandOverState::InFlight | HandOverState::Lost | HandOverState::Stolen => {}
        }
        self.moved = Units::none();
        giver.given.remove(&units);
        if was != HandOverState::InFlight {
            // Given up in the mean time, and it stays so: the giver must not take them for its own again.
            giver.written_off.add(&units);
            return Ok(Units::none());
        }
        self.state = HandOverState::Declined;
        quota.in_flight -= units.total();
        match giver.state {
            LeaseState::Open => return Ok(units),
            LeaseState::Closed => giver.returned.add(&units),
            LeaseState::Lost | LeaseState::Stolen => giver.written_off.add(&units),
        }
        quota.unlend(units.total());
        Ok(Units::none())
    }

    /// Units that were offered and were not the giver's when *taken* arrived, because what made them so was not known
    /// here yet (the undoing of a sale): now they are, and go where they were promised. `receiver` is its lease of this
    /// hand-over, where it has taken. Answers how many units moved.
    pub fn settle(
        &mut self,
        quota: &mut QuotaAccount,
        giver: &mut LeaseAccount,
        receiver: Option<&mut LeaseAccount>,
    ) -> u32 {
        let late = Units::from(self.units).without(&self.moved).common(&giver.outstanding());
        match (self.state, receiver) {
            (HandOverState::InFlight, _) => quota.in_flight += late.total(),
            (HandOverState::Taken, Some(receiver)) => {
                let theirs = late.renumbered(self.units.from, 0);
                // What of it was void at the receiver is in its hands from now on. The rest it has sold meanwhile, which was
                // counted then, or sold and taken back: that is in its hands already.
                let void = theirs.common(&receiver.written_off);
                quota.unlend(late.total() - void.total());
                receiver.written_off.remove(&theirs);
                if receiver.state == LeaseState::Closed && !receiver.outstanding().is_empty() {
                    receiver.state = LeaseState::Open;
                }
            }
            (HandOverState::Taken, None)
            | (HandOverState::Declined | HandOverState::Lost | HandOverState::Stolen, _) => {
                return 0;
            }
        }
        giver.given.add(&late);
        self.moved.add(&late);
        late.count()
    }

    /// A person gives up what is in flight: it is free from now on. Answers how many units.
    pub fn write_off(&mut self, quota: &mut QuotaAccount, how: GivenUp) -> u32 {
        if self.state != HandOverState::InFlight {
            return 0;
        }
        self.state = match how {
            GivenUp::Lost => HandOverState::Lost,
            GivenUp::Stolen => HandOverState::Stolen,
        };
        quota.in_flight -= self.moved.total();
        quota.unlend(self.moved.total());
        self.moved.count()
    }

    /// Units in flight; none once it has ended.
    #[must_use]
    pub fn in_flight(&self) -> Units {
        if self.state == HandOverState::InFlight { self.moved.clone() } else { Units::none() }
    }
}
