//! Which versions of the protocol speak with each other. Each side speaks its own version and the two before it; the
//! newer of the two adapts, for the older cannot know what came after it.

/// Version of the protocol this program speaks.
pub const PROTOCOL: u32 = 3;
/// Header in which a station names the protocol it speaks; without it, it is the first.
pub const PROTOCOL_HEADER: &str = "willcall-protocol";
/// How many versions before its own a side still speaks.
const BACK: u32 = 2;

/// What two sides make of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meeting {
    /// Both speak this version: the older one's.
    Speak(u32),
    /// The other side is too old. What it recorded is still taken; for all else it must be updated.
    TheyAreTooOld,
    /// The other side is too new: this one must be updated.
    TheyAreTooNew,
}

/// What a side of version `ours` and one of version `theirs` have in common.
#[must_use]
pub fn meet(ours: u32, theirs: u32) -> Meeting {
    if theirs < oldest(ours) {
        Meeting::TheyAreTooOld
    } else if ours < oldest(theirs) {
        Meeting::TheyAreTooNew
    } else {
        Meeting::Speak(ours.min(theirs))
    }
}

/// The oldest version a side of version `of` speaks; there is none before the first.
#[must_use]
pub fn oldest(of: u32) -> u32 {
    of.saturating_sub(BACK).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_speaks_its_own_version_and_the_two_before_it() {
        for (ours, theirs, meeting) in [
            (1, 1, Meeting::Speak(1)),
            (2, 1, Meeting::Speak(1)),
            (1, 2, Meeting::Speak(1)),
            (2, 3, Meeting::Speak(2)),
            (2, 4, Meeting::Speak(2)),
            (2, 5, Meeting::TheyAreTooNew),
            (5, 3, Meeting::Speak(3)),
            (5, 2, Meeting::TheyAreTooOld),
            (2, 0, Meeting::TheyAreTooOld),
        ] {
            assert_eq!(meet(ours, theirs), meeting, "{ours} meets {theirs}");
        }
    }

    #[test]
    fn both_sides_come_to_the_same_version() {
        for a in 1..12 {
            for b in 1..12 {
                match (meet(a, b), meet(b, a)) {
                    (Meeting::Speak(x), Meeting::Speak(y)) => assert_eq!(x, y),
                    (Meeting::TheyAreTooOld, Meeting::TheyAreTooNew)
                    | (Meeting::TheyAreTooNew, Meeting::TheyAreTooOld) => {}
                    other => panic!("{a} and {b} do not agree: {other:?}"),
                }
            }
        }
    }
}
