//! Single-use vouchers: a code that gives its bearer a price once.

use crate::{
    id::ItemId,
    money::{Currency, Money},
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A whole price, in hundredths of a percent.
pub const WHOLE_BP: u32 = 10_000;

/// What a voucher does to the price of the one position it is spent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum VoucherEffect {
    /// The position costs this, whatever the product does.
    SetPrice { price: Money },
    /// So much less, never below nothing.
    AmountOff { amount: Money },
    /// So many hundredths of a percent less, 1 to 10,000; the discount is rounded half up to the minor unit.
    PercentOff { percent_bp: u32 },
}

impl VoucherEffect {
    /// What a position costs that costs `price` without it; `None` where it is of another currency. Never below nothing.
    #[must_use]
    pub fn price(self, price: Money) -> Option<Money> {
        let minor = match self {
            Self::SetPrice { price: set } => same(set, price.currency)?,
            Self::AmountOff { amount } => price.minor.saturating_sub(same(amount, price.currency)?),
            Self::PercentOff { percent_bp } => {
                let off = i128::from(price.minor) * i128::from(percent_bp.min(WHOLE_BP));
                let off = (off + i128::from(WHOLE_BP / 2)).div_euclid(i128::from(WHOLE_BP));
                price.minor.saturating_sub(i64::try_from(off).ok()?)
            }
        };
        Some(Money::new(minor.max(0), price.currency))
    }
}

fn same(amount: Money, currency: Currency) -> Option<i64> {
    (amount.currency == currency).then_some(amount.minor)
}

/// A voucher of a sale: the product it is for, or any, and what it does.
pub type Wanted = (Option<ItemId>, VoucherEffect);

/// Finds each voucher the position it takes most off, each position taking one at most; vouchers for one product choose
/// first. Answers for every position the voucher's place in `vouchers` and the price it gives.
///
/// # Errors
/// The place of a voucher that fits none of the positions that are left.
pub fn fit(vouchers: &[Wanted], positions: &[(ItemId, Money)]) -> Result<Vec<Option<(usize, Money)>>, usize> {
    let mut out: Vec<Option<(usize, Money)>> = vec![None; positions.len()];
    let mut order: Vec<usize> = (0..vouchers.len()).collect();
    order.sort_by_key(|n| vouchers[*n].0.is_none());
    for n in order {
        let (item, effect) = vouchers[n];
        let best = positions
            .iter()
            .enumerate()
            .filter(|(at, (of, _))| out[*at].is_none() && item.is_none_or(|item| item == *of))
            .filter_map(|(at, (_, price))| Some((price.minor - effect.price(*price)?.minor, at)))
            .max_by_key(|(off, at)| (*off, std::cmp::Reverse(*at)));
        let (_, at) = best.ok_or(n)?;
        out[at] = effect.price(positions[at].1).map(|price| (n, price));
    }
    Ok(out)
}

/// A code as it is stored and compared: in capitals, without spaces around it.
#[must_use]
pub fn fold_code(typed: &str) -> String {
    typed.trim().to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn eur(minor: i64) -> Money {
        Money::new(minor, Currency::EUR)
    }

    #[test]
    fn each_effect_gives_its_price_and_never_less_than_nothing() {
        let table = [
            (VoucherEffect::SetPrice { price: eur(500) }, 2400, Some(500)),
            (VoucherEffect::SetPrice { price: eur(0) }, 2400, Some(0)),
            (VoucherEffect::AmountOff { amount: eur(500) }, 2400, Some(1900)),
            (VoucherEffect::AmountOff { amount: eur(5000) }, 2400, Some(0)),
            (VoucherEffect::PercentOff { percent_bp: 5000 }, 2401, Some(1200)),
            (VoucherEffect::PercentOff { percent_bp: 3333 }, 1000, Some(667)),
            (VoucherEffect::PercentOff { percent_bp: 10_000 }, 2400, Some(0)),
            (VoucherEffect::AmountOff { amount: Money::new(5, Currency::CHF) }, 2400, None),
        ];
        for (effect, price, wanted) in table {
            assert_eq!(effect.price(eur(price)).map(|m| m.minor), wanted, "{effect:?} of {price}");
        }
    }

    #[test]
    fn a_voucher_takes_the_position_it_takes_most_off_and_one_for_a_product_chooses_first() {
        let cart = [(ItemId(1), eur(1000)), (ItemId(2), eur(2400)), (ItemId(2), eur(2400))];
        let half = VoucherEffect::PercentOff { percent_bp: 5000 };
        let free = VoucherEffect::SetPrice { price: eur(0) };
        let minors = |found: Vec<Option<(usize, Money)>>| -> Vec<Option<(usize, i64)>> {
            found.into_iter().map(|one| one.map(|(n, price)| (n, price.minor))).collect()
        };
        assert_eq!(minors(fit(&[(None, half)], &cart).unwrap()), [None, Some((0, 1200)), None]);
        let two = [(None, half), (Some(ItemId(1)), free)];
        assert_eq!(minors(fit(&two, &cart).unwrap()), [Some((1, 0)), Some((0, 1200)), None]);
        assert_eq!(fit(&two, &cart[..1]), Err(0), "the one for any product finds nothing left");
        assert_eq!(fit(&[(Some(ItemId(9)), half)], &cart), Err(0));
        assert_eq!(fit(&[(None, VoucherEffect::AmountOff { amount: Money::new(1, Currency::CHF) })], &cart), Err(0));
    }

    #[test]
    fn a_code_is_the_same_however_it_is_typed() {
        assert_eq!(fold_code(" spring-7ß "), fold_code("SPRING-7SS"));
    }

    proptest! {
        #[test]
        fn a_discount_lies_between_nothing_and_the_price(price in 0i64..10_000_000, off in 0i64..10_000_000, bp in 0u32..20_000) {
            for effect in [VoucherEffect::AmountOff { amount: eur(off) }, VoucherEffect::PercentOff { percent_bp: bp }] {
                let left = effect.price(eur(price)).unwrap().minor;
                prop_assert!((0..=price).contains(&left), "{:?} leaves {} of {}", effect, left, price);
            }
        }
    }
}
