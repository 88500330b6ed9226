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

/// Recalls what stands in the way of a quota's target, or ends the recall where nothing does any more.
///
/// # Errors
/// When the database is away.
pub async fn set_targets(tx: &mut Tx, quota: QuotaId) -> Result<(), Failure> {
    let Some((event, account)) = store::lock_quota(tx, quota).await? else { return Ok(()) };
    let open = store::open_leases(tx, quota).await?;
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
    let (mut coming, mut told) = (0_u32, BTreeMap::new());
    for (device, lease, units, keep) in store::open_leases(tx, quota).await? {
        let rate = sold.iter().find(|(d, _)| *d == Some(device)).map_or(0, |(_, n)| *n);
        let spare = || Spare { leases: Vec::new(), expected: expected(rate, outage) };
        // What was asked for before is on its way, and not here to be asked for again.
        let stays = keep.map_or(units, |keep| keep.min(units));
        coming += units - stays;
        told.insert(lease, keep);
        stations.entry(device).or_insert_with(spare).leases.push((lease, stays));
    }
    let stations: Vec<Spare> = stations.into_values().collect();
    let keeps = spared(&stations, wanted.saturating_sub(coming));
    let news = keeps.into_iter().filter(|(lease, keep)| told.get(lease) != Some(&Some(*keep)));
    let news = news.map(|(lease, keep)| (lease, Some(keep))).collect();
    tell(tx, event, news).await
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
