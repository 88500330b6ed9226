//! Asking for units before they run out: for each quota of products on sale, when fewer than half of the target are
//! left here.

use crate::{catalog, copies, error::Fault, leases, station::Station, sync::Refusal, till};
use rusqlite::Transaction;
use willcall_domain::{
    catalog::{Article, DateRow, ItemRow, QuotaRow},
    clock::UtcMillis,
    devices::wire::Role,
    id::{DateId, DeviceId, EventId, QuotaId, RequestId, VariationId},
    leases::{
        Held, HeldLease,
        size::{asked_for, target},
        wire::LeaseRequest,
    },
    problem::{Code, Problem},
};

/// The outage a till should be able to sell through where its event does not say, in minutes.
const PLANNED_OUTAGE_MIN: u32 = 60;
pub(super) const HOUR_MS: i64 = 3_600_000;

/// What came of asking.
#[derive(Debug, Default)]
pub struct Asked {
    /// Leases taken in.
    pub taken_in: u32,
    /// Entries by which units, blanks or rights went back.
    pub given_back: u32,
    pub problems: Vec<Problem>,
}

/// Asks for what is wanted and takes in what is granted. Quotas in `resting` were sold out a moment ago and are not
/// asked for; those found sold out now are added.
///
/// # Errors
/// When the link fails; what was asked stays remembered and is asked again under the same id.
pub async fn request(station: &Station, resting: &mut Vec<QuotaId>) -> Result<Asked, Refusal> {
    let identity = station.enrolled()?;
    let mut asked = Asked::default();
    if !identity.role.sells() {
        return Ok(asked);
    }
    let plan = Plan {
        station: identity.device_id,
        incarnation: identity.incarnation,
        role: identity.role,
        events: identity.events.clone(),
        now: station.reading().now,
        skip: resting.clone(),
        entropy: station.host().entropy.clone(),
    };
    let who = identity.clone();
    if station.db().read(move |tx| copies::standing::doubts(tx, &who)).await?.is_some() {
        // Units are asked for once it is known what is held.
        return Ok(asked);
    }
    asked.given_back += leases::give_back::give_back(station, &identity).await?.entries;
    asked.given_back += leases::rights::give_back::give_back(station, &identity).await?;
    let requests = station.db().write(move |tx| plan.requests(tx)).await?;
    let link = station.server(&identity)?;
    for lease_request in requests {
        let (id, quota) = (lease_request.request_id, lease_request.quota_id);
        match station.transport().lease(&link, &lease_request).await {
            Ok(grant) => {
                let accepted = leases::accept::accept(station, grant).await;
                asked.taken_in += u32::from(accepted.map_err(not_the_servers)?);
            }
            Err(Refusal::Problem { problem, .. }) if problem.code == Code::SoldOut => {
                station.db().write(move |tx| leases::answered(tx, id)).await?;
                resting.push(quota);
            }
            Err(Refusal::Problem { problem, .. }) if problem.code != Code::Revoked && problem.code.status() < 429 => {
                tracing::warn!(quota = quota.0, problem = %problem, "units were refused");
                station.db().write(move |tx| leases::answered(tx, id)).await?;
                resting.push(quota);
                asked.problems.push(*problem);
            }
            Err(other) => return Err(other),
        }
    }
    Ok(asked)
}

/// Who hands out grants that the server did not sign for this station is not the server.
fn not_the_servers(problem: Problem) -> Refusal {
    if problem.code == Code::Protocol { Refusal::Unusable(problem.detail) } else { problem.into() }
}

struct Plan {
    station: DeviceId,
    incarnation: u32,
    role: Role,
    events: Vec<EventId>,
    now: UtcMillis,
    skip: Vec<QuotaId>,
    entropy: std::sync::Arc<dyn willcall_domain::entropy::Entropy>,
}

impl Plan {
    fn requests(&self, tx: &Transaction<'_>) -> Result<Vec<LeaseRequest>, Fault> {
        let held = leases::held(tx, self.station, self.incarnation)?;
        let shelf = OnSale::read(tx, self.now)?;
        let since = UtcMillis(self.now.0 - HOUR_MS);
        let mut out = Vec::new();
        for quota in catalog::quotas_of_events(tx)? {
            if !self.role.sells()
                || !shelf.sells_of(&quota)
                || !self.events.contains(&quota.event_id)
                || self.skip.contains(&quota.quota_id)
            {
                continue;
            }
            let open = leases::open_request(tx, quota.quota_id)?;
            let sold = till::sold_since(tx, &quota, since)?;
            let wanted = wanted(&held, quota.quota_id, sold, planned_outage_min(tx, quota.event_id)?);
            let (request_id, wanted) = match (open, wanted) {
                (Some(open), _) => open,
                (None, 0) => continue,
                (None, wanted) => {
                    let id = RequestId::born(self.now, &*self.entropy);
                    leases::remember_request(tx, quota.quota_id, id, wanted)?;
                    (id, wanted)
                }
            };
            out.push(LeaseRequest { request_id, quota_id: quota.quota_id, wanted });
        }
        Ok(out)
    }
}

/// How long before its end a date's missing tickets are nothing to be fetched any more: the server may take it for over.
const CLOSING_MS: i64 = 3_600_000;

