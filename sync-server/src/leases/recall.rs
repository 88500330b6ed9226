//! Asking units back: when a quota is to become smaller than what is out, and when the web or another till has run dry
//! while stations hold units they do not need. A station that hears of it returns at once; sales before are valid.

use super::store;
use crate::{
    app::{App, Tx},
    http::problem::Failure,
    sync::{Subject, note},
};
use std::collections::BTreeMap;
use willcall_domain::{
    id::{DeviceId, EventId, LeaseId, QuotaId},
    leases::size::{Spare, expected, recalled, spared},
};

/// Fewest units asked back at once when a quota has run dry.
const LEAST_WANTED: i64 = 10;

/// Recalls what stands in the way of a quota's target, all that is out where tills may not sell, or ends the recall where
/// nothing is in the way any more.
///
/// # Errors
/// When the database is away.
pub async fn set_targets(tx: &mut Tx, quota: QuotaId) -> Result<(), Failure> {
    let Some((event, account)) = store::lock_quota(tx, quota).await? else { return Ok(()) };
    let open = store::open_leases(tx, quota).await?;
    if !store::lending(tx, event).await?.till_sales {
        let out = open.into_iter().filter(|(_, _, units, told)| *units > 0 && *told != Some(0));
        return tell(tx, event, out.map(|l| (l.1, Some(0))).collect()).await;
    }
    if account.target.is_none() {
        return tell(tx, event, open.into_iter().filter(|l| l.3.is_some()).map(|l| (l.1, None)).collect()).await;
    }
    let keeps = recalled(open.iter().map(|l| (l.1, l.2)), account.to_come_back());
    // A recall that was told is never loosened: what was asked for is on its way.
    let tighter = |(_, lease, _, told): &(DeviceId, LeaseId, u32, Option<u32>)| {
        let keep = *keeps.get(lease)?;
        told.is_none_or(|told| keep < told).then_some((*lease, Some(keep)))
    };
    let tighter = open.iter().filter_map(tighter).collect();
    tell(tx, event, tighter).await
}

/// Recalls idle units of a quota of which nothing is left for somebody who wants `wanted`.
///
/// # Errors
/// When the database is away.
pub async fn ran_dry(tx: &mut Tx, quota: QuotaId, wanted: u32) -> Result<(), Failure> {
    let Some((event, _)) = store::lock_quota(tx, quota).await? else { return Ok(()) };
    let outage = store::lending(tx, event).await?.planned_outage_min.unsigned_abs();
    let sold = store::sold_last_hour(tx, quota, event).await?;
    let mut stations: BTreeMap<DeviceId, Spare> = BTreeMap::new();
    let mut told = BTreeMap::new();
    let live = store::heard_of(tx, quota).await?;
    for (device, lease, units, keep) in store::open_leases(tx, quota).await? {
        let rate = sold.iter().find(|(d, _)| *d == Some(device)).map_or(0, |(_, n)| *n);
        let spare =
            || Spare { leases: Vec::new(), expected: expected(rate, outage), coming: 0, live: live.contains(&device) };
        // What was asked for before is not here to be asked for again.
        let stays = keep.map_or(units, |keep| keep.min(units));
        told.insert(lease, keep);
        let station = stations.entry(device).or_insert_with(spare);
        station.coming += units - stays;
        station.leases.push((lease, stays));
    }
    let stations: Vec<Spare> = stations.into_values().collect();
    let keeps = spared(&stations, wanted);
    let news = keeps.into_iter().filter(|(lease, keep)| told.get(lease) != Some(&Some(*keep)));
    let news = news.map(|(lease, keep)| (lease, Some(keep))).collect();
    tell(tx, event, news).await
}

/// Tills may sell of this event from now on, or may not: then all that is out is asked back, of every quota.
///
/// # Errors
/// When the database is away.
pub async fn switched(tx: &mut Tx, event: EventId) -> Result<(), Failure> {
    for quota in store::lock_quotas_of(tx, event).await? {
        set_targets(tx, quota).await?;
    }
    Ok(())
}

/// Units have come to a till of which nobody could tell it yet that it may not sell them.
///
/// # Errors
/// When the database is away.
pub(super) async fn arrived(tx: &mut Tx, quota: QuotaId, event: EventId) -> Result<(), Failure> {
    if store::lending(tx, event).await?.till_sales { Ok(()) } else { set_targets(tx, quota).await }
}

async fn tell(tx: &mut Tx, event: EventId, keeps: Vec<(LeaseId, Option<u32>)>) -> Result<(), Failure> {
    for (lease, keep) in keeps {
        store::set_keep(tx, lease, keep).await?;
        note(tx, Subject::Lease(lease, event)).await?;
        tracing::info!(%lease, ?keep, "recall");
    }
    Ok(())
}

/// Looks through all quotas of which next to nothing is left, or less is wanted than is out.
///
/// # Errors
/// When the database is away.
pub async fn find_dry(app: &App) -> Result<(), Failure> {
    for (organizer, quota) in store::dry_quotas(app.untenanted()).await? {
        let mut tx = app.begin(organizer).await?;
        let Some((_, account)) = store::lock_quota(&mut tx, quota).await? else { continue };
        if account.target.is_some() {
            set_targets(&mut tx, quota).await?;
        } else {
            let wanted = account.size.unwrap_or_default() / 20;
            ran_dry(&mut tx, quota, u32::try_from(wanted.max(LEAST_WANTED)).unwrap_or(u32::MAX)).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}
