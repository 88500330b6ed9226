//! What really happened, which no computer of the house knows as a whole: every ticket in a hand, every coin in a drawer,
//! everybody inside.

use super::station::{BOX, BOX_QUOTA, HALL_QUOTA};
use std::collections::BTreeMap;
use willcall_domain::{
    id::{DeviceId, ItemId, OrderId, PositionId, QuotaId, ScanId, VoucherId},
    leases::UnitRef,
    sync::fact::SaleLine,
};

/// One sale of one ticket as it happened at a counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sold {
    pub by: DeviceId,
    pub position: PositionId,
    pub order: OrderId,
    pub item: ItemId,
    pub units: Vec<UnitRef>,
    pub voucher: Option<VoucherId>,
    pub voided: bool,
}

/// Somebody was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    pub by: DeviceId,
    pub scan: ScanId,
    /// Scans of the ticket that the gate knew of, undone ones too.
    pub knew: Vec<ScanId>,
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub struct Truth {
    pub sales: Vec<Sold>,
    /// Tickets of the web in buyers' hands, by quota.
    pub web: BTreeMap<QuotaId, i64>,
    pub admitted: BTreeMap<PositionId, Vec<Admission>>,
    /// Acts of people by which more may be sold than there is.
    pub acts: Vec<&'static str>,
}

impl Truth {
    pub fn sold(&mut self, by: DeviceId, order: OrderId, line: &SaleLine) {
        let (position, item, units, voucher) = (line.position_id, line.item_id, line.units.clone(), line.voucher);
        self.sales.push(Sold { by, position, order, item, units, voucher, voided: false });
    }

    /// How often a voucher was spent, as people have it in their hands.
    pub fn spent(&self, voucher: VoucherId) -> usize {
        self.sales.iter().filter(|s| !s.voided && s.voucher == Some(voucher)).count()
    }

    pub fn voided(&mut self, by: DeviceId, position: PositionId, order: OrderId) {
        for sale in self.sales.iter_mut().filter(|s| s.by == by && s.position == position && s.order == order) {
            sale.voided = true;
        }
    }

    pub fn own_sales(&self, by: DeviceId) -> Vec<Sold> {
        self.sales.iter().filter(|s| s.by == by && !s.voided).cloned().collect()
    }

    pub fn admitted(&mut self, position: PositionId, admission: Admission) {
        self.admitted.entry(position).or_default().push(admission);
    }

    pub fn act(&mut self, what: &'static str) {
        self.acts.push(what);
    }

    /// Tickets of a quota in hands.
    pub fn in_hands(&self, quota: QuotaId) -> i64 {
        let counts = |item: ItemId| quota == HALL_QUOTA || (quota == BOX_QUOTA && item == BOX);
        let tills = self.sales.iter().filter(|s| !s.voided && counts(s.item)).count();
        i64::try_from(tills).unwrap_or(i64::MAX) + self.web.get(&quota).copied().unwrap_or(0)
    }
}
