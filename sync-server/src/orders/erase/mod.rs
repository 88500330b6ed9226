//! Erasing what an order says of people: names, addresses of mail, and papers they are printed on. What was sold, paid
//! and taxed stays, as the law demands.

mod store;

use super::{lock, note_positions};
use crate::{http::Failure, tx::Tx};
use willcall_domain::{
    id::{DeviceId, EventId, OrderId, PositionId},
    orders::OrderStatus,
    problem::{Code, Problem},
};

/// What was erased here, and where else there may be copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    pub event: EventId,
    pub positions: Vec<PositionId>,
    /// The till that sold it.
    pub device: Option<DeviceId>,
}

/// Erases the buyer and those who come, for good.
///
/// # Errors
/// When there is no such order, it waits to be paid (who would be asked then?), or the database is away.
pub async fn erase(tx: &mut Tx, id: OrderId) -> Result<Erased, Failure> {
    let order = lock(tx, id).await?;
    if order.status == OrderStatus::Pending {
        let detail = "This order waits to be paid; cancel it or mark it as paid first.";
        return Err(Problem::new(Code::Conflict, detail).into());
    }
    let device = store::blank(tx, id).await?;
    note_positions(tx, &order).await?;
    let positions = store::positions(tx, id).await?;
    tracing::info!(organizer = tx.organizer.0, order = %id, "personal data erased");
    Ok(Erased { event: order.event_id, positions, device })
}
