//! The search for the seed at which a promise breaks. A world of plain values — a server, eight stations and more, the
//! network between them, one clock — is driven by chance through every fault of the design; the decisions are the
//! domain's own. `SEED=n` replays one run exactly; with `BUG=name` a mistake is planted in it.
//!
//! Not here: what SQLite, PostgreSQL and sockets do; that is `tests/sync`.

#![expect(
    clippy::expect_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test ends where something is not as it must be"
)]

mod bugs;
mod dice;
mod faults;
mod models;
mod network;
mod people;
mod promises;
mod quiet;
mod right_models;
mod rows;
mod server;
mod station;
mod talk;
mod town;
mod truth;
mod world;

use bugs::Bug;
use promises::{Broken, Promise};
use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};
use world::World;

/// What a run came to that broke a promise.
struct Found {
    seed: u64,
    broken: Vec<Broken>,
    told: String,
}

/// Runs one seed.
fn run(seed: u64, bug: Option<Bug>) -> Result<(), Found> {
    let mut world = World::new(seed, bug);
    world.run().map_err(|broken| {
        let acts = world.truth.acts.join(", ");
        let log: Vec<&str> = world.log.iter().map(String::as_str).collect();
        let last = log[log.len().saturating_sub(200)..].join("\n");
        let all: Vec<String> = broken.iter().map(|b| format!("{:?}: {}", b.promise, b.what)).collect();
        let told = format!("seed {seed}: {}\nacts: {acts}\n{last}\nagain with SEED={seed}", all.join("\n"));
        Found { seed, broken, told }
    })
}

/// Runs seeds on all cores; answers the lowest at which one of `wanted` breaks, or, where none is named, any.
fn search(from: u64, count: u64, bug: Option<Bug>, wanted: Option<Promise>) -> Option<Found> {
    let next = AtomicU64::new(from);
    let first: Mutex<Option<Found>> = Mutex::new(None);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let is_wanted = |found: &Found| wanted.is_none_or(|promise| found.broken.iter().any(|b| b.promise == promise));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let over = first.lock().expect("no thread has died").as_ref().is_some_and(|f| f.seed < seed);
                    if seed >= from + count || over {
                        return;
                    }
                    if (seed - from) % 1_000 == 999 {
                        println!("{} seeds", seed - from + 1);
                    }
                    if let Err(found) = run(seed, bug) {
                        let mut first = first.lock().expect("no thread has died");
                        if is_wanted(&found) && first.as_ref().is_none_or(|f| seed < f.seed) {
                            *first = Some(found);
                        }
                    }
                }
            });
        }
    });
    first.into_inner().expect("no thread has died")
}

#[expect(clippy::disallowed_methods, reason = "a seed to replay is given from outside")]
fn given(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn number(name: &str) -> Option<u64> {
    given(name)?.parse().ok()
}

#[test]
fn every_promise_holds_at_every_seed() {
    if let Some(seed) = number("SEED") {
        let named = given("BUG").and_then(|name| Bug::ALL.iter().copied().find(|b| format!("{b:?}") == name));
        return run(seed, named).unwrap_or_else(|found| panic!("{}", found.told));
    }
    let (from, count) = (number("FROM").unwrap_or(0), number("SEEDS").unwrap_or(2_000));
    if let Some(found) = search(from, count, None, None) {
        panic!("{}", found.told);
    }
}

/// A mistake is found within 200 seeds, by the promise that it breaks; and at that seed nothing breaks without it.
fn is_found(bug: Bug) {
    let found = search(0, 200, Some(bug), Some(bug.breaks()));
    let Some(found) = found else { panic!("{bug:?} does not break {:?} in 200 seeds", bug.breaks()) };
    assert!(run(found.seed, None).is_ok(), "seed {} breaks without {bug:?}, too", found.seed);
}

macro_rules! planted {
    ($($name:ident => $bug:ident),+ $(,)?) => {
        $(#[test] fn $name() { is_found(Bug::$bug); })+

        #[test]
        fn every_planted_mistake_has_its_test() {
            let tested = [$(Bug::$bug),+];
            assert!(Bug::ALL.iter().all(|bug| tested.contains(bug)));
        }
    };
}

planted! {
    a_till_that_asks_before_it_sells_is_found => SaleAsksServer,
    a_sale_shown_and_not_written_is_found => NotWritten,
    a_lease_that_expires_is_found => ExpiringLease,
    a_cursor_that_skips_is_found => CursorThatSkips,
    a_forced_upload_is_found => ForceUpload,
    a_lost_deletion_is_found => LostDeletion,
    a_restore_without_a_new_incarnation_is_found => RestoreWithoutIncarnation,
    a_grant_applied_twice_is_found => GrantAppliedTwice,
    a_hand_over_that_doubles_is_found => HandOverDoubles,
    a_hand_over_that_loses_is_found => HandOverLoses,
    a_copied_station_is_found => CopiedStation,
    a_server_put_back_without_a_new_history_is_found => ServerPutBack,
    a_quota_cut_under_leases_is_found => QuotaCutUnderLeases,
    a_right_granted_to_two_is_found => RightGrantedToTwo,
    an_order_changed_while_a_till_holds_it_is_found => OrderChangedUnderRight,
    an_entry_sent_again_and_applied_again_is_found => SentAgainAppliedAgain,
    a_key_that_is_not_followed_is_found => KeyNotFollowed,
    offers_that_nobody_takes_are_found => OffersIgnored,
    a_gate_that_forgets_its_own_scans_is_found => ForgetsOwnScans,
    clocks_that_decide_what_was_known_are_found => ClockDecides,
    a_scope_that_takes_own_facts_along_is_found => ScopeTakesOwnFacts,
    an_age_by_the_clock_on_the_wall_is_found => AgeByWallClock,
    a_move_without_a_download_is_found => MovedWithoutSnapshot,
    a_move_with_the_units_of_the_first_event_is_found => MovedWithUnits,
    a_unit_of_the_wrong_evening_is_found => WrongEvening,
    a_refund_that_is_forgotten_is_found => RefundForgotten,
}
