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
           AND c.relname NOT IN ('installation', 'history', '_sqlx_migrations')
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

/// Something that must hold: a query that names what does not.
#[derive(Debug)]
pub(super) struct Invariant {
    pub check: &'static str,
    pub good: &'static str,
    pub wrong: &'static str,
    query: &'static str,
}

/// What must hold of every tenant, `$1`.
pub(super) const INVARIANTS: [Invariant; 11] = [
    Invariant {
        check: "places-sold",
        good: "quotas count what orders hold, and no more is sold than there is",
        wrong: "quotas that do not count right",
        query: "SELECT format('%s: %s counted, %s in orders, size %s', q.name, q.sold, coalesce(h.held, 0), q.size)
                FROM quota q LEFT JOIN LATERAL (
                    SELECT count(*) AS held FROM quota_item i
                    JOIN order_position p ON p.organizer_id = i.organizer_id AND p.item_id = i.item_id AND NOT p.canceled
                        AND (q.date_id IS NULL OR q.date_id = p.date_id)
                    JOIN orders o ON o.organizer_id = p.organizer_id AND o.order_id = p.order_id
                        AND o.status IN ('pending', 'paid')
                    WHERE i.organizer_id = q.organizer_id AND i.quota_id = q.quota_id
                        AND (q.date_id IS NULL OR q.date_id = p.date_id)) h ON true
                WHERE q.organizer_id = $1
                    AND (q.sold <> coalesce(h.held, 0) OR h.held + q.leased + q.unheard > q.size + q.excess)
                ORDER BY 1",
    },
    Invariant {
        check: "units-lent",
        good: "what quotas count as lent is with a station or on its way",
        wrong: "quotas that do not count what is lent",
        query: "SELECT format('%s: %s counted, %s with stations, %s on the way', q.name, q.leased, l.held, f.flying)
                FROM quota q, LATERAL (
                    SELECT coalesce(sum(granted - sold - returned - freed - given - written_off), 0) AS held FROM lease
                    WHERE organizer_id = q.organizer_id AND quota_id = q.quota_id) l, LATERAL (
                    SELECT coalesce(sum(upper(r) - lower(r)), 0) AS flying FROM hand_over x, unnest(x.moved) r
                    WHERE x.organizer_id = q.organizer_id AND x.quota_id = q.quota_id AND x.state = 'in_flight') f
                WHERE q.organizer_id = $1 AND (q.leased <> l.held + f.flying OR q.in_flight <> f.flying) ORDER BY 1",
    },
    Invariant {
        check: "units-held-back",
        good: "what is held back for stations not heard of is known by station",
        wrong: "quotas that do not count what is held back",
        query: "SELECT q.name FROM quota q WHERE q.organizer_id = $1 AND q.unheard <> (
                    SELECT coalesce(sum(units), 0) FROM unheard_units u
                    WHERE u.organizer_id = q.organizer_id AND u.quota_id = q.quota_id) ORDER BY 1",
    },
    Invariant {
        check: "units-sold-once",
        good: "each lent unit is sold to one ticket at most",
        wrong: "leases that do not count their sales",
        query: "SELECT l.lease_id::text FROM lease l WHERE l.organizer_id = $1 AND l.sold <> (
                    SELECT count(*) FROM lease_unit u
                    WHERE u.organizer_id = l.organizer_id AND u.lease_id = l.lease_id) ORDER BY 1",
    },
    Invariant {
        check: "rights-held-once",
        good: "what may happen once has one holder at most",
        wrong: "things with two holders, or with one though they are spent",
        // Who was given up may have done it after all; the one who holds it since is asked to give it back.
        query: "SELECT coalesce(v.code, o.code) FROM held_right r
                LEFT JOIN voucher v ON v.organizer_id = r.organizer_id AND v.voucher_id = r.voucher_id
                LEFT JOIN orders o ON o.organizer_id = r.organizer_id AND o.order_id = r.order_id
                WHERE r.organizer_id = $1 AND r.state IN ('granted', 'taken')
                GROUP BY v.voucher_id, o.order_id, coalesce(v.code, o.code)
                HAVING count(*) > 1 OR coalesce(max(v.uses), 0) > 0 AND NOT bool_and(r.recalled) ORDER BY 1",
    },
    Invariant {
        check: "vouchers-spent-once",
        good: "each voucher was spent once at most, and what was too much has a case",
        wrong: "vouchers that do not count right, or lack a case",
        query: "SELECT v.code FROM voucher v, LATERAL (
                    SELECT count(*) FILTER (WHERE u.undone_at IS NULL) AS spent, count(*) AS ever FROM voucher_use u
                    WHERE u.organizer_id = v.organizer_id AND u.voucher_id = v.voucher_id) u
                WHERE v.organizer_id = $1 AND (v.uses <> u.spent OR v.uses > 1 + v.excess OR v.excess > 0 AND NOT EXISTS (
                    SELECT FROM station_case c WHERE c.organizer_id = v.organizer_id AND c.kind = 'right_twice'
                        AND c.detail->'vouchers' @> to_jsonb(v.voucher_id))) ORDER BY 1",
    },
    Invariant {
        check: "money",
        good: "every paid order was paid in full",
        wrong: "orders that count as paid and are not",
        // What was taken in again after the server was put back has its money elsewhere.
        query: "SELECT o.code FROM orders o WHERE o.organizer_id = $1 AND o.status = 'paid' AND o.total_minor > (
                    SELECT coalesce(sum(p.amount_minor), 0) FROM payment p
                    WHERE p.organizer_id = $1 AND p.order_id = o.order_id AND p.state = 'confirmed'
                        AND p.amount_minor > 0)
                    AND NOT EXISTS (SELECT FROM lost_row l WHERE l.organizer_id = $1 AND l.kind = 'order'
                        AND l.subject = o.order_id::text) ORDER BY 1",
    },
    Invariant {
        check: "order-sums",
        good: "every order costs what its positions cost",
        wrong: "orders whose sum is another",
        query: "SELECT o.code FROM orders o WHERE o.organizer_id = $1 AND o.total_minor <> (
                    SELECT coalesce(sum(p.price_minor), 0) FROM order_position p
                    WHERE p.organizer_id = $1 AND p.order_id = o.order_id) ORDER BY 1",
    },
    Invariant {
        check: "journals",
        good: "no journal has a hole where it is said to have none",
        wrong: "journals that are not as whole as they are said to be",
        query: "SELECT format('device %s, life %s', i.device_id, i.incarnation) FROM incarnation i
                WHERE i.organizer_id = $1 AND i.run <> (SELECT count(*) FROM (
                    SELECT seq FROM journal_entry j WHERE j.organizer_id = $1 AND j.device_id = i.device_id
                        AND j.incarnation = i.incarnation AND j.seq <= i.run
                    UNION SELECT seq FROM quarantine q WHERE q.organizer_id = $1 AND q.device_id = i.device_id
                        AND q.incarnation = i.incarnation AND q.seq BETWEEN 1 AND i.run) s) ORDER BY 1",
    },
    Invariant {
        check: "check-ins",
        good: "every check-in that was confirmed is in the log",
        wrong: "confirmed check-ins that are not",
        query: "SELECT format('device %s, life %s, entry %s', j.device_id, j.incarnation, j.seq) FROM journal_entry j
                WHERE j.organizer_id = $1 AND j.kind = 'scan' AND j.outcome <> 'parked' AND NOT EXISTS (
                    SELECT FROM scan s WHERE s.organizer_id = $1 AND s.scan_id = j.entry_id) ORDER BY 1",
    },
    Invariant {
        check: "parked",
        good: "whatever waits has a case",
        wrong: "entries that wait without one",
        query: "SELECT format('device %s, life %s, entry %s', j.device_id, j.incarnation, j.seq) FROM journal_entry j
                WHERE j.organizer_id = $1 AND j.outcome = 'parked' AND j.case_id IS NULL ORDER BY 1",
    },
];

/// What does not hold of a tenant.
pub(super) async fn violations(tx: &mut crate::app::Tx, of: &Invariant) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(of.query).bind(tx.organizer.0).fetch_all(tx.conn()).await
}
