//! What befalls whom, and when, drawn from the seed before anything starts.

use super::{COPY, Night, TILLS, dice::Dice};
use crate::proxy::Fault;
use std::time::Duration;

/// One thing that happens.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    /// The line of a station, and of its copy, becomes this.
    Line(usize, Fault),
    /// A station's engine is killed at any instruction (`SIGKILL`).
    Kill(usize),
    Start(usize),
    /// The server alone, or with its database.
    KillServer {
        database: bool,
    },
    StartServer,
    /// A station is killed, and its folder copied as it lies there.
    Save(usize),
    /// A station ends; its database, or all of its folder, becomes what was saved; it starts again.
    PutBack {
        station: usize,
        whole: bool,
    },
    /// A station is killed, its folder copied, and both are started.
    Copy(usize),
}

/// An act and its time from the beginning.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    pub(super) at: Duration,
    pub(super) act: Act,
}

/// All that happens in a night, in its order.
pub(super) fn script(night: Night) -> Vec<Due> {
    let dice = Dice::of(night.seed, 1);
    let end = night.length;
    let mut all = Vec::new();
    for station in 0..COPY {
        line(&dice, station, end, &mut all);
        kills(&dice, station, Duration::ZERO, end, &mut all);
    }
    server(&dice, end, &mut all);
    let copied = usize::try_from(dice.below(TILLS.len() as u64)).unwrap_or(0);
    let put_back = (copied + 1 + usize::try_from(dice.below(COPY as u64 - 1)).unwrap_or(0)) % COPY;
    let part = |hundredths: u32| end * hundredths / 100;
    all.push(Due { at: part(25), act: Act::Save(put_back) });
    // Both go on for a while with nobody to tell them that they are two.
    all.retain(|due| !matches!(due.act, Act::Line(of, _) if of == copied && (part(44)..=part(53)).contains(&due.at)));
    all.push(Due { at: part(44), act: Act::Line(copied, Fault::BlackHole) });
    all.push(Due { at: part(45), act: Act::Copy(copied) });
    all.push(Due { at: part(53), act: Act::Line(copied, Fault::Ok) });
    kills(&dice, COPY, part(50), end, &mut all);
    all.push(Due { at: part(65), act: Act::PutBack { station: put_back, whole: dice.percent(50) } });
    all.sort_by_key(|due| due.at);
    all
}

/// Good for a while, then broken in one of its ways for a while.
fn line(dice: &Dice, station: usize, end: Duration, all: &mut Vec<Due>) {
    let mut at = dice.between(1_000, 6_000);
    while at < end {
        let fault = match dice.below(7) {
            0 | 1 => Fault::Reset,
            2 | 3 => Fault::BlackHole,
            4 => Fault::Delay(dice.between(50, 800)),
            5 => Fault::Truncated,
            _ => Fault::WrongBody,
        };
        all.push(Due { at, act: Act::Line(station, fault) });
        at += dice.between(500, 8_000);
        all.push(Due { at, act: Act::Line(station, Fault::Ok) });
        at += dice.between(1_000, 9_000);
    }
}

fn kills(dice: &Dice, station: usize, from: Duration, end: Duration, all: &mut Vec<Due>) {
    let mut at = from + dice.between(2_000, 15_000);
    while at < end {
        all.push(Due { at, act: Act::Kill(station) });
        at += dice.between(10, 2_500);
        all.push(Due { at, act: Act::Start(station) });
        at += dice.between(4_000, 25_000);
    }
}

fn server(dice: &Dice, end: Duration, all: &mut Vec<Due>) {
    let mut at = dice.between(3_000, 12_000);
    while at < end {
        all.push(Due { at, act: Act::KillServer { database: dice.percent(40) } });
        at += dice.between(10, 4_000);
        all.push(Due { at, act: Act::StartServer });
        at += dice.between(8_000, 30_000);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_the_same_night_again_and_another_seed_another() {
        let of = |seed| format!("{:?}", script(Night { seed, length: Duration::from_secs(60) }));
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }

    #[test]
    fn in_every_night_one_station_is_copied_and_another_put_back_to_what_was_saved_of_it() {
        for seed in 0..50 {
            let script = script(Night { seed, length: Duration::from_secs(30) });
            let (mut saved, mut copied, mut put_back) = (None, None, None);
            for due in script {
                match due.act {
                    Act::Save(station) => saved = Some(station),
                    Act::Copy(station) => copied = Some(station),
                    Act::PutBack { station, .. } => put_back = Some((station, saved == Some(station))),
                    Act::Line(..) | Act::Kill(_) | Act::Start(_) | Act::KillServer { .. } | Act::StartServer => {}
                }
            }
            let (station, was_saved) = put_back.unwrap_or_else(|| panic!("seed {seed} puts nobody back"));
            assert!(was_saved && copied.is_some_and(|copied| copied != station && copied < TILLS.len()), "seed {seed}");
        }
    }
}
