//! One unit of a sale: from *leased* to *sold*, and back when the sale is undone.

use super::store::{self, Moved};
use crate::{
    app::Tx,
    http::{caller::DeviceCaller, problem::Failure},
    sync::{Subject, note},
};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;
use willcall_domain::{
    id::{LeaseId, PositionId, QuotaId},
    leases::{
        UnitRef,
        ledger::{Sale, Undone},
    },
    sync::Fact,
};

/// What became of one unit of a sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitUse {
    /// Moved from leased to sold.
    Taken(QuotaId),
    /// It had been written off: honoured. `beyond` when it is one more than there are, `first` when this shows it first.
    AfterWriteOff { quota: QuotaId, beyond: bool, first: bool },
    /// Sold before to another position.
    Twice,
    /// Not this station's to sell.
    NotLent,
}

/// What undoing the sale of a unit came to.
pub type Quit = Undone;

/// Holds every quota that these facts touch, in ascending order: two pages, or a page and an order of the web, then never
/// wait for each other in a circle.
///
/// # Errors
/// When the database is away.
pub async fn lock_page<'a>(tx: &mut Tx, facts: impl IntoIterator<Item = &'a Fact>) -> Result<(), Failure> {
    let (mut leases, mut items, mut quotas) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for fact in facts {
        touched(fact, &mut leases, &mut items, &mut quotas);
    }
    if leases.is_empty() && items.is_empty() && quotas.is_empty() {
        return Ok(());
    }
    let leases: Vec<Uuid> = leases.into_iter().collect();
    let items: Vec<i64> = items.into_iter().collect();
    quotas.extend(store::quotas_touched(tx, &leases, &items).await?);
    let quotas: Vec<i64> = quotas.into_iter().collect();
    Ok(store::lock_quotas(tx, &quotas).await?)
}

/// Holds these quotas, in ascending order.
///
/// # Errors
/// When the database is away.
pub async fn lock(tx: &mut Tx, quotas: impl IntoIterator<Item = QuotaId>) -> Result<(), Failure> {
    let quotas: BTreeSet<i64> = quotas.into_iter().map(|q| q.0).collect();
    Ok(store::lock_quotas(tx, &quotas.into_iter().collect::<Vec<_>>()).await?)
}

fn touched(fact: &Fact, leases: &mut BTreeSet<Uuid>, items: &mut BTreeSet<i64>, quotas: &mut BTreeSet<i64>) {
    match fact {
        Fact::Sale { lines, .. } => {
            items.extend(lines.iter().map(|l| l.item_id.0));
            leases.extend(lines.iter().flat_map(|l| &l.units).map(|u| u.lease_id.0));
        }
        Fact::Void { back, freed, .. } => leases.extend(back.iter().chain(freed).map(|u| u.lease_id.0)),
        Fact::LeaseAccepted { lease_id, quota_id, .. }
        | Fact::LeaseReturned { lease_id, quota_id, .. }
        | Fact::HandOverGiven { lease_id, quota_id, .. } => {
            leases.insert(lease_id.0);
            quotas.insert(quota_id.0);
        }
        Fact::HandOverTaken { quota_id, .. } => _ = quotas.insert(quota_id.0),
        Fact::Opened { .. }
        | Fact::Payment { .. }
        | Fact::Receipt { .. }
        | Fact::Scan { .. }
        | Fact::Print { .. }
        | Fact::HandOverDeclined { .. }
        | Fact::RightTaken { .. }
        | Fact::RightReleased { .. }
        | Fact::Refund { .. }
        | Fact::ScanUndone { .. }
        | Fact::CaseClosed { .. }
        | Fact::OperatorIn { .. }
        | Fact::OperatorOut { .. }
        | Fact::Badge { .. }
        | Fact::Answers { .. }
        | Fact::Exchanged { .. }
        | Fact::KeyChanged { .. }
        | Fact::Checkpoint { .. }
        | Fact::Closed { .. } => {}
    }
}

/// Moves one unit from *leased* to *sold*.
///
/// # Errors
/// When the database is away.
pub async fn use_unit(
    tx: &mut Tx,
    caller: &DeviceCaller,
    unit: UnitRef,
    position: PositionId,
) -> Result<UnitUse, Failure> {
    let Some((quota, _)) = store::quota_of(tx, unit.lease_id).await? else { return Ok(UnitUse::NotLent) };
    let Some((_, mut account)) = store::lock_quota(tx, quota).await? else { return Ok(UnitUse::NotLent) };
    let Some(mut lease) = store::lock_lease(tx, unit.lease_id).await? else { return Ok(UnitUse::NotLent) };
    if lease.holder != caller.device {
        return Ok(UnitUse::NotLent);
    }
    let counts = store::counts(tx, quota, position).await?;
    let used = match lease.sell(&mut account, unit.unit) {
        Sale::Covered => UnitUse::Taken(quota),
        Sale::AfterWriteOff { beyond, first } => UnitUse::AfterWriteOff { quota, beyond: beyond && counts, first },
        Sale::SoldBefore => {
            let same = store::sold_to(tx, unit.lease_id, unit.unit).await? == Some(position);
            return Ok(if same { UnitUse::Taken(quota) } else { UnitUse::Twice });
        }
        Sale::NotLent => return Ok(UnitUse::NotLent),
    };
    if !counts {
        // The product left this quota while the till was on its own: the unit is used up, the place is free.
        account.unsell(1);
    }
    let sold = Some((unit.lease_id, unit.unit, position));
    store::save_moved(tx, &Moved { sold, ..Moved::lease(quota, &account, &lease) }).await?;
    Ok(used)
}

