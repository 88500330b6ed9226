//! `make bench`: the benchmark table, with the machine's record, and the same as JSON in `target/bench.json`. Every
//! figure is measured in this run; beside it stands what the peer was measured at on a machine of the same class, with
//! as many clients. What could not be measured is said in its place, and the exit code is 1.

mod closed;
mod codes;
mod door;
mod installation;
mod journal;
mod paper;
mod reading;
mod rules;
mod rush;
mod shop;
mod sync;

use clap::Parser;
use serde::Serialize;
use serde_json::{Value, json};
use std::{path::PathBuf, pin::Pin, process::ExitCode};
use willcall_tests::{
    built,
    record::{Machine, flush_ms},
};

/// Measures.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Arguments {
    /// Only the parts with these names.
    parts: Vec<String>,
    /// A folder of pictures with codes, beside each a file of the same name and `.txt` with what it says.
    #[arg(long, env = "FRAMES")]
    frames: Option<PathBuf>,
}

/// One line of the table.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    pub what: &'static str,
    /// The figure as text, unit included.
    pub measured: String,
    /// The same as numbers, units in the names.
    pub values: Value,
    /// The peer's, or `–` where none is known.
    pub peer: &'static str,
    /// How it was measured, in a few words.
    pub method: String,
    /// How many were measured.
    pub n: u64,
}

type Measuring = Pin<Box<dyn Future<Output = anyhow::Result<Vec<Figure>>>>>;

type Part = (&'static str, fn(&Arguments) -> Measuring);

/// The parts by name, in the order of the table.
const PARTS: &[Part] = &[
    ("codes", |_| Box::pin(async { codes::verified_per_second() })),
    ("rules", |_| Box::pin(async { rules::figures() })),
    ("reading", |arguments| {
        let measured = reading::figures(arguments);
        Box::pin(async { measured })
    }),
    ("paper", |_| Box::pin(async { paper::tickets_per_second() })),
    ("shop", |_| Box::pin(shop::figures())),
    ("door", |_| Box::pin(door::figures())),
    ("journal", |_| Box::pin(journal::figures())),
    ("sync", |_| Box::pin(sync::figures())),
];

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    if let Some(unknown) = arguments.parts.iter().find(|p| PARTS.iter().all(|(name, _)| p != name)) {
        let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
        eprintln!("There is no part {unknown:?}. There are: {}.", names.join(", "));
        return Ok(ExitCode::from(2));
    }
    willcall_tests::choose_tls();
    built::build(&["willcall-server"])?;
    let before = Machine::here();
    let flush = flush_ms(&std::env::temp_dir())?;
    let (mut figures, mut failures) = (Vec::new(), Vec::new());
    for (name, measure) in PARTS {
        if !arguments.parts.is_empty() && !arguments.parts.iter().any(|p| p == name) {
            continue;
        }
        eprintln!("measuring: {name}");
        match measure(&arguments).await {
            Ok(measured) => figures.extend(measured),
            Err(error) => failures.push(json!({ "part": name, "error": format!("{error:#}") })),
        }
    }
    let after = Machine::here();
    print(&figures, &before, &after, flush);
    let document =
        json!({ "before": before, "after": after, "flush_ms": flush, "figures": figures, "failures": failures });
    let file = built::repository().join("target/bench.json");
    std::fs::write(&file, serde_json::to_string_pretty(&document)?)?;
    println!("\nalso in target/bench.json");
    for failure in &failures {
        println!("NOT MEASURED: {}: {}", failure["part"], failure["error"]);
    }
    if before.profile == "debug" {
        println!("This was a debug build: the figures say nothing. Use `make bench`.");
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(figures: &[Figure], before: &Machine, after: &Machine, flush: (f64, f64)) {
    println!("{} · {} cores · {} MB · {}", before.cpu, before.cores, before.memory_mb, before.system);
    println!(
        "{} · kernel {} · Willcall {} ({}), {} build · {}",
        before.postgres, before.kernel, before.version, before.commit, before.profile, before.at
    );
    println!(
        "load before {:?}, after {:?} · 4 KiB to the disk: p50 {}, p99 {} ms",
        before.load, after.load, flush.0, flush.1
    );
    println!("Clients, server and database share these cores. CPU is of server and database together, for each.\n");
    let wide = |text: fn(&Figure) -> &str| figures.iter().map(|f| text(f).chars().count()).max().unwrap_or(0);
    let (a, b, c) = (wide(|f| f.what), wide(|f| &f.measured), wide(|f| f.peer));
    println!("{:a$}  {:b$}  {:c$}  {:>6}  how", "", "measured", "peer", "n");
    for f in figures {
        println!("{:a$}  {:b$}  {:c$}  {:>6}  {}", f.what, f.measured, f.peer, f.n, f.method);
    }
}
