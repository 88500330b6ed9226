//! Units on their way from one till to another: `hand_over_given` of the giver, `hand_over_taken` and
//! `hand_over_declined` of the receiver with the giver's signed entry inside. Either may come first.

use super::{
    give_back::load,
    recall,
    store::{self, Kept, Lent, Moved},
};
use crate::{
    app::{App, Tx},
    http::{caller::DeviceCaller, problem::Failure},
    sync::{self, Applied, Subject, cases::NewCase, note},
};
use serde_json::{Value, json};
use willcall_domain::{
    clock::UtcMillis,
    id::{DeviceId, EventId, HandOverId, LeaseId},
    leases::{
        BlankRange, LeaseState, UnitRange,
        ledger::{self, HandOver, HandOverState, LeaseAccount, Offer, Taken},
    },
    sync::{CaseKind, Entry, Fact},
    ticketing::blank,
};

/// What the giver signed.
struct Given {
    from: DeviceId,
    lease_id: LeaseId,
    event_id: EventId,
    offer: Offer,
    blanks: Vec<BlankRange>,
}

fn parked(kind: CaseKind, detail: Value) -> Applied {
    Applied::Parked { kind, event: None, detail }
}

fn read(from: DeviceId, fact: Fact) -> Option<Given> {
    let Fact::HandOverGiven { hand_over_id, lease_id, event_id, from: first, units, blanks, to, .. } = fact else {
        return None;
    };
    let offer = Offer { hand_over_id, units: UnitRange::of(first, units), to };
    Some(Given { from, lease_id, event_id, offer, blanks })
}

/// The giver's entry out of the receiver's: signed by its station, and for this receiver.
async fn inside(tx: &mut Tx, caller: &DeviceCaller, id: HandOverId, text: &str) -> Result<Option<Given>, Failure> {
    let Ok(entry) = serde_json::from_str::<Entry>(text) else { return Ok(None) };
    if !sync::is_signed(tx, &entry).await? {
        return Ok(None);
    }
    let given = entry.fact().and_then(|fact| read(entry.station, fact));
    Ok(given.filter(|g| g.offer.hand_over_id == id && g.offer.to == caller.device))
}

/// The giver says that units left.
///
/// # Errors
/// When the database is away.
pub async fn given(tx: &mut Tx, caller: &DeviceCaller, fact: &Fact) -> Result<Applied, Failure> {
    let Some(given) = read(caller.device, fact.clone()) else { return Ok(Applied::Done) };
    let detail = json!({ "hand_over_id": given.offer.hand_over_id, "lease_id": given.lease_id });
    let Some((quota, event, mut account, mut lease)) = load(tx, caller, given.lease_id).await? else {
        return Ok(parked(CaseKind::UnknownLease, detail));
    };
    if store::hand_over(tx, given.offer.hand_over_id).await?.is_some() {
        return Ok(Applied::Done);
    }
    if !store::is_device(tx, given.offer.to).await? {
        return nobody(tx, &lease, given).await;
    }
    let hand_over = ledger::give(&mut account, &mut lease, &given.offer);
    let all = hand_over.moved.count() == given.offer.units.count();
    let kept = Kept { hand_over, event, blanks: given.blanks };
    let moved = Moved { given: Some(&kept), ..Moved::lease(quota, &account, &lease) };
    store::save_moved(tx, &moved).await?;
    note(tx, Subject::Quota(quota, event)).await?;
    if all {
        return Ok(Applied::Done);
    }
    Ok(Applied::Notice { kind: CaseKind::UnknownLease, event: Some(event), detail })
}

/// A mistyped number: nobody can ever take these units in, so they are the giver's again, as if it had been declined.
async fn nobody(tx: &mut Tx, giver: &LeaseAccount, given: Given) -> Result<Applied, Failure> {
    let id = given.offer.hand_over_id;
    let hand_over = ledger::declined_at_once(giver, &Offer { to: given.from, ..given.offer });
    let kept = Kept { hand_over, event: given.event_id, blanks: given.blanks };
    store::save_moved(tx, &Moved { given: Some(&kept), ..Moved::default() }).await?;
    note(tx, Subject::HandOver(id, given.event_id)).await?;
    tracing::warn!(from = given.from.0, to = given.offer.to.0, "units were handed to a till there is none of");
    Ok(Applied::Done)
}

/// The receiver has taken the units in. Its entry alone is enough.
///
/// # Errors
/// When the database is away.
pub async fn taken(tx: &mut Tx, caller: &DeviceCaller, entry: &Entry, fact: &Fact) -> Result<Applied, Failure> {
    let Fact::HandOverTaken { hand_over_id, units, given: text, .. } = fact else { return Ok(Applied::Done) };
    let detail = json!({ "hand_over_id": hand_over_id, "units": units });
    let given = inside(tx, caller, *hand_over_id, text).await?.filter(|g| g.offer.units.count() == *units);
    let Some(given) = given else { return Ok(parked(CaseKind::BadEntry, detail)) };
    let Some((quota, event)) = store::quota_of(tx, given.lease_id).await? else {
        return Ok(parked(CaseKind::UnknownLease, detail));
    };
    let locked = store::lock_quota(tx, quota).await?;
    let giver = store::lock_lease(tx, given.lease_id).await?.filter(|l| l.holder == given.from);
    let (Some((_, mut account)), Some(mut giver)) = (locked, giver) else {
        return Ok(parked(CaseKind::UnknownLease, detail));
    };
    if store::quota_of(tx, LeaseId(hand_over_id.0)).await?.is_some() {
        return Ok(Applied::Done);
    }
    let (mut kept, known) = match store::hand_over(tx, *hand_over_id).await? {
        Some(kept) => (kept, true),
        None => {
            let hand_over = ledger::give(&mut account, &mut giver, &given.offer);
            (Kept { hand_over, event, blanks: given.blanks.clone() }, false)
        }
    };
    let Taken::New { lease, void } = kept.hand_over.take(&mut account, &giver) else { return Ok(Applied::Done) };
    let lent = Lent::taken(&lease, &kept, entry.incarnation, tx.now());
    save_with(tx, (&kept, known), Moved { lent: Some(lent), ..Moved::lease(quota, &account, &giver) }).await?;
    insert_blanks(tx, given.lease_id, &kept, lease.lease_id).await?;
    recall::arrived(tx, quota, event).await?;
    note(tx, Subject::Quota(quota, event)).await?;
    note(tx, Subject::HandOver(*hand_over_id, event)).await?;
    sync::cases::close_by_itself(tx, CaseKind::HandOverStuck, &hand_over_id.to_string(), sync::cases::Moot::Arrived)
        .await?;
    tracing::info!(from = given.from.0, to = caller.device.0, units, void = void.count(), "units handed over");
    if void.is_empty() {
        return Ok(Applied::Done);
    }
    note(tx, Subject::Lease(lease.lease_id, event)).await?;
    let kind = match lease.state {
        LeaseState::Lost | LeaseState::Stolen => CaseKind::WriteOffWrong,
        LeaseState::Open | LeaseState::Closed => CaseKind::UnknownLease,
    };
    Ok(Applied::Notice { kind, event: Some(event), detail })
}

