//! Lending units, with the blanks that may be sold from them.

use super::{Blanks, CAP, Desk, Server};
use crate::{rows::Key, town};
use std::collections::BTreeMap;
use willcall_domain::{
    catalog::Article,
    clock::UtcMillis,
    entropy::SeededEntropy,
    id::{DeviceId, LeaseId, PositionId, QuotaId, RequestId},
    leases::{BlankCodes, BlankRange, Grant, GrantBody, LeaseState, sign_grant, units::Units},
    sync::change::VoidWhy,
    ticketing::blank,
};

impl Server {
    pub(super) fn open_grants(&self, device: DeviceId) -> Vec<Grant> {
        let open = |lease: &LeaseId| {
            let lease = self.ledger.leases.get(lease);
            lease.is_some_and(|l| l.holder == device && !l.accepted && l.state == LeaseState::Open)
        };
        self.grants.iter().filter(|(id, _)| open(id)).map(|(_, body)| self.seal(body)).collect()
    }

    fn seal(&self, body: &GrantBody) -> Grant {
        let codes =
            body.blanks.iter().map(|b| BlankCodes { article: b.article, codes: vec![String::new(); b.count as usize] });
        sign_grant(body, codes.collect(), &self.key).expect("a grant can be written")
    }

    /// Lends; the same request again answers the same grant.
    pub fn lend(
        &mut self,
        device: DeviceId,
        quota: QuotaId,
        request: RequestId,
        wanted: u32,
        at: &mut Desk<'_>,
    ) -> Option<Grant> {
        let event = town::event_of_quota(quota);
        let may = |d: &&super::Device| !d.revoked && !d.suspended && d.sells && d.events.contains(&event);
        let row = self.devices.get(&device).filter(may)?;
        if row.unheard.is_some() {
            return None;
        }
        if let Some(body) = self.requests.get(&request).and_then(|lease| self.grants.get(lease)) {
            return Some(self.seal(body));
        }
        let mine = self.ledger.leases.values().filter(|l| l.holder == device && l.quota_id == quota);
        let held: u32 = mine.map(|l| l.outstanding().count()).sum();
        let free = u32::try_from(self.ledger.quotas.get(&quota)?.free()?).unwrap_or(0);
        let units = wanted.min(CAP.saturating_sub(held)).min(free);
        if units == 0 {
            return None;
        }
        let entropy = SeededEntropy::new(at.dice.throw());
        let lease_id = LeaseId::born(UtcMillis(at.now), &entropy);
        self.ledger.grant(quota, lease_id, device, units).ok()?.ok()?;
        let range = |article: Article| BlankRange {
            article,
            base: blank::base(PositionId::born(UtcMillis(at.now), &entropy)),
            count: blank::count_for(units),
        };
        let body = GrantBody {
            lease_id,
            request_id: request,
            organizer_id: town::ORGANIZER,
            event_id: event,
            quota_id: quota,
            station: device,
            units,
            blanks: town::articles_of(quota).into_iter().map(range).collect(),
            granted_at: UtcMillis(at.now),
        };
        let grant = self.seal(&body);
        self.add_blanks(lease_id, &body.blanks);
        self.requests.insert(request, lease_id);
        self.grants.insert(lease_id, body);
        self.tell_lease(lease_id, at);
        Some(grant)
    }

    pub(super) fn add_blanks(&mut self, lease: LeaseId, ranges: &[BlankRange]) {
        for range in ranges {
            let blanks =
                Blanks { base: blank::base(range.base), left: Units::from(range.numbers()), void: BTreeMap::new() };
            self.blanks.entry((lease, range.article)).or_insert(blanks);
        }
    }

    /// Blanks of a lease leave it, and will never be a ticket where `why` says so.
    pub(super) fn lose_blanks(
        &mut self,
        lease: LeaseId,
        ranges: &[BlankRange],
        why: Option<VoidWhy>,
        at: &mut Desk<'_>,
    ) {
        for range in ranges {
            let numbers = Units::from(range.numbers());
            let Some(blanks) = self.blanks.get_mut(&(lease, range.article)) else { continue };
            blanks.left.remove(&numbers);
            if let Some(why) = why {
                blanks.void.entry(why).or_default().add(&numbers);
                self.note(Key::void(lease, range.article), at);
            }
        }
    }

    /// Whatever is left of a lease's blanks is void.
    pub(super) fn void_left(&mut self, lease: LeaseId, why: VoidWhy, at: &mut Desk<'_>) {
        let of: Vec<(LeaseId, Article)> = self.blanks.keys().filter(|(id, _)| *id == lease).copied().collect();
        for key in of {
            let Some(blanks) = self.blanks.get_mut(&key).filter(|blanks| !blanks.left.is_empty()) else { continue };
            let left = std::mem::take(&mut blanks.left);
            blanks.void.entry(why).or_default().add(&left);
            self.note(Key::void(key.0, key.1), at);
        }
    }

    /// A blank became a ticket, or a ticket of it was undone.
    pub(super) fn blank_of(
        &mut self,
        lease: LeaseId,
        article: Article,
        position: PositionId,
        void: bool,
        at: &mut Desk<'_>,
    ) {
        let Some(blanks) = self.blanks.get_mut(&(lease, article)) else { return };
        let Some(n) = blank::index(blanks.base, position) else { return };
        blanks.left.remove(&Units::one(n));
        if void {
            blanks.void.entry(VoidWhy::Void).or_default().add(&Units::one(n));
            self.note(Key::void(lease, article), at);
        }
    }
}
