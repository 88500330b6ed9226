//! One organizer never sees another's rows: not by what the server asks, and not by what the database lets through.

use crate::support::World;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use willcall_server::doctor;

async fn tenant_tables(admin: &mut PgConnection) -> Vec<String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.columns
         WHERE table_schema = 'public' AND column_name = 'organizer_id' ORDER BY 1",
    )
    .fetch_all(admin)
    .await
    .unwrap();
    assert!(tables.len() >= 25, "{tables:?}");
    tables
}

async fn count(connection: &mut PgConnection, table: &str, condition: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table} WHERE {condition}");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await.unwrap()
}

#[tokio::test]
async fn without_a_tenant_every_table_is_empty_and_with_one_only_its_own_rows_are_seen() {
    let world = World::new().await;
    let made = world.twins().await;
    let (mine, other) = (made.organizers[0].organizer_id, made.organizers[1].organizer_id);
    let mut admin = PgConnection::connect_with(&world.database.admin()).await.unwrap();
    let mut app = PgConnection::connect_with(&world.database.app()).await.unwrap();
    let mut filled = 0;
    for table in tenant_tables(&mut admin).await {
        let all = count(&mut admin, &table, "true").await;
        filled += usize::from(all > 0);
        assert_eq!(count(&mut app, &table, "true").await, 0, "{table} without a tenant");
        let mut tx = app.begin().await.unwrap();
        tx.execute(AssertSqlSafe(format!("SET LOCAL willcall.organizer = '{mine}'"))).await.unwrap();
        assert_eq!(count(&mut tx, &table, &format!("organizer_id = {other}")).await, 0, "{table} of another tenant");
        let own = count(&mut admin, &table, &format!("organizer_id = {mine}")).await;
        assert_eq!(count(&mut tx, &table, "true").await, own, "{table} of its own tenant");
        tx.rollback().await.unwrap();
        assert_eq!(count(&mut app, &table, "true").await, 0, "{table} once the tenant's transaction is over");
    }
    assert!(filled >= 12, "only {filled} tables had rows: this test proves too little");
}

#[tokio::test]
async fn a_row_of_another_tenant_can_be_neither_written_nor_changed_nor_removed() {
    let world = World::new().await;
    let made = world.twins().await;
    let (mine, other) = (&made.organizers[0], &made.organizers[1]);
    let mut tx = world.app.begin(mine.organizer_id).await.unwrap();
    let changed = sqlx::query("UPDATE event SET name = 'taken'").execute(tx.conn()).await.unwrap();
    assert_eq!(changed.rows_affected(), 1, "only its own event");
    let removed = sqlx::query("DELETE FROM staff WHERE organizer_id = $1").bind(other.organizer_id.0);
    assert_eq!(removed.execute(tx.conn()).await.unwrap().rows_affected(), 0);
    let foreign = sqlx::query("INSERT INTO quota (organizer_id, event_id, name) VALUES ($1, $2, 'x')")
        .bind(other.organizer_id.0)
        .bind(other.events[0].event_id.0)
        .execute(tx.conn())
        .await;
    assert!(foreign.unwrap_err().to_string().contains("row-level security"));
    drop(tx);
    let mut tx = world.app.begin(mine.organizer_id).await.unwrap();
    let crossed = sqlx::query("INSERT INTO quota (organizer_id, event_id, name) VALUES ($1, $2, 'x')")
        .bind(mine.organizer_id.0)
        .bind(other.events[0].event_id.0)
        .execute(tx.conn())
        .await;
    assert!(crossed.unwrap_err().to_string().contains("foreign key"), "keys carry the organizer");
}

#[tokio::test]
async fn the_servers_role_can_neither_switch_row_level_security_off_nor_become_somebody_else() {
    let world = World::new().await;
    let mut app = PgConnection::connect_with(&world.database.app()).await.unwrap();
    for forbidden in [
        "ALTER TABLE event DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant ON event",
        "DROP TABLE event",
        "CREATE TABLE mine (a int)",
        "SET ROLE willcall_owner",
        "SET ROLE willcall_crossing",
        "TRUNCATE event",
        "UPDATE journal_entry SET body = ''",
        "DELETE FROM journal_entry",
        "DELETE FROM orders",
    ] {
        let refused = app.execute(forbidden).await.unwrap_err().to_string();
        let why = ["must be owner", "permission denied"].iter().any(|words| refused.contains(words));
        assert!(why, "{forbidden}: {refused}");
    }
}

#[tokio::test]
async fn the_schema_has_no_unguarded_table_no_narrow_key_and_nothing_the_server_owns() {
    let world = World::new().await;
    let report = doctor::examine(world.database.config()).await;
    assert!(report.healthy(), "{report}");
    let mut admin = PgConnection::connect_with(&world.database.admin()).await.unwrap();
    admin.execute("ALTER TABLE event NO FORCE ROW LEVEL SECURITY").await.unwrap();
    admin.execute("CREATE TABLE forgotten (id integer PRIMARY KEY)").await.unwrap();
    let report = doctor::examine(world.database.config()).await.to_string();
    assert!(report.contains("BAD  row-level-security   missing on: event"), "{report}");
    assert!(report.contains("forgotten"), "{report}");
}

#[tokio::test]
async fn every_table_says_what_a_row_is() {
    let world = World::new().await;
    let mut admin = PgConnection::connect_with(&world.database.admin()).await.unwrap();
    let silent: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
         AND relname <> '_sqlx_migrations' AND obj_description(oid) IS NULL",
    )
    .fetch_all(&mut admin)
    .await
    .unwrap();
    assert_eq!(silent, Vec::<String>::new());
}

#[tokio::test]
async fn identities_above_two_billion_are_ordinary() {
    let world = World::new().await;
    let mut admin = PgConnection::connect_with(&world.database.admin()).await.unwrap();
    let sequences: Vec<String> =
        sqlx::query_scalar("SELECT sequencename::text FROM pg_sequences WHERE schemaname = 'public'")
            .fetch_all(&mut admin)
            .await
            .unwrap();
    for sequence in &sequences {
        let restart = format!("ALTER SEQUENCE {sequence} RESTART 5000000000");
        admin.execute(AssertSqlSafe(restart)).await.unwrap();
    }
    let made = world.twins().await;
    let event = &made.organizers[1].events[0];
    assert!(event.event_id.0 > 5_000_000_000 && event.items.values().all(|id| id.0 >= 5_000_000_000));
}
