//! Cancelling: the places are free again, the codes are refused at the door, the buyer is told.

use super::{counter, lock};
use crate::{http::Failure, leases, tx::Tx};
use willcall_domain::{
    id::OrderId,
    orders::Order,
    problem::{Code, Problem},
};

/// Cancels a pending or paid order. Money that was received stays in the books as received: giving it back is the
/// organizer's, outside.
///
/// # Errors
/// When there is no such order, it has ended already, a till holds its right (it may be taking the money this moment), or
/// the database is away.
pub async fn cancel(tx: &mut Tx, id: OrderId) -> Result<Order, Failure> {
    let order = lock(tx, id).await?;
    if let Some(till) = leases::holder_of_order(tx, id).await? {
        let detail = format!("{till} holds this order and may take its money or give it back.");
        return Err(Problem::new(Code::Conflict, detail).into());
    }
    counter::end(tx, order).await
}
