//! At the counter: sales, undoing them, and web orders whose right is here.

use super::Station;
use crate::{
    bugs::Bug,
    dice::Dice,
    town::{self, PRICE},
    truth::{Coin, Name, Sold, Truth},
};
use std::collections::BTreeSet;
use willcall_domain::{
    catalog::Article,
    clock::UtcMillis,
    entropy::SeededEntropy,
    id::{DateId, OrderId, PaymentId, PositionId, RequestId, VoucherId},
    leases::{Taken, UnitRef, take, take::here},
    money::Money,
    orders::OrderStatus,
    sync::{
        Fact,
        fact::{Paper, SaleLine},
    },
};

pub fn money(minor: i64) -> Money {
    Money::new(minor, "EUR".parse().expect("a currency"))
}

/// What is bought.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    pub article: Article,
    pub tickets: u32,
    /// For the first of them; the caller has looked whether it may be spent.
    pub voucher: Option<VoucherId>,
}

/// Who sells, and when.
pub struct Counter<'a> {
    pub slot: usize,
    pub now: i64,
    pub dice: &'a mut Dice,
    pub truth: &'a mut Truth,
    pub bug: Option<Bug>,
}

impl Counter<'_> {
    fn payment(&mut self, minor: i64) -> PaymentId {
        let payment = PaymentId::born(UtcMillis(self.now), &SeededEntropy::new(self.dice.throw()));
        self.truth.coins.push(Coin { payment, minor, slot: Some(self.slot) });
        payment
    }
}

impl Station {
    /// Whether a sale needs nothing that is not here: what S1 promises.
    pub fn could_sell(&self, wish: Wish) -> bool {
        let held: Vec<_> = self.usable(None).map(|h| h.lease.held()).collect();
        let units = here(wish.article, true, &town::quotas(), &held).unwrap_or(0);
        self.may_record_a_sale(wish.article) && units >= wish.tickets
    }

    fn may_record_a_sale(&self, article: Article) -> bool {
        self.sells && !self.disk_full && !self.doubts() && self.disk.events.contains(&town::event_of(article))
    }

    /// Sells for cash; whether it did.
    pub fn sell(&mut self, wish: Wish, at: &mut Counter<'_>) -> bool {
        if at.bug == Some(Bug::SaleAsksServer) && !self.line.is_whole() {
            return false;
        }
        let shown_anyway = at.bug == Some(Bug::NotWritten) && self.disk_full && self.sells;
        if shown_anyway {
            at.truth.confirm(at.slot, "a sale", None);
            return true;
        }
        let careless = at.bug == Some(Bug::CopiedStation) && self.sells;
        if !careless && !self.may_record_a_sale(wish.article) {
            return false;
        }
        let Some(taken) = self.take(wish, at.bug) else { return false };
        let mut lines = Vec::new();
        for (nth, taken) in taken.into_iter().enumerate() {
            let Some(line) = self.line_of(wish, taken, nth, at) else { return false };
            lines.push(line);
        }
        if let Some(voucher) = wish.voucher
            && !self.spend(voucher, at.bug)
        {
            return false;
        }
        self.record_sale(&lines, at);
        true
    }

    fn take(&self, wish: Wish, bug: Option<Bug>) -> Option<Vec<Taken>> {
        let of = match (bug, wish.article.date_id) {
            (Some(Bug::WrongEvening), Some(date)) => Article { date_id: Some(DateId(3 - date.0)), ..wish.article },
            _ => wish.article,
        };
        let mut held: Vec<_> = self.usable(bug).map(|h| h.lease.held()).collect();
        match take(&[(of, true, wish.tickets)], &town::quotas(), &mut held) {
            Ok(taken) => Some(taken),
            Err(_) if bug == Some(Bug::ForceUpload) && !self.line.is_whole() => {
                Some(vec![Taken { article: of, units: Vec::new(), blank: None }])
            }
            Err(_) => None,
        }
    }

    fn line_of(&mut self, wish: Wish, taken: Taken, nth: usize, at: &mut Counter<'_>) -> Option<SaleLine> {
        // Without a blank it is a plain secret.
        let plain = PositionId::born(UtcMillis(at.now), &SeededEntropy::new(at.dice.throw()));
        let mut position = taken.blank.is_none().then_some(plain);
        for holding in &mut self.disk.holdings {
            let id = holding.lease.lease_id;
            for unit in taken.units.iter().filter(|u| u.lease_id == id) {
                holding.lease.sell(unit.unit);
            }
            if Some(id) == taken.blank {
                position = holding.lease.use_blank(taken.article);
            }
        }
        let price = money(PRICE);
        Some(SaleLine {
            position_id: position?,
            item_id: wish.article.item_id,
            variation_id: None,
            date_id: wish.article.date_id,
            addon_to: None,
            price,
            tax_rate_bp: 0,
            tax: money(0),
            units: taken.units,
            blank: taken.blank,
            item_version: 1,
            voucher: wish.voucher.filter(|_| nth == 0),
        })
    }

