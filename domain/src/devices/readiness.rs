//! Whether a station is ready before doors open: each thing that matters, how it stands, and how much of it there is.
//! Owns what counts as good; the words are the screen's.

use crate::{
    devices::disk::Room,
    sync::standing::{DoubtKind, StandingView},
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Data older than so many seconds is looked at.
const LOOK_DATA_S: u64 = 15 * 60;
/// Data older than so many seconds is not what doors are opened with.
const BAD_DATA_S: u64 = 6 * 3600;
/// A backup older than so many seconds is looked at.
const LOOK_BACKUP_S: u64 = 24 * 3600;

/// How a thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Ready {
    Good,
    /// Doors can open; somebody should look.
    Look,
    /// Doors should not open so.
    Bad,
}

/// A thing of the machine, as its host sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Attached {
    /// None is chosen.
    None,
    Works {
        name: String,
    },
    /// It is chosen and does not answer.
    Fails {
        name: String,
        why: String,
    },
}

/// One thing, with its numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Thing {
    /// Tickets of the list that are here.
    Tickets {
        #[ts(type = "number")]
        here: u64,
    },
    Data {
        #[ts(type = "number | null")]
        age_s: Option<u64>,
        at_least: bool,
    },
    Link {
        connected: bool,
    },
    /// The machine's clock against the server's: how far off, and how far that may be wrong, in milliseconds.
    Clock {
        #[ts(type = "number | null")]
        off_ms: Option<i64>,
        #[ts(type = "number | null")]
        uncertain_ms: Option<i64>,
        far_off: bool,
    },
    Disk {
        #[ts(type = "number | null")]
        free_bytes: Option<u64>,
        room: Room,
    },
    /// Facts that only this machine has.
    Waiting {
        #[ts(type = "number")]
        facts: u64,
    },
    Standing {
        doubt: Option<DoubtKind>,
    },
    Backup {
        #[ts(type = "number | null")]
        age_s: Option<u64>,
    },
    /// Other gates whose scans have come here, and how long ago the last did.
    Gates {
        heard: u32,
        #[ts(type = "number | null")]
        last_s: Option<u64>,
    },
    Camera {
        device: Attached,
    },
    Printer {
        device: Attached,
    },
    Turnstile {
        device: Attached,
    },
}

/// One line of the check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Check {
    pub thing: Thing,
    pub ready: Ready,
}

/// The whole check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ReadinessView {
    /// The worst of all.
    pub ready: Ready,
    pub checks: Vec<Check>,
}

impl ReadinessView {
    #[must_use]
    pub fn of(things: impl IntoIterator<Item = Thing>) -> Self {
        let check = |thing: Thing| Check { ready: judge(&thing), thing };
        let checks: Vec<Check> = things.into_iter().map(check).collect();
        Self { ready: checks.iter().map(|check| check.ready).max().unwrap_or(Ready::Good), checks }
    }
}

/// How a thing stands.
#[must_use]
pub fn judge(thing: &Thing) -> Ready {
    let graded = |value: u64, look: u64, bad: u64| match value {
        value if value > bad => Ready::Bad,
        value if value > look => Ready::Look,
        _ => Ready::Good,
    };
    match thing {
        Thing::Tickets { here } => {
            if *here == 0 {
                Ready::Bad
            } else {
                Ready::Good
            }
        }
        Thing::Data { age_s, .. } => age_s.map_or(Ready::Bad, |age| graded(age, LOOK_DATA_S, BAD_DATA_S)),
        Thing::Link { connected } => {
            if *connected {
                Ready::Good
            } else {
                Ready::Look
            }
        }
        Thing::Clock { far_off: true, .. } => Ready::Bad,
        Thing::Clock { off_ms, .. } => {
            if off_ms.is_some() {
                Ready::Good
            } else {
                Ready::Look
            }
        }
        Thing::Disk { room: Room::Enough, .. } => Ready::Good,
        Thing::Disk { .. } => Ready::Bad,
        Thing::Waiting { facts } => {
            if *facts == 0 {
                Ready::Good
            } else {
                Ready::Look
            }
        }
        Thing::Standing { doubt } => {
            if doubt.is_some() {
                Ready::Bad
            } else {
                Ready::Good
            }
        }
        Thing::Backup { age_s } => age_s.map_or(Ready::Look, |age| graded(age, LOOK_BACKUP_S, u64::MAX)),
        // A door of one gate hears of no other.
        Thing::Gates { .. } => Ready::Good,
        Thing::Camera { device } | Thing::Printer { device } | Thing::Turnstile { device } => match device {
            Attached::None | Attached::Works { .. } => Ready::Good,
            Attached::Fails { .. } => Ready::Bad,
        },
    }
}

/// The doubt of a standing as a thing.
#[must_use]
pub fn standing(view: &StandingView) -> Thing {
    Thing::Standing { doubt: view.doubt }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_is_judged_by_itself_and_the_worst_is_the_whole() {
        let works = || Attached::Works { name: "Foyer".into() };
        let fails = || Attached::Fails { name: "Foyer".into(), why: "gone".into() };
        let clock = |off_ms, far_off| Thing::Clock { off_ms, uncertain_ms: off_ms, far_off };
        let table = [
            (Thing::Tickets { here: 0 }, Ready::Bad),
            (Thing::Tickets { here: 1 }, Ready::Good),
            (Thing::Data { age_s: None, at_least: false }, Ready::Bad),
            (Thing::Data { age_s: Some(900), at_least: false }, Ready::Good),
            (Thing::Data { age_s: Some(901), at_least: true }, Ready::Look),
            (Thing::Data { age_s: Some(21_601), at_least: false }, Ready::Bad),
            (Thing::Link { connected: true }, Ready::Good),
            (Thing::Link { connected: false }, Ready::Look),
            (clock(None, false), Ready::Look),
            (clock(Some(40), false), Ready::Good),
            (clock(Some(400_000), true), Ready::Bad),
            (Thing::Disk { free_bytes: None, room: Room::Enough }, Ready::Good),
            (Thing::Disk { free_bytes: Some(1), room: Room::ScansOnly }, Ready::Bad),
            (Thing::Waiting { facts: 0 }, Ready::Good),
            (Thing::Waiting { facts: 9 }, Ready::Look),
            (Thing::Standing { doubt: None }, Ready::Good),
            (Thing::Standing { doubt: Some(DoubtKind::Behind) }, Ready::Bad),
            (Thing::Backup { age_s: None }, Ready::Look),
            (Thing::Backup { age_s: Some(60) }, Ready::Good),
            (Thing::Backup { age_s: Some(90_000) }, Ready::Look),
            (Thing::Gates { heard: 0, last_s: None }, Ready::Good),
            (Thing::Camera { device: Attached::None }, Ready::Good),
            (Thing::Printer { device: works() }, Ready::Good),
            (Thing::Turnstile { device: fails() }, Ready::Bad),
        ];
        for (thing, ready) in table.clone() {
            assert_eq!(judge(&thing), ready, "{thing:?}");
        }
        let all = |upto: Ready| table.iter().filter(move |(_, ready)| *ready <= upto).map(|(thing, _)| thing.clone());
        for worst in [Ready::Good, Ready::Look, Ready::Bad] {
            assert_eq!(ReadinessView::of(all(worst)).ready, worst);
        }
    }
}
