//! SQL about the schema itself.

use sqlx::PgPool;

/// Tables with an `organizer_id` that row-level security does not guard, or not against their owner too.
pub(crate) async fn unguarded_tables(pool: &PgPool) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organizer_id' AND NOT a.attisdropped
         WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
           AND (NOT c.relrowsecurity OR NOT c.relforcerowsecurity
                OR NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'tenant'))
         ORDER BY 1",
    )
    .fetch_all(pool)
    .await
}

/// Tables whose primary key does not begin with `organizer_id`; those that are nobody's are named here.
pub(crate) async fn keys_without_tenant(pool: &PgPool) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c
         WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
           AND c.relname NOT IN ('installation', '_sqlx_migrations')
           AND NOT EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
                           WHERE i.indrelid = c.oid AND i.indisprimary AND a.attname = 'organizer_id')
         UNION ALL
         SELECT format('%s.%s', k.conrelid::regclass, k.conname) FROM pg_constraint k
         JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
         WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace AND a.attname <> 'organizer_id'
         ORDER BY 1",
    )
    .fetch_all(pool)
    .await
}

/// Key columns of 32 bits or less, but for numbers that count within one event or position.
pub(crate) async fn narrow_keys(pool: &PgPool) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "SELECT DISTINCT format('%s.%s', i.indrelid::regclass, a.attname) FROM pg_index i
         JOIN pg_class c ON c.oid = i.indrelid AND c.relnamespace = 'public'::regnamespace
         JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
         WHERE i.indisunique AND a.atttypid = 'int4'::regtype
         UNION
         SELECT sequencename::text FROM pg_sequences WHERE schemaname = 'public' AND data_type <> 'bigint'::regtype
         ORDER BY 1",
    )
    .fetch_all(pool)
    .await
}

/// What the role of this connection owns.
pub(crate) async fn owned_by_app(pool: &PgPool) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "SELECT relname::text FROM pg_class JOIN pg_roles r ON r.oid = relowner WHERE r.rolname = current_user ORDER BY 1",
    )
    .fetch_all(pool)
    .await
}

/// Sequences and how many percent of their numbers are used.
pub(crate) async fn sequences_used(pool: &PgPool) -> sqlx::Result<Vec<(String, f64)>> {
    sqlx::query_as(
        "SELECT sequencename::text, coalesce(100.0 * last_value / max_value, 0)::float8 FROM pg_sequences
         WHERE schemaname = 'public' ORDER BY 1",
    )
    .fetch_all(pool)
    .await
}

/// The database's clock in milliseconds.
pub(crate) async fn clock_ms(pool: &PgPool) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint").fetch_one(pool).await
}
