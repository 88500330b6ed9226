//! A new history: after the server was put back to an earlier instant, every station is waited for, and what it may have
//! been lent in the time that was lost is held back until it has reported. How a history begins, see
//! [`crate::database::recover`].

use super::{
    cases::{self, Moot, NewCase},
    store::contact as store,
};
use crate::{
    app::{App, Tx},
    http::{Failure, caller::DeviceCaller},
    leases,
};
use serde_json::json;
use willcall_domain::{
    id::DeviceId,
    sync::{CaseKind, Contact},
};

/// Waits for every station of a tenant, with a case for each; answers how many.
///
/// # Errors
/// When the database is away.
pub async fn begin(tx: &mut Tx) -> Result<usize, Failure> {
    let stations = store::set_unheard(tx).await?;
    for device in &stations {
        leases::let_go(tx, *device).await?;
        leases::hold_back(tx, *device).await?;
        let case = NewCase { device: *device, event: None, kind: CaseKind::StationNotHeard, detail: json!({}) };
        cases::open_once(tx, &device.to_string(), &case).await?;
    }
    Ok(stations.len())
}

/// Fixes what is known of a device's journals, as it is switched off: what comes later counts no more.
///
/// # Errors
/// When the database is away.
pub async fn fix_limits(tx: &mut Tx, device: DeviceId) -> Result<(), Failure> {
    store::fix_limits(tx, device).await?;
    Ok(())
}

/// Looks whether a station has reported: it knows the present history, waits with nothing, and all it has is here. One
/// of the first version does not say what history it knows; its entries coming again says so.
pub(super) async fn reported(
    app: &App,
    tx: &mut Tx,
    caller: &DeviceCaller,
    ask: &Contact,
    acked: u64,
) -> Result<(), Failure> {
    let Some(sent) = store::unheard(tx, caller.device).await? else { return Ok(()) };
    let knows = ask.history.map_or(sent, |history| history == app.history);
    if !knows || ask.waiting > 0 || acked < ask.length {
        return Ok(());
    }
    release(tx, caller.device).await?;
    cases::close_by_itself(tx, CaseKind::StationNotHeard, &caller.device.to_string(), Moot::Heard).await?;
    tracing::info!(device = caller.device.0, "a station has reported since the server was put back");
    Ok(())
}

/// A till that has not reported since the server was put back: it may hold what nobody here knows it was given.
///
/// # Errors
/// When the database is away.
pub async fn unheard_till(tx: &mut Tx) -> Result<Option<String>, Failure> {
    Ok(store::unheard_till(tx).await?)
}

/// A station is not waited for any more: it has reported, or a person says that it never will.
pub(super) async fn release(tx: &mut Tx, device: DeviceId) -> Result<(), Failure> {
    leases::let_go(tx, device).await?;
    store::set_heard(tx, device).await?;
    Ok(())
}
