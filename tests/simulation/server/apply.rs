//! One entry into the server's books: which of the domain's movements it is, and what case it opens.

use super::{About, Desk, Order, Server, Ticket};
use crate::{
    bugs::Bug,
    rows::{Key, Scan},
    town,
};
use std::collections::BTreeSet;
use willcall_domain::{
    checkin::{
        merge::{Splits, Use, doubles},
        wire::{Class, Direction},
    },
    id::{DeviceId, EventId, OrderId, PaymentId, PositionId, QuotaId, ScanId},
    leases::{
        UnitRef,
        ledger::{Sale, Undone},
    },
    orders::OrderStatus,
    sync::{CaseKind, Entry, Fact, Outcome, fact::SaleLine},
};

/// Who wrote the entry, and what draws chance and mistakes.
pub struct Arrival<'a, 'd> {
    pub by: DeviceId,
    pub desk: &'a mut Desk<'d>,
}

impl Server {
    pub(super) fn parked(&mut self, at: &mut Arrival<'_, '_>, kind: CaseKind, about: impl Into<About>) -> Outcome {
        Outcome::Parked { case_id: self.open_case(kind, Some(at.by), about, at.desk) }
    }

    pub(super) fn noticed(&mut self, at: &mut Arrival<'_, '_>, kind: CaseKind, about: impl Into<About>) -> Outcome {
        Outcome::AppliedWithCase { case_id: self.open_case(kind, Some(at.by), about, at.desk) }
    }

    /// Applies an entry whose name and signature are in order.
    pub(super) fn apply_fact(&mut self, entry: &Entry, at: &mut Arrival<'_, '_>) -> Outcome {
        let Some(fact) = entry.fact() else { return self.parked(at, CaseKind::UnknownKind, About::default()) };
        if let Some(order) = fact.order().filter(|order| self.parked_orders.contains(order)) {
            return self.parked(at, CaseKind::RefersToParked, order);
        }
        let outcome = match &fact {
            Fact::Sale { order_id, event_id, lines, .. } => self.sold(at, *order_id, *event_id, lines),
            Fact::Payment { payment_id, order_id, amount, .. } => self.paid(at, *payment_id, *order_id, amount.minor),
            Fact::Refund { refund_id, order_id, amount } => self.paid_back(at, *refund_id, *order_id, amount.minor),
            Fact::Void { order_id, positions, back, .. } => self.voided(at, *order_id, positions, back),
            Fact::LeaseAccepted { .. }
            | Fact::LeaseReturned { .. }
            | Fact::HandOverGiven { .. }
            | Fact::HandOverTaken { .. }
            | Fact::HandOverDeclined { .. } => self.units_moved(at, entry, &fact),
            Fact::Scan { event_id, position_id: Some(position), class: Class::Admitted, direction, .. } => {
                self.scanned(at, entry, *event_id, *position, *direction)
            }
            Fact::ScanUndone { scan_id, .. } => self.scan_undone(at, *scan_id),
            Fact::RightTaken { .. } | Fact::RightReleased { .. } => self.right_entry(at, &fact),
            Fact::Closed { .. } => {
                self.close_rights(at.by, at.desk);
                self.close_leases(at.by, entry.incarnation, at.desk);
                Outcome::Applied
            }
            Fact::KeyChanged { .. } => self.key_changed(at, entry),
            Fact::CaseClosed { case_id, .. } => {
                self.close_case(*case_id, at.desk);
                Outcome::Applied
            }
            _ => Outcome::Applied,
        };
        if matches!(outcome, Outcome::Parked { .. }) && fact.kind() == "sale" {
            self.parked_orders.extend(fact.order());
        }
        outcome
    }

    fn key_changed(&mut self, at: &mut Arrival<'_, '_>, entry: &Entry) -> Outcome {
        let Some(device) = self.devices.get_mut(&at.by) else { return Outcome::Applied };
        match device.keys.change(entry) {
            Ok(_) => Outcome::Applied,
            Err(_) => self.parked(at, CaseKind::BadEntry, About::default()),
        }
    }