/// Counts one sold unit that no lease covers: sold is sold. Answers whether it is one more than there are.
///
/// # Errors
/// When the database is away.
pub async fn sell_uncovered(tx: &mut Tx, quota: QuotaId) -> Result<bool, Failure> {
    let Some((_, mut account)) = store::lock_quota(tx, quota).await? else { return Ok(false) };
    let beyond = account.sell_uncovered();
    store::save_moved(tx, &Moved::quota(quota, &account)).await?;
    Ok(beyond)
}

/// Sold units that no lease covers are free again.
///
/// # Errors
/// When the database is away.
pub async fn unsell(tx: &mut Tx, quota: QuotaId, count: i64) -> Result<(), Failure> {
    let Some((event, mut account)) = store::lock_quota(tx, quota).await? else { return Ok(()) };
    account.unsell(count);
    store::save_moved(tx, &Moved::quota(quota, &account)).await?;
    note(tx, Subject::Quota(quota, event)).await
}

/// Undoes the sale of one unit: `back` to the station of its lease, else free. `of` is the position it must have been sold
/// to, where that matters.
///
/// # Errors
/// When the database is away.
pub async fn quit(tx: &mut Tx, unit: UnitRef, of: &[PositionId], back: bool) -> Result<Quit, Failure> {
    let Some((quota, event)) = store::quota_of(tx, unit.lease_id).await? else { return Ok(Undone::Nothing) };
    let Some((_, mut account)) = store::lock_quota(tx, quota).await? else { return Ok(Undone::Nothing) };
    let Some(mut lease) = store::lock_lease(tx, unit.lease_id).await? else { return Ok(Undone::Nothing) };
    let sold_to = store::sold_to(tx, unit.lease_id, unit.unit).await?;
    if sold_to.is_some_and(|position| !of.contains(&position)) {
        // A copied station: the unit is another sale's by now.
        return Ok(Undone::Nothing);
    }
    if let Some(position) = sold_to
        && !store::counts(tx, quota, position).await?
    {
        account.count_before_undoing();
    }
    let undone = lease.undo_sale(&mut account, unit.unit, back);
    if undone == Undone::Nothing {
        return Ok(undone);
    }
    // What was undone here may have been promised to another till, whose word of it came first.
    let (mut settled, mut receivers) = (Vec::new(), Vec::new());
    for mut kept in store::hand_overs_short_of(tx, unit.lease_id).await? {
        let taken_as = LeaseId(kept.hand_over.hand_over_id.0);
        let mut receiver = store::lock_lease(tx, taken_as).await?;
        if kept.hand_over.settle(&mut account, &mut lease, receiver.as_mut()) > 0 {
            settled.push(kept.hand_over);
            if receiver.is_some() {
                note(tx, Subject::Lease(taken_as, event)).await?;
            }
            receivers.extend(receiver);
        }
    }
    let moved = Moved {
        leases: std::iter::once(&lease).chain(&receivers).collect(),
        hand_overs: settled.iter().collect(),
        unsold: sold_to.map(|_| (unit.lease_id, unit.unit)),
        ..Moved::quota(quota, &account)
    };
    store::save_moved(tx, &moved).await?;
    note(tx, Subject::Quota(quota, event)).await?;
    Ok(undone)
}

/// Frees every leased unit of these positions, as when the office cancels a till's sale; answers how many of which quota.
/// Their till cannot sell them again.
///
/// # Errors
/// When the database is away.
pub async fn free_units(tx: &mut Tx, positions: &[PositionId]) -> Result<BTreeMap<QuotaId, i64>, Failure> {
    let mut freed = BTreeMap::new();
    for (_, lease_id, unit, quota) in store::units_of(tx, positions).await? {
        if quit(tx, UnitRef { lease_id, unit }, positions, false).await? != Undone::Nothing {
            *freed.entry(quota).or_default() += 1;
        }
    }
    Ok(freed)
}

/// The units these positions were sold from, and their quotas.
///
/// # Errors
/// When the database is away.
pub async fn units_of(tx: &mut Tx, positions: &[PositionId]) -> Result<Vec<(PositionId, UnitRef, QuotaId)>, Failure> {
    let units = store::units_of(tx, positions).await?;
    let read = |(position, lease_id, unit, quota): (PositionId, LeaseId, u32, QuotaId)| {
        (position, UnitRef { lease_id, unit }, quota)
    };
    Ok(units.into_iter().map(read).collect())
}

/// The quota a unit is of; `None` for a lease that is not known.
///
/// # Errors
/// When the database is away.
pub async fn quota_of(tx: &mut Tx, unit: UnitRef) -> Result<Option<QuotaId>, Failure> {
    Ok(store::quota_of(tx, unit.lease_id).await?.map(|(quota, _)| quota))
}
