//! Orders of the shop: placed, paid, run out, cancelled, and ended at a till that holds their right.

use super::{Arrival, Desk, Order, Server, Ticket};
use crate::{
    bugs::Bug,
    rows::Key,
    town::{self, PRICE},
};
use willcall_domain::{
    catalog::Article,
    clock::UtcMillis,
    entropy::SeededEntropy,
    id::{OrderId, PaymentId, PositionId, QuotaId},
    leases::RightSubject,
    orders::OrderStatus,
    sync::{CaseKind, Outcome},
};

impl Server {
    /// An order for one ticket, where every quota it counts in has one free.
    pub fn place(&mut self, article: Article, at: &mut Desk<'_>) -> Option<(OrderId, PositionId)> {
        let counted = town::counted(article);
        let free = |of: &QuotaId| self.ledger.quotas.get(of).and_then(|q| q.free()).is_some_and(|free| free > 0);
        if !counted.iter().all(free) {
            return None;
        }
        for of in &counted {
            self.ledger.quotas.get_mut(of)?.sell(1).ok()?;
            self.note(Key::Quota(*of), at);
        }
        let entropy = SeededEntropy::new(at.dice.throw());
        let order = OrderId::born(UtcMillis(at.now), &entropy);
        let position = PositionId::born(UtcMillis(at.now), &entropy);
        let row = Order {
            event: town::event_of(article),
            by: None,
            article,
            positions: vec![position],
            status: OrderStatus::Pending,
            total: PRICE,
        };
        self.orders.insert(order, row);
        let ticket = Ticket { order, article, units: Vec::new(), blank: None, voucher: None, canceled: false };
        self.tickets.insert(position, ticket);
        self.note(Key::Position(position), at);
        Some((order, position))
    }

    /// Whether the shop may change an order now; who holds its right is asked for it.
    pub fn may_change(&mut self, order_id: OrderId, at: &mut Desk<'_>) -> bool {
        if self.orders.get(&order_id).is_none_or(|order| !order.status.holds_places() || order.by.is_some()) {
            return false;
        }
        // A till that has not reported since the server was put back may hold it.
        if self.devices.values().any(|d| d.sells && d.unheard.is_some()) {
            return false;
        }
        !self.asked_back(RightSubject::Order { order_id }, at) || at.bug == Some(Bug::OrderChangedUnderRight)
    }

    /// Money came in through a provider; what it was for.
    pub fn pay(&mut self, order: OrderId, payment: PaymentId, at: &mut Desk<'_>) {
        let Some(row) = self.orders.get_mut(&order) else { return };
        self.payments.insert(payment, (order, row.total));
        if row.status == OrderStatus::Pending {
            row.status = OrderStatus::Paid;
        }
        for position in row.positions.clone() {
            self.note(Key::Position(position), at);
        }
    }

    /// An order ends: cancelled by the office, or never paid. Answers whether it held places.
    pub fn end_order(&mut self, order: OrderId, status: OrderStatus, at: &mut Desk<'_>) -> bool {
        let Some(row) = self.orders.get_mut(&order).filter(|order| order.status.holds_places()) else { return false };
        row.status = status;
        let positions = row.positions.clone();
        for position in positions {
            let Some(ticket) = self.tickets.get_mut(&position) else { continue };
            let counted = if ticket.canceled { Vec::new() } else { town::counted(ticket.article) };
            ticket.canceled = true;
            for of in counted {
                if let Some(quota) = self.ledger.quotas.get_mut(&of) {
                    quota.unsell(1);
                }
                self.note(Key::Quota(of), at);
            }
            self.note(Key::Position(position), at);
        }
        true
    }

    /// A web order ended at the counter, as a whole.
    pub(super) fn ended_at_a_till(&mut self, at: &mut Arrival<'_, '_>, order: OrderId) -> Outcome {
        let Some(came) = self.use_order(at.by, order, at.desk) else {
            return self.parked(at, CaseKind::UnknownOrder, order);
        };
        let ended = self.end_order(order, OrderStatus::Canceled, at.desk);
        // Somebody ended it before: the till gave back what was not there to give.
        let twice = (!ended).then_some(CaseKind::RightTwice);
        let kind = twice.or(super::rights::case_of(came));
        match kind {
            Some(kind) => self.noticed(at, kind, order),
            None => Outcome::Applied,
        }
    }
}
