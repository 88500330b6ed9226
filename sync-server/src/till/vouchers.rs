//! Vouchers a sale was made with: each is spent, and its price compared with what it gives.

use super::{counter::case_of, store};
use crate::{
    app::Tx,
    http::{caller::DeviceCaller, problem::Failure},
    leases,
    sync::{
        Applied,
        cases::{self, NewCase},
    },
};
use serde_json::{Value, json};
use willcall_domain::{
    id::{EventId, OrderId, VoucherId},
    sync::{CaseKind, Entry, fact::SaleLine},
};

/// What spending came to.
#[derive(Debug, Default)]
pub(super) struct SpentVouchers {
    /// A voucher is not known here, or gives another price.
    pub price_differs: bool,
    /// Those that were not this till's to spend, or were spent before.
    twice: Vec<VoucherId>,
    /// Those whose holder had been given up, first heard of now.
    wrong: Vec<VoucherId>,
    /// The codes of both, as people know them.
    codes: Vec<String>,
}

impl SpentVouchers {
    fn kind(&self) -> Option<CaseKind> {
        match (self.twice.is_empty(), self.wrong.is_empty()) {
            (false, _) => Some(CaseKind::RightTwice),
            (true, false) => Some(CaseKind::WriteOffWrong),
            (true, true) => None,
        }
    }

    fn detail(&self, order: OrderId) -> Value {
        json!({ "order_id": order, "vouchers": self.twice, "written_off": self.wrong, "codes": self.codes })
    }

    /// What a person must see of it.
    pub(super) fn notice(&self, order: OrderId, event: EventId) -> Option<Applied> {
        let kind = self.kind()?;
        Some(Applied::Notice { kind, event: Some(event), detail: self.detail(order) })
    }

    /// The same as a case of its own, where the sale has another already.
    pub(super) async fn open_case(
        &self,
        tx: &mut Tx,
        caller: &DeviceCaller,
        order: OrderId,
        event: EventId,
    ) -> Result<(), Failure> {
        if let Some(kind) = self.kind() {
            let case = NewCase { device: caller.device, event: Some(event), kind, detail: self.detail(order) };
            cases::open(tx, &case).await?;
        }
        Ok(())
    }
}

/// Spends the vouchers of a sale's lines.
pub(super) async fn spend(
    tx: &mut Tx,
    caller: &DeviceCaller,
    entry: &Entry,
    event: EventId,
    lines: &[SaleLine],
) -> Result<SpentVouchers, Failure> {
    let mut spent = SpentVouchers::default();
    let mut with: Vec<(&SaleLine, VoucherId)> = lines.iter().filter_map(|l| Some((l, l.voucher?))).collect();
    // In one order for all, so that two tills never wait for each other in a circle.
    with.sort_by_key(|(_, voucher)| *voucher);
    for (line, voucher_id) in with {
        let used = leases::use_voucher(tx, caller, voucher_id, line.position_id, entry.at.ticket_time()).await?;
        let Some((came, voucher)) = used else {
            spent.price_differs = true;
            continue;
        };
        let told = case_of(came);
        match told {
            Some(CaseKind::WriteOffWrong) => spent.wrong.push(voucher_id),
            Some(_twice) => spent.twice.push(voucher_id),
            None => {}
        }
        spent.codes.extend(told.map(|_| voucher.code.clone()));
        let fits = voucher.event_id == event && voucher.item_id.is_none_or(|item| item == line.item_id);
        // What that version of the product cost is known while it is the present one.
        let price = store::price_at(tx, event, line).await?;
        let gives = price.map(|price| voucher.effect.price(price));
        spent.price_differs |= !fits || gives.is_some_and(|gives| gives != Some(line.price));
    }
    Ok(spent)
}
