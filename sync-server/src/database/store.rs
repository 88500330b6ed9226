//! SQL that belongs to no slice: roles, versions, the installation, wake-ups, and names across tenants.

use super::{DatabaseError, mark::Mark, plain};
use sqlx::{Connection as _, Executor as _, PgConnection, PgPool};
use willcall_domain::{
    clock::UtcMillis,
    id::{HistoryId, OrganizerId},
};

/// An organizer as the start page and tools name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizerName {
    pub organizer_id: OrganizerId,
    pub slug: String,
    pub name: String,
}

pub(super) async fn make_roles(connection: &mut PgConnection) -> sqlx::Result<()> {
    connection.execute(include_str!("../../../migrations/server/roles.sql")).await?;
    Ok(())
}

pub(super) async fn become_owner(connection: &mut PgConnection) -> sqlx::Result<()> {
    connection.execute("SET ROLE willcall_owner").await?;
    Ok(())
}

/// The newest applied migration; `None` for an empty database.
pub(super) async fn schema_version(connection: &mut PgConnection) -> sqlx::Result<Option<i64>> {
    let found: bool =
        sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL").fetch_one(&mut *connection).await?;
    if !found {
        return Ok(None);
    }
    sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success").fetch_one(connection).await
}

/// Refuses a role that row-level security does not hold.
pub(super) async fn check_role(pool: &PgPool) -> Result<(), DatabaseError> {
    let (role, powerful, owner): (String, bool, bool) = sqlx::query_as(
        "SELECT current_user::text, rolsuper OR rolbypassrls,
                EXISTS (SELECT FROM pg_class WHERE relowner = r.oid AND relkind = 'r')
         FROM pg_roles r WHERE rolname = current_user",
    )
    .fetch_one(pool)
    .await?;
    if powerful || owner { Err(DatabaseError::TooPowerful { role }) } else { Ok(()) }
}

/// The installation's history, written on the first start; checks that the database and the key file belong together.
pub(crate) async fn installation(
    pool: &PgPool,
    fresh: HistoryId,
    server_key: &[u8; 32],
    now: UtcMillis,
) -> Result<HistoryId, DatabaseError> {
    let refused = |e: sqlx::Error| {
        let forbidden = e.as_database_error().is_some_and(|inner| inner.code().as_deref() == Some("42501"));
        if forbidden { DatabaseError::NotAllowed { why: plain(&e) } } else { DatabaseError::Sql(e) }
    };
    sqlx::query(
        "INSERT INTO installation (history, server_key, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    )
    .bind(fresh.0)
    .bind(&server_key[..])
    .bind(now.0)
    .execute(pool)
    .await
    .map_err(refused)?;
    let (history, key): (uuid::Uuid, Vec<u8>) =
        sqlx::query_as("SELECT history, server_key FROM installation").fetch_one(pool).await?;
    sqlx::query("INSERT INTO history (history, began_at, whole_at) VALUES ($1, $2, $2) ON CONFLICT DO NOTHING")
        .bind(history)
        .bind(now.0)
        .execute(pool)
        .await?;
    if key == server_key { Ok(HistoryId(history)) } else { Err(DatabaseError::ForeignKey) }
}

/// How far the numbers have gone, the earlier histories, and whether the present one is whole.
pub(crate) async fn high_water(pool: &PgPool) -> Result<(Mark, Vec<HistoryId>, bool), DatabaseError> {
    let (history, changes, entries, whole): (uuid::Uuid, i64, i64, bool) = sqlx::query_as(
        "SELECT i.history, w.changes, w.entries,
             coalesce((SELECT h.whole_at IS NOT NULL FROM history h WHERE h.history = i.history), true)
         FROM installation i, crossing.high_water() w",
    )
    .fetch_one(pool)
    .await?;
    let before: Vec<uuid::Uuid> =
        sqlx::query_scalar("SELECT history FROM history WHERE history <> $1").bind(history).fetch_all(pool).await?;
    let mark = Mark { history: HistoryId(history), changes, entries };
    Ok((mark, before.into_iter().map(HistoryId).collect(), whole))
}

/// How many connections of servers there are to this database.
pub(super) async fn servers_connected(connection: &mut PgConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'willcall_app'",
    )
    .fetch_one(connection)
    .await
}

