//! One entry into the server's books: which of the domain's movements it is, and what case it opens.

use super::{
    bugs::Bug,
    dice::Dice,
    network::Row,
    server::{Server, Ticket, case_id},
    station::{BOX, BOX_QUOTA, HALL_QUOTA, LIST_ALLOWS},
};
use willcall_domain::{
    checkin::{
        merge::{Splits, Use, doubles},
        wire::{Class, Direction},
    },
    id::{DeviceId, LeaseId, OrderId, PositionId, QuotaId, ScanId},
    leases::{
        Grant, GrantBody, GrantError, UnitRef, check_grant,
        ledger::{HandOverState, LeaseAccount, Offer, Sale, Undone, restore},
        units::{UnitRange, Units},
    },
    sync::{CaseKind, Entry, Fact, Outcome, fact::SaleLine},
};

/// Who wrote the entry, when it arrived, and what draws chance and mistakes.
pub struct Arrival<'a> {
    pub by: DeviceId,
    pub now: i64,
    pub dice: &'a mut Dice,
    pub bug: Option<Bug>,
}

impl Server {
    fn parked(&mut self, at: &mut Arrival<'_>, kind: CaseKind, position: Option<PositionId>) -> Outcome {
        self.open_case(kind, Some(at.by), position, None);
        Outcome::Parked { case_id: case_id(at.dice) }
    }

    fn noticed(
        &mut self,
        at: &mut Arrival<'_>,
        kind: CaseKind,
        position: Option<PositionId>,
        quota: Option<QuotaId>,
    ) -> Outcome {
        self.open_case(kind, Some(at.by), position, quota);
        Outcome::AppliedWithCase { case_id: case_id(at.dice) }
    }

    /// Applies an entry whose name and signature are in order.
    pub fn apply(&mut self, entry: &Entry, at: &mut Arrival<'_>) -> Outcome {
        let Some(fact) = entry.fact() else { return self.parked(at, CaseKind::UnknownKind, None) };
        if fact.order().is_some_and(|order| self.parked_orders.contains(&order)) {
            return self.parked(at, CaseKind::RefersToParked, None);
        }
        match fact {
            Fact::LeaseAccepted { lease_id, quota_id, units, grant, grant_signature, .. } => {
                let grant = Grant { body: grant, signature: grant_signature, codes: Vec::new() };
                self.accepted(at, &grant, LeaseAccount::new(quota_id, lease_id, at.by, units))
            }
            Fact::Sale { order_id, lines, .. } => self.sold(at, order_id, &lines),
            Fact::Payment { payment_id, amount, .. } => {
                *self.paid.entry(payment_id).or_default() += amount.minor;
                Outcome::Applied
            }
            Fact::Refund { refund_id, amount, .. } => {
                *self.paid.entry(refund_id).or_default() -= amount.minor;
                Outcome::Applied
            }
            Fact::Void { order_id, positions, back, .. } => self.voided(at, order_id, &positions, &back),
            Fact::LeaseReturned { lease_id, from, units, .. } => match self.ledger.lease(at.by, lease_id) {
                Ok((quota, lease)) => {
                    lease.give_back(quota, &Units::from(UnitRange::of(from, units)));
                    Outcome::Applied
                }
                Err(_) => self.parked(at, CaseKind::UnknownLease, None),
            },
            Fact::HandOverGiven { hand_over_id, lease_id, from, units, to, .. } => {
                let offer = Offer { hand_over_id, units: UnitRange::of(from, units), to };
                let known = self.ledger.give(at.by, lease_id, &offer).is_ok();
                self.moved(at, known)
            }
            Fact::HandOverTaken { given, .. } => self.taken(at, &given),
            Fact::HandOverDeclined { given, .. } => self.declined(at, &given),
            Fact::Scan { position_id: Some(position), class: Class::Admitted, direction, .. } => {
                self.scanned(at, entry, position, direction)
            }
            Fact::ScanUndone { scan_id, .. } => self.undone(at, scan_id),
            Fact::RightTaken { .. } | Fact::RightReleased { .. } => self.right_entry(at, &fact),
            Fact::Closed { .. } => {
                self.close_rights(at.by);
                for lease in self.ledger.leases.values_mut().filter(|l| l.holder == at.by && l.accepted) {
                    if let Some(quota) = self.ledger.quotas.get_mut(&lease.quota_id) {
                        lease.close(quota);
                    }
                }
                Outcome::Applied
            }
            Fact::Scan { .. }
            | Fact::Opened { .. }
            | Fact::Receipt { .. }
            | Fact::Print { .. }
            | Fact::CaseClosed { .. }
            | Fact::KeyChanged { .. }
            | Fact::Checkpoint { .. } => Outcome::Applied,
        }
    }

