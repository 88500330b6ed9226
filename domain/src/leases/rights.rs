//! Rights: what may happen once has one holder. The server's account of it, and what it comes to when a station acts on
//! one. A right is granted (signed, and repeated until the station's journal takes it), taken, and then spent,
//! released, or written off by a person. What a written-off holder did is honoured, and what happened twice is counted.

mod held;
#[cfg(test)]
mod tests;

pub use held::{CannotUse, HeldRight, IDLE_MS};

use super::{
    ledger::GivenUp,
    wire::{LeaseState, RightSubject},
};
use crate::id::{DeviceId, RightId};
use serde::{Deserialize, Serialize};

/// Where a right is in its life, as the server has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RightState {
    /// Signed; the station may have it. Counts as held.
    Granted,
    /// The station's journal says that it has it.
    Taken,
    /// Used up.
    Spent,
    /// Given back, or ended with its station.
    Released,
    /// A person gave its holder up.
    Lost,
    /// A person gave its holder up as stolen.
    Stolen,
}

impl RightState {
    /// Every state, for what is stored as a word.
    pub const ALL: [Self; 6] = [Self::Granted, Self::Taken, Self::Spent, Self::Released, Self::Lost, Self::Stolen];

    /// Whether its holder may act on it.
    #[must_use]
    pub fn in_force(self) -> bool {
        matches!(self, Self::Granted | Self::Taken)
    }

    /// The word that is stored.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Taken => "taken",
            Self::Spent => "spent",
            Self::Released => "released",
            Self::Lost => "lost",
            Self::Stolen => "stolen",
        }
    }

    /// What the station is told.
    #[must_use]
    pub fn told(self) -> LeaseState {
        match self {
            Self::Granted | Self::Taken => LeaseState::Open,
            Self::Spent | Self::Released => LeaseState::Closed,
            Self::Lost => LeaseState::Lost,
            Self::Stolen => LeaseState::Stolen,
        }
    }
}

/// What is guarded: how often it happened, and who may do it now. Of an order, which may change more than once, only
/// the holder counts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Guarded {
    /// How often it happened; more than once only as excess.
    pub uses: u32,
    /// How many of those were too many, each with a case.
    pub excess: u32,
    /// The right that is in force.
    pub holder: Option<RightId>,
}

/// One right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RightAccount {
    pub right_id: RightId,
    pub holder: DeviceId,
    pub subject: RightSubject,
    pub state: RightState,
    /// The server wants it back.
    pub recalled: bool,
    /// It was used after a person had given its holder up.
    pub proved_wrong: bool,
}

/// Why nobody else may have it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotGranted {
    #[error("it has happened already")]
    Spent,
    #[error("right {0} is in force")]
    Held(RightId),
}

/// What acting on a right came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// The holder did what it might.
    Rightly,
    /// Its holder had been given up; nobody else did it before. `first` is set for the first use of this right.
    AfterWriteOff { first: bool },
    /// It was not this station's to do, and nobody else had done it before.
    NotHeld,
    /// It happened more than once: counted as excess.
    Twice,
}

impl Guarded {
    /// Gives the right to a station.
    ///
    /// # Errors
    /// When it happened already, or somebody holds it; then nothing changes.
    pub fn grant(
        &mut self,
        right_id: RightId,
        holder: DeviceId,
        subject: RightSubject,
    ) -> Result<RightAccount, NotGranted> {
        if let Some(held) = self.holder {
            return Err(NotGranted::Held(held));
        }
        if subject.is_spent_by_use() && self.uses > 0 {
            return Err(NotGranted::Spent);
        }
        self.holder = Some(right_id);
        let state = RightState::Granted;
        Ok(RightAccount { right_id, holder, subject, state, recalled: false, proved_wrong: false })
    }

    /// Takes a right back into the books that was granted in a time the server has lost, by its own signature. Where
    /// the thing is spent or another holds it now, the station is told that this one is given up.
    pub fn restore(&mut self, right_id: RightId, holder: DeviceId, subject: RightSubject) -> RightAccount {
        let restored = self.grant(right_id, holder, subject).ok();
        restored.unwrap_or(RightAccount {
            right_id,
            holder,
            subject,
            state: RightState::Lost,
            recalled: false,
            proved_wrong: false,
        })
    }

    /// A station that never held a right for it did it all the same.
    pub fn use_without(&mut self, subject: RightSubject) -> Use {
        self.count(subject, Use::NotHeld)
    }

    /// A use is undone: it may happen again.
    pub fn undo(&mut self) {
        self.uses = self.uses.saturating_sub(1);
        self.excess = self.excess.min(self.uses.saturating_sub(1));
    }

    fn count(&mut self, subject: RightSubject, one: Use) -> Use {
        if !subject.is_spent_by_use() {
            return one;
        }
        self.uses += 1;
        if self.uses == 1 {
            return one;
        }
        self.excess += 1;
        Use::Twice
    }

    /// Whether the books are right: a single holder, and nothing happened twice but as excess.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self, rights: &[RightAccount]) -> Result<(), String> {
        let held: Vec<RightId> = rights.iter().filter(|r| r.state.in_force()).map(|r| r.right_id).collect();
        if held.iter().copied().ne(self.holder) {
            return Err(format!("{held:?} are in force, the books say {:?}", self.holder));
        }
        if self.uses > 1 + self.excess {
            return Err(format!("used {} times with {} counted as too many", self.uses, self.excess));
        }
        Ok(())
    }
}

impl RightAccount {
    /// The station's journal says that it took the right. One that is over stays over.
    pub fn take(&mut self) {
        if self.state == RightState::Granted {
            self.state = RightState::Taken;
        }
    }

    /// The holder acted on it. A right to what may happen once is spent by that.
    pub fn use_it(&mut self, guarded: &mut Guarded) -> Use {
        let one = match self.state {
            RightState::Granted | RightState::Taken => Use::Rightly,
            RightState::Lost | RightState::Stolen => {
                Use::AfterWriteOff { first: !std::mem::replace(&mut self.proved_wrong, true) }
            }
            RightState::Spent | RightState::Released => Use::NotHeld,
        };
        if self.subject.is_spent_by_use() && self.state.in_force() {
            self.end(guarded, RightState::Spent);
        }
        guarded.count(self.subject, one)
    }

    /// It goes back to the server; answers whether it was still the station's to give. One that was written off does
    /// not come back a second time.
    pub fn release(&mut self, guarded: &mut Guarded) -> bool {
        let held = self.state.in_force();
        if held {
            self.end(guarded, RightState::Released);
        }
        held
    }

    /// A person gives its holder up; answers whether it was in force.
    pub fn write_off(&mut self, guarded: &mut Guarded, how: GivenUp) -> bool {
        let held = self.state.in_force();
        if held {
            let state = match how {
                GivenUp::Lost => RightState::Lost,
                GivenUp::Stolen => RightState::Stolen,
            };
            self.end(guarded, state);
        }
        held
    }

    /// The server wants it back; answers whether that is news.
    pub fn recall(&mut self) -> bool {
        let news = self.state.in_force() && !self.recalled;
        self.recalled |= news;
        news
    }

    fn end(&mut self, guarded: &mut Guarded, state: RightState) {
        self.state = state;
        self.recalled = false;
        if guarded.holder == Some(self.right_id) {
            guarded.holder = None;
        }
    }
}
