//! `make fuzz`: codes, documents and pictures through the readers, from a seed that can be given again.

use clap::Parser;
use willcall_domain::entropy::{self, OsEntropy};

#[derive(Parser)]
struct Args {
    /// How many codes; a tenth as many documents.
    #[arg(long, default_value_t = 1_000_000)]
    codes: u64,
    /// How many small pictures.
    #[arg(long, default_value_t = 1_000_000)]
    scraps: u64,
    /// How many pictures as a camera takes them.
    #[arg(long, default_value_t = 5_000)]
    frames: u64,
    /// Repeats the run of that seed.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let seed = args.seed.unwrap_or_else(|| u64::from_le_bytes(entropy::bytes(&OsEntropy)));
    // A caught panic is the finding; its printed trace would only repeat it.
    std::panic::set_hook(Box::new(|_| {}));
    let report = willcall_tests::fuzz::run(seed, args.codes)?;
    println!("{}", serde_json::to_string(&report)?);
    let report = willcall_tests::frames::run(seed, args.scraps, args.frames)?;
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}
