//! A right as its station holds it.

use crate::{
    clock::UtcMillis,
    id::{EventId, RightId},
    leases::{LeaseState, OrderTerms, RightBody, RightRow, RightSubject, VoucherTerms},
};

/// A right not in use for so long goes back to the server by itself, in milliseconds: as units that lie idle do.
pub const IDLE_MS: i64 = 3_600_000;

/// A right of this station.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRight {
    pub right_id: RightId,
    pub event_id: EventId,
    pub subject: RightSubject,
    /// The voucher's code, or the order's.
    pub code: String,
    pub voucher: Option<VoucherTerms>,
    pub order: Option<OrderTerms>,
    /// By this station's own journal.
    pub taken_at: UtcMillis,
    /// It was spent or given back here.
    pub over: bool,
    /// What the server last said of it.
    pub state: LeaseState,
    pub recalled: bool,
}

/// Why a right may not be acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CannotUse {
    /// It was spent or given back here.
    #[error("it was used or given back here already")]
    Over,
    /// The server took it away: a person gave this station up, or somebody else had it first.
    #[error("the server has given it to another")]
    TakenAway,
}

impl HeldRight {
    /// A right as it was granted.
    #[must_use]
    pub fn granted(body: &RightBody, taken_at: UtcMillis) -> Self {
        Self {
            right_id: body.right_id,
            event_id: body.event_id,
            subject: body.subject,
            code: body.code.clone(),
            voucher: body.voucher,
            order: body.order.clone(),
            taken_at,
            over: false,
            state: LeaseState::Open,
            recalled: false,
        }
    }

    /// The server said something of it.
    pub fn told(&mut self, row: &RightRow) {
        self.state = row.state;
        self.recalled = row.recalled;
    }

    /// Whether this station may act on it now. A recall does not forbid it: what was done before it was heard is good.
    ///
    /// # Errors
    /// Why not.
    pub fn may_use(&self) -> Result<(), CannotUse> {
        if self.over {
            return Err(CannotUse::Over);
        }
        match self.state {
            LeaseState::Open => Ok(()),
            LeaseState::Closed | LeaseState::Lost | LeaseState::Stolen => Err(CannotUse::TakenAway),
        }
    }

    /// It was acted on; what may happen once is over then.
    ///
    /// # Errors
    /// When it may not be; nothing has changed then.
    pub fn use_it(&mut self) -> Result<(), CannotUse> {
        let subject = self.subject;
        Self::use_one(std::slice::from_mut(self), subject).map(drop)
    }

    /// Acts on the right to this that is in force here; every right to what may happen once is over then: there may be
    /// an older one of which the server has not yet said that it was given up.
    ///
    /// # Errors
    /// Why there is none; nothing has changed then.
    pub fn use_one(held: &mut [Self], subject: RightSubject) -> Result<RightId, CannotUse> {
        let mut why = CannotUse::Over;
        let mut found = None;
        for right in held.iter().filter(|right| right.subject == subject) {
            match right.may_use() {
                Ok(()) => found = Some(right.right_id),
                Err(error) => why = error,
            }
        }
        let right_id = found.ok_or(why)?;
        for right in held.iter_mut().filter(|right| right.subject == subject && subject.is_spent_by_use()) {
            right.over = true;
        }
        Ok(right_id)
    }

    /// The organizer named this till for it.
    #[must_use]
    pub fn is_home(&self) -> bool {
        self.voucher.is_some_and(|voucher| voucher.home)
    }

    /// Whether it goes back by itself now: it is recalled, or was not used for long where nobody named this till for
    /// it.
    #[must_use]
    pub fn is_due_back(&self, last_used: Option<UtcMillis>, now: UtcMillis) -> bool {
        let idle = now.since(last_used.map_or(self.taken_at, |used| used.max(self.taken_at))) >= IDLE_MS;
        self.may_use().is_ok() && (self.recalled || (idle && !self.is_home()))
    }
}
