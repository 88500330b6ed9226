//! Rights: what may happen once has one holder. Who may is the domain's decision; here it is kept.

use super::{About, Arrival, Desk, Server};
use crate::{
    bugs::Bug,
    rows::Key,
    station::money,
    town::{self, OF_VOUCHERS, PRICE},
};
use std::collections::BTreeMap;
use willcall_domain::{
    catalog::VoucherEffect,
    clock::UtcMillis,
    entropy::SeededEntropy,
    id::{DeviceId, EventId, OrderId, RequestId, RightId, VoucherId},
    leases::{
        CounterLine, Guarded, OrderTerms, RightAccount, RightBody, RightGrant, RightState, RightSubject, VoucherTerms,
        check_right, ledger::GivenUp, rights::Use, sign_right,
    },
    sync::{CaseKind, Fact, Outcome},
};

/// The server's books of rights.
#[derive(Debug, Clone, Default)]
pub struct Rights {
    pub guarded: BTreeMap<RightSubject, Guarded>,
    pub all: BTreeMap<RightId, RightAccount>,
    bodies: BTreeMap<RightId, RightBody>,
    requests: BTreeMap<RequestId, RightId>,
}

impl Rights {
    /// The event a right was granted for.
    pub(super) fn event_of(&self, right: RightId) -> Option<EventId> {
        self.bodies.get(&right).map(|body| body.event_id)
    }
}

/// What the use of a right is told as; `None` where the till did what it might.
pub(super) fn case_of(came: Use) -> Option<CaseKind> {
    match came {
        Use::Rightly | Use::AfterWriteOff { first: false } => None,
        Use::AfterWriteOff { first: true } => Some(CaseKind::WriteOffWrong),
        Use::NotHeld | Use::Twice => Some(CaseKind::RightTwice),
    }
}

impl Server {
    pub(super) fn event_of_right(&self, subject: RightSubject) -> EventId {
        match subject {
            RightSubject::Voucher { .. } => town::event_of(OF_VOUCHERS),
            RightSubject::Order { order_id } => self.orders.get(&order_id).map_or(town::HALL, |o| o.event),
        }
    }

    /// Makes a till the one holder; the same request again is answered the same.
    pub fn give_right(
        &mut self,
        device: DeviceId,
        subject: RightSubject,
        request: RequestId,
        at: &mut Desk<'_>,
    ) -> Option<RightGrant> {
        let event_id = self.event_of_right(subject);
        self.devices.get(&device).filter(|d| !d.revoked && !d.suspended && d.sells && d.events.contains(&event_id))?;
        if let Some(body) = self.rights.requests.get(&request).and_then(|id| self.rights.bodies.get(id)) {
            return Some(self.seal_right(body));
        }
        // A till that has not reported since the server was put back may hold it.
        if self.devices.values().any(|d| d.sells && d.unheard.is_some()) {
            return None;
        }
        let (code, voucher, order) = self.terms(subject)?;
        let guarded = self.rights.guarded.entry(subject).or_default();
        if at.bug == Some(Bug::RightGrantedToTwo) {
            guarded.holder = None;
        }
        let right_id = RightId::born(UtcMillis(at.now), &SeededEntropy::new(at.dice.throw()));
        let Ok(granted) = guarded.grant(right_id, device, subject) else {
            return self.held_already(device, subject, at);
        };
        let body = RightBody {
            right_id,
            request_id: request,
            organizer_id: town::ORGANIZER,
            event_id,
            station: device,
            subject,
            code,
            voucher,
            order,
            granted_at: UtcMillis(at.now),
        };
        self.rights.all.insert(right_id, granted);
        self.rights.requests.insert(request, right_id);
        let grant = self.seal_right(&body);
        self.rights.bodies.insert(right_id, body);
        self.note(Key::Right(right_id), at);
        Some(grant)
    }

    /// What its holder is told; `None` where there is no such thing.
    fn terms(&self, subject: RightSubject) -> Option<(String, Option<VoucherTerms>, Option<OrderTerms>)> {
        match subject {
            RightSubject::Voucher { voucher_id } => {
                let effect = VoucherEffect::PercentOff { percent_bp: 5_000 };
                Some((voucher_id.to_string(), Some(VoucherTerms { item_id: None, effect, home: false }), None))
            }
            RightSubject::Order { order_id } => {
                let order = self.orders.get(&order_id).filter(|order| order.by.is_none())?;
                let counted = order.positions.iter().filter(|p| self.tickets.get(p).is_some_and(|t| !t.canceled));
                let line = |position_id: &willcall_domain::id::PositionId| CounterLine {
                    position_id: *position_id,
                    item_id: order.article.item_id,
                    name: String::new(),
                    price: money(PRICE),
                    tax_rate_bp: 0,
                };
                let terms = OrderTerms {
                    status: order.status,
                    total: money(order.total),
                    paid: money(self.paid_for(order_id)),
                    lines: counted.map(line).collect(),
                };
                Some((order_id.to_string(), None, Some(terms)))
            }
        }
    }

    /// Who holds it is asked to give it back; its own lost answer is given again.
    fn held_already(&mut self, device: DeviceId, subject: RightSubject, at: &mut Desk<'_>) -> Option<RightGrant> {
        let held = self.rights.guarded.get(&subject)?.holder?;
        let right = self.rights.all.get_mut(&held)?;
        if right.holder == device {
            let again = right.state == RightState::Granted;
            return self.rights.bodies.get(&held).filter(|_| again).map(|body| self.seal_right(body));
        }
        if right.recall() {
            self.note(Key::Right(held), at);
        }
        None
    }

