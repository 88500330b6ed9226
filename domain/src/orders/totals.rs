//! Every total: sums and tax by rate, from lines that carry their own rounded tax.

use crate::money::{Currency, Money, MoneyError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Gross, tax and net of one rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxLine {
    /// Hundredths of a percent.
    pub rate_bp: u32,
    pub gross: Money,
    pub tax: Money,
    pub net: Money,
}

/// A sum and its taxes, ascending by rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    pub total: Money,
    pub taxes: Vec<TaxLine>,
}

/// Adds up lines of (gross price, tax rate). Tax is rounded by line, then added.
///
/// # Errors
/// When currencies differ or a sum leaves the range.
pub fn totals(lines: impl IntoIterator<Item = (Money, u32)>, currency: Currency) -> Result<Totals, MoneyError> {
    let mut total = Money::zero(currency);
    let mut by_rate: BTreeMap<u32, (Money, Money)> = BTreeMap::new();
    for (price, rate_bp) in lines {
        total = total.plus(price)?;
        let (gross, tax) = by_rate.entry(rate_bp).or_insert((Money::zero(currency), Money::zero(currency)));
        *gross = gross.plus(price)?;
        *tax = tax.plus(price.tax_included(rate_bp))?;
    }
    let taxes = by_rate
        .into_iter()
        .map(|(rate_bp, (gross, tax))| Ok(TaxLine { rate_bp, gross, tax, net: gross.minus(tax)? }))
        .collect::<Result<_, MoneyError>>()?;
    Ok(Totals { total, taxes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn net_and_tax_always_add_up_to_the_total(lines in prop::collection::vec((0i64..1_000_000, prop::sample::select(vec![0u32, 250, 700, 1900])), 0..30)) {
            let sum = totals(lines.iter().map(|(p, r)| (Money::new(*p, Currency::EUR), *r)), Currency::EUR).unwrap();
            let again: i64 = sum.taxes.iter().map(|t| t.net.minor + t.tax.minor).sum();
            prop_assert_eq!(again, sum.total.minor);
            prop_assert_eq!(sum.total.minor, lines.iter().map(|(p, _)| p).sum::<i64>());
        }
    }
}
