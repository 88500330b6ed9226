//! Vouchers as an organizer types them.

use super::{FieldError, Wrong, note, optional, price, rate, whole};
use crate::{
    catalog::voucher::{VoucherEffect, fold_code},
    entropy::Entropy,
    id::{DeviceId, ItemId},
    money::Currency,
    orders::code,
};
use std::collections::BTreeSet;

/// The longest code, in characters.
pub const MAX_CODE: usize = 40;
/// Most vouchers made at once.
pub const MOST_VOUCHERS: usize = 500;

/// Vouchers as typed.
#[derive(Debug, Clone, Copy, Default)]
pub struct VoucherTyped<'a> {
    /// Parted by blanks, commas or lines; where there is none, codes are made.
    pub codes: &'a str,
    /// How many are made.
    pub count: &'a str,
    /// `set_price`, `amount_off`, `percent_off`.
    pub kind: &'a str,
    /// The amount, or the percentage.
    pub value: &'a str,
    /// A product's number; empty is any.
    pub item: &'a str,
    /// A till's number; empty is none.
    pub home: &'a str,
}

/// Vouchers as they will be stored, all alike but for their codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoucherDraft {
    /// 1 to 500 codes, folded, each once.
    pub codes: Vec<String>,
    pub effect: VoucherEffect,
    pub item_id: Option<ItemId>,
    pub home: Option<DeviceId>,
}

impl VoucherTyped<'_> {
    /// # Errors
    /// Every field that is not right, in the order of the form.
    pub fn read(&self, currency: Currency, entropy: &dyn Entropy) -> Result<VoucherDraft, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let codes = note(&mut wrong, "codes", self.typed_codes());
        let made = match codes.as_deref() {
            Some([]) => note(&mut wrong, "count", self.made_codes(entropy)),
            Some(_) | None => codes,
        };
        let effect = self.effect(currency, &mut wrong);
        let number = |text: &str| text.trim().parse::<i64>().map_err(|_| FieldError::Choice);
        let item = note(&mut wrong, "item", optional(self.item, number));
        let home = note(&mut wrong, "home", home(self.home));
        match (made, effect, item, home) {
            (Some(codes), Some(effect), Some(item), Some(home)) if wrong.is_empty() => {
                Ok(VoucherDraft { codes, effect, item_id: item.map(ItemId), home })
            }
            _ => Err(wrong),
        }
    }

    fn typed_codes(&self) -> Result<Vec<String>, FieldError> {
        let parts = self.codes.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';'));
        let codes: BTreeSet<String> = parts.map(fold_code).filter(|code| !code.is_empty()).collect();
        if codes.iter().any(|code| code.chars().count() > MAX_CODE) {
            return Err(FieldError::TooLong { max: MAX_CODE });
        }
        if codes.len() > MOST_VOUCHERS {
            return Err(FieldError::Number { min: 1, max: 500 });
        }
        Ok(codes.into_iter().collect())
    }

    fn made_codes(&self, entropy: &dyn Entropy) -> Result<Vec<String>, FieldError> {
        let count = usize::try_from(whole(self.count, 1, 500)?).unwrap_or(MOST_VOUCHERS);
        // Twice what an order's code has: nobody guesses one.
        let mut codes = BTreeSet::new();
        while codes.len() < count {
            codes.insert(format!("{}-{}", code::random(entropy), code::random(entropy)));
        }
        Ok(codes.into_iter().collect())
    }

    fn effect(&self, currency: Currency, wrong: &mut Vec<Wrong>) -> Option<VoucherEffect> {
        match self.kind {
            "set_price" => {
                note(wrong, "value", price(self.value, currency)).map(|price| VoucherEffect::SetPrice { price })
            }
            "amount_off" => {
                let amount = price(self.value, currency)
                    .and_then(|amount| if amount.minor > 0 { Ok(amount) } else { Err(FieldError::Amount(currency)) });
                note(wrong, "value", amount).map(|amount| VoucherEffect::AmountOff { amount })
            }
            "percent_off" => {
                let percent = rate(self.value).and_then(|bp| if bp > 0 { Ok(bp) } else { Err(FieldError::Rate) });
                note(wrong, "value", percent).map(|percent_bp| VoucherEffect::PercentOff { percent_bp })
            }
            _ => note(wrong, "kind", Err(FieldError::Choice)),
        }
    }
}

/// The till a voucher is spent at: its number, or nothing for none.
///
/// # Errors
/// When it is no number.
pub fn home(typed: &str) -> Result<Option<DeviceId>, FieldError> {
    optional(typed, |text| text.trim().parse().map(DeviceId).map_err(|_| FieldError::Choice))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{entropy::SeededEntropy, money::Money};

    fn read(typed: &VoucherTyped<'_>) -> Result<VoucherDraft, Vec<Wrong>> {
        typed.read(Currency::EUR, &SeededEntropy::new(1))
    }

    #[test]
    fn codes_are_folded_and_each_is_made_once() {
        let typed = VoucherTyped {
            codes: "spring-1, SPRING-2\nspring-1",
            kind: "percent_off",
            value: "50",
            ..Default::default()
        };
        let draft = read(&typed).unwrap();
        assert_eq!(draft.codes, ["SPRING-1", "SPRING-2"]);
        assert_eq!(draft.effect, VoucherEffect::PercentOff { percent_bp: 5000 });
        assert_eq!((draft.item_id, draft.home), (None, None));
    }

    #[test]
    fn where_no_code_is_typed_so_many_are_made() {
        let typed =
            VoucherTyped { count: "20", kind: "set_price", value: "0", item: "3", home: "7", ..Default::default() };
        let draft = read(&typed).unwrap();
        assert_eq!(draft.codes.len(), 20);
        assert!(draft.codes.iter().all(|code| code.len() == 15 && *code == fold_code(code)), "{:?}", draft.codes);
        assert_eq!(draft.effect, VoucherEffect::SetPrice { price: Money::new(0, Currency::EUR) });
        assert_eq!((draft.item_id, draft.home), (Some(ItemId(3)), Some(DeviceId(7))));
    }

    #[test]
    fn each_field_that_is_wrong_is_named() {
        let fields = |typed: &VoucherTyped<'_>| -> Vec<&'static str> {
            read(typed).err().unwrap_or_default().into_iter().map(|(field, _)| field).collect()
        };
        let good = VoucherTyped { codes: "A", kind: "amount_off", value: "5", ..Default::default() };
        assert_eq!(fields(&good), Vec::<&str>::new());
        assert_eq!(fields(&VoucherTyped { codes: "", count: "", ..good }), ["count"]);
        assert_eq!(fields(&VoucherTyped { codes: "", count: "501", ..good }), ["count"]);
        assert_eq!(fields(&VoucherTyped { value: "0", ..good }), ["value"]);
        assert_eq!(fields(&VoucherTyped { kind: "percent_off", value: "101", ..good }), ["value"]);
        assert_eq!(fields(&VoucherTyped { kind: "", item: "x", home: "x", ..good }), ["kind", "item", "home"]);
        let long = "A".repeat(41);
        assert_eq!(fields(&VoucherTyped { codes: &long, ..good }), ["codes"]);
    }
}
