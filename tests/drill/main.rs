//! `drill ROW [--scale F]`: does to the product what row ROW of the demands says may happen to it, and holds what comes
//! out against the row's bar. Starts what it needs on loopback and in temporary folders. Prints one JSON line
//! `{row, measured, bar, n, pass}` on standard output (what it is doing goes to standard error) and exits 0 when the bar
//! is met, 1 when not, 2 when there is no such row. Without a row it lists them.
//!
//! `drill night [--minutes M] [--seed N]` plays a night of faults with real processes ([`willcall_tests::night`]).
//!
//! Each row is a file in `rows/`; [`rows::ROWS`] is the table.

mod allowed;
mod builds;
mod engine;
mod offline;
mod routes;
mod rows;
mod secret_scan;
mod town;
mod visitor;

use clap::Parser;
use rows::{ROWS, Row};
use serde_json::json;
use std::{process::ExitCode, time::Duration};
use willcall_tests::{
    built, choose_tls,
    night::{self, Night},
    record::{self, Outcome},
};

/// Runs one drill.
#[derive(Debug, Parser)]
#[command(name = "drill")]
struct Arguments {
    /// The row's id, such as K01. Left out: says which rows there are.
    row: Option<String>,
    /// Multiplies how much is tried: 0.1 for a quick look, 1 for what the bar is about.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// With night: how long it lasts.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// With night: what decides what happens.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// With G13: in place of the rest of the row, builds this package twice, from two places and without a network, and
    /// compares what comes out. Release builds, below scale 1 those of the debug profile.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "willcall-station", value_name = "PACKAGE")]
    builds: Option<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Some(asked) = &arguments.row else {
        println!("{}", table());
        return ExitCode::SUCCESS;
    };
    if asked == "night" {
        return night(&arguments);
    }
    let Some(row) = ROWS.iter().find(|r| r.id.eq_ignore_ascii_case(asked)) else {
        eprintln!("There is no row {asked:?} yet. There are:\n{}", table());
        return ExitCode::from(2);
    };
    if !(arguments.scale.is_finite() && arguments.scale > 0.0) {
        eprintln!("--scale is a number above 0.");
        return ExitCode::from(2);
    }
    if let Some(package) = &arguments.builds {
        return compare_builds(row, package, arguments.scale >= 1.0);
    }
    match prepare(row) {
        Ok(None) => {}
        Ok(Some(code)) => return code,
        Err(error) => return report(row, &failed(&error)),
    }
    choose_tls();
    // What runs in this process logs to standard error like the programs; quietly unless asked.
    let filter = std::env::var_os("WILLCALL_LOG").and_then(|f| f.into_string().ok());
    willcall_server::logging::start(filter.as_deref().unwrap_or("error"));
    let outcome = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on((row.run)(arguments.scale)).unwrap_or_else(|error| failed(&error)),
        Err(error) => failed(&error.into()),
    };
    report(row, &outcome)
}

fn night(arguments: &Arguments) -> ExitCode {
    let Ok(length) = Duration::try_from_secs_f64(arguments.minutes * 60.0) else {
        eprintln!("--minutes is a number above 0.");
        return ExitCode::from(2);
    };
    let night = Night { seed: arguments.seed, length };
    let played = || -> anyhow::Result<Outcome> {
        built::build(&["willcall-server", "willcall-station"])?;
        choose_tls();
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(night::play(night))
    };
    let outcome = played().unwrap_or_else(|error| failed(&error));
    println!("{}", record::line("night", &outcome));
    if outcome.pass { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn compare_builds(row: &Row, package: &str, release: bool) -> ExitCode {
    if row.id != "G13" {
        eprintln!("--builds belongs to G13.");
        return ExitCode::from(2);
    }
    if offline::is_here() {
        return report(row, &builds::compare(package, release).unwrap_or_else(|error| failed(&error)));
    }
    offline::again().unwrap_or_else(|error| report(row, &failed(&error)))
}

fn table() -> String {
    ROWS.iter().map(|row| format!("  {}  {}", row.id, row.says)).collect::<Vec<_>>().join("\n")
}

/// Builds the programs the row starts, and goes where there is no network if the row wants that; the exit code is that
/// of the drill there.
fn prepare(row: &Row) -> anyhow::Result<Option<ExitCode>> {
    if offline::is_here() {
        return Ok(None);
    }
    if !row.programs.is_empty() {
        built::build(row.programs)?;
    }
    if row.offline { offline::again().map(Some) } else { Ok(None) }
}

/// A drill that could not be done has not passed.
fn failed(error: &anyhow::Error) -> Outcome {
    Outcome { measured: json!({ "error": format!("{error:#}") }), bar: json!({}), n: 0, pass: false }
}

fn report(row: &Row, outcome: &Outcome) -> ExitCode {
    println!("{}", record::line(row.id, outcome));
    if outcome.pass { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
