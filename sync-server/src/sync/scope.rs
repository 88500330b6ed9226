//! What one device may be told: which events, which kinds of rows, which fields. Two devices of one scope are told the
//! same, but for what is theirs alone.

use crate::http::caller::DeviceCaller;
use willcall_domain::{
    id::{EventId, OrganizerId},
    sync::{
        PROTOCOL, Row,
        protocol::{Meeting, meet},
    },
};

/// Kinds that say the same to every device of a scope. What is not listed here is taken for one device's own.
const SHARED: [&str; 15] = [
    "organizer",
    "event",
    "key",
    "item",
    "date",
    "quota",
    "list",
    "void_blanks",
    "position",
    "scan",
    "operator",
    "gate",
    "question",
    "badge",
    "medium",
];

/// What a device may be told.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    pub organizer: OrganizerId,
    pub events: Vec<EventId>,
    /// Whether it sells, and so must know what is left.
    pub sells: bool,
    /// Whether people's names go along.
    pub names: bool,
    /// The version of the protocol spoken with it.
    pub spoken: u32,
}

impl Scope {
    pub(super) fn of(caller: &DeviceCaller) -> Self {
        let spoken = match meet(PROTOCOL, caller.protocol) {
            Meeting::Speak(spoken) => spoken,
            // Refused before it comes to this.
            Meeting::TheyAreTooOld | Meeting::TheyAreTooNew => 1,
        };
        Self {
            organizer: caller.organizer,
            events: caller.events.clone(),
            sells: caller.role.sells(),
            // A station of the first version cannot be told to forget names; it is told fewer from now on.
            names: caller.role.sees_names(&caller.rights),
            spoken,
        }
    }

    /// Whether rows of this kind are for such a device.
    pub(super) fn wants(&self, kind: &str) -> bool {
        self.sells || kind != "quota"
    }

    /// Whether a row can be read by it.
    pub(super) fn reads(&self, row: &Row) -> bool {
        row.since() <= self.spoken
    }

    /// Whether rows of this kind are the same for all devices of the scope.
    pub(super) fn shares(kind: &str) -> bool {
        SHARED.contains(&kind)
    }
}
