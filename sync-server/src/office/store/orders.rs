//! SQL of the list of orders: search, filter, page, export.

use crate::app::Tx;
use uuid::Uuid;
use willcall_domain::{id::EventId, orders::OrderStatus};

/// Rows of a page.
pub const PAGE: i64 = 50;

/// Which orders are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Part of a code, a name or the beginning of an e-mail; empty is all.
    pub text: String,
    pub status: Option<OrderStatus>,
    pub event: Option<EventId>,
}

/// One order of the list.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct OrderLine {
    pub order_id: Uuid,
    pub code: String,
    pub status: String,
    pub name: String,
    pub email: String,
    pub channel: String,
    pub total_minor: i64,
    pub currency: String,
    pub placed_at: i64,
    pub event: String,
    pub zone: String,
    pub positions: i64,
}

/// Letters without their marks, in small: `Müller` and `MULLER` are `muller`, `Weiß` is `weiss`. Both sides of a
/// comparison go through it. As SQL over one text expression; what is ASCII is not taken apart, which most is.
macro_rules! folded {
    ($text:literal) => {
        concat!(
            "CASE WHEN octet_length(",
            $text,
            ") = length(",
            $text,
            ") THEN lower(",
            $text,
            ") ELSE translate(lower(regexp_replace(normalize(replace(replace(replace(",
            $text,
            ", 'ß', 'ss'), 'æ', 'ae'), 'Æ', 'ae'), NFD), '[\\u0300-\\u036f]', '', 'g')), 'øłđØŁĐ', 'oldold') END"
        )
    };
}

/// `$2` text, `$3` status, `$4` event; with the text made safe for LIKE.
macro_rules! matching {
    () => {
        concat!(
            "o.organizer_id = $1 AND ($3::text IS NULL OR o.status = $3) AND ($4::bigint IS NULL OR o.event_id = $4)
             AND ($2 = '' OR o.code LIKE upper($2) || '%' OR lower(o.email) LIKE lower($2) || '%'
                  OR ",
            folded!("o.name"),
            " LIKE '%' || ",
            folded!("$2"),
            " || '%' OR o.order_id IN (SELECT a.order_id FROM order_position a
                     WHERE a.organizer_id = $1 AND a.attendee_name <> '' AND ",
            folded!("a.attendee_name"),
            " LIKE '%' || ",
            folded!("$2"),
            " || '%'))"
        )
    };
}

macro_rules! columns {
    () => {
        "o.order_id, o.code, o.status, o.name, o.email, o.channel, o.total_minor, e.currency::text AS currency,
         o.placed_at, e.name AS event, e.zone,
         (SELECT count(*) FROM order_position p WHERE p.organizer_id = $1 AND p.order_id = o.order_id) AS positions
         FROM orders o JOIN event e ON e.organizer_id = o.organizer_id AND e.event_id = o.event_id"
    };
}

#[derive(sqlx::FromRow)]
struct Hit {
    found: i64,
    #[sqlx(flatten)]
    line: OrderLine,
}

/// How many there are, and one page of them, the newest first: the `nth` from 0, or the last where there are not so
/// many.
///
/// # Errors
/// When the database is away.
pub async fn page(tx: &mut Tx, filter: &Filter, nth: i64) -> sqlx::Result<(i64, Vec<OrderLine>)> {
    let hits: Vec<Hit> = sqlx::query_as(concat!(
        "WITH hit AS MATERIALIZED (SELECT o.order_id, o.placed_at FROM orders o WHERE ",
        matching!(),
        "), size AS (SELECT count(*) AS found FROM hit),
         shown AS (SELECT h.order_id FROM hit h ORDER BY h.placed_at DESC, h.order_id DESC LIMIT $5
                   OFFSET (SELECT least($6, greatest(found - 1, 0) / $5) * $5 FROM size))
         SELECT (SELECT found FROM size) AS found, ",
        columns!(),
        " WHERE o.organizer_id = $1 AND o.order_id IN (SELECT s.order_id FROM shown s)
         ORDER BY o.placed_at DESC, o.order_id DESC"
    ))
    .bind(tx.organizer.0)
    .bind(like(&filter.text))
    .bind(filter.status.map(OrderStatus::as_str))
    .bind(filter.event.map(|e| e.0))
    .bind(PAGE)
    .bind(nth)
    .fetch_all(tx.conn())
    .await?;
    let found = hits.first().map_or(0, |hit| hit.found);
    Ok((found, hits.into_iter().map(|hit| hit.line).collect()))
}

/// The next `limit` older than `(placed_at, order_id)`, so that an export of any length is read in short transactions.
///
/// # Errors
/// When the database is away.
pub async fn export(
    tx: &mut Tx,
    filter: &Filter,
    older_than: Option<(i64, Uuid)>,
    limit: i64,
) -> sqlx::Result<Vec<OrderLine>> {
    let (at, id) = older_than.unwrap_or((i64::MAX, Uuid::max()));
    sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " WHERE ",
        matching!(),
        " AND (o.placed_at, o.order_id) < ($6, $7) ORDER BY o.placed_at DESC, o.order_id DESC LIMIT $5"
    ))
    .bind(tx.organizer.0)
    .bind(like(&filter.text))
    .bind(filter.status.map(OrderStatus::as_str))
    .bind(filter.event.map(|e| e.0))
    .bind(limit)
    .bind(at)
    .bind(id)
    .fetch_all(tx.conn())
    .await
}

/// What was typed, with nothing that LIKE reads as a pattern.
fn like(text: &str) -> String {
    text.trim().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
