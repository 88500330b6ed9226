//! One presentation of a ticket is read many times: a camera sees forty frames of it, a kiosk's reader fires while it is
//! held. Who says so is answered with the first verdict again, and nothing more is recorded.

use std::sync::{Mutex, MutexGuard, PoisonError};
use willcall_domain::checkin::{VerdictView, wire::ScanRequest};

/// A presentation is over after so long, in milliseconds, however often it is read.
const LONGEST_MS: u64 = 10_000;

/// The last code that let somebody in or out.
#[derive(Debug, Default)]
pub struct Again {
    last: Mutex<Option<Last>>,
}

#[derive(Debug)]
struct Last {
    asked: ScanRequest,
    first_ms: u64,
    seen_ms: u64,
    view: VerdictView,
}

impl Again {
    /// The verdict of the first reading, where this is one more of the same presentation. `now_ms` is of a clock that only
    /// goes on.
    pub(super) fn seen(&self, request: &ScanRequest, now_ms: u64) -> Option<VerdictView> {
        let within = u64::from(request.again_within_ms?);
        let mut last = self.last();
        let same = last.as_mut().filter(|last| last.asked == *request)?;
        let over = now_ms.saturating_sub(same.seen_ms) > within || now_ms.saturating_sub(same.first_ms) > LONGEST_MS;
        if over {
            return None;
        }
        same.seen_ms = now_ms;
        Some(VerdictView { repeated: true, ..same.view.clone() })
    }

    /// Somebody was let in or out by this reading; anything else ends what was before.
    pub(super) fn note(&self, request: &ScanRequest, view: &VerdictView, now_ms: u64, lets_through: bool) {
        *self.last() = lets_through.then(|| Last {
            asked: request.clone(),
            first_ms: now_ms,
            seen_ms: now_ms,
            view: view.clone(),
        });
    }

    /// What was undone is not repeated.
    pub(super) fn forget(&self) {
        *self.last() = None;
    }

    fn last(&self) -> MutexGuard<'_, Option<Last>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
