//! What people in the office do: give up, switch off, make smaller, move, change the catalogue.

use super::{Desk, Server};
use crate::{bugs::Bug, rows::Key};
use std::collections::BTreeSet;
use willcall_domain::{
    id::{DeviceId, EventId, HandOverId, LeaseId, QuotaId},
    leases::ledger::{GivenUp, HandOverState},
    sync::{
        CaseKind,
        change::VoidWhy,
        intake::{Limit, Standing},
    },
};

fn why(how: GivenUp) -> VoidWhy {
    match how {
        GivenUp::Lost => VoidWhy::Lost,
        GivenUp::Stolen => VoidWhy::Stolen,
    }
}

impl Server {
    /// A person gives up what a station holds. What it has handed over and nobody has taken yet stays in flight: the
    /// other till may have it.
    pub fn write_off(&mut self, device: DeviceId, how: GivenUp, at: &mut Desk<'_>) -> i64 {
        self.write_off_rights(device, how, at);
        let mut units = 0;
        let mine = self.ledger.leases.values().filter(|l| l.holder == device);
        for id in mine.map(|l| l.lease_id).collect::<Vec<LeaseId>>() {
            if let Ok((quota, lease)) = self.ledger.lease(device, id) {
                units += lease.write_off(quota, how).total();
            }
            self.void_left(id, why(how), at);
            self.tell_lease(id, at);
        }
        let kinds = [CaseKind::Fork, CaseKind::SuspectStation, CaseKind::StationNotHeard];
        let of = |case: &super::Case| kinds.contains(&case.kind) && case.device == Some(device);
        let ids: Vec<_> = self.cases.iter().filter(|(_, case)| of(case)).map(|(id, _)| *id).collect();
        ids.into_iter().for_each(|id| self.close_case(id, at));
        units
    }

    /// A person gives up one hand-over that is in flight.
    pub fn write_off_flying(&mut self, nth: usize, how: GivenUp, at: &mut Desk<'_>) -> Option<(HandOverId, u32)> {
        let flying = self.ledger.hand_overs.values().filter(|h| h.state == HandOverState::InFlight);
        let flying: Vec<HandOverId> = flying.map(|h| h.hand_over_id).collect();
        let id = *flying.get(nth % flying.len().max(1))?;
        let hand_over = self.ledger.hand_overs.get_mut(&id)?;
        let (lease, of) = (hand_over.lease_id, hand_over.quota_id);
        let units = hand_over.write_off(self.ledger.quotas.get_mut(&of)?, how);
        self.note(Key::HandOver(id), at);
        self.tell_lease(lease, at);
        Some((id, units))
    }

    /// A device is switched off: what is known of its journal now is the last that counts.
    pub fn revoke(&mut self, device: DeviceId, at: &mut Desk<'_>) {
        let of = self.journals.iter().filter(|((station, _), _)| *station == device);
        let limit = |((_, incarnation), journal): (&(DeviceId, u32), &super::Journal)| {
            let last = journal.entries.keys().next_back();
            let until = |(seq, hash): &(u64, [u8; 32])| Standing::RevokedAt(Limit { seq: *seq, hash: *hash });
            (*incarnation, last.map_or(Standing::Revoked, until))
        };
        let limits: Vec<(u32, Standing)> = of.map(limit).collect();
        if let Some(row) = self.devices.get_mut(&device) {
            row.revoked = true;
            row.standing.extend(limits);
        }
        self.note(Key::Device(device), at);
    }

    /// A station is for other events from now on.
    pub fn move_to(&mut self, device: DeviceId, events: BTreeSet<EventId>, at: &mut Desk<'_>) {
        if let Some(row) = self.devices.get_mut(&device) {
            row.events = events;
        }
        self.note(Key::Device(device), at);
    }

    /// A quota is to be smaller; what is out is asked back.
    pub fn resize(&mut self, quota: QuotaId, wanted: i64, at: &mut Desk<'_>) {
        let Some(account) = self.ledger.quotas.get_mut(&quota) else { return };
        if at.bug == Some(Bug::QuotaCutUnderLeases) {
            account.leased = account.leased.min((wanted - account.sold).max(0));
            account.size = Some(wanted.max(account.sold));
            return;
        }
        if account.resize(Some(wanted)).is_err() {
            return;
        }
        let back = account.to_come_back();
        self.note(Key::Quota(quota), at);
        if back == 0 {
            return;
        }
        for (lease, keep) in self.ledger.keeps(quota, back) {
            let Some(account) = self.ledger.leases.get_mut(&lease) else { continue };
            if account.recall(Some(keep)) {
                self.tell_lease(lease, at);
            }
        }
    }

    /// The mistake of [`Bug::ExpiringLease`].
    pub fn expire(&mut self, now: i64) {
        for lease in self.ledger.leases.values_mut() {
            let silent = self.devices.get(&lease.holder).is_some_and(|d| now - d.last_heard > 60_000);
            if silent && let Some(quota) = self.ledger.quotas.get_mut(&lease.quota_id) {
                lease.close(quota);
            }
        }
    }

    /// Price of something of the catalogue, or its end.
    pub fn edit(&mut self, id: i64, price: Option<i64>, at: &mut Desk<'_>) {
        self.catalogue.insert(id, price);
        self.note(Key::Catalogue(id), at);
    }
}
