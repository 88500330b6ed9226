//! SQL of rights.

use crate::{app::Tx, leases::Person};
use sqlx::{AssertSqlSafe, Row as _, postgres::PgRow, types::Json};
use uuid::Uuid;
use willcall_domain::{
    id::{DeviceId, EventId, OrderId, RequestId, RightId, VoucherId},
    leases::{RightAccount, RightBody, RightRow, RightState, RightSubject},
};

/// A right as it is stored.
#[derive(Debug, Clone)]
pub(in crate::leases) struct Kept {
    pub account: RightAccount,
    pub event: EventId,
    pub body: RightBody,
}

const COLUMNS: &str = "r.right_id, r.event_id, r.device_id, r.voucher_id, r.order_id, r.body, r.state, r.recalled, \
                       r.proved_wrong, r.version";

fn state_of(word: &str) -> sqlx::Result<RightState> {
    let found = RightState::ALL.into_iter().find(|state| state.word() == word);
    found.ok_or_else(|| super::unreadable("the state of a right"))
}

fn subject_of(row: &PgRow) -> sqlx::Result<RightSubject> {
    match (row.try_get::<Option<i64>, _>("voucher_id")?, row.try_get::<Option<Uuid>, _>("order_id")?) {
        (Some(voucher), _) => Ok(RightSubject::Voucher { voucher_id: VoucherId(voucher) }),
        (None, Some(order)) => Ok(RightSubject::Order { order_id: OrderId(order) }),
        (None, None) => Err(super::unreadable("what a right is about")),
    }
}

fn ids(subject: RightSubject) -> (Option<i64>, Option<Uuid>) {
    match subject {
        RightSubject::Voucher { voucher_id } => (Some(voucher_id.0), None),
        RightSubject::Order { order_id } => (None, Some(order_id.0)),
    }
}

fn read(row: &PgRow) -> sqlx::Result<Kept> {
    Ok(Kept {
        account: RightAccount {
            right_id: RightId(row.try_get("right_id")?),
            holder: DeviceId(row.try_get("device_id")?),
            subject: subject_of(row)?,
            state: state_of(row.try_get("state")?)?,
            recalled: row.try_get("recalled")?,
            proved_wrong: row.try_get("proved_wrong")?,
        },
        event: EventId(row.try_get("event_id")?),
        body: row.try_get::<Json<RightBody>, _>("body")?.0,
    })
}

