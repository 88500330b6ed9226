//! Devices as an organizer makes, renames and revokes them. Owns the token a machine enrols with, which is shown once
//! and kept as a hash; not the enrolling itself.

pub mod setup;
mod store;

pub use store::DeviceFull;

use crate::{
    access::audit::{self, Changes, Deed, Record},
    app::Tx,
    catalog::edit::Refused,
    http::{Failure, token::Token},
    sync::{Subject, history, note},
};
use std::time::Duration;
use willcall_domain::{
    catalog::draft::FieldError,
    clock::UtcMillis,
    devices::{Right, draft::DeviceDraft},
    id::{DeviceId, EventId},
    problem::{Code, Problem},
};

/// How long an enrolment token can be used.
pub const ENROL_WITHIN: Duration = Duration::from_secs(24 * 3600);

/// What a machine needs to enrol, and until when. Not kept anywhere: whoever misses it makes a new one.
#[derive(Debug, Clone)]
pub struct Invitation {
    pub device: DeviceId,
    pub token: String,
    pub expires_at: UtcMillis,
}

/// Makes a device that waits for its machine.
///
/// # Errors
/// When its name is taken, an event is not the organizer's, or the database is away.
pub async fn create(tx: &mut Tx, draft: &DeviceDraft) -> Result<Invitation, Refused> {
    let events = draft.events.as_deref().unwrap_or_default();
    if store::foreign_events(tx, events).await? > 0 {
        return Err(Failure::from(Problem::new(Code::NotFound, "There is no such event.")).into());
    }
    let Some(device) = store::insert(tx, draft).await? else {
        return Err(Refused::field("name", FieldError::Taken));
    };
    store::set_events(tx, device, events).await?;
    note(tx, Subject::Device(device)).await?;
    let changes = Changes::none().fact("role", draft.role.as_str());
    audit::record(tx, Record::new(Deed::DeviceMade, None, &draft.name, changes)).await?;
    tracing::info!(organizer = tx.organizer.0, device = device.0, role = draft.role.as_str(), "device made");
    Ok(invite(tx, device).await?)
}

/// A new token for a device whose machine has not enrolled; the old one is void.
///
/// # Errors
/// When the device is not there, has enrolled, or was revoked.
pub async fn invite_again(tx: &mut Tx, device: DeviceId) -> Result<Invitation, Failure> {
    let found = find(tx, device).await?;
    if found.revoked_at.is_some() || found.enrolled_at.is_some() {
        let detail = "This device has enrolled or was revoked. Make a new device for another machine.";
        return Err(Problem::new(Code::Conflict, detail).into());
    }
    invite(tx, device).await
}

async fn invite(tx: &mut Tx, device: DeviceId) -> Result<Invitation, Failure> {
    let token = Token::enrolment(tx.organizer, device, tx.entropy());
    let expires_at = tx.now() + ENROL_WITHIN;
    store::set_token(tx, device, &token.hash(), expires_at).await?;
    Ok(Invitation { device, token: token.text().to_owned(), expires_at })
}

/// Lets a device see these events and no others, or all there are and will be. Rows of those it may not see any more go
/// from it; what it recorded and has not sent stays.
///
/// # Errors
/// When it is not there or was revoked, an event is not the organizer's, or the database is away.
pub async fn set_events(tx: &mut Tx, device: DeviceId, events: Option<&[EventId]>) -> Result<(), Failure> {
    let before = find(tx, device).await?;
    if before.revoked_at.is_some() {
        return Err(Problem::new(Code::Conflict, "This device was revoked.").into());
    }
    if store::foreign_events(tx, events.unwrap_or_default()).await? > 0 {
        return Err(Problem::new(Code::NotFound, "There is no such event.").into());
    }
    store::replace_events(tx, device, events).await?;
    note(tx, Subject::Device(device)).await?;
    note(tx, Subject::Scope(device)).await?;
    let seen = |all: bool, of: &[EventId]| if all { None } else { Some(of.to_vec()) };
    let (old, new) = (seen(before.all_events, &before.event_ids), events.map(<[EventId]>::to_vec));
    let changes = Changes::none().field("events", &old, &new);
    audit::record(tx, Record::new(Deed::DeviceChanged, None, &before.name, changes)).await?;
    tracing::info!(organizer = tx.organizer.0, device = device.0, all = events.is_none(), "events of a device set");
    Ok(())
}

/// Gives a device these rights and no others; it hears of it with its next contact.
///
/// # Errors
/// When it is not there or was revoked, or the database is away.
pub async fn set_rights(tx: &mut Tx, device: DeviceId, rights: &[Right]) -> Result<(), Failure> {
    let before = find(tx, device).await?;
    if before.revoked_at.is_some() {
        return Err(Problem::new(Code::Conflict, "This device was revoked.").into());
    }
    if before.rights == rights {
        return Ok(());
    }
    store::set_rights(tx, device, rights).await?;
    let changes = Changes::none().field("rights", &before.rights.as_slice(), &rights);
    audit::record(tx, Record::new(Deed::DeviceChanged, None, &before.name, changes)).await?;
    note(tx, Subject::Device(device)).await?;
    if before.role.sees_names(&before.rights) != before.role.sees_names(rights) {
        note(tx, Subject::Scope(device)).await?;
    }
    tracing::info!(organizer = tx.organizer.0, device = device.0, ?rights, "rights of a device set");
    Ok(())
}

/// Switches a device off for good: its requests are refused from now on, its token to enrol is void. What it has
/// recorded stays on it; its name is free for another.
///
/// # Errors
/// When it is not there or was revoked before.
pub async fn revoke(tx: &mut Tx, device: DeviceId) -> Result<(), Failure> {
    let before = find(tx, device).await?;
    if before.revoked_at.is_some() {
        return Err(Problem::new(Code::Conflict, "This device was revoked before.").into());
    }
    history::fix_limits(tx, device).await?;
    store::revoke(tx, device).await?;
    note(tx, Subject::Device(device)).await?;
    audit::record(tx, Record::new(Deed::DeviceRevoked, None, &before.name, Changes::none())).await?;
    tracing::info!(organizer = tx.organizer.0, device = device.0, "device revoked");
    Ok(())
}

/// One device.
///
/// # Errors
/// When there is none, or the database is away.
pub async fn find(tx: &mut Tx, device: DeviceId) -> Result<DeviceFull, Failure> {
    let found = store::devices(tx, Some(device)).await?.pop();
    found.ok_or_else(|| Problem::new(Code::NotFound, "There is no such device.").into())
}

/// All devices, those in use first.
///
/// # Errors
/// When the database is away.
pub async fn all(tx: &mut Tx) -> Result<Vec<DeviceFull>, Failure> {
    Ok(store::devices(tx, None).await?)
}

/// There is one more event: tells devices that see each there is and will be.
///
/// # Errors
/// When the database is away.
pub async fn note_new_event(tx: &mut Tx) -> Result<(), Failure> {
    for device in store::raise_seeing_all_events(tx).await? {
        note(tx, Subject::Device(device)).await?;
    }
    Ok(())
}
