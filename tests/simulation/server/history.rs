//! The server put back to an earlier instant: a new history, units held back until stations report, and rows they have
//! that it has no longer.

use super::{About, CAP, Desk, Lost, Order, Server, Ticket};
use crate::{
    bugs::Bug,
    rows::{Key, Row, Value},
    town,
};
use willcall_domain::{
    clock::UtcMillis,
    entropy::SeededEntropy,
    id::{DeviceId, HistoryId, OrderId},
    sync::CaseKind,
};

impl Server {
    /// A new history, and each till's cap is held back until it is heard of.
    pub fn recovered(mut self, at: &mut Desk<'_>) -> Self {
        if at.bug == Some(Bug::ServerPutBack) {
            return self;
        }
        self.history = HistoryId::born(UtcMillis(0), &SeededEntropy::new(at.dice.throw()));
        self.version += 1_000_000;
        self.uncommitted.clear();
        let devices: Vec<DeviceId> = self.devices.iter().filter(|(_, d)| !d.revoked).map(|(id, _)| *id).collect();
        for device in devices {
            self.let_go(device);
            let Some(row) = self.devices.get_mut(&device) else { continue };
            let mut held = std::collections::BTreeMap::new();
            for (id, quota) in self.ledger.quotas.iter_mut().filter(|_| row.sells) {
                if row.events.contains(&town::event_of_quota(*id)) {
                    held.insert(*id, quota.hold_back(i64::from(CAP)));
                }
            }
            row.unheard = Some(held);
            // What the stations said before is forgotten with the rest: they come with tokens nobody remembers.
            row.remembered.values_mut().for_each(|known| known.tokens = [None, None]);
            self.open_once(CaseKind::StationNotHeard, Some(device), About::default(), at);
        }
        for quota in town::QUOTAS {
            self.note(Key::Quota(quota), at);
        }
        self
    }

    fn let_go(&mut self, device: DeviceId) -> bool {
        let Some(unheard) = self.devices.get_mut(&device).and_then(|row| row.unheard.take()) else { return false };
        for (id, held) in unheard {
            if let Some(quota) = self.ledger.quotas.get_mut(&id) {
                quota.let_go(held);
            }
        }
        true
    }

    /// A station has sent all it has since the server was put back, or a person says it never will.
    pub fn heard(&mut self, device: DeviceId, at: &mut Desk<'_>) {
        if !self.let_go(device) {
            return;
        }
        for quota in town::QUOTAS {
            self.note(Key::Quota(quota), at);
        }
        let waited = |case: &super::Case| case.kind == CaseKind::StationNotHeard && case.device == Some(device);
        let ids: Vec<_> = self.cases.iter().filter(|(_, case)| waited(case)).map(|(id, _)| *id).collect();
        ids.into_iter().for_each(|id| self.close_case(id, at));
    }

    /// Tickets a station has and this server has no longer: one case an order, however often it is offered.
    pub fn offered(&mut self, device: DeviceId, history: HistoryId, rows: Vec<Row>, at: &mut Desk<'_>) {
        let may_see = |row: &Row, server: &Self| {
            let events = server.devices.get(&device).filter(|d| !d.revoked).map(|d| &d.events);
            events.is_some_and(|events| row.event.is_some_and(|event| events.contains(&event)))
        };
        if history != self.history || at.bug == Some(Bug::OffersIgnored) {
            return;
        }
        for row in rows {
            let (Key::Position(position), Some(Value::Position { order, .. })) = (row.key, &row.value) else {
                continue;
            };
            if self.tickets.contains_key(&position) || !may_see(&row, self) {
                continue;
            }
            let order = *order;
            if !self.lost.contains_key(&order) {
                let about = About { position: Some(position), order: Some(order), quota: None };
                let case = self.open_case(CaseKind::LostRow, Some(device), about, at);
                self.lost.insert(order, Lost { case, rows: Vec::new(), decided: false });
            }
            let Some(lost) = self.lost.get_mut(&order).filter(|lost| !lost.decided) else { continue };
            if lost.rows.iter().all(|known| known.key != row.key) {
                lost.rows.push(row);
            }
        }
    }

    /// A person takes an order in again as stations know it, or leaves it out.
    pub fn decide(&mut self, order: OrderId, adopt: bool, at: &mut Desk<'_>) {
        let Some(lost) = self.lost.get_mut(&order).filter(|lost| !lost.decided) else { return };
        let (case, rows) = (lost.case, std::mem::take(&mut lost.rows));
        let known = self.orders.contains_key(&order);
        if adopt && known {
            // An order with this number is here already: it stays open.
            if let Some(lost) = self.lost.get_mut(&order) {
                lost.rows = rows;
            }
            return;
        }
        if let Some(lost) = self.lost.get_mut(&order) {
            lost.decided = true;
        }
        if adopt {
            self.adopt(order, rows, at);
        }
        self.close_case(case, at);
    }

    fn adopt(&mut self, order: OrderId, rows: Vec<Row>, at: &mut Desk<'_>) {
        let mut beyond = Vec::new();
        for row in rows {
            let (Key::Position(position), Some(Value::Position { article, canceled, status, .. })) =
                (row.key, row.value)
            else {
                continue;
            };
            let event = town::event_of(article);
            let fresh = Order { event, by: None, article, positions: Vec::new(), status, total: 0 };
            let kept = self.orders.entry(order).or_insert(fresh);
            kept.positions.push(position);
            kept.total += crate::town::PRICE;
            let ticket = Ticket { order, article, units: Vec::new(), blank: None, voucher: None, canceled };
            self.tickets.insert(position, ticket);
            if status.holds_places() && !canceled {
                for of in town::counted(article) {
                    let rose = self
                        .ledger
                        .quotas
                        .get_mut(&of)
                        .is_some_and(willcall_domain::leases::ledger::QuotaAccount::sell_uncovered);
                    beyond.extend(rose.then_some(of));
                    self.note(Key::Quota(of), at);
                }
            }
            self.note(Key::Position(position), at);
        }
        for of in beyond {
            let about = About { quota: Some(of), order: Some(order), position: None };
            self.open_case(CaseKind::Excess, None, about, at);
        }
    }
}
