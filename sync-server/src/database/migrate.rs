//! Brings a schema to what this program knows, and refuses one it does not know. SQL is in `migrations/server`.

use super::{DatabaseError, plain, store};
use sqlx::{
    Connection as _, PgConnection, PgPool,
    migrate::{MigrateError, Migrator},
    postgres::PgConnectOptions,
};

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations/server");

/// Makes roles and tables as far as they are missing. Signed in as whoever may become `willcall_owner`.
///
/// # Errors
/// When the database cannot be reached, is newer than this program, or a migration fails (nothing of it is kept).
pub async fn migrate(options: &PgConnectOptions) -> Result<(), DatabaseError> {
    let mut connection =
        PgConnection::connect_with(options).await.map_err(|e| DatabaseError::Unreachable(plain(&e)))?;
    if let Some(found) = store::schema_version(&mut connection).await? {
        known(found)?;
    }
    store::make_roles(&mut connection).await.map_err(|e| DatabaseError::Failed(plain(&e)))?;
    store::become_owner(&mut connection).await.map_err(|e| DatabaseError::Failed(plain(&e)))?;
    MIGRATIONS.run(&mut connection).await.map_err(|e| failed(&e))?;
    connection.close().await?;
    Ok(())
}

/// Checks that the schema is the one this program was built for.
///
/// # Errors
/// When it is missing, older or newer.
pub async fn check(pool: &PgPool) -> Result<(), DatabaseError> {
    let mut connection = pool.acquire().await?;
    match store::schema_version(&mut connection).await? {
        None => Err(DatabaseError::Empty),
        Some(found) if found < newest() => Err(DatabaseError::Older { found, needed: newest() }),
        Some(found) => known(found),
    }
}

/// The newest migration this program knows.
#[must_use]
pub fn newest() -> i64 {
    MIGRATIONS.iter().map(|m| m.version).max().unwrap_or(0)
}

fn known(found: i64) -> Result<(), DatabaseError> {
    if found > newest() { Err(DatabaseError::Newer { found, known: newest() }) } else { Ok(()) }
}

fn failed(error: &MigrateError) -> DatabaseError {
    if let MigrateError::VersionMissing(found) = error {
        return DatabaseError::Newer { found: *found, known: newest() };
    }
    if let MigrateError::VersionMismatch(version) = error {
        return DatabaseError::Changed(*version);
    }
    if let MigrateError::Execute(error) = error {
        return DatabaseError::Failed(plain(error));
    }
    DatabaseError::Failed(error.to_string().lines().next().unwrap_or_default().to_owned())
}
