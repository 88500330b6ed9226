//! What is here of each quota, and the hand-overs this till has to do with, for the screen.

use super::{
    give,
    store::{self, KnownHandOver, Way},
};
use crate::{catalog, copies, devices::Identity, error::Fault, journal, station::Station};
use rusqlite::Transaction;
use std::collections::BTreeMap;
use willcall_domain::{
    id::{HandOverId, QuotaId},
    leases::{
        HeldLease, LeaseState,
        ledger::HandOverState,
        view::{HandOverView, LeaseHeld, LeasesView, QuotaLeases},
    },
    problem::Problem,
};

/// Most hand-overs on the screen.
const RECENT: u32 = 100;

/// The page of leases.
///
/// # Errors
/// When this station is not enrolled, or the database cannot be read.
pub async fn leases(station: &Station) -> Result<LeasesView, Problem> {
    let identity = station.enrolled()?;
    Ok(station.db().read(move |tx| view(tx, &identity)).await?)
}

fn view(tx: &Transaction<'_>, who: &Identity) -> Result<LeasesView, Fault> {
    let held = store::held_leases(tx, who.device_id, who.incarnation)?;
    let flying = store::on_the_way(tx)?;
    let all = store::hand_overs(tx, who.device_id, RECENT)?;
    let mut by_quota: BTreeMap<QuotaId, Vec<&HeldLease>> = BTreeMap::new();
    for lease in &held {
        by_quota.entry(lease.quota_id).or_default().push(lease);
    }
    let mut quotas = Vec::new();
    for (quota_id, leases) in by_quota {
        let sum = |count: &dyn Fn(&HeldLease) -> u32| leases.iter().map(|l| count(l)).sum::<u32>();
        let Some(event_id) = leases.first().map(|l| l.event_id) else { continue };
        let mut shown = Vec::new();
        for lease in &leases {
            let from = store::of_id(tx, HandOverId(lease.lease_id.0))?.into_iter().find(|h| h.way == Way::Taken);
            shown.push(LeaseHeld {
                lease_id: lease.lease_id,
                granted: lease.granted,
                free: lease.sellable().count(),
                sold: lease.sold.count(),
                state: lease.state,
                keep: lease.keep,
                from: from.map(|h| h.from),
            });
        }
        quotas.push(QuotaLeases {
            quota_id,
            event_id,
            name: catalog::quota(tx, quota_id)?.map(|q| q.name).unwrap_or_default(),
            event_name: catalog::event(tx, event_id)?.map(|e| e.name).unwrap_or_default(),
            held: sum(&|l| if l.state == LeaseState::Open { l.granted } else { 0 }),
            free: sum(&|l| l.sellable().count()),
            sold: sum(&|l| l.sold.count()),
            on_the_way: sum(&|l| flying.get(&l.lease_id).map_or(0, willcall_domain::leases::Units::count)),
            recalled: sum(&|l| l.recalled().iter().map(|back| back.units.count()).sum()),
            can_give: sum(&|l| if l.confirmed { l.sellable().count() } else { 0 }),
            unconfirmed: sum(&|l| if l.confirmed { 0 } else { l.sellable().count() }),
            leases: shown,
        });
    }
    Ok(LeasesView {
        station: who.device_id,
        doubt: copies::standing::doubts(tx, who)?,
        needs_link: give::certificate(tx, who)?.is_none(),
        quotas,
        hand_overs: all.into_iter().map(|one| show(tx, one)).collect::<Result<_, _>>()?,
    })
}

/// Whether units left and nothing has been heard of them.
pub(super) fn is_flying(one: &KnownHandOver) -> bool {
    one.way == Way::Given && matches!(one.told, None | Some(HandOverState::InFlight))
}

/// Hand-overs as they are shown, of these ids.
pub(super) fn hand_over_views(tx: &Transaction<'_>, ids: &[HandOverId]) -> Result<Vec<HandOverView>, Fault> {
    let mut out = Vec::new();
    for id in ids {
        for one in store::of_id(tx, *id)? {
            out.push(show(tx, one)?);
        }
    }
    Ok(out)
}

fn show(tx: &Transaction<'_>, one: KnownHandOver) -> Result<HandOverView, Fault> {
    let seq = i64::try_from(one.entry.seq).map_err(|_| Fault::Data("a seq is too large".into()))?;
    Ok(HandOverView {
        hand_over_id: one.out.hand_over_id,
        quota_id: one.out.quota_id,
        event_id: one.out.event_id,
        name: catalog::quota(tx, one.out.quota_id)?.map(|q| q.name).unwrap_or_default(),
        units: one.out.units.count(),
        from: one.from,
        from_name: one.from_name,
        to: one.out.to,
        at: one.at,
        state: match one.way {
            Way::Given => one.told.unwrap_or(HandOverState::InFlight),
            Way::Taken => HandOverState::Taken,
            Way::Declined => HandOverState::Declined,
        },
        delivery: journal::delivery(tx, one.entry.station.0, one.entry.incarnation, seq)?,
    })
}