    fn sold(&mut self, at: &mut Arrival<'_, '_>, order: OrderId, event: EventId, lines: &[SaleLine]) -> Outcome {
        if self.orders.contains_key(&order) {
            return self.parked(at, CaseKind::OrderExists, order);
        }
        if let Some(known) = lines.iter().find(|line| self.tickets.contains_key(&line.position_id)) {
            return self.parked(at, CaseKind::TicketSoldTwice, known.position_id);
        }
        let Some(article) = lines.first().map(SaleLine::article) else { return Outcome::Applied };
        let positions: Vec<PositionId> = lines.iter().map(|line| line.position_id).collect();
        let total = lines.iter().map(|line| line.price.minor).sum();
        let by = Some(at.by);
        self.orders.insert(order, Order { event, by, article, positions, status: OrderStatus::Pending, total });
        let mut outcome = Outcome::Applied;
        for line in lines {
            let ticket = Ticket {
                order,
                article: line.article(),
                units: line.units.clone(),
                blank: line.blank,
                voucher: line.voucher,
                canceled: false,
            };
            self.tickets.insert(line.position_id, ticket);
            if let Some(noticed) = self.take_units(at, line) {
                outcome = noticed;
            }
            if let Some(lease) = line.blank {
                self.blank_of(lease, line.article(), line.position_id, false, at.desk);
            }
            if let Some(kind) = line.voucher.and_then(|voucher| self.spend(at, voucher)) {
                outcome = self.noticed(at, kind, line.position_id);
            }
            self.note(Key::Position(line.position_id), at.desk);
        }
        outcome
    }

    /// Takes the units of one ticket. Sold is sold: what no lease covers is counted, with a case.
    fn take_units(&mut self, at: &mut Arrival<'_, '_>, line: &SaleLine) -> Option<Outcome> {
        let mut outcome = None;
        let mut covered = Vec::new();
        let about = |of: QuotaId| About { position: Some(line.position_id), quota: Some(of), order: None };
        for unit in &line.units {
            let Ok((quota, lease)) = self.ledger.lease(at.by, unit.lease_id) else { continue };
            let of = lease.quota_id;
            match lease.sell(quota, unit.unit) {
                Sale::Covered => covered.push(of),
                Sale::AfterWriteOff { beyond, first } => {
                    covered.push(of);
                    if first {
                        outcome = Some(self.noticed(at, CaseKind::WriteOffWrong, about(of)));
                    }
                    if beyond {
                        outcome = Some(self.noticed(at, CaseKind::Excess, about(of)));
                    }
                }
                Sale::SoldBefore | Sale::NotLent => {}
            }
            self.note(Key::Quota(of), at.desk);
        }
        for of in town::counted(line.article()).into_iter().filter(|q| !covered.contains(q)) {
            let Some(quota) = self.ledger.quotas.get_mut(&of) else { continue };
            if at.desk.bug == Some(Bug::ForceUpload) {
                quota.sold += 1;
            } else {
                quota.sell_uncovered();
                outcome = Some(self.noticed(at, CaseKind::Excess, about(of)));
            }
            self.note(Key::Quota(of), at.desk);
        }
        outcome
    }

    fn paid(&mut self, at: &mut Arrival<'_, '_>, payment: PaymentId, order: OrderId, minor: i64) -> Outcome {
        let of_a_till = self.orders.get(&order).is_some_and(|o| o.by == Some(at.by));
        let mut came = None;
        if !of_a_till {
            let Some(used) = self.use_order(at.by, order, at.desk) else {
                return self.parked(at, CaseKind::UnknownOrder, order);
            };
            came = super::rights::case_of(used);
        }
        let again = at.desk.bug == Some(Bug::SentAgainAppliedAgain);
        let kept = self.payments.entry(payment).or_insert((order, 0));
        kept.1 = if again { kept.1 + minor } else { minor };
        let paid = self.paid_for(order);
        let Some(row) = self.orders.get_mut(&order) else { return Outcome::Applied };
        if row.status == OrderStatus::Pending && paid >= row.total {
            row.status = OrderStatus::Paid;
        }
        let owed = if row.status.holds_places() { row.total } else { 0 };
        // Cash for a sale that was undone meanwhile goes back by its own entry.
        let too_much = paid > if of_a_till { row.total } else { owed };
        for position in row.positions.clone() {
            self.note(Key::Position(position), at.desk);
        }
        match (too_much.then_some(CaseKind::Overpaid), came) {
            (Some(first), Some(second)) => {
                self.noticed(at, second, order);
                self.noticed(at, first, order)
            }
            (Some(kind), None) | (None, Some(kind)) => self.noticed(at, kind, order),
            (None, None) => Outcome::Applied,
        }
    }

    fn paid_back(&mut self, at: &mut Arrival<'_, '_>, refund: PaymentId, order: OrderId, minor: i64) -> Outcome {
        if !self.orders.contains_key(&order) {
            return self.parked(at, CaseKind::UnknownOrder, order);
        }
        if at.desk.bug != Some(Bug::RefundForgotten) {
            self.payments.insert(refund, (order, -minor));
        }
        if self.paid_for(order) < 0 { self.noticed(at, CaseKind::SumDiffers, order) } else { Outcome::Applied }
    }

