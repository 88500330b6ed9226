//! Cancelling: the places are free again, the codes are refused at the door, the buyer is told.

use super::{
    free_places, lock, note_positions, problem_of,
    send_confirmation::{About, SendConfirmation},
    store,
};
use crate::{http::Failure, jobs, payments, tx::Tx};
use willcall_domain::{id::OrderId, orders::Order};

/// Cancels a pending or paid order. Money that was received stays in the books as received: giving it back is the
/// organizer's, outside.
///
/// # Errors
/// When there is no such order, it has ended already, or the database is away.
pub async fn cancel(tx: &mut Tx, id: OrderId) -> Result<Order, Failure> {
    let order = lock(tx, id).await?;
    let now = tx.now();
    let order = order.cancel(now).map_err(|e| problem_of(&e))?;
    free_places(tx, &order).await?;
    store::save(tx, &order).await?;
    store::cancel_positions(tx, id).await?;
    payments::close_open(tx, id).await?;
    note_positions(tx, &order).await?;
    jobs::enqueue(tx, &SendConfirmation { order_id: id, about: About::Canceled }).await?;
    tracing::info!(organizer = tx.organizer.0, order = %id, "order cancelled");
    Ok(order)
}
