//! SQL of orders and their positions, and of the places they take in quotas.

use super::{FullOrder, FullPosition, Placed, Wish};
use crate::tx::Tx;
use uuid::Uuid;
use willcall_domain::{
    clock::UtcMillis,
    id::{DateId, EventId, ItemId, OrderId, PositionId, QuotaId, RequestId, VariationId},
    money::{Currency, Money},
    orders::{NewOrder, Order},
    paper::Language,
};

fn decoded<T, E: std::fmt::Display>(value: Result<T, E>) -> sqlx::Result<T> {
    value.map_err(|e| sqlx::Error::Decode(e.to_string().into()))
}

/// As the database names a language.
fn tag(language: Language) -> &'static str {
    match language {
        Language::En => "en",
        Language::De => "de",
    }
}

/// `false` when the order's code or request id is taken; nothing is written then. Waits for a transaction in flight
/// that has written the same request.
pub(super) async fn insert(tx: &mut Tx, order: &NewOrder, wish: &Wish) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "INSERT INTO orders (organizer_id, order_id, event_id, code, status, name, email, language, total_minor, channel,
                             placed_at, expires_at, request_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING",
    )
    .bind(tx.organizer.0)
    .bind(order.order_id.0)
    .bind(order.event_id.0)
    .bind(&order.code)
    .bind(order.status.as_str())
    .bind(&wish.buyer.name)
    .bind(&wish.buyer.email)
    .bind(tag(wish.buyer.language))
    .bind(order.total.minor)
    .bind(wish.channel.as_str())
    .bind(order.placed_at.0)
    .bind(order.expires_at.map(|at| at.0))
    .bind(wish.request_id.map(|r| r.0))
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// All positions in one statement; `names` by the order of positions.
pub(super) async fn insert_positions(tx: &mut Tx, order: &NewOrder, names: &[String]) -> sqlx::Result<()> {
    let of = &order.positions;
    let name = |nth: usize| names.get(nth).cloned().unwrap_or_default();
    sqlx::query(
        "INSERT INTO order_position (organizer_id, position_id, order_id, event_id, item_id, price_minor, tax_rate_bp,
                                     tax_minor, attendee_name, variation_id, date_id, addon_to)
         SELECT $1, p.position_id, $2, $3, p.item_id, p.price_minor, p.tax_rate_bp, p.tax_minor, p.attendee_name,
                p.variation_id, p.date_id, p.addon_to
         FROM UNNEST($4::uuid[], $5::bigint[], $6::bigint[], $7::integer[], $8::bigint[], $9::text[], $10::bigint[],
                     $11::bigint[], $12::uuid[])
              AS p (position_id, item_id, price_minor, tax_rate_bp, tax_minor, attendee_name, variation_id, date_id,
                    addon_to)",
    )
    .bind(tx.organizer.0)
    .bind(order.order_id.0)
    .bind(order.event_id.0)
    .bind(of.iter().map(|p| p.position_id.0).collect::<Vec<_>>())
    .bind(of.iter().map(|p| p.item_id.0).collect::<Vec<_>>())
    .bind(of.iter().map(|p| p.price.minor).collect::<Vec<_>>())
    .bind(of.iter().map(|p| i32::try_from(p.tax_rate_bp).unwrap_or(i32::MAX)).collect::<Vec<_>>())
    .bind(of.iter().map(|p| p.tax.minor).collect::<Vec<_>>())
    .bind((0..of.len()).map(name).collect::<Vec<_>>())
    .bind(of.iter().map(|p| p.variation_id.map(|v| v.0)).collect::<Vec<_>>())
    .bind(of.iter().map(|p| p.date_id.map(|d| d.0)).collect::<Vec<_>>())
    .bind(of.iter().map(|p| p.addon_to.map(|a| a.0)).collect::<Vec<_>>())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes `wanted` places; `false` when there are not so many. Stations' units count, whether sold or not, and nothing is
/// sold above the size that is wanted.
pub(super) async fn take(tx: &mut Tx, quota: QuotaId, wanted: i64) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "UPDATE quota SET sold = sold + $3, version = version + 1
         WHERE organizer_id = $1 AND quota_id = $2 AND (size IS NULL OR sold + leased + unheard + $3 <= coalesce(target, size))",
    )
    .bind(tx.organizer.0)
    .bind(quota.0)
    .bind(wanted)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How many are left at this moment; 0 for a quota that is gone.
