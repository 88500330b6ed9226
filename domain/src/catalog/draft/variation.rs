//! A variation as an organizer types it.

use super::{MAX_NAME, Wrong, name, note, optional, price, rank, text};
use crate::money::{Currency, Money};

/// A variation as typed; each field as the form sends it.
#[derive(Debug, Clone, Copy, Default)]
pub struct VariationTyped<'a> {
    pub name: &'a str,
    /// Empty is the product's.
    pub price: &'a str,
    pub rank: &'a str,
    pub active: bool,
    pub checkin_text: &'a str,
}

/// A variation as it will be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariationDraft {
    pub name: String,
    /// `None` is the product's.
    pub price: Option<Money>,
    pub rank: i32,
    pub active: bool,
    pub checkin_text: String,
}

impl VariationTyped<'_> {
    /// # Errors
    /// Every field that is not right, in the order of the form.
    pub fn read(&self, currency: Currency) -> Result<VariationDraft, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let name = note(&mut wrong, "name", name(self.name));
        let price = note(&mut wrong, "price", optional(self.price, |typed| price(typed, currency)));
        let rank = note(&mut wrong, "rank", rank(self.rank));
        let checkin_text = note(&mut wrong, "checkin_text", text(self.checkin_text, MAX_NAME));
        match (name, price, rank, checkin_text) {
            (Some(name), Some(price), Some(rank), Some(checkin_text)) => {
                Ok(VariationDraft { name, price, rank, active: self.active, checkin_text })
            }
            _ => Err(wrong),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::draft::FieldError;

    #[test]
    fn a_variation_without_a_price_costs_what_its_product_costs() {
        let typed = VariationTyped { name: " Size  L ", price: " ", rank: "2", active: true, checkin_text: "" };
        let read = typed.read(Currency::EUR).unwrap();
        assert_eq!((read.name.as_str(), read.price, read.rank), ("Size L", None, 2));
        let dear = VariationTyped { price: "24,50", ..typed };
        assert_eq!(dear.read(Currency::EUR).unwrap().price, Some(Money::new(2450, Currency::EUR)));
        let bad = VariationTyped { name: "", price: "-1", rank: "first", ..typed };
        let fields: Vec<_> = bad.read(Currency::EUR).unwrap_err().into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, ["name", "price", "rank"]);
        assert_eq!(FieldError::Empty, bad.read(Currency::EUR).unwrap_err()[0].1);
    }
}