    /// Who else wants to act on it asks the holder to give it back; whether somebody holds it.
    pub(super) fn asked_back(&mut self, subject: RightSubject, at: &mut Desk<'_>) -> bool {
        let Some(held) = self.rights.guarded.get(&subject).and_then(|g| g.holder) else { return false };
        if self.rights.all.get_mut(&held).is_some_and(RightAccount::recall) {
            self.note(Key::Right(held), at);
        }
        true
    }

    fn seal_right(&self, body: &RightBody) -> RightGrant {
        sign_right(body, &self.key).expect("a right can be written")
    }

    pub(super) fn open_rights(&self, device: DeviceId) -> Vec<RightGrant> {
        let open = self.rights.all.values().filter(|r| r.holder == device && r.state == RightState::Granted);
        open.filter_map(|r| self.rights.bodies.get(&r.right_id)).map(|body| self.seal_right(body)).collect()
    }

    /// A person gives up what a station holds.
    pub(super) fn write_off_rights(&mut self, device: DeviceId, how: GivenUp, at: &mut Desk<'_>) {
        for id in self.rights_of(device) {
            if self.end(id, |right, guarded| right.write_off(guarded, how)) {
                self.note(Key::Right(id), at);
            }
        }
    }

    fn rights_of(&self, device: DeviceId) -> Vec<RightId> {
        self.rights.all.values().filter(|r| r.holder == device).map(|r| r.right_id).collect()
    }

    fn end<T: Default>(&mut self, id: RightId, act: impl FnOnce(&mut RightAccount, &mut Guarded) -> T) -> T {
        let Some(right) = self.rights.all.get_mut(&id) else { return T::default() };
        let Some(guarded) = self.rights.guarded.get_mut(&right.subject) else { return T::default() };
        act(right, guarded)
    }

    /// The journal of a station has ended.
    pub(super) fn close_rights(&mut self, device: DeviceId, at: &mut Desk<'_>) {
        for id in self.rights_of(device) {
            if self.end(id, RightAccount::release) {
                self.note(Key::Right(id), at);
            }
        }
    }

    /// What a journal says of a right.
    pub(super) fn right_entry(&mut self, at: &mut Arrival<'_, '_>, fact: &Fact) -> Outcome {
        let known = match fact {
            Fact::RightTaken { right_id, subject, grant, grant_signature, .. } => {
                let grant = RightGrant { body: grant.clone(), signature: grant_signature.clone() };
                self.right_taken(at, *right_id, *subject, &grant)
            }
            Fact::RightReleased { right_id, .. } => {
                let mine = self.rights.all.get(right_id).is_some_and(|r| r.holder == at.by);
                if mine && self.end(*right_id, RightAccount::release) {
                    self.note(Key::Right(*right_id), at.desk);
                }
                mine
            }
            _ => true,
        };
        if known { Outcome::Applied } else { self.parked(at, CaseKind::UnknownLease, About::default()) }
    }

    fn right_taken(&mut self, at: &mut Arrival<'_, '_>, id: RightId, of: RightSubject, grant: &RightGrant) -> bool {
        if !self.rights.all.contains_key(&id) {
            // Granted in a time the server has lost, and proven by its signature.
            let Ok(body) = check_right(grant, &self.key.verifying_key(), at.by) else { return false };
            if body.right_id != id || body.subject != of {
                return false;
            }
            let restored = self.rights.guarded.entry(of).or_default().restore(id, at.by, of);
            self.rights.bodies.insert(id, body);
            self.rights.all.insert(id, restored);
        }
        let Some(right) = self.rights.all.get_mut(&id).filter(|r| r.holder == at.by) else { return false };
        right.take();
        self.note(Key::Right(id), at.desk);
        true
    }

    /// The right of a station by which it acted: one in force, else one that was given up.
    fn used(&mut self, by: DeviceId, subject: RightSubject) -> Option<Use> {
        let mine = self.rights.all.values().filter(|r| r.holder == by && r.subject == subject);
        let best = mine.max_by_key(|r| (r.state.in_force(), matches!(r.state, RightState::Lost | RightState::Stolen)));
        match best.map(|right| right.right_id) {
            Some(id) => self.end(id, |right, guarded| Some(right.use_it(guarded))),
            None => Some(self.rights.guarded.entry(subject).or_default().use_without(subject)),
        }
    }

    /// A till sold with a voucher.
    pub(super) fn spend(&mut self, at: &mut Arrival<'_, '_>, voucher_id: VoucherId) -> Option<CaseKind> {
        let subject = RightSubject::Voucher { voucher_id };
        let came = self.used(at.by, subject)?;
        if came != Use::Rightly {
            // Somebody else holds it now, and is told.
            self.asked_back(subject, at.desk);
        }
        for id in self.rights_of(at.by) {
            if self.rights.all.get(&id).is_some_and(|r| r.subject == subject) {
                self.note(Key::Right(id), at.desk);
            }
        }
        case_of(came)
    }

    /// A till changed a web order; `None` where there is no such order.
    pub(super) fn use_order(&mut self, by: DeviceId, order_id: OrderId, at: &mut Desk<'_>) -> Option<Use> {
        self.orders.get(&order_id)?;
        let subject = RightSubject::Order { order_id };
        let came = self.used(by, subject)?;
        if came != Use::Rightly {
            self.asked_back(subject, at);
        }
        Some(came)
    }

    /// A sale with a voucher is undone.
    pub(super) fn unspend(&mut self, voucher_id: VoucherId) {
        if let Some(guarded) = self.rights.guarded.get_mut(&RightSubject::Voucher { voucher_id }) {
            guarded.undo();
        }
    }
}
