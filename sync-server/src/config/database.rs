//! Which PostgreSQL: a given one, or a private cluster of our own.

use super::{ConfigError, number, variable};
use std::path::PathBuf;

/// Where the tables are.
#[derive(Debug, Clone)]
pub enum Source {
    /// `DATABASE_URL`: an existing database, signed in to as `willcall_app`; `WILLCALL_MIGRATE_URL` signs in as somebody
    /// who may become `willcall_owner`, and is used for migrations only.
    Given { url: String, migrate_url: Option<String> },
    /// A cluster in the data folder, run by this server.
    Private(Private),
}

/// How the private cluster runs.
#[derive(Debug, Clone, Default)]
pub struct Private {
    /// `WILLCALL_PG_BINDIR`: the folder with `initdb` and `postgres`; searched for when unset.
    pub bindir: Option<PathBuf>,
    /// For tests: not durable, and the whole data folder is removed when the process ends, however it ends.
    pub throwaway: bool,
    /// Allowed connections (`max_connections`) where the default of 100 is not right.
    pub max_connections: Option<u32>,
}

/// The database and how many connections this process opens to it.
#[derive(Debug, Clone)]
pub struct Database {
    pub source: Source,
    /// `WILLCALL_DB_CONNECTIONS`, by default 16.
    pub connections: u32,
}

impl Database {
    /// # Errors
    /// When a variable is set to something that cannot be used.
    pub fn from_env() -> Result<Self, ConfigError> {
        let source = match variable("DATABASE_URL") {
            Some(url) => Source::Given { url, migrate_url: variable("WILLCALL_MIGRATE_URL") },
            None => Source::Private(Private {
                bindir: variable("WILLCALL_PG_BINDIR").map(PathBuf::from),
                throwaway: false,
                max_connections: None,
            }),
        };
        Ok(Self { source, connections: number("WILLCALL_DB_CONNECTIONS", 16)? })
    }

    /// A database made for one test.
    #[must_use]
    pub fn for_testing(url: impl Into<String>) -> Self {
        Self { source: Source::Given { url: url.into(), migrate_url: None }, connections: 6 }
    }
}
