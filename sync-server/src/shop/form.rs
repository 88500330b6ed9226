//! What forms carry: a cart as fields `i<product>=<how many>`, the request's key, names for tickets. Nothing typed is
//! lost: a form that comes back shows it again.

use std::collections::BTreeMap;
use uuid::Uuid;
use willcall_domain::{
    id::{ItemId, RequestId},
    orders::{Cart, CartLine, place::MAX_POSITIONS},
};

/// Fields of a form or a query, the first of each name.
#[derive(Debug, Clone, Default)]
pub struct Fields(BTreeMap<String, String>);

impl Fields {
    pub fn of(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut fields = BTreeMap::new();
        for (name, value) in pairs {
            fields.entry(name).or_insert(value);
        }
        Self(fields)
    }

    /// As it was typed; empty when it is missing.
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// What is chosen, ascending by product. More than can be ordered at once stays more, so that the rules refuse it.
    pub fn cart(&self) -> Cart {
        let line = |(name, value): (&String, &String)| {
            let item_id = ItemId(name.strip_prefix('i')?.parse().ok()?);
            let quantity: u32 = value.trim().parse().ok()?;
            (quantity > 0).then_some(CartLine { item_id, quantity: quantity.min(MAX_POSITIONS + 1) })
        };
        let mut lines: Vec<_> = self.0.iter().filter_map(line).take(MAX_POSITIONS as usize + 1).collect();
        lines.sort_unstable_by_key(|l| l.item_id);
        Cart { lines }
    }

    /// Names the request: made with the checkout page, the same for every time its form is sent.
    pub fn key(&self) -> Option<RequestId> {
        Uuid::parse_str(self.text("key")).ok().filter(|key| key.get_version_num() == 7).map(RequestId)
    }
}

/// The field with the name on the `nth` ticket of a product, from 1.
pub fn name_field(item: ItemId, nth: u32) -> String {
    format!("n{item}_{nth}")
}

/// A cart as part of an address: `i4=2&i7=1`.
pub fn cart_query(cart: &Cart) -> String {
    cart.lines.iter().map(|l| format!("i{}={}", l.item_id, l.quantity)).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        Fields::of(url::form_urlencoded::parse(text.as_bytes()).into_owned())
    }

    #[test]
    fn a_cart_is_what_was_chosen_and_nothing_else() {
        let cart = fields("i7=2&i3=1&i4=0&i5=&i6=-1&i8=x&ix=2&j9=3&i7=50").cart();
        let chosen: Vec<_> = cart.lines.iter().map(|l| (l.item_id.0, l.quantity)).collect();
        assert_eq!(chosen, [(3, 1), (7, 2)], "the first of a name counts");
        assert_eq!(cart_query(&cart), "i3=1&i7=2");
        assert_eq!(fields(&cart_query(&cart)).cart(), cart);
    }

    #[test]
    fn more_than_can_be_ordered_is_not_cut_down_to_what_can() {
        assert_eq!(fields("i1=4000000000").cart().lines[0].quantity, MAX_POSITIONS + 1);
    }

    #[test]
    fn only_an_id_as_we_make_them_names_a_request() {
        assert!(fields("key=01937c5e-0000-7000-8000-000000000001").key().is_some());
        assert!(fields("key=00000000-0000-4000-8000-000000000001").key().is_none(), "not born here");
        assert!(fields("key=").key().is_none());
        assert!(fields("").key().is_none());
    }
}
