//! Whole minor units and a currency: the only arithmetic on money.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use ts_rs::TS;

/// An ISO 4217 code, three capital letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, TS)]
#[ts(type = "string")]
pub struct Currency([u8; 3]);

impl Currency {
    pub const EUR: Self = Self(*b"EUR");
    pub const CHF: Self = Self(*b"CHF");

    /// The code, `EUR`.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// Digits after the point (ISO 4217): 0 for yen, 3 for dinars, else 2.
    #[must_use]
    pub fn decimals(&self) -> u32 {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG" | b"RWF" | b"UGX"
            | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            _ => 2,
        }
    }
}

impl FromStr for Currency {
    type Err = MoneyError;
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        match text.as_bytes() {
            [a, b, c] if [a, b, c].iter().all(|l| l.is_ascii_uppercase()) => Ok(Self([*a, *b, *c])),
            _ => Err(MoneyError::Currency(text.to_owned())),
        }
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// An amount of one currency in its minor unit (cent, rappen, yen).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
pub struct Money {
    #[ts(type = "number")]
    pub minor: i64,
    pub currency: Currency,
}

/// Why an amount could not be computed or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("{0:?} is no ISO 4217 currency code")]
    Currency(String),
    #[error("{0} and {1} cannot be added")]
    Mixed(Currency, Currency),
    #[error("the amount is larger than can be represented")]
    Overflow,
    #[error("{0:?} is no amount of money")]
    Amount(String),
}

impl Money {
    #[must_use]
    pub fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    #[must_use]
    pub fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// # Errors
    /// Currencies differ, or the sum leaves the range of `i64`.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Mixed(self.currency, other.currency));
        }
        let minor = self.minor.checked_add(other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// # Errors
    /// Currencies differ, or the difference leaves the range of `i64`.
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        let negated = other.minor.checked_neg().ok_or(MoneyError::Overflow)?;
        self.plus(Self { minor: negated, ..other })
    }

    /// # Errors
    /// The product leaves the range of `i64`.
    pub fn times(self, count: i64) -> Result<Self, MoneyError> {
        let minor = self.minor.checked_mul(count).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// The tax contained in this gross amount at `rate_bp` hundredths of a percent, rounded half away from zero, by
    /// line. At most the amount itself.
    #[must_use]
    pub fn tax_included(self, rate_bp: u32) -> Self {
        let (gross, rate) = (i128::from(self.minor), i128::from(rate_bp));
        let (numerator, denominator) = (gross * rate, 10_000 + rate);
        let half = if gross < 0 { -(denominator / 2) } else { denominator / 2 };
        let minor = i64::try_from((numerator + half) / denominator).unwrap_or(self.minor);
        Self { minor, ..self }
    }

    /// Reads `12`, `12.5`, `12.50` or `12,50`; never through a float.
    ///
    /// # Errors
    /// The text is no amount, has more decimals than the currency, or is too large.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let bad = || MoneyError::Amount(text.to_owned());
        let clean = text.trim();
        let (sign, digits) = clean.strip_prefix('-').map_or((1, clean), |rest| (-1, rest));
        let (whole, fraction) = digits.split_once(['.', ',']).unwrap_or((digits, ""));
        let decimals = currency.decimals() as usize;
        let is_number = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !is_number(whole) || !is_number(fraction) || fraction.len() > decimals {
            return Err(bad());
        }
        let minor: i64 = format!("{whole}{fraction:0<decimals$}").parse().map_err(|_| MoneyError::Overflow)?;
        Ok(Self { minor: sign * minor, currency })
    }

    /// The bare number, `1234.50`, with the decimals of its currency.
    #[must_use]
    pub fn amount(&self) -> String {
        let decimals = self.currency.decimals();
        let scale = 10_u64.pow(decimals);
        let (sign, absolute) = (if self.minor < 0 { "-" } else { "" }, self.minor.unsigned_abs());
        if decimals == 0 {
            return format!("{sign}{absolute}");
        }
        let width = decimals as usize;
        format!("{sign}{}.{:0width$}", absolute / scale, absolute % scale)
    }
}

