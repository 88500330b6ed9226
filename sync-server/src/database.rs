//! Connections and migrations: from a URL to a pool that is held by row-level security, on a schema this program knows.

pub mod mark;
pub mod migrate;
pub mod recover;
pub mod store;

use sqlx::{
    Connection as _, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::time::Duration;

/// Why the database cannot be used; one sentence each.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("The database address is not usable: {0}. It looks like postgres://willcall_app@host/database.")]
    Url(String),
    #[error("The database cannot be reached: {0}.")]
    Unreachable(String),
    #[error("The database has no tables of Willcall yet; run `willcall-server migrate` first.")]
    Empty,
    #[error(
        "The database is older than this program (at {found}, needed {needed}); run `willcall-server migrate` first."
    )]
    Older { found: i64, needed: i64 },
    #[error("The database is newer than this program (at {found}, known up to {known}); install the newer program.")]
    Newer { found: i64, known: i64 },
    #[error("Migration {0} in the database is not the one in this program; it was changed after it was applied.")]
    Changed(i64),
    #[error(
        "The database is signed in to as {role}, which can pass around row-level security; use the role willcall_app, and WILLCALL_MIGRATE_URL for migrations."
    )]
    TooPowerful { role: String },
    #[error("The database does not let this role use the tables of Willcall ({why}); sign in as willcall_app.")]
    NotAllowed { why: String },
    #[error("Migration failed: {0}.")]
    Failed(String),
    #[error(
        "The database belongs to another installation: its server key is not made from the key file in the data folder. Put the right secret.key there."
    )]
    ForeignKey,
    #[error(
        "The database is at an earlier state ({found}) than this server has seen ({known}): a backup was put back, or a standby took over. Run `willcall-server recover` first, so that no number is given twice."
    )]
    PutBack { found: i64, known: i64 },
    #[error("A recovery of the database was cut off; run `willcall-server recover` again.")]
    HalfRecovered,
    #[error("{others} connections of a running server use the database; stop the server first.")]
    StillServed { others: i64 },
    #[error("The mark {path} cannot be read: {why}. Put it back, or take it away to trust the database as it is.")]
    Mark { path: std::path::PathBuf, why: String },
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
}

/// Reads a database address.
///
/// # Errors
/// When it is none.
pub fn options(url: &str) -> Result<PgConnectOptions, DatabaseError> {
    if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
        return Err(DatabaseError::Url("it must begin with postgres://".to_owned()));
    }
    url.parse().map_err(|e: sqlx::Error| DatabaseError::Url(plain(&e)))
}

/// Opens the pool requests and jobs use. Writers end within 5 seconds, or hold nobody up.
///
/// # Errors
/// When the database cannot be reached, or is reached as a role that row-level security does not hold.
pub async fn connect(options: PgConnectOptions, connections: u32) -> Result<PgPool, DatabaseError> {
    let options = options.application_name("willcall-server").options([
        ("statement_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "5s"),
        ("lock_timeout", "4s"),
    ]);
    let pool = PgPoolOptions::new()
        .max_connections(connections.max(2))
        .acquire_timeout(Duration::from_secs(5))
        // A connection that has just been used is taken as it is; one that lay idle may have died.
        .test_before_acquire(false)
        .before_acquire(|connection, about| {
            Box::pin(async move {
                if about.idle_for > Duration::from_secs(1) {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_with(options)
        .await
        .map_err(|e| DatabaseError::Unreachable(plain(&e)))?;
    store::check_role(&pool).await?;
    Ok(pool)
}

/// An error of the database in one line, without a full stop.
pub(crate) fn plain(error: &sqlx::Error) -> String {
    let text = match error.as_database_error() {
        Some(inner) => inner.message().to_owned(),
        None if matches!(error, sqlx::Error::PoolTimedOut) => "no answer within 5 seconds".to_owned(),
        None => error.to_string(),
    };
    text.lines().next().unwrap_or_default().trim_end_matches('.').to_owned()
}