/// What is sold now, to know which quotas are of use.
pub(super) struct OnSale {
    items: Vec<ItemRow>,
    /// All there are: an event that has any sells nothing without one.
    dates: Vec<DateRow>,
    /// Events that tills may sell for.
    events: Vec<EventId>,
    now: UtcMillis,
}

impl OnSale {
    pub(super) fn read(tx: &Transaction<'_>, now: UtcMillis) -> Result<Self, Fault> {
        let items = catalog::items_of_events(tx)?.into_iter().filter(|i| i.active).collect();
        let events = catalog::events(tx)?.into_iter().filter(|e| e.till_sales).map(|e| e.event_id).collect();
        Ok(Self { items, dates: catalog::dates_of_events(tx)?, events, now })
    }

    /// Whether anything is sold that counts in this quota.
    pub(super) fn sells_of(&self, quota: &QuotaRow) -> bool {
        let is_sold = |id| self.dates.iter().any(|d| d.date_id == id && d.active && !d.is_over(self.now));
        self.events.contains(&quota.event_id)
            && self.items.iter().any(|i| quota.items.contains(&i.item_id))
            && quota.date_id.is_none_or(is_sold)
    }

    /// Whether something that is sold from this quota's units has no ticket here at all: it came on sale after they were
    /// lent. `quotas` are all there are.
    pub(super) fn lacks_tickets(&self, quota: &QuotaRow, quotas: &[QuotaRow], held: &[HeldLease]) -> bool {
        let is_missing = |article: &Article| {
            let counting = |l: &&HeldLease| quotas.iter().any(|q| q.quota_id == l.quota_id && q.counts(*article));
            !held.iter().filter(counting).any(|l| l.blanks.get(article).is_some_and(|b| !b.left.is_empty()))
        };
        self.tickets_of(quota).iter().any(is_missing)
    }

    /// What is sold from this quota's units and admits somebody.
    fn tickets_of(&self, quota: &QuotaRow) -> Vec<Article> {
        let dates: Vec<&DateRow> = self.dates.iter().filter(|d| d.event_id == quota.event_id).collect();
        let closing = UtcMillis(self.now.0.saturating_add(CLOSING_MS));
        let to_come = |d: &&&DateRow| d.active && !d.is_over(closing);
        let of_dates: Vec<Option<DateId>> =
            if dates.is_empty() { vec![None] } else { dates.iter().filter(to_come).map(|d| Some(d.date_id)).collect() };
        let mut out = Vec::new();
        for item in self.items.iter().filter(|i| i.admission && quota.items.contains(&i.item_id)) {
            let variations: Vec<Option<VariationId>> = match item.variations.is_empty() {
                true => vec![None],
                false => item.variations_on_sale().iter().map(|v| Some(v.variation_id)).collect(),
            };
            let each = of_dates.iter().flat_map(|date_id| {
                variations.iter().map(move |v| Article { item_id: item.item_id, variation_id: *v, date_id: *date_id })
            });
            out.extend(each.filter(|article| quota.counts(*article)));
        }
        out
    }
}

/// The outage a till should be able to sell through at this event, in minutes.
pub(super) fn planned_outage_min(tx: &Transaction<'_>, event: EventId) -> Result<u32, Fault> {
    Ok(catalog::event(tx, event)?.map_or(PLANNED_OUTAGE_MIN, |event| event.planned_outage_min))
}

/// Units to ask for, as for an hour; 0 while at least half of what lasts for the outage is here.
fn wanted(held: &[Held], quota: QuotaId, sold_last_hour: u32, planned_outage_min: u32) -> u32 {
    let here: u32 = held.iter().filter(|l| l.quota_id == quota).map(Held::outstanding).sum();
    let target = target(sold_last_hour, planned_outage_min);
    if here < target / 2 { asked_for(target - here, planned_outage_min) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;
    use willcall_domain::{id::LeaseId, leases::Units};

    #[test]
    fn units_are_asked_for_when_fewer_than_half_of_the_target_are_left() {
        let held = |left: u32| {
            vec![Held {
                lease_id: LeaseId(Uuid::nil()),
                quota_id: QuotaId(1),
                free: Units::first(left),
                blanks: std::collections::BTreeMap::new(),
            }]
        };
        assert_eq!(wanted(&held(5), QuotaId(1), 0, 60), 0, "half of ten is here");
        assert_eq!(wanted(&held(4), QuotaId(1), 0, 60), 6);
        assert_eq!(wanted(&held(4), QuotaId(2), 0, 60), 10, "of another quota nothing is here");
        assert_eq!(wanted(&held(30), QuotaId(1), 80, 60), 50, "a good hour raises the target");
        assert_eq!(wanted(&held(45), QuotaId(1), 80, 60), 0);
        assert_eq!(wanted(&held(45), QuotaId(1), 80, 120), 57, "two hours want 160; the server doubles what is asked");
        assert_eq!(wanted(&held(80), QuotaId(1), 80, 120), 0, "half of two hours is here");
        assert_eq!(wanted(&held(30), QuotaId(1), 80, 10), 0, "thirty last for more than ten minutes");
        assert_eq!(wanted(&held(4), QuotaId(1), 80, 10), 60, "ten more, of which the server lends a sixth");
    }
}
