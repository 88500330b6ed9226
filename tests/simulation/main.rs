//! The search for the seed at which a promise breaks. A world of plain values — a server, eight stations and more, the
//! network between them, one clock — is driven by chance through every fault of the design; the decisions are the
//! domain's own. `SEED=n` replays one run exactly.
//!
//! Not here: what SQLite, PostgreSQL and sockets do; that is `tests/sync`.

#![expect(
    clippy::expect_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test ends where something is not as it must be"
)]

mod apply;
mod bugs;
mod dice;
mod faults;
mod invariants;
mod models;
mod network;
mod right_models;
mod rights;
mod server;
mod station;
mod truth;
mod world;

use bugs::Bug;
use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};
use world::World;

/// Runs one seed.
fn run(seed: u64, bug: Option<Bug>) -> Result<(), String> {
    let mut world = World::new(seed, bug);
    world.run().map_err(|broken| {
        let acts = world.truth.acts.join(", ");
        let log: Vec<&str> = world.log.iter().map(String::as_str).collect();
        let last = &log[log.len().saturating_sub(200)..];
        format!("seed {seed}: {broken}\nacts: {acts}\n{}\nagain with SEED={seed}", last.join("\n"))
    })
}

/// Runs seeds on all cores; answers the lowest that fails.
fn search(from: u64, count: u64, bug: Option<Bug>) -> Option<(u64, String)> {
    let next = AtomicU64::new(from);
    let failed: Mutex<Option<(u64, String)>> = Mutex::new(None);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let found = failed.lock().expect("no thread has died").as_ref().is_some_and(|(s, _)| *s < seed);
                    if seed >= from + count || found {
                        return;
                    }
                    if let Err(broken) = run(seed, bug) {
                        let mut first = failed.lock().expect("no thread has died");
                        if first.as_ref().is_none_or(|(s, _)| seed < *s) {
                            *first = Some((seed, broken));
                        }
                    }
                }
            });
        }
    });
    failed.into_inner().expect("no thread has died")
}

#[expect(clippy::disallowed_methods, reason = "a seed to replay is given from outside")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn every_promise_holds_at_every_seed() {
    if let Some(seed) = number("SEED") {
        return run(seed, None).unwrap_or_else(|broken| panic!("{broken}"));
    }
    let (from, count) = (number("FROM").unwrap_or(0), number("SEEDS").unwrap_or(2_000));
    if let Some((_, broken)) = search(from, count, None) {
        panic!("{broken}");
    }
}

fn is_found(bug: Bug) {
    let found = search(0, 200, Some(bug));
    assert!(found.is_some(), "{bug:?} goes unnoticed in 200 seeds");
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
}
