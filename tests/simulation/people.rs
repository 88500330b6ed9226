//! What people do who sell, scan and buy.

use super::{
    bugs::Bug,
    network::{Ask, Message},
    promises::Promise,
    server::Case,
    station::{Counter, Door, Wish},
    town::{self, ARTICLES, OF_VOUCHERS, PRICE},
    truth::{Coin, Sold},
    world::World,
};
use willcall_domain::{
    clock::UtcMillis,
    entropy::SeededEntropy,
    id::{CaseId, OrderId, PaymentId, PositionId, RequestId, VoucherId},
    leases::{RightSubject, rights::IDLE_MS},
    orders::OrderStatus,
    sync::{Fact, fact::Paper},
};

/// Vouchers of this world.
pub const VOUCHERS: usize = 6;

impl World {
    fn counter<T>(&mut self, slot: usize, act: impl FnOnce(&mut super::station::Station, &mut Counter<'_>) -> T) -> T {
        let Self { machines, now, dice, truth, bug, .. } = self;
        act(&mut machines[slot], &mut Counter { slot, now: *now, dice, truth, bug: *bug })
    }

    fn door<T>(&mut self, slot: usize, act: impl FnOnce(&mut super::station::Station, &mut Door<'_>) -> T) -> T {
        let Self { machines, now, dice, truth, .. } = self;
        act(&mut machines[slot], &mut Door { slot, now: *now, dice, truth })
    }

    pub(super) fn sell(&mut self, slot: usize) {
        if self.dice.chance(15) {
            return self.use_right(slot);
        }
        let article = ARTICLES[self.dice.below(ARTICLES.len() + 3) % ARTICLES.len()];
        let tickets = if self.dice.chance(25) { 2 } else { 1 };
        self.sell_wish(slot, Wish { article, tickets, voucher: None });
    }

    /// S1: what a station holds it sells, whoever is away. S9: beside it stands how old its data is at most.
    fn sell_wish(&mut self, slot: usize, wish: Wish) -> bool {
        if !self.machines[slot].lives() {
            return false;
        }
        let could = self.machines[slot].could_sell(wish);
        let sold = self.counter(slot, |station, at| station.sell(wish, at));
        if could && !sold {
            let what = format!("machine {slot} held units of {:?} and did not sell", wish.article);
            self.truth.seen_wrong.push((Promise::S1, what));
        }
        if sold {
            self.tell(format!("machine {slot} sells {} of {:?}", wish.tickets, wish.article));
            self.look_at_age(slot);
        }
        sold
    }

    /// Everything that was numbered before the age it shows is here.
    fn look_at_age(&mut self, slot: usize) {
        let station = &self.machines[slot];
        let Some(age) = station.age(self.now, self.bug).filter(|age| !age.at_least) else { return };
        let Some((history, read)) = station.disk.cursor.filter(|(history, _)| *history == self.server.history) else {
            return;
        };
        let numbered = self.server.numbered_by(self.now - age.ms - 1);
        if read < numbered {
            let ms = age.ms;
            let what = format!(
                "machine {slot} says its data is {ms} ms old, read {read} of {history} and lacks up to {numbered}"
            );
            self.truth.seen_wrong.push((Promise::S9, what));
        }
    }

    pub(super) fn void(&mut self, slot: usize) {
        let paper = if self.dice.chance(50) { Paper::NotPrinted } else { Paper::Out };
        let nth = self.dice.below(50);
        if self.machines[slot].lives() && self.counter(slot, |station, at| station.void(nth, paper, at)) {
            self.tell(format!("machine {slot} undoes a sale, paper {paper:?}"));
        }
    }

    pub(super) fn scan(&mut self, slot: usize) {
        let valid = self.truth.sales.iter().filter(|s| !s.voided || s.slot.is_some());
        let tickets: Vec<(PositionId, _)> = valid.map(|s| (s.position, town::event_of(s.article))).collect();
        if tickets.is_empty() || !self.machines[slot].lives() {
            return;
        }
        if self.dice.chance(5) {
            let nth = self.dice.below(50);
            if self.door(slot, |station, at| station.undo(nth, at)) {
                self.tell(format!("machine {slot} undoes a scan"));
            }
            return;
        }
        // A few tickets come again and again, so that gates meet.
        let among = if self.dice.chance(40) { tickets.len().min(3) } else { tickets.len() };
        let (position, event) = tickets[self.dice.below(among)];
        if !self.machines[slot].has_list(event) {
            return;
        }
        let could = self.machines[slot].can_record_a_scan();
        let verdict = self.door(slot, |station, at| station.scan(position, event, at));
        if could && !verdict {
            self.truth.seen_wrong.push((Promise::S1, format!("machine {slot} gave no verdict on {position}")));
        }
        if verdict {
            self.tell(format!("machine {slot} scans {position}"));
            self.look_at_age(slot);
        }
    }

    pub(super) fn idle(&mut self, slot: usize) {
        let quota = town::QUOTAS[self.dice.below(town::QUOTAS.len())];
        let station = &mut self.machines[slot];
        if station.lives() {
            station.give_idle_back(quota, 1, self.now, &mut self.dice);
        }
    }

    /// The shop sells, takes money, and cancels what nobody else holds.
    pub(super) fn shop(&mut self) {
        if !self.server_up {
            return;
        }
        if self.dice.chance(50) {
            let article = ARTICLES[self.dice.below(ARTICLES.len())];
            let Some((order, position)) = self.office(|server, at| server.place(article, at)) else { return };
            let (units, voucher) = (Vec::new(), None);
            let by = None;
            self.truth.sales.push(Sold { slot: None, by, position, order, article, units, voucher, voided: false });
            self.tell(format!("the shop places order {order} of {article:?}"));
            return;
        }
        let Some(order) = self.some_web_order() else { return };
        if !self.office(|server, at| server.may_change(order, at)) {
            return;
        }
        let (paid, pending) = (self.server.paid_for(order), self.server.orders[&order].status == OrderStatus::Pending);
        if pending && self.dice.chance(60) {
            let payment = self.provider(PRICE);
            self.office(|server, at| server.pay(order, payment, at));
            self.tell(format!("order {order} is paid in the shop"));
        } else if self.dice.chance(60) {
            let status = if pending { OrderStatus::Expired } else { OrderStatus::Canceled };
            self.office(|server, at| server.end_order(order, status, at));
            self.truth.voided(order, None, None);
            if paid > 0 {
                let refund = self.provider(-paid);
                self.server.payments.insert(refund, (order, -paid));
            }
            self.tell(format!("order {order} ends in the shop"));
        }
    }

    fn provider(&mut self, minor: i64) -> PaymentId {
        let payment = PaymentId::born(UtcMillis(self.now), &SeededEntropy::new(self.dice.throw()));
        self.truth.coins.push(Coin { payment, minor, slot: None });
        payment
    }

    fn some_web_order(&mut self) -> Option<OrderId> {
        let web = self.server.orders.iter().filter(|(_, order)| order.by.is_none() && order.status.holds_places());
        let web: Vec<OrderId> = web.map(|(id, _)| *id).collect();
        let nth = self.dice.below(web.len().min(4));
        // The newest are in use.
        web.len().checked_sub(1 + nth).map(|at| web[at])
    }

    /// A till is shown a voucher or a web order: it acts where it may, and asks for the right where it may not.
    pub(super) fn use_right(&mut self, slot: usize) {
        let station = &mut self.machines[slot];
        if !station.lives() || !station.sells {
            return;
        }
        if self.dice.chance(8) {
            // Nobody comes for an hour.
            let (now, idle) = (self.now, self.now + IDLE_MS);
            self.machines[slot].give_rights_back(idle, now, &mut self.dice);
            return;
        }
        let subject = if self.dice.chance(50) {
            RightSubject::Voucher { voucher_id: VoucherId(1 + i64::try_from(self.dice.below(VOUCHERS)).unwrap_or(0)) }
        } else {
            let Some(order_id) = self.some_web_order() else { return };
            RightSubject::Order { order_id }
        };
        if self.machines[slot].may_use(subject, self.bug) {
            self.act_on(slot, subject);
        } else {
            self.ask_for(slot, subject);
        }
    }

    fn act_on(&mut self, slot: usize, subject: RightSubject) {
        match subject {
            RightSubject::Voucher { voucher_id } => {
                let wish = Wish { article: OF_VOUCHERS, tickets: 1, voucher: Some(voucher_id) };
                if self.sell_wish(slot, wish) {
                    self.tell(format!("machine {slot} spends voucher {voucher_id}"));
                }
            }
            RightSubject::Order { order_id } => {
                let end = self.dice.chance(40);
                if self.counter(slot, |station, at| station.change_order(order_id, end, at)) {
                    self.tell(format!(
                        "machine {slot} {} order {order_id}",
                        if end { "ends" } else { "takes cash for" }
                    ));
                }
            }
        }
    }

    fn ask_for(&mut self, slot: usize, subject: RightSubject) {
        let fresh = RequestId::born(UtcMillis(self.now), &SeededEntropy::new(self.dice.throw()));
        let station = &mut self.machines[slot];
        if station.doubts() || !station.line.up {
            return;
        }
        let request = *station.disk.rights_asked.entry(subject).or_insert(fresh);
        self.send_up(slot, Ask::Right { subject, request });
    }

    pub(super) fn hand_over(&mut self, slot: usize) {
        let other = self.dice.below(self.machines.len());
        let to = self.machines[other].device();
        if !self.machines[slot].lives() || other == slot || !self.machines[other].sells {
            return;
        }
        let (now, bug) = (self.now, self.bug);
        let Some(proof) = self.machines[slot].give(to, now, &mut self.dice, bug) else { return };
        let yes = self.dice.chance(75);
        let what = if yes { "taken" } else { "declined" };
        self.tell(format!("machine {slot} hands units over to machine {other} ({what})"));
        let message = Message::HandOver { slot: other, proof: Box::new(proof), yes };
        self.network.send(now, message, false, &mut self.dice);
    }

    /// Somebody at a station looks at a case, or somebody in the office.
    pub(super) fn close_a_case(&mut self, slot: usize) {
        let open = |(id, case): (&CaseId, &Case)| (!case.closed && is_only_seen(case)).then_some(*id);
        let seen: Vec<CaseId> = self.server.cases.iter().filter_map(open).collect();
        let Some(case_id) = seen.get(self.dice.below(seen.len())).copied() else { return };
        if self.dice.chance(50) {
            if self.server_up {
                self.office(|server, at| server.close_case(case_id, at));
            }
            return;
        }
        let station = &mut self.machines[slot];
        let knows = station.disk.rows.contains_key(&super::rows::Key::Case(case_id));
        if station.lives() && knows && !station.disk_full {
            let fact = Fact::CaseClosed { case_id, resolution: "seen".into() };
            station.append(fact, Vec::new(), self.now, &mut self.dice);
        }
    }

    /// At the end people look at every case: what waits is tried again, what was lost is taken in again or left out.
    /// Answers whether anything changed.
    pub(super) fn people_look(&mut self) -> bool {
        let lost = self.server.lost.iter().filter(|(_, lost)| !lost.decided).map(|(order, _)| *order);
        let lost: Vec<OrderId> = lost.collect();
        let mut any = !lost.is_empty();
        for order in lost {
            let adopt = self.dice.chance(70);
            self.tell(format!(
                "order {order}, which the server had lost, is {}",
                if adopt { "adopted" } else { "left out" }
            ));
            self.office(|server, at| server.decide(order, adopt, at));
        }
        while self.office(super::server::Server::retry_all) {
            any = true;
            self.tell("what waited is tried again");
        }
        any && self.bug != Some(Bug::OffersIgnored)
    }
}

fn is_only_seen(case: &Case) -> bool {
    use willcall_domain::sync::Resolution::Seen;
    case.kind.resolutions() == [Seen]
}
