//! The money has come: a person at the organizer has seen it on the account.

use super::{
    lock, note_positions, problem_of,
    send_confirmation::{About, SendConfirmation},
    store,
};
use crate::{http::Failure, jobs, leases, payments, tx::Tx};
use willcall_domain::{id::OrderId, orders::Order};

/// Marks a pending order as paid with its full amount, and sends the tickets' link. The money is there, whoever else may
/// take it: a till that holds the order's right is asked to give it back, and a second payment will be a case.
///
/// # Errors
/// When there is no such order, it is not pending, or the database is away.
pub async fn mark_paid(tx: &mut Tx, id: OrderId) -> Result<Order, Failure> {
    let order = lock(tx, id).await?;
    let owed = order.total;
    let order = order.pay(owed).map_err(|e| problem_of(&e))?;
    leases::recall_order(tx, id).await?;
    store::save(tx, &order).await?;
    payments::confirm(tx, id, owed).await?;
    note_positions(tx, &order).await?;
    jobs::enqueue(tx, &SendConfirmation { order_id: id, about: About::Paid }).await?;
    tracing::info!(organizer = tx.organizer.0, order = %id, "order paid");
    Ok(order)
}
