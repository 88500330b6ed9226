//! The command line: one binary, its roles.

use clap::{Parser, Subcommand};
use std::{path::PathBuf, process::ExitCode};
use willcall_server::{
    Config, demo, doctor, logging, seed,
    server::{self, Nature, Role, Running, StartError},
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
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<ExitCode, anyhow::Error> {
    let mut config = Config::from_env()?;
    match command {
        Command::Serve { no_work } => {
            config.work = !no_work;
            let listener = server::listen(config.bind.address).await?;
            let Some(opened) = unless_stopped(server::open(config, Nature::default(), Role::Host)).await? else {
                return Ok(ExitCode::SUCCESS);
            };
            until_stopped(opened.serve(listener)).await;
        }
        Command::Work => {
            let opened = server::open(config, Nature::default(), Role::Guest).await?;
            until_stopped(opened.work()).await;
        }
        Command::Migrate => {
            server::migrate_only(&config).await?;
            println!("The database is up to date.");
        }
        Command::Demo => {
            let listener = server::listen(config.bind.address).await?;
            let Some(opened) = unless_stopped(server::open(config, Nature::default(), Role::Host)).await? else {
                return Ok(ExitCode::SUCCESS);
            };
            let running = opened.serve(listener);
            match demo::fill(running.app()).await {
                Ok(shown) => {
                    println!("{shown}");
                    until_stopped(running).await;
                }
                Err(error) => {
                    running.stop().await;
                    return Err(error);
                }
            }
        }
        Command::Seed { file } => {
            let opened = server::open(config, Nature::default(), Role::Guest).await?;
            let result = seed::run(&opened.app, &file).await;
            opened.close().await;
            println!("{}", serde_json::to_string_pretty(&result?)?);
        }
        Command::Doctor { json } => {
            let report = doctor::examine(config).await;
            println!("{}", if json { serde_json::to_string_pretty(&report)? } else { report.to_string() });
            return Ok(if report.healthy() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Starting may take seconds (a first `initdb`); Ctrl-C ends it as well, and what was started by then.
async fn unless_stopped<T>(starting: impl Future<Output = Result<T, StartError>>) -> Result<Option<T>, StartError> {
    tokio::select! {
        started = starting => started.map(Some),
        () = asked_to_stop() => Ok(None),
    }
}

async fn until_stopped(running: Running) {
    tracing::info!(address = %running.addr, "started");
    asked_to_stop().await;
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