    fn voided(
        &mut self,
        at: &mut Arrival<'_, '_>,
        order: OrderId,
        positions: &[PositionId],
        back: &[UnitRef],
    ) -> Outcome {
        if self.orders.get(&order).is_none_or(|o| o.by != Some(at.by)) {
            return self.ended_at_a_till(at, order);
        }
        let unknown = |p: &&PositionId| self.tickets.get(*p).is_none_or(|t| t.order != order);
        if let Some(position) = positions.iter().find(unknown) {
            return self.parked(at, CaseKind::UnknownOrder, *position);
        }
        let mut excess = BTreeSet::new();
        for position in positions {
            self.undo_ticket(at, *position, back, &mut excess);
        }
        let all = |order: &Order| order.positions.iter().all(|p| self.tickets.get(p).is_some_and(|t| t.canceled));
        let ended = self.orders.get(&order).is_some_and(all);
        if let Some(row) = self.orders.get_mut(&order).filter(|_| ended) {
            row.status = OrderStatus::Canceled;
        }
        // The others of the order may have another status by that.
        for position in self.orders.get(&order).map(|o| o.positions.clone()).unwrap_or_default() {
            self.note(Key::Position(position), at.desk);
        }
        let mut outcome = Outcome::Applied;
        for of in excess {
            let about = About { quota: Some(of), order: Some(order), position: None };
            outcome = self.noticed(at, CaseKind::Excess, about);
        }
        outcome
    }

    fn undo_ticket(
        &mut self,
        at: &mut Arrival<'_, '_>,
        position: PositionId,
        back: &[UnitRef],
        excess: &mut BTreeSet<QuotaId>,
    ) {
        let Some(ticket) = self.tickets.get_mut(&position) else { return };
        let before = std::mem::replace(&mut ticket.canceled, true);
        let ticket = ticket.clone();
        let mut left = town::counted(ticket.article);
        for unit in &ticket.units {
            let Ok((quota, lease)) = self.ledger.lease(at.by, unit.lease_id) else { continue };
            let of = lease.quota_id;
            match lease.undo_sale(quota, unit.unit, back.contains(unit)) {
                Undone::Back { beyond } => {
                    left.retain(|q| *q != of);
                    excess.extend(beyond.then_some(of));
                }
                Undone::Freed | Undone::Void => left.retain(|q| *q != of),
                Undone::Nothing => {}
            }
            self.tell_lease(unit.lease_id, at.desk);
        }
        for unit in &ticket.units {
            self.ledger.settle(unit.lease_id);
        }
        if before {
            return;
        }
        if let Some(voucher) = ticket.voucher {
            self.unspend(voucher);
        }
        if let Some(lease) = ticket.blank {
            self.blank_of(lease, ticket.article, position, true, at.desk);
        }
        // What was sold without a lease of its own leaves the count too.
        for of in left {
            if let Some(quota) = self.ledger.quotas.get_mut(&of) {
                quota.unsell(1);
            }
            self.note(Key::Quota(of), at.desk);
        }
    }

    fn scanned(
        &mut self,
        at: &mut Arrival<'_, '_>,
        entry: &Entry,
        event: EventId,
        position: PositionId,
        direction: Direction,
    ) -> Outcome {
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
        self.scans.insert(scan_id, Scan { position, event, of: of.clone() });
        self.note_scan(scan_id, at.desk);
        let splits: Splits = self.journals.iter().filter_map(|(name, j)| Some((*name, j.split()?))).collect();
        let same = self.scans.values().filter(|scan| scan.position == position);
        let mut uses: Vec<Use> = same.map(|scan| scan.of.clone()).collect();
        if at.desk.bug == Some(Bug::ClockDecides) {
            let earlier: Vec<_> = uses.iter().filter(|u| u.at < of.at).map(|u| u.entry).collect();
            uses.iter_mut().filter(|u| u.scan_id == scan_id).for_each(|u| u.saw.extend(&earlier));
        }
        let double = doubles(&uses, town::LIST_ALLOWS, &splits).iter().any(|double| double.scans.contains(&scan_id));
        if double { self.noticed(at, CaseKind::DoubleAdmission, position) } else { Outcome::Applied }
    }

    fn scan_undone(&mut self, at: &mut Arrival<'_, '_>, scan: ScanId) -> Outcome {
        self.undone.insert(scan);
        if let Some(row) = self.scans.get_mut(&scan).filter(|row| !row.of.undone) {
            row.of.undone = true;
            self.note_scan(scan, at.desk);
        }
        Outcome::Applied
    }
}
