//! Gates: places where people are let in or out, of all events of the organizer. A rule names one by its number, a device
//! stands at one, a list may be offered at some.

mod store;

pub use store::GateFull;

use crate::{
    access::audit::{self, Changes, Deed, Record},
    app::Tx,
    catalog::edit::Refused,
    http::Failure,
    sync::{Subject, note, note_gone},
};
use willcall_domain::{
    catalog::draft::{FieldError, name},
    id::{DeviceId, GateId},
    problem::{Code, Problem},
};

/// All gates by name.
///
/// # Errors
/// When the database is away.
pub async fn all(tx: &mut Tx) -> Result<Vec<GateFull>, Failure> {
    Ok(store::gates(tx, None).await?)
}

/// One gate.
///
/// # Errors
/// When there is none, or the database is away.
pub async fn find(tx: &mut Tx, gate: GateId) -> Result<GateFull, Failure> {
    let found = store::gates(tx, Some(gate)).await?.pop();
    found.ok_or_else(|| Problem::new(Code::NotFound, "There is no such gate.").into())
}

/// Makes a gate.
///
/// # Errors
/// When the name is none or another's, or the database is away.
pub async fn create(tx: &mut Tx, typed: &str) -> Result<GateId, Refused> {
    let name = name(typed).map_err(|error| Refused::field("name", error))?;
    let gate = store::insert(tx, &name).await?.ok_or_else(|| Refused::field("name", FieldError::Taken))?;
    note(tx, Subject::Gate(gate)).await?;
    audit::record(tx, Record::new(Deed::GateMade, None, &name, Changes::none())).await?;
    tracing::info!(organizer = tx.organizer.0, gate = gate.0, "gate made");
    Ok(gate)
}

/// Names a gate otherwise; devices that stand there are told.
///
/// # Errors
/// When it is not there, the name is none or another's, or the database is away.
pub async fn rename(tx: &mut Tx, gate: GateId, typed: &str) -> Result<(), Refused> {
    let before = find(tx, gate).await?;
    let name = name(typed).map_err(|error| Refused::field("name", error))?;
    if before.name == name {
        return Ok(());
    }
    if !store::rename(tx, gate, &name).await? {
        return Err(Refused::field("name", FieldError::Taken));
    }
    note(tx, Subject::Gate(gate)).await?;
    for device in store::name_at_devices(tx, gate, &name).await? {
        note(tx, Subject::Device(DeviceId(device))).await?;
    }
    let changes = Changes::none().field("name", &before.name, &name);
    audit::record(tx, Record::new(Deed::GateChanged, None, &name, changes)).await?;
    tracing::info!(organizer = tx.organizer.0, gate = gate.0, "gate renamed");
    Ok(())
}

/// Takes a gate away. A rule that names it refuses entry from then on, and says which gate is missing.
///
/// # Errors
/// When it is not there, devices stand at it or lists are offered there, or the database is away.
pub async fn remove(tx: &mut Tx, gate: GateId) -> Result<(), Failure> {
    let before = find(tx, gate).await?;
    if !before.devices.is_empty() || !before.lists.is_empty() {
        let detail = "Devices stand at this gate, or lists are offered there; change these first.";
        return Err(Problem::new(Code::Conflict, detail).into());
    }
    store::detach(tx, gate).await?;
    store::delete(tx, gate).await?;
    note_gone(tx, Subject::Gate(gate)).await?;
    audit::record(tx, Record::new(Deed::GateRemoved, None, &before.name, Changes::none())).await?;
    tracing::info!(organizer = tx.organizer.0, gate = gate.0, "gate removed");
    Ok(())
}
