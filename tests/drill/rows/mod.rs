//! The table of drills. A row that is not here has not been written yet, and `drill` says so.

mod a05;
mod c09;
mod e01;
mod g11;
mod g13;
mod g17;
mod k01;
mod k03;
mod p07;

use std::pin::Pin;
use willcall_tests::record::Outcome;

type Run = Pin<Box<dyn Future<Output = anyhow::Result<Outcome>>>>;

/// One drill.
pub struct Row {
    pub id: &'static str,
    /// What is shown, in a few words.
    pub says: &'static str,
    /// The product's programs it starts, built first.
    pub programs: &'static [&'static str],
    /// Whether it is done where there is no network.
    pub offline: bool,
    /// Given the scale.
    pub run: fn(f64) -> Run,
}

const SERVER: &[&str] = &["willcall-server"];
const BOTH: &[&str] = &["willcall-server", "willcall-station"];

/// By id.
pub const ROWS: &[Row] = &[
    Row {
        id: "A05",
        says: "no tenant sees another's rows, by any route; row-level security alone holds; idle tenants cost nothing",
        programs: SERVER,
        offline: false,
        run: |scale| Box::pin(a05::run(scale)),
    },
    Row {
        id: "C09",
        says: "from an empty folder to the first sale, without a network; one command up, one down",
        programs: SERVER,
        offline: true,
        run: |scale| Box::pin(c09::run(scale)),
    },
    Row {
        id: "E01",
        says: "a seed builds everything in one call, and the second time changes nothing; its secrets are not kept",
        programs: SERVER,
        offline: false,
        run: |scale| Box::pin(e01::run(scale)),
    },
    Row {
        id: "G11",
        says: "no secret in the history, none in the logs; nothing that changes state is done for nobody",
        programs: BOTH,
        offline: false,
        run: |scale| Box::pin(g11::run(scale)),
    },
    Row {
        id: "G13",
        says: "server and station start where there is no network; dependencies are locked and checksummed",
        programs: BOTH,
        offline: true,
        run: |scale| Box::pin(g13::run(scale)),
    },
    Row {
        id: "G17",
        says: "the server is one process beside PostgreSQL, small when idle, up within a second",
        programs: SERVER,
        offline: false,
        run: |scale| Box::pin(g17::run(scale)),
    },
    Row {
        id: "K01",
        says: "the network is never in the path of a verdict or a sale: five states of the line, scan by scan",
        programs: &[],
        offline: false,
        run: |scale| Box::pin(k01::run(scale)),
    },
    Row {
        id: "K03",
        says: "a station killed at any moment loses nothing it answered and counts nothing twice (the kill half)",
        programs: BOTH,
        offline: false,
        run: |scale| Box::pin(k03::run(scale)),
    },
    Row {
        id: "P07",
        says: "no 32-bit keys; ids beyond 2^31 all the way from the seed to the door",
        programs: BOTH,
        offline: false,
        run: |scale| Box::pin(p07::run(scale)),
    },
];
