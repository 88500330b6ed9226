//! Units lent to stations. A grant is asked with an id of the station's, answered the same again, and repeated at each
//! contact until the station's journal says it was taken in.

mod grant;
mod store;

pub use grant::{grant, open_grants};

use crate::http::problem::Failure;
use crate::{
    app::{App, Tx},
    http::caller::DeviceCaller,
    sync::Applied,
};
use serde_json::json;
use willcall_domain::{id::LeaseId, leases::UnitRef};

/// The station has taken the units in.
///
/// # Errors
/// When the database is away.
pub async fn accept(app: &App, tx: &mut Tx, caller: &DeviceCaller, lease: LeaseId) -> Result<Applied, Failure> {
    if store::accept(tx, caller.device, lease, app.clock.now()).await? {
        return Ok(Applied::Done);
    }
    // Granted by a server that lost it again: the units are counted by a person, never silently.
    Ok(Applied::Parked { kind: "unknown_lease", event: None, detail: json!({ "lease_id": lease }) })
}

/// What became of one unit of a sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitUse {
    /// Moved from leased to sold.
    Taken,
    /// Sold before to another position.
    Twice,
    /// Not lent to this station for a quota of this item.
    NotLent,
}

/// Moves one unit from *leased* to *sold*.
///
/// # Errors
/// When the database is away.
pub async fn use_unit(
    tx: &mut Tx,
    caller: &DeviceCaller,
    unit: UnitRef,
    item: willcall_domain::id::ItemId,
    position: willcall_domain::id::PositionId,
) -> Result<UnitUse, Failure> {
    Ok(store::use_unit(tx, caller.device, unit, item, position).await?)
}
