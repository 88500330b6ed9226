//! Who is signed in at this station. Kept in memory only: who starts the program anew signs in anew. The journal says who
//! came and went.

use std::sync::{Mutex, MutexGuard, PoisonError};
use willcall_domain::{access::OperatorRow, id::OperatorId};

/// Nothing is done for so long, and nobody is signed in any more: milliseconds.
pub const IDLE_MS: u64 = 15 * 60 * 1000;

/// One who is.
#[derive(Debug, Clone)]
pub struct Present {
    pub operator: OperatorRow,
    /// When something was last done here, by the clock that does not go back: milliseconds.
    last_ms: u64,
}

/// Who is signed in, if anybody.
#[derive(Debug, Default)]
pub struct SignedIn(Mutex<Option<Present>>);

impl SignedIn {
    /// Who is, at `now_ms`; being asked is no deed.
    #[must_use]
    pub fn who(&self, now_ms: u64) -> Option<OperatorRow> {
        let present = self.present();
        let awake = present.as_ref().filter(|present| now_ms.saturating_sub(present.last_ms) < IDLE_MS);
        awake.map(|present| present.operator.clone())
    }

    /// Whoever is signed in did something.
    pub fn did(&self, now_ms: u64) {
        if let Some(present) = &mut *self.present()
            && now_ms.saturating_sub(present.last_ms) < IDLE_MS
        {
            present.last_ms = now_ms;
        }
    }

    /// Puts another one in the place of who was; answers that one.
    pub(super) fn replace(&self, operator: Option<OperatorRow>, now_ms: u64) -> Option<OperatorId> {
        let next = operator.map(|operator| Present { operator, last_ms: now_ms });
        std::mem::replace(&mut *self.present(), next).map(|before| before.operator.operator_id)
    }

    /// Who did nothing for too long, and is not signed in any more from here on.
    pub(super) fn take_idle(&self, now_ms: u64) -> Option<OperatorId> {
        let mut present = self.present();
        let idle = present.as_ref().is_some_and(|one| now_ms.saturating_sub(one.last_ms) >= IDLE_MS);
        if idle { present.take().map(|one| one.operator.operator_id) } else { None }
    }

    /// Keeps what is known of them now; whoever may not sign in any more, or has another PIN, is out. Answers whom that was.
    pub(super) fn follow(&self, known: &[OperatorRow]) -> Option<OperatorId> {
        let mut present = self.present();
        let one = present.as_mut()?;
        match known.iter().find(|row| row.operator_id == one.operator.operator_id && row.pin == one.operator.pin) {
            Some(row) => {
                one.operator.clone_from(row);
                None
            }
            None => present.take().map(|gone| gone.operator.operator_id),
        }
    }

    fn present(&self) -> MutexGuard<'_, Option<Present>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: i64, pin: &str) -> OperatorRow {
        let (name, pin) = ("Mira".to_owned(), pin.to_owned());
        OperatorRow { operator_id: OperatorId(id), name, pin, rights: Vec::new(), active: true, version: 1 }
    }

    #[test]
    fn who_does_nothing_for_a_quarter_of_an_hour_is_not_signed_in_any_more() {
        let signed_in = SignedIn::default();
        assert_eq!(signed_in.replace(Some(row(3, "a")), 1_000), None);
        signed_in.did(1_000 + IDLE_MS - 1);
        assert!(signed_in.who(1_000 + IDLE_MS).is_some(), "something was done");
        let late = 1_000 + 2 * IDLE_MS;
        signed_in.did(late);
        assert!(signed_in.who(late).is_none(), "a deed after that wakes nobody");
        assert_eq!((signed_in.take_idle(late), signed_in.take_idle(late)), (Some(OperatorId(3)), None));
    }

    #[test]
    fn whoever_is_taken_from_the_list_or_gets_another_pin_is_out() {
        let signed_in = SignedIn::default();
        signed_in.replace(Some(row(3, "a")), 0);
        assert_eq!(signed_in.follow(&[row(2, "a"), row(3, "a")]), None);
        assert_eq!(signed_in.follow(&[row(3, "b")]), Some(OperatorId(3)));
        assert!(signed_in.who(0).is_none());
        signed_in.replace(Some(row(3, "a")), 0);
        assert_eq!(signed_in.follow(&[]), Some(OperatorId(3)));
    }
}
