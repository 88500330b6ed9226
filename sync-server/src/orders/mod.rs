//! Orders on the server: placing, paying, cancelling, running out, and the mail that says so. What is allowed is
//! decided in [`willcall_domain::orders`]; each function here works in the caller's transaction, so that whoever places
//! or cancels can do more in the same breath.

mod adopt;
pub mod api;
pub mod cancel;
mod counter;
pub mod door;
mod erase;
pub mod expire;
pub mod find;
pub mod links;
pub mod pay;
pub mod place;
pub mod send_confirmation;
mod store;
pub mod wire;

pub use adopt::{Adopted, adopt};
pub use cancel::cancel;
pub use counter::{AtCounter, at_counter, canceled_at_a_till, canceled_in_part, hold, id_of_code, paid_at_a_till};
pub use erase::{Erased, erase};
pub use find::{FullOrder, FullPosition, dates_of, find, find_by_code};
pub use pay::mark_paid;
pub use place::{Buyer, Channel, PlaceError, Placed, Wish, place};
pub use send_confirmation::resend;

use crate::{http::Failure, leases, tx::Tx};
use willcall_domain::{
    id::{OrderId, PositionId, QuotaId},
    orders::{Order, OrderError, OrderStatus},
    problem::{Code, Problem},
};

/// How a refusal of the rules is told.
#[must_use]
pub fn problem_of(error: &OrderError) -> Problem {
    let code = match error {
        OrderError::SoldOut { .. } => Code::SoldOut,
        OrderError::Closed | OrderError::Is(_) => Code::Conflict,
        OrderError::Empty
        | OrderError::TooMany(_)
        | OrderError::NotForSale(_)
        | OrderError::Choice(_)
        | OrderError::Amount { .. }
        | OrderError::Status(_)
        | OrderError::Money(_) => Code::Invalid,
    };
    let mut detail = error.to_string();
    if let Some(first) = detail.get(..1) {
        detail.replace_range(..1, &first.to_uppercase());
    }
    Problem::new(code, detail + ".")
}

/// Locks an order for a change until the transaction ends.
async fn lock(tx: &mut Tx, id: OrderId) -> Result<Order, Failure> {
    let order = store::lock(tx, id).await?;
    order.ok_or_else(|| Problem::new(Code::NotFound, "There is no such order.").into())
}

/// Gives back the places of everything in the order that still holds one, and tells stations of it. What a till had sold
/// from its lease is freed here and does not go back to the till.
async fn free_places(tx: &mut Tx, order: &Order) -> Result<(), Failure> {
    let places = store::places_held(tx, order.order_id).await?;
    let positions = store::held_positions(tx, order.order_id).await?;
    let leased = leases::units_of(tx, &positions).await?;
    // Ascending, as placing takes them: two transactions never wait for each other in a circle.
    leases::lock(tx, places.iter().map(|(quota, _)| QuotaId(*quota)).chain(leased.iter().map(|l| l.2))).await?;
    let freed = leases::free_units(tx, &positions).await?;
    for (quota, count) in places {
        let rest = count - freed.get(&QuotaId(quota)).copied().unwrap_or(0);
        leases::unsell(tx, QuotaId(quota), rest.max(0)).await?;
    }
    Ok(())
}

/// Gives back the places of some positions of an order.
async fn free_places_of(tx: &mut Tx, positions: &[PositionId]) -> Result<(), Failure> {
    let places = store::places_of(tx, positions).await?;
    leases::lock(tx, places.iter().map(|(quota, _)| QuotaId(*quota))).await?;
    let freed = leases::free_units(tx, positions).await?;
    for (quota, count) in places {
        let rest = count - freed.get(&QuotaId(quota)).copied().unwrap_or(0);
        leases::unsell(tx, QuotaId(quota), rest.max(0)).await?;
    }
    Ok(())
}

/// Tells stations of every position of the order: its status is part of each. That codes are good no longer, first.
async fn note_positions(tx: &mut Tx, order: &Order) -> Result<(), Failure> {
    for position in store::raise_positions(tx, order.order_id).await? {
        let subject = crate::sync::Subject::Position(position, order.event_id);
        match order.status {
            OrderStatus::Canceled | OrderStatus::Expired => crate::sync::note_revoked(tx, subject).await?,
            OrderStatus::Pending | OrderStatus::Paid => crate::sync::note(tx, subject).await?,
        }
    }
    Ok(())
}
