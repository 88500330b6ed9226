//! Vouchers of a sale: each is this till's to spend, now, and gives one position its price.

use crate::{
    error::Fault,
    journal::Pen,
    leases::rights::{self, ask},
    station::Station,
};
use rusqlite::Transaction;
use willcall_domain::{
    catalog::voucher::{Wanted, fit, fold_code},
    id::{ItemId, VoucherId},
    leases::{RightKind, RightSubject},
    money::Money,
    problem::{Code, Problem},
    till::wire::SellRequest,
};

/// What a voucher gives one position.
#[derive(Debug, Clone)]
pub(super) struct Spending {
    pub voucher_id: VoucherId,
    pub code: String,
    pub price: Money,
}

/// Sees that the right of each voucher is here, asking the server for what is not.
///
/// # Errors
/// See [`ask::ensure`].
pub(super) async fn ensure(station: &Station, request: &SellRequest) -> Result<(), Problem> {
    for code in &request.vouchers {
        ask::ensure(station, code, Some(RightKind::Voucher)).await?;
    }
    Ok(())
}

/// What the vouchers of a sale give each position of the cart, in its order.
pub(super) fn spend(
    tx: &Transaction<'_>,
    pen: &Pen,
    request: &SellRequest,
    positions: &[(ItemId, Money)],
) -> Result<Vec<Option<Spending>>, Fault> {
    if request.vouchers.is_empty() {
        return Ok(vec![None; positions.len()]);
    }
    let held = rights::held(tx, pen.station, pen.incarnation)?;
    let mut vouchers: Vec<(VoucherId, String, Wanted)> = Vec::with_capacity(request.vouchers.len());
    for typed in &request.vouchers {
        let code = fold_code(typed);
        if vouchers.iter().any(|(_, other, _)| *other == code) {
            return Err(Problem::field("vouchers", format!("{code} is single-use, and stands here twice.")).into());
        }
        let here = held.iter().rev().find(|right| right.code == code && right.event_id == request.event_id);
        let (subject, terms) = here.and_then(|right| Some((right.subject, right.voucher?))).ok_or_else(|| {
            let detail = format!("{code} is no voucher of this event that this till may spend. Nothing was sold.");
            Fault::refused(Code::NeedsLink, detail)
        })?;
        if let RightSubject::Voucher { voucher_id } = subject {
            vouchers.push((voucher_id, code, (terms.item_id, terms.effect)));
        }
    }
    let wanted: Vec<Wanted> = vouchers.iter().map(|(_, _, wanted)| *wanted).collect();
    let found = fit(&wanted, positions).map_err(|n| {
        let detail = format!("{} fits nothing in the cart. Nothing was sold.", vouchers[n].1);
        Fault::from(Problem::field("vouchers", detail))
    })?;
    let spending =
        |(n, price): (usize, Money)| Spending { voucher_id: vouchers[n].0, code: vouchers[n].1.clone(), price };
    Ok(found.into_iter().map(|one| one.map(spending)).collect())
}