/// What this request was answered.
pub(in crate::leases) async fn by_request(
    tx: &mut Tx,
    device: DeviceId,
    request: RequestId,
) -> sqlx::Result<Option<RightBody>> {
    let body: Option<Json<RightBody>> = sqlx::query_scalar(
        "SELECT body FROM held_right WHERE organizer_id = $1 AND device_id = $2 AND request_id = $3",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(request.0)
    .fetch_optional(tx.conn())
    .await?;
    Ok(body.map(|Json(body)| body))
}

pub(in crate::leases) async fn insert(tx: &mut Tx, body: &RightBody, right: &RightAccount) -> sqlx::Result<()> {
    let (voucher, order) = ids(right.subject);
    sqlx::query(
        "INSERT INTO held_right (organizer_id, right_id, event_id, device_id, voucher_id, order_id, request_id, body,
             state, granted_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(tx.organizer.0)
    .bind(right.right_id.0)
    .bind(body.event_id.0)
    .bind(right.holder.0)
    .bind(voucher)
    .bind(order)
    .bind(body.request_id.0)
    .bind(Json(body))
    .bind(right.state.word())
    .bind(body.granted_at.0)
    .execute(tx.conn())
    .await
    .map(drop)
}

/// Writes where the right is now.
pub(in crate::leases) async fn save(tx: &mut Tx, right: &RightAccount) -> sqlx::Result<()> {
    let now = tx.now();
    let done = sqlx::query(
        "UPDATE held_right SET state = $3, recalled = $4, proved_wrong = $5,
             ended_at = CASE WHEN $6 THEN NULL ELSE coalesce(ended_at, $7) END, version = version + 1
         WHERE organizer_id = $1 AND right_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(right.right_id.0)
    .bind(right.state.word())
    .bind(right.recalled)
    .bind(right.proved_wrong)
    .bind(right.state.in_force())
    .bind(now.0)
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(sqlx::Error::RowNotFound) }
}

/// Marks a right as taken by a journal of this incarnation.
pub(in crate::leases) async fn note_taken(tx: &mut Tx, right: RightId, incarnation: u32) -> sqlx::Result<()> {
    sqlx::query("UPDATE held_right SET incarnation = $3 WHERE organizer_id = $1 AND right_id = $2")
        .bind(tx.organizer.0)
        .bind(right.0)
        .bind(i64::from(incarnation))
        .execute(tx.conn())
        .await
        .map(drop)
}

async fn select(
    tx: &mut Tx,
    tail: &str,
    subject: RightSubject,
    device: Option<DeviceId>,
) -> sqlx::Result<Option<Kept>> {
    let (voucher, order) = ids(subject);
    let sql = format!(
        "SELECT {COLUMNS} FROM held_right r WHERE r.organizer_id = $1
             AND (r.voucher_id = $2 OR r.order_id = $3) AND ($4::bigint IS NULL OR r.device_id = $4) {tail} FOR UPDATE"
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(tx.organizer.0)
        .bind(voucher)
        .bind(order)
        .bind(device.map(|d| d.0))
        .fetch_optional(tx.conn())
        .await?;
    row.as_ref().map(read).transpose()
}

/// The right that is in force; there is one at most.
pub(in crate::leases) async fn in_force(tx: &mut Tx, subject: RightSubject) -> sqlx::Result<Option<Kept>> {
    select(tx, "AND r.state IN ('granted', 'taken')", subject, None).await
}

/// The right by which a station would have acted: the one in force, else one it was given up with, else its last.
pub(in crate::leases) async fn best_of(
    tx: &mut Tx,
    device: DeviceId,
    subject: RightSubject,
) -> sqlx::Result<Option<Kept>> {
    let tail = "ORDER BY r.state IN ('granted', 'taken') DESC, r.state IN ('lost', 'stolen') DESC, r.granted_at DESC,
        r.right_id LIMIT 1";
    select(tx, tail, subject, Some(device)).await
}

pub(in crate::leases) async fn by_id(tx: &mut Tx, right: RightId) -> sqlx::Result<Option<Kept>> {
    let sql = format!("SELECT {COLUMNS} FROM held_right r WHERE r.organizer_id = $1 AND r.right_id = $2 FOR UPDATE");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(tx.organizer.0).bind(right.0).fetch_optional(tx.conn()).await?;
    row.as_ref().map(read).transpose()
}

/// Who holds or held it.
pub(in crate::leases) async fn holder_name(tx: &mut Tx, right: RightId) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(
        "SELECT d.name FROM held_right r JOIN device d ON d.organizer_id = r.organizer_id AND d.device_id = r.device_id
         WHERE r.organizer_id = $1 AND r.right_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(right.0)
    .fetch_optional(tx.conn())
    .await
}

pub(in crate::leases) async fn device_name(tx: &mut Tx, device: DeviceId) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar("SELECT name FROM device WHERE organizer_id = $1 AND device_id = $2")
        .bind(tx.organizer.0)
        .bind(device.0)
        .fetch_optional(tx.conn())
        .await
}

/// Rights that no journal has taken yet, oldest first.
pub(in crate::leases) async fn not_taken(tx: &mut Tx, device: DeviceId, most: i64) -> sqlx::Result<Vec<RightBody>> {
    let bodies: Vec<Json<RightBody>> = sqlx::query_scalar(
        "SELECT body FROM held_right WHERE organizer_id = $1 AND device_id = $2 AND state = 'granted'
         ORDER BY granted_at, right_id LIMIT $3",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(most)
    .fetch_all(tx.conn())
    .await?;
    Ok(bodies.into_iter().map(|Json(body)| body).collect())
}

/// What a device holds rights to; with an incarnation, those its journal took and those nobody did. In one order for
/// all, so that nobody waits in a circle.
pub(in crate::leases) async fn subjects_of(
    tx: &mut Tx,
    device: DeviceId,
    incarnation: Option<u32>,
) -> sqlx::Result<Vec<RightSubject>> {
    let rows = sqlx::query(
        "SELECT voucher_id, order_id FROM held_right
         WHERE organizer_id = $1 AND device_id = $2 AND state IN ('granted', 'taken')
             AND ($3::bigint IS NULL OR incarnation IS NULL OR incarnation = $3)
         ORDER BY voucher_id, order_id",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(incarnation.map(i64::from))
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(subject_of).collect()
}

/// Writes down who gave its holder up.
pub(in crate::leases) async fn insert_write_off(tx: &mut Tx, right: &RightAccount, by: Person<'_>) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query(
        "INSERT INTO right_write_off (organizer_id, right_id, how, at, staff_id, person)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(tx.organizer.0)
    .bind(right.right_id.0)
    .bind(right.state.word())
    .bind(now.0)
    .bind(by.id.0)
    .bind(by.name)
    .execute(tx.conn())
    .await
    .map(drop)
}

/// Holds orders, then vouchers, each ascending; among the vouchers those that positions of the orders were sold with.
pub(in crate::leases) async fn lock_subjects(tx: &mut Tx, orders: &[Uuid], vouchers: &[i64]) -> sqlx::Result<()> {
    sqlx::query("SELECT FROM orders WHERE organizer_id = $1 AND order_id = ANY($2) ORDER BY order_id FOR UPDATE")
        .bind(tx.organizer.0)
        .bind(orders)
        .execute(tx.conn())
        .await?;
    sqlx::query(
        "SELECT FROM voucher WHERE organizer_id = $1 AND (voucher_id = ANY($2) OR voucher_id IN (
             SELECT u.voucher_id FROM voucher_use u
             JOIN order_position p ON p.organizer_id = u.organizer_id AND p.position_id = u.position_id
             WHERE u.organizer_id = $1 AND p.order_id = ANY($3)))
         ORDER BY voucher_id FOR UPDATE",
    )
    .bind(tx.organizer.0)
    .bind(vouchers)
    .bind(orders)
    .execute(tx.conn())
    .await
    .map(drop)
}

/// How many rights a device holds.
pub(in crate::leases) async fn count_of(tx: &mut Tx, device: DeviceId) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "SELECT count(*) FROM held_right
         WHERE organizer_id = $1 AND device_id = $2 AND state IN ('granted', 'taken')",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .fetch_one(tx.conn())
    .await
}

/// The rights of a device as it is told of them; `only` limits them. One that was never recalled, ended or given up
/// says nothing a station does not know, and is left out where none is named.
pub(in crate::leases) async fn rows(
    tx: &mut Tx,
    device: DeviceId,
    only: Option<Vec<Uuid>>,
) -> sqlx::Result<Vec<RightRow>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM held_right r
         WHERE r.organizer_id = $1 AND r.device_id = $2
             AND CASE WHEN $3::uuid[] IS NULL THEN r.state NOT IN ('granted', 'taken') OR r.recalled
                 ELSE r.right_id = ANY($3) END
         ORDER BY r.right_id"
    );
    let rows =
        sqlx::query(AssertSqlSafe(sql)).bind(tx.organizer.0).bind(device.0).bind(only).fetch_all(tx.conn()).await?;
    rows.iter()
        .map(|row| {
            let kept = read(row)?;
            Ok(RightRow {
                right_id: kept.account.right_id,
                event_id: kept.event,
                device_id: device,
                subject: kept.account.subject,
                state: kept.account.state.told(),
                recalled: kept.account.recalled,
                version: row.try_get("version")?,
            })
        })
        .collect()
}
