//! SQL of payments.

use crate::tx::Tx;
use willcall_domain::{
    clock::UtcMillis,
    id::{OrderId, PaymentId},
    money::Money,
    payments::{PaymentState, Provider},
};

fn text(state: PaymentState) -> &'static str {
    match state {
        PaymentState::Created => "created",
        PaymentState::Confirmed => "confirmed",
        PaymentState::Canceled => "canceled",
    }
}

pub(super) async fn insert(
    tx: &mut Tx,
    id: PaymentId,
    order: OrderId,
    provider: Provider,
    amount: Money,
    state: PaymentState,
) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query(
        "INSERT INTO payment (organizer_id, payment_id, order_id, provider, amount_minor, state, created_at, confirmed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(tx.organizer.0)
    .bind(id.0)
    .bind(order.0)
    .bind(provider.as_str())
    .bind(amount.minor)
    .bind(text(state))
    .bind(now.0)
    .bind((state == PaymentState::Confirmed).then_some(now.0))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Answers how many were waited for.
pub(super) async fn confirm_open(tx: &mut Tx, order: OrderId) -> sqlx::Result<u64> {
    let now = tx.now();
    let done = sqlx::query(
        "UPDATE payment SET state = 'confirmed', confirmed_at = $3, version = version + 1
         WHERE organizer_id = $1 AND order_id = $2 AND state = 'created'",
    )
    .bind(tx.organizer.0)
    .bind(order.0)
    .bind(now.0)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

pub(super) async fn cancel_open(tx: &mut Tx, order: OrderId) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE payment SET state = 'canceled', version = version + 1
         WHERE organizer_id = $1 AND order_id = $2 AND state = 'created'",
    )
    .bind(tx.organizer.0)
    .bind(order.0)
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn received(tx: &mut Tx, order: OrderId) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "SELECT coalesce(sum(amount_minor), 0)::bigint FROM payment
         WHERE organizer_id = $1 AND order_id = $2 AND state = 'confirmed'",
    )
    .bind(tx.organizer.0)
    .bind(order.0)
    .fetch_one(tx.conn())
    .await
}

/// The newest instant this organizer's data knows of; `None` where there is none.
pub(super) async fn newest(tx: &mut Tx) -> sqlx::Result<Option<UtcMillis>> {
    let at: Option<i64> = sqlx::query_scalar(
        "SELECT greatest((SELECT max(at) FROM change WHERE organizer_id = $1),
             (SELECT max(coalesce(confirmed_at, created_at)) FROM payment WHERE organizer_id = $1))",
    )
    .bind(tx.organizer.0)
    .fetch_one(tx.conn())
    .await?;
    Ok(at.map(UtcMillis))
}

/// Who moves the money that is waited for.
pub(super) async fn set_provider(tx: &mut Tx, order: OrderId, provider: Provider) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE payment SET provider = $3, version = version + 1
         WHERE organizer_id = $1 AND order_id = $2 AND state = 'created' AND provider <> $3",
    )
    .bind(tx.organizer.0)
    .bind(order.0)
    .bind(provider.as_str())
    .execute(tx.conn())
    .await
    .map(drop)
}
