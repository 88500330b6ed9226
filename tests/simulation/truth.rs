//! What really happened, which no computer of the house knows as a whole: every ticket in a hand, every coin in a drawer,
//! everybody inside, and what a screen has confirmed.

use super::town;
use std::collections::BTreeMap;
use willcall_domain::{
    catalog::Article,
    id::{DeviceId, OrderId, PaymentId, PositionId, QuotaId, ScanId, VoucherId},
    leases::UnitRef,
};

/// Names an entry of a journal.
pub type Name = (DeviceId, u32, u64);

/// One sale of one ticket as it happened at a counter, or in the shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sold {
    /// The machine; `None` is the shop.
    pub slot: Option<usize>,
    pub by: Option<DeviceId>,
    pub position: PositionId,
    pub order: OrderId,
    pub article: Article,
    pub units: Vec<UnitRef>,
    pub voucher: Option<VoucherId>,
    pub voided: bool,
}

/// Somebody was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    pub slot: usize,
    pub by: DeviceId,
    pub scan: ScanId,
    /// Scans of the ticket that the gate knew of, undone ones too.
    pub knew: Vec<ScanId>,
    /// Scans that this very gate had admitted before and nobody had undone there.
    pub own_before: usize,
}

/// Money changed hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coin {
    pub payment: PaymentId,
    /// In minor units; below 0 it went back.
    pub minor: i64,
    /// The machine at whose drawer; `None` is a provider of the shop.
    pub slot: Option<usize>,
}

/// A screen said *done*.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    pub what: &'static str,
    /// `None` where nothing was written.
    pub name: Option<Name>,
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub struct Truth {
    pub sales: Vec<Sold>,
    pub admitted: BTreeMap<PositionId, Vec<Admission>>,
    pub coins: Vec<Coin>,
    pub confirmed: BTreeMap<usize, Vec<Confirmed>>,
    /// What S1 and S9 were seen not to hold in, as it happened.
    pub seen_wrong: Vec<(super::promises::Promise, String)>,
    /// Acts of people by which more may be sold than there is.
    pub acts: Vec<&'static str>,
}

impl Truth {
    /// How often a voucher was spent, as people have it in their hands.
    pub fn spent(&self, voucher: VoucherId) -> usize {
        self.sales.iter().filter(|s| !s.voided && s.voucher == Some(voucher)).count()
    }

    /// The codes of an order are worth nothing any more.
    pub fn voided(&mut self, order: OrderId, position: Option<PositionId>, slot: Option<usize>) {
        let of = |s: &&mut Sold| s.order == order && position.is_none_or(|p| p == s.position) && s.slot == slot;
        self.sales.iter_mut().filter(of).for_each(|s| s.voided = true);
    }

    pub fn own_sales(&self, slot: usize) -> Vec<Sold> {
        self.sales.iter().filter(|s| s.slot == Some(slot) && !s.voided).cloned().collect()
    }

    pub fn admitted(&mut self, position: PositionId, admission: Admission) {
        self.admitted.entry(position).or_default().push(admission);
    }

    pub fn confirm(&mut self, slot: usize, what: &'static str, name: Option<Name>) {
        self.confirmed.entry(slot).or_default().push(Confirmed { what, name });
    }

    pub fn act(&mut self, what: &'static str) {
        self.acts.push(what);
    }

    /// Tickets of a quota in hands.
    pub fn in_hands(&self, quota: QuotaId) -> i64 {
        let counts = |s: &&Sold| !s.voided && town::counted(s.article).contains(&quota);
        i64::try_from(self.sales.iter().filter(counts).count()).unwrap_or(i64::MAX)
    }
}