pub(super) async fn free(tx: &mut Tx, quota: QuotaId) -> sqlx::Result<i64> {
    let free: Option<Option<i64>> = sqlx::query_scalar(
        "SELECT greatest(coalesce(target, size) - sold - leased - unheard, 0) FROM quota WHERE organizer_id = $1 AND quota_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(quota.0)
    .fetch_optional(tx.conn())
    .await?;
    Ok(free.flatten().unwrap_or(0))
}

/// Places this order holds, by quota.
pub(super) async fn places_held(tx: &mut Tx, order: OrderId) -> sqlx::Result<Vec<(i64, i64)>> {
    sqlx::query_as(
        "SELECT qi.quota_id, count(*) FROM order_position p
         JOIN quota_item qi ON qi.organizer_id = p.organizer_id AND qi.item_id = p.item_id
         JOIN quota q ON q.organizer_id = qi.organizer_id AND q.quota_id = qi.quota_id
             AND (q.date_id IS NULL OR q.date_id = p.date_id)
         WHERE p.organizer_id = $1 AND p.order_id = $2 AND NOT p.canceled GROUP BY qi.quota_id",
    )
    .bind(tx.organizer.0)
    .bind(order.0)
    .fetch_all(tx.conn())
    .await
}

/// Places these positions hold, by quota, ascending.
pub(super) async fn places_of(tx: &mut Tx, positions: &[PositionId]) -> sqlx::Result<Vec<(i64, i64)>> {
    sqlx::query_as(
        "SELECT qi.quota_id, count(*) FROM order_position p
         JOIN quota_item qi ON qi.organizer_id = p.organizer_id AND qi.item_id = p.item_id
         JOIN quota q ON q.organizer_id = qi.organizer_id AND q.quota_id = qi.quota_id
             AND (q.date_id IS NULL OR q.date_id = p.date_id)
         WHERE p.organizer_id = $1 AND p.position_id = ANY($2) AND NOT p.canceled GROUP BY qi.quota_id ORDER BY 1",
    )
    .bind(tx.organizer.0)
    .bind(positions.iter().map(|p| p.0).collect::<Vec<_>>())
    .fetch_all(tx.conn())
    .await
}

/// Marks some positions as cancelled.
pub(super) async fn cancel_some(tx: &mut Tx, positions: &[PositionId]) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE order_position SET canceled = true, version = version + 1
         WHERE organizer_id = $1 AND position_id = ANY($2)",
    )
    .bind(tx.organizer.0)
    .bind(positions.iter().map(|p| p.0).collect::<Vec<_>>())
    .execute(tx.conn())
    .await
    .map(drop)
}

/// The positions of an order that hold places.
pub(super) async fn held_positions(tx: &mut Tx, order: OrderId) -> sqlx::Result<Vec<PositionId>> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "SELECT position_id FROM order_position WHERE organizer_id = $1 AND order_id = $2 AND NOT canceled",
    )
    .bind(tx.organizer.0)
    .bind(order.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().map(PositionId).collect())
}

#[derive(sqlx::FromRow)]
struct Row {
    order_id: Uuid,
    event_id: i64,
    code: String,
    status: String,
    name: String,
    email: String,
    language: String,
    total_minor: i64,
    currency: String,
    placed_at: i64,
    expires_at: Option<i64>,
    canceled_at: Option<i64>,
    version: i64,
}

impl Row {
    fn total(&self) -> sqlx::Result<Money> {
        Ok(Money::new(self.total_minor, decoded(self.currency.parse::<Currency>())?))
    }
}

/// The order, locked until the transaction ends.
pub(super) async fn lock(tx: &mut Tx, id: OrderId) -> sqlx::Result<Option<Order>> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT o.order_id, o.event_id, o.code, o.status, o.name, o.email, o.language, o.total_minor, e.currency::text,
                o.placed_at, o.expires_at, o.canceled_at, o.version
         FROM orders o JOIN event e USING (organizer_id, event_id)
         WHERE o.organizer_id = $1 AND o.order_id = $2 FOR UPDATE OF o",
    )
    .bind(tx.organizer.0)
    .bind(id.0)
    .fetch_optional(tx.conn())
    .await?;
    row.map(|r| {
        Ok(Order {
            order_id: OrderId(r.order_id),
            event_id: EventId(r.event_id),
            total: r.total()?,
            code: r.code,
            status: decoded(r.status.parse())?,
            placed_at: UtcMillis(r.placed_at),
            expires_at: r.expires_at.map(UtcMillis),
            canceled_at: r.canceled_at.map(UtcMillis),
        })
    })
    .transpose()
}

/// Writes what a transition changed.
pub(super) async fn save(tx: &mut Tx, order: &Order) -> sqlx::Result<()> {
    let done = sqlx::query(
        "UPDATE orders SET status = $3, expires_at = $4, canceled_at = $5, version = version + 1
         WHERE organizer_id = $1 AND order_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(order.order_id.0)
    .bind(order.status.as_str())
    .bind(order.expires_at.map(|at| at.0))
    .bind(order.canceled_at.map(|at| at.0))
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(sqlx::Error::RowNotFound) }
}

/// Marks every position as cancelled.
pub(super) async fn cancel_positions(tx: &mut Tx, order: OrderId) -> sqlx::Result<()> {
    sqlx::query("UPDATE order_position SET canceled = true WHERE organizer_id = $1 AND order_id = $2")
        .bind(tx.organizer.0)
        .bind(order.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Raises the version of every position of the order; answers which they are.
pub(super) async fn raise_positions(tx: &mut Tx, order: OrderId) -> sqlx::Result<Vec<PositionId>> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "UPDATE order_position SET version = version + 1 WHERE organizer_id = $1 AND order_id = $2 RETURNING position_id",
    )
    .bind(tx.organizer.0)
    .bind(order.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().map(PositionId).collect())
}