    fn record_sale(&mut self, lines: &[SaleLine], at: &mut Counter<'_>) {
        let entropy = SeededEntropy::new(at.dice.throw());
        let order_id = OrderId::born(UtcMillis(at.now), &entropy);
        let Some(article) = lines.first().map(SaleLine::article) else { return };
        let minor = PRICE * i64::try_from(lines.len()).unwrap_or(0);
        let sale = Fact::Sale {
            order_id,
            order_code: order_id.to_string(),
            event_id: town::event_of(article),
            request_id: RequestId(order_id.0),
            lines: lines.to_vec(),
            total: money(minor),
        };
        let name = self.append(sale, Vec::new(), at.now, at.dice);
        at.truth.confirm(at.slot, "a sale", Some(name));
        for line in lines {
            at.truth.sales.push(Sold {
                slot: Some(at.slot),
                by: Some(self.device()),
                position: line.position_id,
                order: order_id,
                article: line.article(),
                units: line.units.clone(),
                voucher: line.voucher,
                voided: false,
            });
        }
        let payment_id = at.payment(minor);
        self.record_cash(
            Fact::Payment { payment_id, order_id, amount: money(minor), given: money(minor), change: money(0) },
            at,
        );
    }

    fn record_cash(&mut self, fact: Fact, at: &mut Counter<'_>) {
        let name = self.append(fact, Vec::new(), at.now, at.dice);
        at.truth.confirm(at.slot, "cash", Some(name));
    }

    /// Undoes one of its own tickets, where no code left the house or where it did; whether there was one.
    pub fn void(&mut self, nth: usize, paper: Paper, at: &mut Counter<'_>) -> bool {
        let mine = at.truth.own_sales(at.slot);
        let Some(sale) = mine.get(nth % mine.len().max(1)).cloned() else { return false };
        // Only who has the sale on its disk, of this enrolment, can undo it.
        let order = sale.order.to_string();
        let me = self.device();
        let known = self.disk.journal.values().any(|e| e.kind == "sale" && e.station == me && e.body.contains(&order));
        if !known || self.disk_full {
            return false;
        }
        let house = paper != Paper::Out;
        for unit in &sale.units {
            for holding in self.disk.holdings.iter_mut().filter(|h| h.lease.lease_id == unit.lease_id) {
                holding.lease.undo_sale(unit.unit, house);
            }
        }
        let (back, freed) = if house { (sale.units.clone(), Vec::new()) } else { (Vec::new(), sale.units.clone()) };
        self.record_void(sale.order, town::event_of(sale.article), vec![sale.position], (back, freed), paper, at);
        let refund_id = at.payment(-PRICE);
        self.record_cash(Fact::Refund { refund_id, order_id: sale.order, amount: money(PRICE) }, at);
        at.truth.voided(sale.order, Some(sale.position), Some(at.slot));
        true
    }

    fn record_void(
        &mut self,
        order_id: OrderId,
        event_id: willcall_domain::id::EventId,
        positions: Vec<PositionId>,
        (back, freed): (Vec<UnitRef>, Vec<UnitRef>),
        paper: Paper,
        at: &mut Counter<'_>,
    ) {
        let fact = Fact::Void { order_id, event_id, positions, back, freed, paper };
        let name: Name = self.append(fact, Vec::new(), at.now, at.dice);
        at.truth.confirm(at.slot, "an undone sale", Some(name));
    }

    /// Takes cash for a web order, or ends it and gives the money back; whether it did.
    pub fn change_order(&mut self, order: OrderId, end: bool, at: &mut Counter<'_>) -> bool {
        if self.disk_full || !self.sells || self.doubts() {
            return false;
        }
        let Some((event, terms, (status, paid))) = self.order_here(order, at.bug) else { return false };
        let owed = terms.total.minor - paid;
        if end && status.holds_places() {
            let positions: BTreeSet<PositionId> = terms.lines.iter().map(|line| line.position_id).collect();
            let all = positions.into_iter().collect();
            self.record_void(order, event, all, (Vec::new(), Vec::new()), Paper::Out, at);
            at.truth.voided(order, None, None);
            if paid > 0 {
                let refund_id = at.payment(-paid);
                self.record_cash(Fact::Refund { refund_id, order_id: order, amount: money(paid) }, at);
            }
            self.order_is_now(order, (OrderStatus::Canceled, 0));
            return true;
        }
        if !end && status == OrderStatus::Pending && owed > 0 {
            let payment_id = at.payment(owed);
            let amount = money(owed);
            self.record_cash(
                Fact::Payment { payment_id, order_id: order, amount, given: amount, change: money(0) },
                at,
            );
            self.order_is_now(order, (OrderStatus::Paid, terms.total.minor));
            return true;
        }
        false
    }
}
