//! Orders that were not paid in time give their places back. Found by the schedule, done one by one as jobs.

use super::{
    free_places, lock, note_positions,
    send_confirmation::{About, SendConfirmation},
    store,
};
use crate::{
    app::App,
    http::Failure,
    jobs::{self, Class, Job},
    leases, payments,
    tx::Tx,
};
use serde::{Deserialize, Serialize};
use willcall_domain::{
    id::{OrderId, OrganizerId},
    orders::{Order, OrderError, OrderStatus},
};

/// One order whose time to pay may be over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpireOrder {
    pub order_id: OrderId,
}

impl Job for ExpireOrder {
    const KIND: &'static str = "orders.expire";
    const CLASS: Class = Class::Housekeeping;
}

/// # Errors
/// When the database is away; the job is tried again.
pub async fn run(app: App, organizer: OrganizerId, job: ExpireOrder) -> anyhow::Result<()> {
    let mut tx = app.begin(organizer).await?;
    expire(&mut tx, job.order_id).await?;
    // Also where it did not end: a till may have been asked to give it back.
    tx.commit().await?;
    Ok(())
}

/// Ends a pending order whose time is over; `None` when it has been paid, ended, or given more time meanwhile, or a till
/// holds its right and may have taken the money: the till is asked to give it back.
///
/// # Errors
/// When there is no such order, or the database is away.
pub async fn expire(tx: &mut Tx, id: OrderId) -> Result<Option<Order>, Failure> {
    let order = lock(tx, id).await?;
    let now = tx.now();
    let expired: Result<Order, OrderError> = order.clone().expire(now);
    let Ok(expired) = expired else { return Ok(None) };
    if let Some(till) = leases::recall_order(tx, id).await? {
        tracing::info!(organizer = tx.organizer.0, order = %id, till, "an order whose time is over is held by a till");
        return Ok(None);
    }
    debug_assert_eq!(expired.status, OrderStatus::Expired);
    free_places(tx, &order).await?;
    store::save(tx, &expired).await?;
    payments::close_open(tx, id).await?;
    note_positions(tx, &expired).await?;
    jobs::enqueue(tx, &SendConfirmation { order_id: id, about: About::Expired }).await?;
    tracing::info!(organizer = tx.organizer.0, order = %id, "order ran out");
    Ok(Some(expired))
}