/// The order that was placed by this request, and its event.
pub(super) async fn by_request(tx: &mut Tx, request: RequestId) -> sqlx::Result<Option<(EventId, Placed)>> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT o.order_id, o.event_id, o.code, o.status, o.name, o.email, o.language, o.total_minor, e.currency::text,
                o.placed_at, o.expires_at, o.canceled_at, o.version
         FROM orders o JOIN event e USING (organizer_id, event_id)
         WHERE o.organizer_id = $1 AND o.request_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(request.0)
    .fetch_optional(tx.conn())
    .await?;
    row.map(|r| {
        let placed = Placed {
            order_id: OrderId(r.order_id),
            total: r.total()?,
            status: decoded(r.status.parse())?,
            expires_at: r.expires_at.map(UtcMillis),
            code: r.code,
            again: true,
        };
        Ok((EventId(r.event_id), placed))
    })
    .transpose()
}

pub(super) async fn id_of_code(tx: &mut Tx, code: &str) -> sqlx::Result<Option<OrderId>> {
    let id: Option<Uuid> = sqlx::query_scalar("SELECT order_id FROM orders WHERE organizer_id = $1 AND code = $2")
        .bind(tx.organizer.0)
        .bind(code)
        .fetch_optional(tx.conn())
        .await?;
    Ok(id.map(OrderId))
}

/// Whether a till sold it.
pub(super) async fn is_of_a_till(tx: &mut Tx, id: OrderId) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT channel = 'till' FROM orders WHERE organizer_id = $1 AND order_id = $2")
        .bind(tx.organizer.0)
        .bind(id.0)
        .fetch_one(tx.conn())
        .await
}

/// The order without its positions.
pub(super) async fn full(tx: &mut Tx, id: OrderId) -> sqlx::Result<Option<FullOrder>> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT o.order_id, o.event_id, o.code, o.status, o.name, o.email, o.language, o.total_minor, e.currency::text,
                o.placed_at, o.expires_at, o.canceled_at, o.version
         FROM orders o JOIN event e USING (organizer_id, event_id)
         WHERE o.organizer_id = $1 AND o.order_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(id.0)
    .fetch_optional(tx.conn())
    .await?;
    row.map(|r| {
        Ok(FullOrder {
            order_id: OrderId(r.order_id),
            event_id: EventId(r.event_id),
            total: r.total()?,
            status: decoded(r.status.parse())?,
            language: Language::of_tag(&r.language).unwrap_or_default(),
            code: r.code,
            name: r.name,
            email: r.email,
            placed_at: UtcMillis(r.placed_at),
            expires_at: r.expires_at.map(UtcMillis),
            version: r.version,
            positions: Vec::new(),
        })
    })
    .transpose()
}

#[derive(sqlx::FromRow)]
struct Position {
    position_id: Uuid,
    item_id: i64,
    variation_id: Option<i64>,
    date_id: Option<i64>,
    addon_to: Option<Uuid>,
    item_name: String,
    admission: bool,
    look_at_id: bool,
    attendee_name: String,
    price_minor: i64,
    tax_rate_bp: i32,
    issue: i16,
    canceled: bool,
    plain_code: Option<String>,
    blank: bool,
}

pub(super) async fn positions(tx: &mut Tx, order: OrderId, currency: Currency) -> sqlx::Result<Vec<FullPosition>> {
    let rows: Vec<Position> = sqlx::query_as(
        "SELECT p.position_id, p.item_id, p.variation_id, p.date_id, p.addon_to,
                i.name || coalesce(', ' || v.name, '') AS item_name, i.admission, i.look_at_id, p.attendee_name, p.price_minor,
                p.tax_rate_bp, p.issue, p.canceled, p.plain_code, p.lease_id IS NOT NULL AS blank
         FROM order_position p JOIN item i USING (organizer_id, item_id)
         LEFT JOIN variation v ON v.organizer_id = p.organizer_id AND v.variation_id = p.variation_id
         WHERE p.organizer_id = $1 AND p.order_id = $2 ORDER BY i.rank, i.item_id, p.position_id",
    )
    .bind(tx.organizer.0)
    .bind(order.0)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|p| {
            Ok(FullPosition {
                position_id: PositionId(p.position_id),
                item_id: ItemId(p.item_id),
                variation_id: p.variation_id.map(VariationId),
                date_id: p.date_id.map(DateId),
                addon_to: p.addon_to.map(PositionId),
                item_name: p.item_name,
                admission: p.admission,
                look_at_id: p.look_at_id,
                attendee_name: p.attendee_name,
                price: Money::new(p.price_minor, currency),
                tax_rate_bp: decoded(u32::try_from(p.tax_rate_bp))?,
                issue: decoded(u8::try_from(p.issue))?,
                canceled: p.canceled,
                plain_code: p.plain_code,
                blank: p.blank,
            })
        })
        .collect()
}
