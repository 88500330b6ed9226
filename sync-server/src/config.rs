//! What the operator decides, read once at the start. The only place that reads the environment.
//! Does not open, connect or create anything.

pub mod bind;
pub mod database;
pub mod mail;
pub mod payments;

use std::path::{Path, PathBuf};

pub use bind::Bind;
pub use database::Database;
pub use mail::Mail;
pub use payments::Payments;

/// The mark's name in the data folder.
const MARK: &str = "history.mark";

/// Minutes units may be on their way between tills.
const HAND_OVER_MIN: u32 = 15;
const BACKUP_DAYS: u32 = 3;

/// Everything the server is told from outside.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the private cluster, the master key and undelivered mail live (`WILLCALL_DATA`).
    pub data: PathBuf,
    /// Where the mark stands that tells a database that was put back (`WILLCALL_MARK`, by default in the data folder).
    pub mark: PathBuf,
    pub bind: Bind,
    pub database: Database,
    pub mail: Mail,
    pub payments: Payments,
    /// Whether this process runs jobs.
    pub work: bool,
    /// Minutes that units may be on their way between two tills before a person is told (`WILLCALL_HAND_OVER_MIN`, by
    /// default 15).
    pub hand_over_min: u32,
    /// Days that what stations wrote may be in no finished backup before people are told (`WILLCALL_BACKUP_DAYS`, by
    /// default 3).
    pub backup_days: u32,
}

/// Why the configuration cannot be used; one sentence each.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{name} is not usable: {reason}.")]
    Variable { name: &'static str, reason: String },
}

impl ConfigError {
    pub(crate) fn of(name: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Variable { name, reason: reason.to_string().trim_end_matches('.').to_owned() }
    }
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is set to something that cannot be used.
    pub fn from_env() -> Result<Self, ConfigError> {
        let data = variable("WILLCALL_DATA").map_or_else(|| PathBuf::from("willcall-data"), PathBuf::from);
        let data = std::path::absolute(&data).map_err(|e| ConfigError::of("WILLCALL_DATA", e))?;
        let mark = variable("WILLCALL_MARK").map_or_else(|| data.join(MARK), PathBuf::from);
        Ok(Self {
            mark: std::path::absolute(&mark).map_err(|e| ConfigError::of("WILLCALL_MARK", e))?,
            bind: Bind::from_env()?,
            database: Database::from_env()?,
            mail: Mail::from_env(&data)?,
            payments: Payments::from_env()?,
            work: true,
            hand_over_min: number("WILLCALL_HAND_OVER_MIN", HAND_OVER_MIN)?,
            backup_days: number("WILLCALL_BACKUP_DAYS", BACKUP_DAYS)?,
            data,
        })
    }

    /// What is logged (`WILLCALL_LOG`, by default `info`), in the manner of `info,sqlx=warn`.
    #[must_use]
    pub fn log_filter() -> String {
        variable("WILLCALL_LOG").unwrap_or_else(|| "info,sqlx=warn".to_owned())
    }

    /// A server on any free loopback port, with its files in `data`, on a database that exists already.
    #[must_use]
    pub fn for_testing(data: &Path, database: Database) -> Self {
        Self {
            data: data.to_owned(),
            mark: data.join(MARK),
            bind: Bind::for_testing(),
            database,
            mail: Mail::for_testing(data),
            payments: Payments::for_testing(),
            work: true,
            hand_over_min: HAND_OVER_MIN,
            backup_days: BACKUP_DAYS,
        }
    }
}

/// A variable of the environment; set to nothing is not set.
#[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// A number of the environment.
pub(crate) fn number<N: std::str::FromStr>(name: &'static str, default: N) -> Result<N, ConfigError>
where
    N::Err: std::fmt::Display,
{
    variable(name).map_or(Ok(default), |text| text.trim().parse().map_err(|e: N::Err| ConfigError::of(name, e)))
}

/// A switch of the environment: `1`, `on`, `yes`, `true` or their opposites.
pub(crate) fn switch(name: &'static str, default: bool) -> Result<bool, ConfigError> {
    match variable(name).map(|text| text.trim().to_lowercase()).as_deref() {
        None => Ok(default),
        Some("1" | "on" | "yes" | "true") => Ok(true),
        Some("0" | "off" | "no" | "false") => Ok(false),
        Some(_) => Err(ConfigError::of(name, "it must be on or off")),
    }
}
