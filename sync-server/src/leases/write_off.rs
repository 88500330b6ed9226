//! Giving up units of a station that is gone: only a person, who has been told the worst case first. The units are free
//! from then on; if the station returns, its sales are honoured, and each beyond size is a case.

use super::{
    blanks,
    store::{self, Flying, HeldBy, Moved, WriteOffRow},
};
use crate::{
    app::Tx,
    http::problem::Failure,
    sync::{
        Subject,
        cases::{self, By},
        note,
    },
};
use willcall_domain::{
    entropy::uuid_v7,
    id::{DeviceId, EventId, HandOverId, StaffId},
    leases::ledger::GivenUp,
    problem::{Code, Problem},
    sync::{CaseKind, Resolution, change::VoidWhy},
};

/// What stations hold of an event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Silent {
    pub held: Vec<HeldBy>,
    pub flying: Vec<Flying>,
}

/// Who gives up.
#[derive(Debug, Clone, Copy)]
pub struct Person<'a> {
    pub id: StaffId,
    pub name: &'a str,
}

fn why(how: GivenUp) -> VoidWhy {
    match how {
        GivenUp::Lost => VoidWhy::Lost,
        GivenUp::Stolen => VoidWhy::Stolen,
    }
}

fn resolution(how: GivenUp) -> Resolution {
    match how {
        GivenUp::Lost => Resolution::WriteOffLost,
        GivenUp::Stolen => Resolution::WriteOffStolen,
    }
}

/// Who holds what of an event's quotas, longest silent first.
///
/// # Errors
/// When the database is away.
pub async fn held_of_event(tx: &mut Tx, event: EventId) -> Result<Silent, Failure> {
    Ok(Silent {
        held: store::held_by(tx, Some(event), None).await?,
        flying: store::flying(tx, Some(event), None).await?,
    })
}

/// What one station holds.
///
/// # Errors
/// When the database is away.
pub async fn held_by_device(tx: &mut Tx, device: DeviceId) -> Result<Silent, Failure> {
    Ok(Silent {
        held: store::held_by(tx, None, Some(device)).await?,
        flying: store::flying(tx, None, Some(device)).await?,
    })
}

/// Gives up all units a station holds unsold, and its rights, of every event; answers how many units. What it has handed
/// over and nobody has taken yet stays in flight: the other till may have it.
///
/// # Errors
/// When the database is away.
pub async fn device(tx: &mut Tx, holder: DeviceId, how: GivenUp, by: Person<'_>) -> Result<u32, Failure> {
    // Before any quota is held, as everywhere.
    let rights = super::rights::write_off(tx, holder, how, by).await?;
    let mut units = 0;
    for (quota, event, lease_id) in store::leases_of(tx, holder, None).await? {
        let Some((_, mut account)) = store::lock_quota(tx, quota).await? else { continue };
        let Some(mut lease) = store::lock_lease(tx, lease_id).await? else { continue };
        let gone = lease.write_off(&mut account, how).count();
        blanks::void_left(tx, event, lease_id, why(how)).await?;
        store::save_moved(tx, &Moved::lease(quota, &account, &lease)).await?;
        let row = WriteOffRow {
            quota,
            lease: Some(lease_id),
            hand_over: None,
            device: holder,
            how,
            units: gone,
            staff: by.id,
            person: by.name,
        };
        write_down(tx, &row).await?;
        note(tx, Subject::Quota(quota, event)).await?;
        note(tx, Subject::Lease(lease_id, event)).await?;
        units += gone;
    }
    let resolution = resolution(how);
    let by_staff = By::Staff { id: by.id, name: by.name };
    let kinds = [CaseKind::Fork, CaseKind::SuspectStation, CaseKind::StationNotHeard];
    cases::close_of_device(tx, holder, &kinds, resolution, &by_staff).await?;
    tracing::warn!(
        organizer = tx.organizer.0,
        device = holder.0,
        units,
        rights,
        ?how,
        staff = by.id.0,
        "units written off"
    );
    Ok(units)
}

/// Gives up one hand-over that is in flight; answers how many units.
///
/// # Errors
/// `not-found` when there is none in flight by this id; else when the database is away.
pub async fn hand_over_of(tx: &mut Tx, id: HandOverId, how: GivenUp, by: Person<'_>) -> Result<u32, Failure> {
    let none = || Failure::from(Problem::new(Code::NotFound, "No such hand-over is on its way."));
    let quota = store::quota_of_hand_over(tx, id).await?.ok_or_else(none)?;
    let (_, mut account) = store::lock_quota(tx, quota).await?.ok_or_else(none)?;
    let mut kept = store::hand_over(tx, id).await?.ok_or_else(none)?;
    let units = kept.hand_over.write_off(&mut account, how);
    if units == 0 {
        return Err(none());
    }
    blanks::void_named(tx, kept.event, kept.hand_over.lease_id, &kept.blanks, why(how)).await?;
    let moved = Moved { hand_overs: vec![&kept.hand_over], ..Moved::quota(quota, &account) };
    store::save_moved(tx, &moved).await?;
    let row = WriteOffRow {
        quota,
        lease: None,
        hand_over: Some(id),
        device: kept.hand_over.from,
        how,
        units,
        staff: by.id,
        person: by.name,
    };
    write_down(tx, &row).await?;
    let by_staff = By::Staff { id: by.id, name: by.name };
    cases::close_about(tx, (CaseKind::HandOverStuck, &id.to_string()), resolution(how), &by_staff).await?;
    note(tx, Subject::Quota(quota, kept.event)).await?;
    note(tx, Subject::HandOver(id, kept.event)).await?;
    Ok(units)
}

async fn write_down(tx: &mut Tx, row: &WriteOffRow<'_>) -> Result<(), Failure> {
    let id = uuid_v7(tx.now(), tx.entropy());
    Ok(store::insert_write_off(tx, id, row).await?)
}

/// One hand-over, where it is still on its way.
///
/// # Errors
/// When the database is away.
pub async fn flying(tx: &mut Tx, id: HandOverId) -> Result<Option<Flying>, Failure> {
    let all = store::flying(tx, None, None).await?;
    Ok(all.into_iter().find(|one| one.hand_over == id))
}