/// Writes a movement with its hand-over, which is changed or, not known before, made.
async fn save_with(tx: &mut Tx, (kept, known): (&Kept, bool), mut moved: Moved<'_>) -> Result<(), Failure> {
    let mut hand_overs = Vec::new();
    if known {
        hand_overs.push(&kept.hand_over);
    }
    let given = (!known).then_some(kept);
    let lent = moved.lent.take();
    Ok(store::save_moved(tx, &Moved { hand_overs, given, lent, ..moved }).await?)
}

/// The blanks that went along, as ranges of the receiver's lease.
async fn insert_blanks(tx: &mut Tx, from: LeaseId, kept: &Kept, to: LeaseId) -> Result<(), Failure> {
    for (range, key, format) in store::blank_ranges(tx, from).await? {
        let of_range = |b: &&BlankRange| b.count > 0 && blank::index(range.base, b.base).is_some();
        let part = kept.blanks.iter().find(of_range);
        if let Some(part) = part {
            store::insert_blank_ranges(tx, to, &[*part], key, format).await?;
        }
    }
    Ok(())
}

/// The receiver does not take the units, finally: they are the giver's again.
///
/// # Errors
/// When the database is away.
pub async fn declined(tx: &mut Tx, caller: &DeviceCaller, fact: &Fact) -> Result<Applied, Failure> {
    let Fact::HandOverDeclined { hand_over_id, given: text } = fact else { return Ok(Applied::Done) };
    let detail = json!({ "hand_over_id": hand_over_id });
    let Some(given) = inside(tx, caller, *hand_over_id, text).await? else {
        return Ok(parked(CaseKind::BadEntry, detail));
    };
    let Some((quota, event)) = store::quota_of(tx, given.lease_id).await? else {
        return Ok(parked(CaseKind::UnknownLease, detail));
    };
    let locked = store::lock_quota(tx, quota).await?;
    let giver = store::lock_lease(tx, given.lease_id).await?.filter(|l| l.holder == given.from);
    let (Some((_, mut account)), Some(mut giver)) = (locked, giver) else {
        return Ok(parked(CaseKind::UnknownLease, detail));
    };
    let (mut kept, known) = match store::hand_over(tx, *hand_over_id).await? {
        Some(kept) => (kept, true),
        None => {
            let hand_over = ledger::declined_at_once(&giver, &given.offer);
            (Kept { hand_over, event: given.event_id, blanks: given.blanks }, false)
        }
    };
    if kept.hand_over.decline(&mut account, &mut giver).is_err() {
        return Ok(Applied::Notice { kind: CaseKind::UnknownLease, event: Some(event), detail });
    }
    save_with(tx, (&kept, known), Moved::lease(quota, &account, &giver)).await?;
    note(tx, Subject::Quota(quota, event)).await?;
    note(tx, Subject::HandOver(*hand_over_id, event)).await?;
    sync::cases::close_by_itself(tx, CaseKind::HandOverStuck, &hand_over_id.to_string(), sync::cases::Moot::Arrived)
        .await?;
    Ok(Applied::Done)
}

/// Opens a case for each hand-over that is in flight for longer than is usual; one each, ever: who has seen it has seen
/// it.
///
/// # Errors
/// When the database is away.
pub async fn find_stuck(app: &App) -> Result<(), Failure> {
    let since = UtcMillis(app.now().0.saturating_sub(i64::from(app.config.hand_over_min) * 60_000));
    for (organizer, id) in store::stuck(app.untenanted(), since).await? {
        let mut tx = app.begin(organizer).await?;
        let about = id.to_string();
        let before = sync::cases::standing(&mut tx, CaseKind::HandOverStuck, std::slice::from_ref(&about)).await?;
        let Some(kept) = store::hand_over(&mut tx, id).await?.filter(|_| before.is_empty()) else { continue };
        let HandOver { lease_id, quota_id, from, to, moved, state, .. } = &kept.hand_over;
        if *state != HandOverState::InFlight {
            continue;
        }
        let detail = json!({
            "hand_over_id": id, "lease_id": lease_id, "quota_id": quota_id, "to": to, "units": moved.count(),
        });
        let case = NewCase { device: *from, event: Some(kept.event), kind: CaseKind::HandOverStuck, detail };
        sync::cases::open_once(&mut tx, &about, &case).await?;
        tx.commit().await?;
    }
    Ok(())
}
