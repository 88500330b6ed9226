//! Taking an order in again that this server, put back to an earlier instant, has no longer: as a station still knows
//! it. Its tickets are the very ones that were sold, so they admit; its price is what it was sold for (what the products cost
//! now only where no station was ever told), and its places count beyond what is free if they must.

mod store;

use crate::{http::Failure, leases, tx::Tx};
use std::collections::BTreeSet;
use willcall_domain::{
    id::{EventId, OrderId, PositionId, QuotaId},
    orders::{OrderStatus, PositionRow},
    problem::{Code, Problem},
};

/// What was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    pub order: OrderId,
    pub event: EventId,
    pub positions: Vec<PositionId>,
    pub quotas: BTreeSet<QuotaId>,
    /// Those of them in which there was no room for it.
    pub excess: BTreeSet<QuotaId>,
}

/// Takes an order in, by its tickets.
///
/// # Errors
/// `conflict` when its event, product or code is not as it was; else when the database is away.
pub async fn adopt(tx: &mut Tx, positions: &[PositionRow]) -> Result<Adopted, Failure> {
    let first = positions.first().ok_or_else(|| Problem::new(Code::Conflict, "There is nothing to take in."))?;
    let gone = || Problem::new(Code::Conflict, "Its event or product is not here any more: make them first.");
    if !store::insert_order(tx, first).await? {
        let detail = "An order with this number or code is here already.";
        return Err(Problem::new(Code::Conflict, detail).into());
    }
    let mut places = Vec::new();
    for position in positions {
        if !store::insert_position(tx, position).await? {
            return Err(gone().into());
        }
        let holds = matches!(position.order_status, OrderStatus::Paid | OrderStatus::Pending) && !position.canceled;
        if holds {
            places.extend(store::quotas_of(tx, position.article()).await?);
        }
    }
    store::set_total(tx, first.order_id).await?;
    let quotas: BTreeSet<QuotaId> = places.iter().copied().collect();
    leases::lock(tx, quotas.iter().copied()).await?;
    let mut excess = BTreeSet::new();
    // Sold is sold: places are taken even where none is left, and counted as excess.
    for quota in places {
        if leases::sell_uncovered(tx, quota).await? {
            excess.insert(quota);
        }
    }
    let positions = positions.iter().map(|p| p.position_id).collect();
    Ok(Adopted { order: first.order_id, event: first.event_id, positions, quotas, excess })
}