    fn moved(&mut self, at: &mut Arrival<'_>, lease_known: bool) -> Outcome {
        if lease_known { Outcome::Applied } else { self.parked(at, CaseKind::UnknownLease, None) }
    }

    fn accepted(&mut self, at: &mut Arrival<'_>, grant: &Grant, mut told: LeaseAccount) -> Outcome {
        if let Some(lease) = self.ledger.leases.get_mut(&told.lease_id) {
            lease.accept();
            return Outcome::Applied;
        }
        // A grant of ours that was lost with a restore: proven by its signature. Its codes do not travel in a journal.
        let signed = match check_grant(grant, &self.key.verifying_key(), at.by) {
            Ok(_) | Err(GrantError::Blanks) => serde_json::from_str::<GrantBody>(&grant.body).ok(),
            Err(GrantError::Signature | GrantError::Body | GrantError::Station) => None,
        };
        if signed.filter(|b| b.lease_id == told.lease_id && b.units == told.granted && b.station == at.by).is_none() {
            return self.parked(at, CaseKind::UnknownLease, None);
        }
        told.accept();
        let quota_id = told.quota_id;
        let beyond = self.ledger.quotas.get_mut(&quota_id).is_some_and(|quota| restore(quota, &told));
        self.ledger.leases.insert(told.lease_id, told);
        if beyond { self.noticed(at, CaseKind::Excess, None, Some(quota_id)) } else { Outcome::Applied }
    }

    fn sold(&mut self, at: &mut Arrival<'_>, order: OrderId, lines: &[SaleLine]) -> Outcome {
        let mut outcome = Outcome::Applied;
        for line in lines {
            let position = Some(line.position_id);
            if self.tickets.contains_key(&line.position_id) {
                self.parked_orders.insert(order);
                return self.parked(at, CaseKind::TicketSoldTwice, position);
            }
            let wanted = if line.item_id == BOX { vec![HALL_QUOTA, BOX_QUOTA] } else { vec![HALL_QUOTA] };
            let mut covered = Vec::new();
            for unit in &line.units {
                let Ok((quota, lease)) = self.ledger.lease(at.by, unit.lease_id) else { continue };
                let of = lease.quota_id;
                match lease.sell(quota, unit.unit) {
                    Sale::Covered => covered.push(of),
                    Sale::AfterWriteOff { beyond, first } => {
                        covered.push(of);
                        if first {
                            outcome = self.noticed(at, CaseKind::WriteOffWrong, position, Some(of));
                        }
                        if beyond {
                            outcome = self.noticed(at, CaseKind::Excess, position, Some(of));
                        }
                    }
                    Sale::SoldBefore | Sale::NotLent => {}
                }
            }
            for of in wanted.iter().filter(|q| !covered.contains(q)) {
                let Some(quota) = self.ledger.quotas.get_mut(of) else { continue };
                if at.bug == Some(Bug::ForceUpload) {
                    quota.sold += 1;
                } else if quota.sell_uncovered() {
                    outcome = self.noticed(at, CaseKind::Excess, position, Some(*of));
                }
            }
            let (units, voucher) = (line.units.clone(), line.voucher);
            let ticket = Ticket { order, units, quotas: wanted, voucher, voided: false };
            self.tickets.insert(line.position_id, ticket);
            if let Some(kind) = voucher.and_then(|voucher| self.spend(at, voucher)) {
                outcome = self.noticed(at, kind, position, None);
            }
        }
        outcome
    }

