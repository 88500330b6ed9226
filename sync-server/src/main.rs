//! The command line: one binary, its roles.

use clap::{Parser, Subcommand};
use std::{path::PathBuf, process::ExitCode};
use tokio_util::sync::CancellationToken;
use willcall_domain::clock::UtcMillis;
use willcall_server::{
    Config, demo, doctor, logging, seed,
    server::{self, Nature, Role, Running},
    sync::backups,
};

/// Tickets: shop, back office, sync for stations.
#[derive(Debug, Parser)]
#[command(name = "willcall-server", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve shop, back office and stations, and run jobs.
    Serve {
        /// Leave jobs to other processes.
        #[arg(long)]
        no_work: bool,
    },
    /// Run jobs only, beside a server on the same database.
    Work,
    /// Bring the database's tables up to date.
    Migrate,
    /// Serve with believable demo data, made on the first start.
    Demo,
    /// Make what a file describes, as far as it is not there yet; prints secrets once, as JSON.
    Seed {
        /// A TOML file; `assets/seed/example.toml` shows all there is.
        file: PathBuf,
    },
    /// After the database was put back to an earlier instant: begin a new history, in which no number is given twice.
    Recover,
    /// A backup begins now: what is committed is noted. Say `backed-up` once it is finished.
    BackingUp,
    /// A backup is finished: stations may forget what is in it, once their event is over.
    BackedUp {
        /// When the backup began, such as 2026-11-22T03:00:00Z; without it, when `backing-up` was said.
        #[arg(long)]
        at: Option<String>,
    },
    /// Check this installation; exits 1 when something is wrong.
    Doctor {
        /// One JSON document instead of text.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("A TLS provider was installed twice.");
    }
    logging::start(&Config::log_filter());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("The server cannot start its threads: {error}.");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(arguments.command)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{}", sentence(&error));
            ExitCode::FAILURE
        }
    }
}

/// What was being done and why it failed, from the outside in, without saying anything twice.
fn sentence(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain().map(ToString::to_string) {
        let cause = cause.trim_end_matches('.');
        if !said.contains(cause) {
            let colon = if said.is_empty() { "" } else { ": " };
            said = format!("{said}{colon}{cause}");
        }
    }
    said + "."
}

async fn run(command: Command) -> Result<ExitCode, anyhow::Error> {
    let mut config = Config::from_env()?;
    match command {
        Command::Serve { no_work } => {
            config.work = !no_work;
            let stop = stop_when_asked();
            let listener = server::listen(config.bind.address).await?;
            let opening = server::open(config, Nature::default(), Role::Host);
            let Some(opened) = stop.run_until_cancelled(opening).await.transpose()? else {
                return Ok(ExitCode::SUCCESS);
            };
            until_stopped(opened.serve(listener), &stop).await;
        }
        Command::Work => {
            let stop = stop_when_asked();
            let opening = server::open(config, Nature::default(), Role::Guest);
            let Some(opened) = stop.run_until_cancelled(opening).await.transpose()? else {
                return Ok(ExitCode::SUCCESS);
            };
            until_stopped(opened.work(), &stop).await;
        }
        Command::Migrate => {
            server::migrate_only(&config).await?;
            println!("The database is up to date.");
        }
        Command::Demo => return serve_demo(config).await,
        Command::Seed { file } => {
            let plan = seed::plan_of(&file).await?;
            let opened = server::open(config, Nature::default(), Role::Guest).await?;
            let result = seed::apply(&opened.app, &plan).await;
            opened.close().await;
            println!("{}", serde_json::to_string_pretty(&result?)?);
        }
        Command::Recover => {
            let recovered = server::recover(config, Nature::default()).await?;
            for found in &recovered.payments {
                println!("{found}");
            }
            println!("A new history has begun. {} stations are waited for; start the server.", recovered.stations);
        }
        Command::BackingUp => {
            let opened = server::open(config, Nature::default(), Role::Guest).await?;
            let noted = backups::begin(&opened.app).await;
            opened.close().await;
            println!("{} journals are noted. Make the backup now, then say `backed-up`.", noted?);
        }
        Command::BackedUp { at } => {
            let at = at.map(|text| UtcMillis::parse(&text)).transpose()?;
            let opened = server::open(config, Nature::default(), Role::Guest).await?;
            let safe = backups::finish(&opened.app, at).await;
            opened.close().await;
            println!("{} journals are in a finished backup.", safe?);
        }
        Command::Doctor { json } => {
            let report = doctor::examine(config).await;
            println!("{}", if json { serde_json::to_string_pretty(&report)? } else { report.to_string() });
            return Ok(if report.healthy() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Serves the demo and, meanwhile, makes it where it is not there yet.
async fn serve_demo(config: Config) -> Result<ExitCode, anyhow::Error> {
    let stop = stop_when_asked();
    let listener = server::listen(config.bind.address).await?;
    let opening = server::open(config, Nature::default(), Role::Host);
    let Some(opened) = stop.run_until_cancelled(opening).await.transpose()? else {
        return Ok(ExitCode::SUCCESS);
    };
    let running = opened.serve(listener);
    match stop.run_until_cancelled(demo::fill(running.app())).await {
        Some(Ok(shown)) => {
            println!("{shown}");
            until_stopped(running, &stop).await;
        }
        // What is half made is made whole by the next start.
        None => running.stop().await,
        Some(Err(error)) => {
            running.stop().await;
            return Err(error);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Listens from now on, so that no signal is missed between one step and the next: a first `initdb` takes seconds, and
/// so does making the demo.
fn stop_when_asked() -> CancellationToken {
    let stop = CancellationToken::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        asked_to_stop().await;
        asked.cancel();
    });
    stop
}

async fn until_stopped(running: Running, stop: &CancellationToken) {
    tracing::info!(address = %running.addr, "started");
    stop.cancelled().await;
    tracing::info!("stopping");
    running.stop().await;
    tracing::info!("stopped");
}

/// SIGINT (Ctrl-C) or SIGTERM.
#[cfg(unix)]
async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "signals cannot be heard; end this process to stop it");
            std::future::pending().await
        }
    }
}

#[cfg(not(unix))]
async fn asked_to_stop() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        tracing::error!(%error, "signals cannot be heard; end this process to stop it");
        std::future::pending::<()>().await;
    }
}
