//! What an organizer sets for one device: its gate and lists, who may do what there, how it behaves.

mod store;

use super::find;
use crate::{
    access::audit::{self, Changes, Deed, Record},
    app::Tx,
    http::Failure,
    sync::{Subject, note},
};
use willcall_domain::{
    devices::DeviceSetup,
    id::DeviceId,
    problem::{Code, Problem},
};

/// How a device is set up.
///
/// # Errors
/// When it is not there, or the database is away.
pub async fn of(tx: &mut Tx, device: DeviceId) -> Result<DeviceSetup, Failure> {
    let found = store::setup(tx, device).await?;
    found.ok_or_else(|| Problem::new(Code::NotFound, "There is no such device.").into())
}

/// Sets a device up; it hears of it with its next contact.
///
/// # Errors
/// When it is not there or was revoked, a list or gate is not the organizer's, or the database is away.
pub async fn set(tx: &mut Tx, device: DeviceId, setup: &DeviceSetup) -> Result<(), Failure> {
    let full = find(tx, device).await?;
    if full.revoked_at.is_some() {
        return Err(Problem::new(Code::Conflict, "This device was revoked.").into());
    }
    let before = of(tx, device).await?;
    if before == *setup {
        return Ok(());
    }
    if store::foreign_lists(tx, &setup.lists).await? > 0 {
        return Err(Problem::new(Code::NotFound, "There is no such check-in list.").into());
    }
    if !store::update(tx, device, setup).await? {
        return Err(Problem::new(Code::NotFound, "There is no such gate.").into());
    }
    store::set_lists(tx, device, &setup.lists).await?;
    note(tx, Subject::Device(device)).await?;
    audit::record(tx, Record::new(Deed::DeviceChanged, None, &full.name, changes(&before, setup))).await?;
    tracing::info!(organizer = tx.organizer.0, device = device.0, "device set up");
    Ok(())
}

fn changes(before: &DeviceSetup, after: &DeviceSetup) -> Changes {
    Changes::none()
        .field("gate", &before.gate_id, &after.gate_id)
        .field("lists", &before.lists, &after.lists)
        .field("kiosk", &before.kiosk, &after.kiosk)
        .field("badge_print", &before.badge_print, &after.badge_print)
        .field("max_data_age", &before.max_data_age_min, &after.max_data_age_min)
        .field("locked", &before.locked, &after.locked)
        .field("guarded", &before.guarded, &after.guarded)
        .field("hide_names", &before.hide_names, &after.hide_names)
}