    fn voided(&mut self, at: &mut Arrival<'_>, order: OrderId, positions: &[PositionId], back: &[UnitRef]) -> Outcome {
        let mut outcome = Outcome::Applied;
        for position in positions {
            let Some(ticket) = self.tickets.get_mut(position).filter(|t| t.order == order && !t.voided) else {
                return self.parked(at, CaseKind::UnknownOrder, Some(*position));
            };
            ticket.voided = true;
            let voucher = ticket.voucher;
            let (units, mut left) = (ticket.units.clone(), ticket.quotas.clone());
            if let Some(voucher) = voucher {
                self.unspend(voucher);
            }
            for unit in &units {
                let Ok((quota, lease)) = self.ledger.lease(at.by, unit.lease_id) else { continue };
                let of = lease.quota_id;
                match lease.undo_sale(quota, unit.unit, back.contains(unit)) {
                    Undone::Back { beyond } => {
                        left.retain(|q| *q != of);
                        if beyond {
                            outcome = self.noticed(at, CaseKind::Excess, Some(*position), Some(of));
                        }
                    }
                    Undone::Freed | Undone::Void => left.retain(|q| *q != of),
                    Undone::Nothing => {}
                }
            }
            for unit in units {
                self.ledger.settle(unit.lease_id);
            }
            // What was sold without a lease of its own leaves the count too.
            for quota in left {
                if let Some(quota) = self.ledger.quotas.get_mut(&quota) {
                    quota.unsell(1);
                }
            }
        }
        outcome
    }

    fn taken(&mut self, at: &mut Arrival<'_>, given: &str) -> Outcome {
        let Some((from, lease, offer)) = self.offer_in(given, at.by) else {
            return self.parked(at, CaseKind::BadEntry, None);
        };
        match self.ledger.take(from, lease, &offer) {
            Ok(void) if void.is_empty() => Outcome::Applied,
            Ok(_) => {
                self.tell_holder(LeaseId(offer.hand_over_id.0), at.now, at.dice, at.bug);
                self.noticed(at, CaseKind::WriteOffWrong, None, None)
            }
            Err(_) => self.parked(at, CaseKind::UnknownLease, None),
        }
    }

    fn declined(&mut self, at: &mut Arrival<'_>, given: &str) -> Outcome {
        let Some((from, lease, offer)) = self.offer_in(given, at.by) else {
            return self.parked(at, CaseKind::BadEntry, None);
        };
        let known = self.ledger.decline(from, lease, &offer).is_ok();
        // One that was given up before stays so: its units are nobody's to sell.
        let again = self.ledger.hand_overs.get(&offer.hand_over_id).is_some_and(|h| h.state == HandOverState::Declined);
        if known && again {
            self.note(at.now, Row::Declined { hand_over: offer.hand_over_id, to: from }, at.dice, at.bug);
        }
        self.moved(at, known)
    }

    fn scanned(&mut self, at: &mut Arrival<'_>, entry: &Entry, position: PositionId, direction: Direction) -> Outcome {
        let scan_id = ScanId(entry.id.0);
        let of = Use {
            scan_id,
            entry: entry.reference(),
            saw: entry.saw.clone(),
            direction,
            at: entry.at.ticket_time(),
            uncertainty_ms: entry.at.uncertainty_ms,
            undone: self.undone.contains(&scan_id),
        };
        self.scans.insert(scan_id, (position, of.clone()));
        self.note(at.now, Row::Scan { position, of }, at.dice, at.bug);
        let splits: Splits = self.journals.iter().filter_map(|(name, j)| Some((*name, j.split()?))).collect();
        let uses: Vec<Use> = self.scans.values().filter(|(p, _)| *p == position).map(|(_, of)| of.clone()).collect();
        let double = doubles(&uses, LIST_ALLOWS, &splits).iter().any(|double| double.scans.contains(&scan_id));
        if double { self.noticed(at, CaseKind::DoubleAdmission, Some(position), None) } else { Outcome::Applied }
    }

    fn undone(&mut self, at: &mut Arrival<'_>, scan: ScanId) -> Outcome {
        self.undone.insert(scan);
        if let Some((position, of)) = self.scans.get_mut(&scan).filter(|(_, of)| !of.undone) {
            of.undone = true;
            let row = Row::Scan { position: *position, of: of.clone() };
            self.note(at.now, row, at.dice, at.bug);
        }
        Outcome::Applied
    }

    /// The giver's signed offer inside the receiver's entry.
    fn offer_in(&self, given: &str, receiver: DeviceId) -> Option<(DeviceId, LeaseId, Offer)> {
        let given: Entry = serde_json::from_str(given).ok()?;
        given.verify(&self.devices.get(&given.station)?.key).ok()?;
        match given.fact()? {
            Fact::HandOverGiven { hand_over_id, lease_id, from, units, to, .. } if to == receiver => {
                Some((given.station, lease_id, Offer { hand_over_id, units: UnitRange::of(from, units), to }))
            }
            _ => None,
        }
    }
}
