//! The promises, as what can be checked of the whole world. What is checked of each:
//!
//! | promise | checked |
//! | --- | --- |
//! | S1 | at each sale and each scan: what a station holds it sells, and every ticket gets a verdict, whatever is away |
//! | S2 | after each start, and at the end: what a screen confirmed is in the journal of the disk it was written to |
//! | S3 | at each step: the ledger holds; tickets in hands, with all that could still be sold, are within size where nobody did one of the four acts; at the end, what is beyond size is counted, with a case |
//! | S4 | at the end: nothing was applied twice, and no two facts have one name unless a station was copied |
//! | S5 | at the end: each fact of a disk that lives arrived, and is applied or has a case; so is each ticket that a station knows, and nothing of an honest station was set aside |
//! | S6 | at each admission: a gate lets nobody in whom it has let in before (what gates of one venue tell each other is no part of this world) |
//! | S7 | at the end: entries of one ticket that did not know each other are on the list of doubles |
//! | S8 | after each download: no row is of a lower `(history, version)` than before, and no fact of one's own is gone |
//! | S9 | at each sale and each scan: everything that was numbered before the age that is shown is here |
//! | Replicas | at the end: every table a station may see is what the server has, and so are the scans |
//! | Units | at the end: what the books call sold is the tickets there are, and each unit lent is with its holder |
//! | Money | at the end: every coin is in the books or has a case, and no other |
//! | Rights | at each step: what may happen once has one holder and happens once; at the end the books say so |
//! | Honest | at the end: nobody is taken for a copy where nobody was copied or put back |
//! | Rest | everything becomes quiet |

mod door;
mod journal;
mod money;
mod replicas;
mod rights;
mod units;
mod watch;

pub use watch::Watch;

use super::world::World;

/// What may be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Promise {
    S1,
    S2,
    S3,
    S4,
    S5,
    S6,
    S7,
    S8,
    S9,
    Replicas,
    Units,
    Money,
    Rights,
    Honest,
    Rest,
}

/// A promise that does not hold, and how.
#[derive(Debug, Clone)]
pub struct Broken {
    pub promise: Promise,
    pub what: String,
}

type Held = Result<(), String>;

/// Looks at all of them, so that none hides behind another.
fn all(checked: impl IntoIterator<Item = (Promise, Held)>) -> Result<(), Vec<Broken>> {
    let broken = checked.into_iter().filter_map(|(promise, held)| Some(Broken { promise, what: held.err()? }));
    let broken: Vec<Broken> = broken.collect();
    if broken.is_empty() { Ok(()) } else { Err(broken) }
}

/// What holds at every instant.
///
/// # Errors
/// Names what does not.
pub fn at_every_step(world: &mut World, step: usize) -> Result<(), Vec<Broken>> {
    if let Some((promise, what)) = world.truth.seen_wrong.pop() {
        return Err(vec![Broken { promise, what }]);
    }
    if let Some(slot) = world.watch.looked_at(step) {
        all([(Promise::S2, journal::confirmed_is_durable(world, slot))])?;
    }
    all([
        (Promise::S3, units::within_size(world)),
        (Promise::S6, door::nobody_twice_at_one_gate(world)),
        (Promise::Rights, rights::held_once(world)),
    ])
}

/// What holds when everybody has told everything.
///
/// # Errors
/// Names what does not.
pub fn after_quiet(world: &mut World) -> Result<(), Vec<Broken>> {
    at_every_step(world, 0)?;
    let durable = (0..world.machines.len()).try_for_each(|slot| journal::confirmed_is_durable(world, Some(slot)));
    all([
        (Promise::S2, durable),
        (Promise::S3, units::excess_has_its_case(world)),
        (Promise::S4, journal::applied_once(world)),
        (Promise::S4, journal::no_name_twice(world)),
        (Promise::S5, journal::nothing_stranded(world)),
        (Promise::S5, journal::nothing_honest_aside(world)),
        (Promise::S5, journal::no_ticket_lost(world)),
        (Promise::S7, door::doubles_listed(world)),
        (Promise::Replicas, replicas::equal(world)),
        (Promise::Units, units::exact(world)),
        (Promise::Money, money::neither_made_nor_lost(world)),
        (Promise::Rights, rights::counted(world)),
        (Promise::Honest, journal::nobody_honest_is_doubted(world)),
    ])
}

/// Whether nobody did anything in this world by what its books may differ from what happened.
fn nothing_odd(world: &World) -> bool {
    let all_known = world.machines.iter().all(|m| !m.lost);
    all_known && world.truth.acts.is_empty() && world.server.devices.values().all(|d| !d.revoked)
}
