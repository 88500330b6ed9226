//! What this till may do once and nobody else now, as its screens show it.

use super::store;
use crate::{catalog, error::Fault, station::Station, till};
use rusqlite::Transaction;
use willcall_domain::{
    id::DeviceId,
    leases::{
        HeldRight, RightSubject,
        right_view::{RightView, RightsView},
    },
    problem::Problem,
};

/// The rights that are held and may be used now.
///
/// # Errors
/// When the database cannot be read.
pub async fn rights(station: &Station) -> Result<RightsView, Problem> {
    let identity = station.enrolled()?;
    let (device, incarnation) = (identity.device_id, identity.incarnation);
    Ok(station.db().read(move |tx| rights_in(tx, device, incarnation)).await?)
}

pub(super) fn rights_in(tx: &Transaction<'_>, station: DeviceId, incarnation: u32) -> Result<RightsView, Fault> {
    let held = store::held(tx, station, incarnation)?;
    let rights = held.iter().rev().map(|right| view(tx, right)).collect::<Result<_, _>>()?;
    Ok(RightsView { rights })
}

pub(super) fn view(tx: &Transaction<'_>, held: &HeldRight) -> Result<RightView, Fault> {
    let order = match held.subject {
        RightSubject::Order { order_id } => till::counter_order(tx, order_id)?,
        RightSubject::Voucher { .. } => None,
    };
    let event = catalog::event(tx, held.event_id)?;
    Ok(RightView {
        right_id: held.right_id,
        event_id: held.event_id,
        event_name: event.map_or_else(|| format!("event {}", held.event_id), |event| event.name),
        code: held.code.clone(),
        what: held.subject.kind(),
        home: held.is_home(),
        recalled: held.recalled,
        taken_at: held.taken_at,
        voucher: held.voucher,
        order,
    })
}
