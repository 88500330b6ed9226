//! Without the application: what the database itself lets the server's role see and touch.

use super::People;
use anyhow::ensure;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, postgres::PgConnectOptions};
use std::collections::BTreeMap;
use willcall_tests::premises::Premises;

/// The fingerprint of one organizer's rows, by table.
///
/// # Errors
/// When the database does not answer.
pub async fn rows_of(premises: &Premises, organizer: i64) -> anyhow::Result<BTreeMap<String, String>> {
    let mut admin = premises.admin().await?;
    let mut rows = BTreeMap::new();
    for table in tables(&mut admin).await? {
        // What the server does by itself for an order (mail, numbering) is not touched by anybody's request.
        if ["job", "change", "change_head", "artefact"].contains(&table.as_str()) {
            continue;
        }
        let query = format!(
            "SELECT count(*) || ' ' || coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '')
             FROM \"{table}\" t WHERE organizer_id = $1"
        );
        let print = sqlx::query_scalar(AssertSqlSafe(query)).bind(organizer).fetch_one(&mut admin).await?;
        rows.insert(table, print);
    }
    Ok(rows)
}

/// The tables that belong to tenants.
async fn tables(admin: &mut PgConnection) -> anyhow::Result<Vec<String>> {
    let found = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.columns
         WHERE table_schema = 'public' AND column_name = 'organizer_id' ORDER BY 1",
    );
    Ok(found.fetch_all(admin).await?)
}

/// What was tried on the database, and what it let through.
#[derive(Default)]
pub struct Walls {
    pub tables: usize,
    pub statements: u64,
    pub holes: Vec<String>,
}

/// The application's filters taken away: plain statements as the server's role, one tenant set, or none.
///
/// # Errors
/// When the database does not answer, or the other organizer has nothing to be seen.
pub async fn walls(premises: &Premises, people: &People) -> anyhow::Result<Walls> {
    let mut admin = premises.admin().await?;
    let all = tables(&mut admin).await?;
    let open: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
         WHERE nspname = 'public' AND relkind IN ('r', 'p') AND NOT (relrowsecurity AND relforcerowsecurity)
           AND relname <> ALL ('{installation,_sqlx_migrations}')",
    )
    .fetch_all(&mut admin)
    .await?;
    let mut walls = Walls { tables: all.len(), ..Walls::default() };
    walls.holes.extend(open.into_iter().map(|t| format!("{t} has no forced row-level security")));
    let socket = premises.data().join("pg-socket");
    let options = PgConnectOptions::new_without_pgpass().socket(socket).username("willcall_app").database("willcall");
    let mut app = PgConnection::connect_with(&options).await?;
    let (ours, theirs) = (people.ours.organizer, people.theirs.organizer);
    let mut foreign_rows = 0;
    for table in &all {
        let count = |filter: String| format!("SELECT count(*) FROM \"{table}\" {filter}");
        let theirs_in_truth: i64 = sqlx::query_scalar(AssertSqlSafe(count(format!("WHERE organizer_id = {theirs}"))))
            .fetch_one(&mut admin)
            .await?;
        foreign_rows += theirs_in_truth;
        let tries = [
            (Some(ours), count(format!("WHERE organizer_id <> {ours}")), "sees others' rows"),
            (Some(ours), count(format!("WHERE organizer_id = {theirs}")), "sees rows it asks for by number"),
            (None, count(String::new()), "sees rows without a tenant"),
            (Some(ours), touching(table, theirs), "changes others' rows"),
            (Some(ours), deleting(table, theirs), "deletes others' rows"),
        ];
        for (tenant, statement, fault) in tries {
            walls.statements += 1;
            // The role may not do all of it on all tables; being refused is as good as finding nothing.
            if within(&mut app, tenant, statement).await.is_ok_and(|rows| rows > 0) {
                walls.holes.push(format!("{table}: {fault}"));
            }
        }
    }
    ensure!(foreign_rows > 10, "the other organizer has only {foreign_rows} rows to be seen");
    Ok(walls)
}

fn touching(table: &str, organizer: i64) -> String {
    let changed =
        format!("UPDATE \"{table}\" SET organizer_id = organizer_id WHERE organizer_id = {organizer} RETURNING 1");
    format!("WITH changed AS ({changed}) SELECT count(*) FROM changed")
}

fn deleting(table: &str, organizer: i64) -> String {
    let gone = format!("DELETE FROM \"{table}\" WHERE organizer_id = {organizer} RETURNING 1");
    format!("WITH gone AS ({gone}) SELECT count(*) FROM gone")
}

/// One counting statement under the tenant setting; rolled back.
async fn within(app: &mut PgConnection, tenant: Option<i64>, statement: String) -> anyhow::Result<i64> {
    let mut tx = app.begin().await?;
    if let Some(tenant) = tenant {
        let set = format!("SET LOCAL willcall.organizer = '{tenant}'");
        sqlx::query(AssertSqlSafe(set)).execute(&mut *tx).await?;
    }
    let counted = sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(&mut *tx).await;
    tx.rollback().await?;
    Ok(counted?)
}
