//! Web orders at a till's counter: what a till is told of one whose right it gets, and what its journal says it did. A
//! till knows no buyer.

use super::{
    free_places, free_places_of, lock, note_positions, problem_of,
    send_confirmation::{About, SendConfirmation},
    store,
};
use crate::{
    http::Failure,
    jobs, leases, payments,
    sync::{Subject, note_revoked},
    tx::Tx,
};
use willcall_domain::{
    id::{EventId, OrderId, PositionId},
    leases::{CounterLine, OrderTerms},
    money::Money,
    orders::{Order, OrderStatus},
};

/// A web order as a till is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtCounter {
    pub event_id: EventId,
    pub code: String,
    /// It is a till's own sale, and no web order.
    pub sold_at_a_till: bool,
    pub terms: OrderTerms,
}

/// Holds an order until the transaction ends; `false` where there is none.
///
/// # Errors
/// When the database is away.
pub async fn hold(tx: &mut Tx, id: OrderId) -> Result<bool, Failure> {
    Ok(store::lock(tx, id).await?.is_some())
}

/// The order of this code.
///
/// # Errors
/// When the database is away.
pub async fn id_of_code(tx: &mut Tx, code: &str) -> Result<Option<OrderId>, Failure> {
    Ok(store::id_of_code(tx, code).await?)
}

/// An order, held, as a till is told of it.
///
/// # Errors
/// When the database is away.
pub async fn at_counter(tx: &mut Tx, id: OrderId) -> Result<Option<AtCounter>, Failure> {
    let Some(order) = store::lock(tx, id).await? else { return Ok(None) };
    let positions = store::positions(tx, id, order.total.currency).await?;
    let lines = positions.into_iter().filter(|p| !p.canceled).map(|p| CounterLine {
        position_id: p.position_id,
        item_id: p.item_id,
        name: p.item_name,
        price: p.price,
        tax_rate_bp: p.tax_rate_bp,
    });
    let lines = lines.collect();
    Ok(Some(AtCounter {
        event_id: order.event_id,
        sold_at_a_till: store::is_of_a_till(tx, id).await?,
        terms: OrderTerms {
            status: order.status,
            total: order.total,
            paid: Money::new(payments::received(tx, id).await?, order.total.currency),
            lines,
        },
        code: order.code,
    }))
}

/// All of it has been paid, the last at a till: the buyer gets the tickets' link. One that is not pending stays as it is.
///
/// # Errors
/// When there is no such order, or the database is away.
pub async fn paid_at_a_till(tx: &mut Tx, id: OrderId) -> Result<(), Failure> {
    let order = lock(tx, id).await?;
    if order.status != OrderStatus::Pending {
        return Ok(());
    }
    let owed = order.total;
    let order = order.pay(owed).map_err(|e| problem_of(&e))?;
    store::save(tx, &order).await?;
    payments::close_open(tx, id).await?;
    note_positions(tx, &order).await?;
    jobs::enqueue(tx, &SendConfirmation { order_id: id, about: About::Paid }).await?;
    tracing::info!(organizer = tx.organizer.0, order = %id, "web order paid at a till");
    Ok(())
}

/// A till has ended it, as a whole; answers whether it had not ended before.
///
/// # Errors
/// When there is no such order, or the database is away.
pub async fn canceled_at_a_till(tx: &mut Tx, id: OrderId) -> Result<bool, Failure> {
    let order = lock(tx, id).await?;
    if !order.status.holds_places() {
        return Ok(false);
    }
    end(tx, order).await?;
    Ok(true)
}

/// A till has ended some positions of a paid order; answers whether none of them had ended before. Its price stays what it
/// was, as does what came in: what went back is a payment of its own.
///
/// # Errors
/// When there is no such order, or the database is away.
pub async fn canceled_in_part(tx: &mut Tx, id: OrderId, positions: &[PositionId]) -> Result<bool, Failure> {
    let order = lock(tx, id).await?;
    if !order.status.holds_places() {
        return Ok(false);
    }
    let live = store::held_positions(tx, id).await?;
    let gone: Vec<PositionId> = live.into_iter().filter(|position| positions.contains(position)).collect();
    leases::undo_vouchers(tx, &gone).await?;
    free_places_of(tx, &gone).await?;
    store::cancel_some(tx, &gone).await?;
    for position in &gone {
        note_revoked(tx, Subject::Position(*position, order.event_id)).await?;
    }
    tracing::info!(organizer = tx.organizer.0, order = %id, positions = gone.len(), "positions of a web order ended");
    Ok(gone.len() == positions.len())
}

/// Ends an order that holds its places.
pub(super) async fn end(tx: &mut Tx, order: Order) -> Result<Order, Failure> {
    let id = order.order_id;
    let now = tx.now();
    let order = order.cancel(now).map_err(|e| problem_of(&e))?;
    let positions: Vec<PositionId> = store::held_positions(tx, id).await?;
    // Vouchers before quotas, as journals are applied: two transactions never wait for each other in a circle.
    leases::undo_vouchers(tx, &positions).await?;
    free_places(tx, &order).await?;
    store::save(tx, &order).await?;
    store::cancel_positions(tx, id).await?;
    payments::close_open(tx, id).await?;
    note_positions(tx, &order).await?;
    jobs::enqueue(tx, &SendConfirmation { order_id: id, about: About::Canceled }).await?;
    tracing::info!(organizer = tx.organizer.0, order = %id, "order cancelled");
    Ok(order)
}
