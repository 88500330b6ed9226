//! The table of drills. A row that is not here has not been written yet, and `drill` says so.

mod a05;
mod b15;
mod c09;
mod c15;
mod e01;
mod g11;
mod g13;
mod g17;
mod k01;
mod k02;
mod k03;
mod k04;
mod k05;
mod k06;
mod k07;
mod k08;
mod k09;
mod k10;
mod k11;
mod k13;
mod k14;
mod k18;
mod k19;
mod k20;
mod k21;
mod k22;
mod k23;
mod p04;
mod p07;
mod p09;

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
        id: "B15",
        says: "1,000 places, 20,000 buyers, the server killed while they ask: sold exactly, to nobody twice, given back",
        programs: SERVER,
        offline: false,
        run: |scale| Box::pin(b15::run(scale)),
    },
    Row {
        id: "C09",
        says: "from an empty folder to the first sale, without a network; one command up, one down",
        programs: SERVER,
        offline: true,
        run: |scale| Box::pin(c09::run(scale)),
    },
    Row {
        id: "C15",
        says: "server and database killed under load: what was confirmed is there, and the data is whole",
        programs: SERVER,
        offline: false,
        run: |scale| Box::pin(c15::run(scale)),
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
        says: "the network is never in the path of a verdict or a sale: nine states of the line, scan by scan",
        programs: &[],
        offline: false,
        run: |scale| Box::pin(k01::run(scale)),
    },
    Row {
        id: "K02",
        says: "a disk full at any page: nothing confirmed is lost, nothing damaged; no sale begins, scans go on from ballast",
        programs: BOTH,
        offline: false,
        run: |scale| Box::pin(k02::run(scale)),
    },
    Row {
        id: "K03",
        says: "a station killed or cut off its power at any moment loses nothing it answered and counts nothing twice",
        programs: BOTH,
        offline: false,
        run: |scale| Box::pin(k03::run(scale)),
    },
    Row {
        id: "K04",
        says: "old snapshots and pages over and over change nothing; the age of data is right, and old data is marked or refused",
        programs: &[],
        offline: false,
        run: |scale| Box::pin(k04::run(scale)),
    },
    Row {
        id: "K05",
        says: "ten tills cut off from each other and the server, crashing, their clocks wrong: 500 are 500 (without seats)",
        programs: &[],
        offline: false,
        run: |scale| Box::pin(k05::run(scale)),
    },
    Row {
        id: "K06",
        says: "a server in trouble for ten minutes is left alone: who asks when is spread evenly, and nobody asks often",
        programs: &[],
        offline: false,
        run: |scale| Box::pin(k06::run(scale)),
    },
    Row {
        id: "K07",
        says: "answers lost, questions doubled, pages late: what was done is there, once",
        programs: &[],
        offline: false,
        run: |scale| Box::pin(k07::run(scale)),
    },
    Row {
        id: "K08",
        says: "a half-broken line: no screen waits, the word about the link is right, what can arrive does",
        programs: &[],
        offline: false,
        run: |scale| Box::pin(k08::run(scale)),
    },
    Row {
        id: "K09",
        says: "two thousand stations come back within a second, and the shop hardly notices",
        programs: SERVER,
        offline: false,
        run: |scale| Box::pin(k09::run(scale)),
    },
    Row {
        id: "K10",
        says: "a station of any released version changes over, killed at any moment: old or new, nothing unsent lost",
        programs: BOTH,
        offline: false,
        run: |scale| Box::pin(k10::run(scale)),
    },
    Row {
        id: "K11",
        says: "a station of the first release against the server of today, as it was recorded",
        programs: &[],
        offline: false,
        run: |scale| Box::pin(k11::run(scale)),
    },
    Row {
        id: "K13",
        says: "one entry of a thousand that nobody can apply holds up none of the others",
        programs: &[],
        offline: false,
        run: |scale| Box::pin(k13::run(scale)),
    },
    Row {
        id: "K14",
        says: "a thin line full of a large download: a sale goes up, and a revocation comes down",
        programs: &[],
        offline: false,
        run: |scale| Box::pin(k14::run(scale)),
    },
    Row {
        id: "K19",
        says: "a station in the wrong hands: unreadable, cut off at its first question, wiped only when nothing is lost by it",
        programs: BOTH,
        offline: false,
        run: |scale| Box::pin(k19::run(scale)),
    },
    Row {
        id: "K20",
        says: "a database deleted or damaged while it is open: every unsent fact that is anywhere comes back, the rest is named",
        programs: BOTH,
        offline: false,
        run: |scale| Box::pin(k20::run(scale)),
    },
    Row {
        id: "K18",
        says: "clocks a day off and keys that change while a gate is cut off: the valid come in, nobody else does",
        programs: &[],
        offline: false,
        run: |scale| Box::pin(k18::run(scale)),
    },
    Row {
        id: "K21",
        says: "the server vanishes: the next thousand scans and hundred sales are right, and the list of last resort is there",
        programs: &["willcall-station"],
        offline: false,
        run: |scale| Box::pin(k21::run(scale)),
    },
    Row {
        id: "K22",
        says: "one core and 2 GB: verdicts in every state of the line, start, memory, rest",
        programs: &["willcall-station"],
        offline: false,
        run: |scale| Box::pin(k22::run(scale)),
    },
    Row {
        id: "K23",
        says: "every ticket that entered twice is listed once the journals have met; the window says the truth in every fault",
        programs: &["willcall"],
        offline: false,
        run: |scale| Box::pin(k23::run(scale)),
    },
    Row {
        id: "P04",
        says: "limits cost nothing, a gate stays far below them, and who is told to wait waits",
        programs: &[],
        offline: false,
        run: |scale| Box::pin(p04::run(scale)),
    },
    Row {
        id: "P07",
        says: "no 32-bit keys; ids beyond 2^31 all the way from the seed to the door",
        programs: BOTH,
        offline: false,
        run: |scale| Box::pin(p07::run(scale)),
    },
    Row {
        id: "P09",
        says: "the first sync of a large event over a thin line, what it takes, and finding people there (without hub)",
        programs: &["willcall-station"],
        offline: false,
        run: |scale| Box::pin(p09::run(scale)),
    },
];