/// A new history, and every number `leap` above what the database knows. As the owner of the tables.
pub(super) async fn begin_history(
    connection: &mut PgConnection,
    fresh: HistoryId,
    now: UtcMillis,
    leap: i64,
) -> sqlx::Result<()> {
    let mut tx = connection.begin().await?;
    sqlx::query("INSERT INTO history (history, began_at) VALUES ($1, $2)")
        .bind(fresh.0)
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
    sqlx::query("UPDATE installation SET history = $1").bind(fresh.0).execute(&mut *tx).await?;
    let sequences: Vec<(String, i64)> = sqlx::query_as(
        "SELECT format('%I.%I', schemaname, sequencename), coalesce(last_value, start_value)
         FROM pg_sequences WHERE schemaname = 'public'",
    )
    .fetch_all(&mut *tx)
    .await?;
    for (sequence, last) in sequences {
        sqlx::query("SELECT setval($1::regclass, $2)")
            .bind(sequence)
            .bind(last.saturating_add(leap))
            .execute(&mut *tx)
            .await?;
    }
    // Row-level security holds the owner, too: one tenant after the other.
    sqlx::query("SET LOCAL ROLE willcall_crossing").execute(&mut *tx).await?;
    let tenants: Vec<i64> = sqlx::query_scalar("SELECT organizer_id FROM organizer").fetch_all(&mut *tx).await?;
    sqlx::query("SET LOCAL ROLE willcall_owner").execute(&mut *tx).await?;
    for tenant in tenants {
        sqlx::query("SELECT set_config('willcall.organizer', $1, true)")
            .bind(tenant.to_string())
            .execute(&mut *tx)
            .await?;
        sqlx::query("UPDATE change_head SET position = position + $1").bind(leap).execute(&mut *tx).await?;
        sqlx::query("UPDATE device SET version = version + $1").bind(leap).execute(&mut *tx).await?;
        // Tokens handed out since the backup are not known any more: their bearers are no copies.
        sqlx::query("UPDATE incarnation SET token_hash = NULL, token_before = NULL").execute(&mut *tx).await?;
    }
    tx.commit().await
}

/// The history is whole: the server may start.
pub(crate) async fn end_recovery(pool: &PgPool, history: HistoryId) -> sqlx::Result<()> {
    sqlx::query("UPDATE history SET whole_at = began_at WHERE history = $1").bind(history.0).execute(pool).await?;
    Ok(())
}

pub(crate) async fn notify(pool: &PgPool, channel: &str, payload: &str) -> sqlx::Result<()> {
    sqlx::query("SELECT pg_notify($1, $2)").bind(channel).bind(payload).execute(pool).await?;
    Ok(())
}

pub(crate) async fn ping(pool: &PgPool) -> sqlx::Result<()> {
    pool.acquire().await?.ping().await
}

pub(crate) async fn organizer_by_slug(pool: &PgPool, slug: &str) -> sqlx::Result<Option<OrganizerId>> {
    let id: Option<i64> =
        sqlx::query_scalar("SELECT crossing.organizer_by_slug($1)").bind(slug).fetch_one(pool).await?;
    Ok(id.map(OrganizerId))
}

pub(crate) async fn organizers(pool: &PgPool) -> sqlx::Result<Vec<OrganizerName>> {
    let rows: Vec<(i64, String, String)> =
        sqlx::query_as("SELECT organizer_id, slug, name FROM crossing.organizers()").fetch_all(pool).await?;
    Ok(rows.into_iter().map(|(id, slug, name)| OrganizerName { organizer_id: OrganizerId(id), slug, name }).collect())
}

/// How long the oldest change without a number has waited, in milliseconds; 0 when there is none.
pub(crate) async fn feed_lag_ms(pool: &PgPool, now: UtcMillis) -> sqlx::Result<i64> {
    let oldest: Option<i64> =
        sqlx::query_scalar("SELECT min(oldest_at) FROM crossing.unnumbered()").fetch_one(pool).await?;
    Ok(oldest.map_or(0, |at| now.since(UtcMillis(at)).max(0)))
}

/// Stations in use whose clock is further off than this, and how far the furthest is, in milliseconds.
pub(crate) async fn clocks(pool: &PgPool, off_ms: i64) -> sqlx::Result<(i64, i64)> {
    sqlx::query_as("SELECT stations, furthest FROM crossing.clocks($1)").bind(off_ms).fetch_one(pool).await
}

/// Makes the database of a private cluster, where it is missing.
pub(crate) async fn make_database(connection: &mut PgConnection, name: &'static str) -> sqlx::Result<()> {
    let found: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(name)
        .fetch_one(&mut *connection)
        .await?;
    if !found {
        connection.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await?;
    }
    Ok(())
}

/// A copy of a database nobody is connected to.
pub(crate) async fn clone_database(connection: &mut PgConnection, from: &str, name: &str) -> sqlx::Result<()> {
    // Both names are made of letters, digits and underscores by the caller.
    connection
        .execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name} TEMPLATE {from} STRATEGY file_copy")))
        .await?;
    Ok(())
}
