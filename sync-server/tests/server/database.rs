//! Which databases a server takes, and which it refuses.

use crate::support::World;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use std::sync::Arc;
use willcall_domain::entropy::OsEntropy;
use willcall_server::{
    Config,
    config::{Database, database::Source},
    server::{self, Nature, Role},
    testing::TestDatabase,
};

async fn refusal(config: Config) -> String {
    server::open(config, Nature::default(), Role::Host).await.expect_err("it must be refused").to_string()
}

#[tokio::test]
async fn a_database_newer_older_or_empty_is_refused_and_left_as_it_is() {
    let database = TestDatabase::fresh().await.unwrap();
    let mut admin = PgConnection::connect_with(&database.admin()).await.unwrap();
    admin
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (20990101000000, 'from the future', true, '', 0)",
        )
        .await
        .unwrap();
    let newer = refusal(database.config()).await;
    assert!(newer.contains("newer than this program (at 20990101000000"), "{newer}");
    let mut migrating = database.config();
    migrating.database.source = Source::Given { url: database.url(), migrate_url: Some(database.admin_url()) };
    let newer = refusal(migrating).await;
    assert!(newer.contains("newer than this program"), "{newer}");
    admin.execute("DELETE FROM _sqlx_migrations WHERE version > 20261121090000").await.unwrap();
    let older = refusal(database.config()).await;
    assert!(older.contains("older than this program"), "{older}");
    admin.execute("DROP TABLE _sqlx_migrations").await.unwrap();
    let empty = refusal(database.config()).await;
    assert!(empty.contains("no tables of Willcall yet"), "{empty}");
}

#[tokio::test]
async fn a_role_that_row_level_security_does_not_hold_is_refused() {
    let database = TestDatabase::fresh().await.unwrap();
    let mut config = database.config();
    config.database = Database::for_testing(database.admin_url());
    let refused = refusal(config).await;
    assert!(refused.contains("willcall_admin") && refused.contains("row-level security"), "{refused}");
}

#[tokio::test]
async fn a_key_file_of_another_installation_is_noticed_before_anything_is_signed() {
    let world = World::new().await;
    let mut config = world.database.config();
    config.data = world.database.folder().join("other");
    let refused = refusal(config).await;
    assert!(refused.contains("another installation"), "{refused}");
}

#[tokio::test]
async fn migrating_again_changes_nothing_and_needs_no_superuser() {
    let database = TestDatabase::fresh().await.unwrap();
    let mut admin = PgConnection::connect_with(&database.admin()).await.unwrap();
    let name = format!("migrator_{}", std::process::id());
    for statement in [
        format!("CREATE ROLE {name} LOGIN NOSUPERUSER"),
        format!("GRANT willcall_owner TO {name}"),
        format!("SET ROLE {name}"),
    ] {
        admin.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    let before = fingerprint(&mut admin).await;
    let mut config = database.config();
    config.database.source = Source::Given { url: database.url(), migrate_url: Some(database.admin_url()) };
    server::migrate_only(&config).await.unwrap();
    assert_eq!(fingerprint(&mut admin).await, before);
}

/// Everything about the schema that a migration could change.
async fn fingerprint(connection: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT format('%s.%s %s %s', attrelid::regclass, attname, atttypid::regtype, attnotnull) FROM pg_attribute
         JOIN pg_class c ON c.oid = attrelid AND c.relnamespace = 'public'::regnamespace WHERE attnum > 0
         UNION ALL SELECT version::text FROM _sqlx_migrations ORDER BY 1",
    )
    .fetch_all(connection)
    .await
    .unwrap()
}

#[tokio::test]
async fn the_demo_is_there_after_its_first_start_and_unchanged_after_its_second() {
    let database = TestDatabase::fresh().await.unwrap();
    let nature = || Nature { entropy: Arc::new(OsEntropy), ..Nature::default() };
    let count = async |sql: &'static str| -> i64 {
        let mut admin = PgConnection::connect_with(&database.admin()).await.unwrap();
        sqlx::query_scalar(sql).fetch_one(&mut admin).await.unwrap()
    };
    let opened = server::open(database.config(), nature(), Role::Host).await.unwrap();
    let first = willcall_server::demo::fill(&opened.app).await.unwrap();
    assert_eq!(count("SELECT count(*) FROM organizer").await, 3);
    assert_eq!(count("SELECT count(*) FROM event").await, 6);
    assert_eq!(count("SELECT count(*) FROM orders").await, 2_000);
    let wrong = "SELECT count(*) FROM quota q WHERE sold <> (
        SELECT count(*) FROM quota_item i JOIN order_position p USING (organizer_id, item_id)
        JOIN orders o USING (organizer_id, order_id)
        WHERE i.quota_id = q.quota_id AND (q.date_id IS NULL OR q.date_id = p.date_id) AND NOT p.canceled AND o.status IN ('pending', 'paid'))";
    assert_eq!(count(wrong).await, 0, "each quota counts what is sold of it");
    let wrong = "SELECT count(*) FROM orders o WHERE total_minor <> (
        SELECT sum(price_minor) FROM order_position p WHERE p.order_id = o.order_id)";
    assert_eq!(count(wrong).await, 0, "each total is the sum of its lines");
    let second = willcall_server::demo::fill(&opened.app).await.unwrap();
    assert_eq!(count("SELECT count(*) FROM orders").await, 2_000);
    assert_eq!(first.password, second.password);
    assert_eq!(first.devices.len(), 2);
    assert_ne!(first.devices[0].token, second.devices[0].token, "a device that waits is invited again");
}