impl fmt::Display for Money {
    /// `EUR 1234.50`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.currency, self.amount())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_amount_is_read_with_point_or_comma_and_never_with_too_many_decimals() {
        for (text, minor) in [("12", 1200), ("12.5", 1250), ("12,50", 1250), ("0.05", 5), ("-3", -300), (" 7 ", 700)] {
            assert_eq!(Money::parse(text, Currency::EUR).map(|m| m.minor), Ok(minor), "{text}");
        }
        for text in ["", ".", "1.234", "1e3", "12 €", "--1", "1.2.3", "٣", "99999999999999999999"] {
            assert!(Money::parse(text, Currency::EUR).is_err(), "{text}");
        }
    }

    #[test]
    fn tax_is_contained_in_the_gross_amount_and_rounded_by_line() {
        let tax = |minor, rate| Money::new(minor, Currency::EUR).tax_included(rate).minor;
        assert_eq!(tax(2400, 700), 157, "24.00 at 7 % holds 1.57");
        assert_eq!(tax(11_900, 1900), 1900);
        assert_eq!(tax(-11_900, 1900), -1900, "a return gives back what the sale took");
        assert_eq!(tax(1000, 0), 0);
    }

    #[test]
    fn half_a_cent_of_tax_goes_away_from_zero_on_both_sides() {
        let tax = |minor, rate| Money::new(minor, Currency::EUR).tax_included(rate).minor;
        assert_eq!((tax(100, 1900), tax(-100, 1900)), (16, -16), "0.1597 is nearer to 0.16");
        assert_eq!((tax(107, 700), tax(110, 700), tax(-110, 700)), (7, 7, -7));
        assert_eq!((tax(1, 10_000), tax(-1, 10_000)), (1, -1), "exactly half");
        assert_eq!(tax(i64::MAX, 10_000), i64::MAX / 2 + 1, "no product is too large");
    }

    #[test]
    fn a_currency_is_three_capitals_and_knows_its_decimals() {
        for (code, decimals) in [("EUR", 2), ("CHF", 2), ("JPY", 0), ("ISK", 0), ("KWD", 3), ("TND", 3)] {
            let currency: Currency = code.parse().unwrap();
            assert_eq!(currency.decimals(), decimals, "{code}");
            assert_eq!((currency.to_string(), format!("{currency:?}")), (code.to_owned(), code.to_owned()));
            assert_eq!(serde_json::from_str::<Currency>(&format!("\"{code}\"")).unwrap(), currency);
        }
        for text in ["eur", "EuR", "EU", "EURO", "", "E1R", "€"] {
            assert_eq!(text.parse::<Currency>(), Err(MoneyError::Currency(text.to_owned())));
        }
        assert_eq!(Money::parse("1.250", "KWD".parse().unwrap()).map(|m| m.minor), Ok(1250));
        assert_eq!(Money::new(1250, "KWD".parse().unwrap()).to_string(), "KWD 1.250");
        assert_eq!(Money::new(-5, Currency::EUR).to_string(), "EUR -0.05");
        assert_eq!(Money::zero(Currency::EUR).amount(), "0.00", "nothing is not less than nothing");
    }

    #[test]
    fn amounts_add_and_multiply_exactly_or_say_that_they_cannot() {
        let euros = |minor| Money::new(minor, Currency::EUR);
        assert_eq!(euros(2400).times(3), Ok(euros(7200)));
        assert_eq!(euros(100).plus(euros(-30)), Ok(euros(70)));
        assert_eq!(euros(100).minus(euros(130)), Ok(euros(-30)));
        assert_eq!(Money::zero(Currency::CHF), Money::new(0, Currency::CHF));
        for too_much in [euros(i64::MAX).times(2), euros(i64::MAX).plus(euros(1)), euros(0).minus(euros(i64::MIN))] {
            assert_eq!(too_much, Err(MoneyError::Overflow));
        }
    }

    #[test]
    fn different_currencies_are_never_added() {
        let sum = Money::new(1, Currency::EUR).plus(Money::new(1, Currency::CHF));
        assert_eq!(sum, Err(MoneyError::Mixed(Currency::EUR, Currency::CHF)));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(minor in any::<i32>(), code in prop::sample::select(vec!["EUR", "JPY", "KWD"])) {
            let currency: Currency = code.parse().unwrap();
            let money = Money::new(i64::from(minor), currency);
            prop_assert_eq!(Money::parse(&money.amount(), currency), Ok(money));
        }
    }
}
